"""The command ``vpmem-harness inventory collect`` and the script that it prints."""

from __future__ import annotations

import subprocess

from tests import base
from tests.unit.cli.test_app import run
from vpmem_harness.fixtures import HostFixture


class CollectTest(base.TestCase):

    def collected(self, host: HostFixture) -> str:
        """Return what the script prints on a host."""
        status, script, _ = run('inventory', 'collect')
        self.assertEqual(0, status)
        return subprocess.run(['/bin/sh'], input=script, capture_output=True,
                              text=True, check=True, env=host.env).stdout

    def test_a_copy_is_complete(self):
        """The script prints the same on a copy, which has the sizes of the original."""
        host = self.useFixture(HostFixture(profile='optane-2s', seed=3, first_region=0))
        text = self.collected(host)
        copy = self.useFixture(HostFixture(listing=text, first_region=0))
        self.assertEqual(text, self.collected(copy))
        self.assertEqual(
            [(one.size, one.available_size) for one in host.pmem.regions],
            [(one.size, one.available_size) for one in copy.pmem.regions])

    def test_serial_numbers_are_hidden(self):
        """Those of DIMMs, and the identities of interleave sets, which are made of them."""
        host = self.useFixture(HostFixture(profile='optane-2s', seed=3))
        text = self.collected(host)
        for dimm in host.pmem.dimms:
            self.assertNotIn(dimm.identifier, text)
        for region in host.pmem.regions:
            self.assertNotIn(str(region.cookie), text)
        self.assertIn('-00000001"', text)
        self.assertIn('"iset_id":1,', text)

    def test_without_ndctl(self):
        """The script says what is missing."""
        _, script, _ = run('inventory', 'collect')
        done = subprocess.run(['/bin/sh'], input=script, capture_output=True,
                              text=True, check=False, env={'PATH': '/nowhere'})
        self.assertEqual((1, ''), (done.returncode, done.stdout))
        self.assertIn('install ndctl', done.stderr)
