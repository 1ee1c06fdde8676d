from __future__ import annotations

import testtools

from vpmem_harness.pmem.kernel import kernfs


class ListingOrderTest(testtools.TestCase):
    """The order that sysfs imposes."""

    def test_regions(self) -> None:
        """Eight regions come in the recorded order."""
        names = [f'region{number}' for number in range(8)]
        self.assertEqual(['region1', 'region3', 'region5', 'region7',
                          'region0', 'region2', 'region4', 'region6'],
                         kernfs.listing_order(names, str))

    def test_namespaces(self) -> None:
        """Sixteen namespaces come in the recorded order."""
        names = [f'namespace0.{number}' for number in range(16)]
        self.assertEqual(
            [10, 2, 12, 4, 14, 6, 8, 1, 11, 3, 13, 5, 15, 7, 9, 0],
            [int(name.rpartition('.')[2]) for name in kernfs.listing_order(names, str)])
