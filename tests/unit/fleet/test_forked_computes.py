"""Nova-computes that one parent forks: what needs no Nova."""

from __future__ import annotations

from pathlib import Path

import fixtures
import testtools

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.fleet import forked_computes


class HostsTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.directory = Path(self.useFixture(fixtures.TempDir()).path)
        for name in ('b', 'a', 'bin'):
            (self.directory / name).mkdir()
        for name in 'ab':
            (self.directory / name / 'nova.conf').touch()

    def test_all_hosts(self):
        """Without names, the hosts are those that have a nova.conf."""
        self.assertEqual([self.directory / 'a', self.directory / 'b'],
                         forked_computes.hosts(self.directory))

    def test_some_hosts(self):
        """Names select hosts, in their order."""
        self.assertEqual([self.directory / 'b'], forked_computes.hosts(self.directory, ['b']))

    def test_a_host_without_files(self):
        """A host without nova.conf is an error that names it."""
        error = self.assertRaises(
            InvalidInputError, forked_computes.hosts, self.directory, ['b', 'bin'])
        self.assertIn('got bin in', str(error))

    def test_no_hosts(self):
        """A directory without hosts is an error that names the command which writes them."""
        error = self.assertRaises(
            InvalidInputError, forked_computes.hosts, self.directory / 'bin')
        self.assertIn("vpmem-harness nova-conf", str(error))
