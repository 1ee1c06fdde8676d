from __future__ import annotations

import testtools

from vpmem_harness.pmem.kernel import extents


class ExtentsTest(testtools.TestCase):
    """Arithmetic with ranges of capacity."""

    def test_free_space_is_aligned(self) -> None:
        """What is free starts and ends at multiples of the alignment."""
        self.assertEqual([(16, 16), (64, 32)], extents.free([(0, 10), (35, 20)], 100, 16))

    def test_a_new_namespace_takes_the_first_that_fits(self) -> None:
        """Smaller extents are skipped."""
        self.assertEqual([(40, 8)], extents.grown([], [(0, 4), (40, 20)], 8))

    def test_growth_needs_room_beside(self) -> None:
        """Behind or before what there is."""
        self.assertEqual([(10, 15)], extents.grown([(10, 10)], [(0, 8), (20, 5)], 5))
        self.assertEqual([(5, 15)], extents.grown([(10, 10)], [(0, 10)], 5))
        self.assertIsNone(extents.grown([(10, 10)], [(0, 4), (30, 50)], 5))

    def test_the_start_of_the_region_will_do(self) -> None:
        """When nothing beside the extents is free."""
        self.assertEqual([(0, 5), (10, 10)], extents.grown([(10, 10)], [(0, 8), (30, 50)], 5))

    def test_overlaps(self) -> None:
        """Adjacent extents have no byte in common."""
        self.assertTrue(extents.overlaps((4, 8), [(11, 1)]))
        self.assertFalse(extents.overlaps((4, 8), [(0, 4), (12, 1)]))

    def test_shrinking_begins_at_the_end(self) -> None:
        """The last extent goes first."""
        self.assertEqual([(0, 4)], extents.shrunk([(0, 5), (10, 5)], 6))
