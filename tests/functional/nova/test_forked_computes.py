"""Ordinary nova-computes that one parent forks."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import fixtures
import testtools

from vpmem_harness.fleet import forked_computes

#: Messages that go nowhere: the computes wait for a conductor.
COMMON = """\
[DEFAULT]
debug = true
transport_url = fake:/
"""


class ForkedComputesTest(testtools.TestCase):

    def test_each_process_is_a_nova_compute(self):
        """Each process has the command line and the configuration of its host."""
        directory = Path(self.useFixture(fixtures.TempDir()).path)
        common = directory / 'common.conf'
        common.write_text(COMMON)
        for name in 'ab':
            own = directory / name
            own.mkdir()
            (own / 'nova.conf').write_text(
                f'[DEFAULT]\nhost = host-{name}\nstate_path = {own}\n')
            (own / 'env').touch()
            os.mkfifo(own / 'nova-compute.log')
        parent = subprocess.Popen(
            forked_computes.command(common, 0.0, forked_computes.hosts(directory)),
            stdout=subprocess.PIPE, text=True)
        self.addCleanup(parent.communicate)
        self.addCleanup(parent.terminate)
        for name in 'ab':
            with (directory / name / 'nova-compute.log').open() as log:
                found = next(line for line in log if ' host  ' in line)
                self.assertIn(f'= host-{name} ', found)
                pid = int(found.split()[2])
            title = Path(f'/proc/{pid}/cmdline').read_text()
            self.assertIn(f'nova-compute --config-file {common} '
                          f'--config-file {directory}/{name}/nova.conf', title)
