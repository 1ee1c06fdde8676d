"""Numbers with a noun."""

from __future__ import annotations

import testtools

from vpmem_harness.fixtures import HostFixture
from vpmem_harness.plurals import counted


class CountedTest(testtools.TestCase):

    def test_singular_and_plural(self):
        """The noun is singular after 1 alone."""
        self.assertEqual(['0 calls', '1 call', '2 calls'],
                         [counted(number, 'call') for number in range(3)])

    def test_nouns_with_another_plural(self):
        """The plural of a noun in -s or -y is right."""
        self.assertEqual(['2 processes', '2 entries'], [counted(2, 'process'), counted(2, 'entry')])

    def test_a_host_with_one_namespace(self):
        """Messages use it."""
        host = self.useFixture(HostFixture(pmem='SMALL:1x1GiB')).host
        self.assertIn(': 1 namespace, ', repr(host))
