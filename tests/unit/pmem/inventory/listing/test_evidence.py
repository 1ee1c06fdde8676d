"""The versions of ndctl that the fields of a listing allow."""

from __future__ import annotations

import testtools

from vpmem_harness.pmem.inventory.listing.evidence import Evidence


class DescribedTest(testtools.TestCase):

    def described(self, least, before):
        evidence = Evidence()
        evidence.at_least(least)
        evidence.before(before)
        return evidence.described

    def test_a_range(self):
        """The first and the last version are named."""
        self.assertEqual('the fields of a version from 64 to 71', self.described(64, 72))

    def test_one_version(self):
        """A single version is not shown as a range."""
        self.assertEqual('the fields of version 64', self.described(64, 65))

    def test_no_version(self):
        """Fields that no version has together are not shown as an empty range."""
        self.assertIn('some of 68 or later, others of 63 or earlier', self.described(68, 64))
