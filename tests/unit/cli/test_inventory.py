"""The command ``vpmem-harness inventory``."""

from __future__ import annotations

import configparser
import io
import json
from unittest import mock

from fixtures import TempDir

from tests import base
from tests.unit.cli.test_app import run
from tests.unit.pmem import nova
from vpmem_harness import fixtures
from vpmem_harness.pmem.inventory.recorded import sample_listing


def line(text: str) -> str:
    """Return the value of pmem_namespaces in lines for nova.conf."""
    parser = configparser.ConfigParser()
    parser.read_string(text)
    return parser['libvirt']['pmem_namespaces']


class InventoryTest(base.TestCase):

    def test_listing_and_line_fit(self):
        """The listing on standard output matches the nova.conf line on standard error."""
        for profile in ('plain', 'mixed', 'hostile'):
            status, out, err = run('inventory', '--profile', profile)
            self.assertEqual(0, status)
            self.assertNotEqual({}, nova.offered(line(err), out))

    def test_a_seed_is_printed_and_repeats_the_output(self):
        """The seed printed on standard error reproduces the same output."""
        first = run('inventory')
        seed = first[2].splitlines()[0].removeprefix('# seed ')
        self.assertEqual(first, run('inventory', '--seed', seed))

    def test_same_as_the_fixture(self):
        """The command and InventoryFixture generate the same inventory from a seed."""
        for seed in range(5):
            inventory = self.useFixture(fixtures.InventoryFixture(seed=seed, profile='mixed'))
            _, out, err = run('inventory', '--seed', str(seed), '--profile', 'mixed')
            self.assertEqual(inventory.ndctl_json, out)
            self.assertEqual(inventory.pmem_namespaces, line(err))

    def test_format_nova(self):
        """With --format nova, standard output is a line for nova.conf."""
        status, out, err = run('inventory', '--pmem', 'SMALL:2x4GiB,LARGE:1x16GiB', '-f', 'nova')
        self.assertEqual((0, '[libvirt]\npmem_namespaces = SMALL:ns_0|ns_1,LARGE:ns_2\n', ''),
                         (status, out, err))

    def test_explain(self):
        """--explain prints what a listing leaves open, one line each."""
        path = self.useFixture(TempDir()).join('listing')
        with open(path, 'w') as file:
            file.write(sample_listing())
        _, out, err = run('inventory', '--listing', path, '--explain')
        self.assertEqual(sample_listing(), out)
        self.assertIn('# region0: its DIMMs are not listed; assumed 1 of 17179869184 bytes', err)

    def test_nothing_to_explain(self):
        """An inventory that was not copied leaves nothing open."""
        self.assertIn('# nothing is left open', run('inventory', '--explain')[2])

    def test_dimms(self):
        """Unconfigured DIMMs have an empty listing and no nova.conf line."""
        _, out, err = run('inventory', '--dimm', '32GiB', '--dimm', '32GiB,numa=1')
        self.assertEqual(('', ''), (out, line(err)))

    def test_namespaces_on_dimms(self):
        """--pmem creates namespaces on the DIMMs of --dimm."""
        _, out, _ = run('inventory', '--dimm', '32GiB,numa=3', '--pmem', 'X:1x4GiB')
        self.assertEqual(3, json.loads(out)[0]['daxregion']['devices'][0]['target_node'])

    def test_recorded_listing(self):
        """A listing read from a file or standard input is printed unchanged."""
        path = self.useFixture(TempDir()).join('listing')
        with open(path, 'w') as stream:
            stream.write(sample_listing())
        self.assertEqual(sample_listing(), run('inventory', '--listing', path)[1])
        with mock.patch('sys.stdin', io.StringIO(sample_listing())):
            self.assertEqual(sample_listing(), run('inventory', '--listing', '-')[1])

    def test_a_missing_listing(self):
        """The error of a missing file contains its name."""
        status, out, err = run('inventory', '--listing', '/nonexistent')
        self.assertEqual((1, ''), (status, out))
        self.assertIn('/nonexistent', err)

    def test_unknown_profile_and_seed(self):
        """An unknown profile and an invalid seed are refused."""
        for arguments in (('--profile', 'odd'), ('--seed', 'x'), ('--seed', '-1')):
            status, out, err = run('inventory', *arguments)
            self.assertEqual((1, ''), (status, out), err)
