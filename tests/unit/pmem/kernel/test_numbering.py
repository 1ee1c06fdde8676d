from __future__ import annotations

import testtools

from vpmem_harness.pmem.kernel.numbering import Holders, Numbers


class NumbersTest(testtools.TestCase):
    """A pool of numbers."""

    def test_the_lowest_free_number_is_next(self) -> None:
        """A released number is taken before a new one."""
        numbers = Numbers()
        for _ in range(3):
            numbers.take()
        numbers.release(1)
        self.assertEqual([1, 3], [numbers.take(), numbers.take()])

    def test_a_reserved_number_is_skipped(self) -> None:
        """Until it is released."""
        numbers = Numbers()
        numbers.reserve(1)
        self.assertEqual([0, 2], [numbers.take(), numbers.take()])
        numbers.release(1)
        self.assertEqual(1, numbers.take())


class HoldersTest(testtools.TestCase):
    """The btt, pfn and dax devices of a region."""

    def test_a_used_seed_is_replaced(self) -> None:
        """The next number is the next seed's."""
        holders = Holders()
        self.assertEqual((0, 1), (holders.use_seed(), holders.seed))

    def test_a_found_info_block_gets_a_device_beside_the_seed(self) -> None:
        """The seed stays."""
        holders = Holders()
        self.assertEqual((1, 0), (holders.add(), holders.seed))

    def test_the_seed_outlives_its_release(self) -> None:
        """Its number is not handed out again."""
        holders = Holders()
        holders.release(holders.seed)
        self.assertEqual(1, holders.add())
