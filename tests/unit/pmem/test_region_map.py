"""The map of a region."""

from __future__ import annotations

import testtools

from vpmem_harness.pmem import DimmSpec, PersistentMemory
from vpmem_harness.pmem.region_map import region_maps

GIB = 1 << 30


class RegionMapTest(testtools.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.memory = PersistentMemory([DimmSpec(32 * GIB, labels='initialized')])

    def test_the_extents_cover_the_region(self) -> None:
        """Namespaces and free space follow each other without a gap."""
        for _ in range(3):
            self.memory.create_namespace(size=4 * GIB)
        self.memory.destroy_namespace('namespace0.1')
        [region] = region_maps(self.memory)
        at = 0
        for extent in region.extents:
            self.assertEqual(at, extent.offset)
            at += extent.size
        self.assertEqual(32 * GIB, at)
        self.assertEqual([True, False, True, False],
                         [extent.namespace is not None for extent in region.extents])

    def test_who_left_data(self) -> None:
        """An extent names the writers of its data."""
        path = self.memory.create_namespace(size=4 * GIB).path
        self.memory.write(path or '', 'a guest')
        [region] = region_maps(self.memory)
        self.assertEqual(frozenset({'a guest'}), region.extents[0].writers)

    def test_a_disabled_region(self) -> None:
        """The kernel knows no namespaces of a disabled region."""
        self.memory.create_namespace(size=4 * GIB)
        self.memory.disable_region()
        [region] = region_maps(self.memory)
        self.assertEqual((False, ()), (region.enabled, region.extents))
