"""What is where in the regions of a machine: its namespaces and the free space between them."""

from __future__ import annotations

from dataclasses import dataclass

from vpmem_harness.pmem.kernel.namespaces import Namespace
from vpmem_harness.pmem.kernel.regions import Region
from vpmem_harness.pmem.machine import PersistentMemory


@dataclass(frozen=True)
class Extent:
    """A part of a region; ``offset`` and ``size`` in bytes.

    ``namespace`` is None for free space; ``writers`` left data in the namespace.
    """

    offset: int
    size: int
    namespace: Namespace | None = None
    writers: frozenset[str] = frozenset()


@dataclass(frozen=True)
class RegionMap:
    """A region at one moment: its size in bytes, and its extents by offset.

    A disabled region has no extents: the kernel knows no namespaces of it.
    """

    dev: str
    size: int
    numa_node: int
    enabled: bool
    extents: tuple[Extent, ...]


def region_maps(memory: PersistentMemory) -> tuple[RegionMap, ...]:
    """Return the maps of all regions in the order of their numbers."""
    with memory.lock:
        return tuple(
            RegionMap(region.dev, region.size, region.numa_node, region.enabled,
                      _extents(memory, region) if region.enabled else ())
            for region in sorted(memory.regions, key=lambda region: region.number))


def _extents(memory: PersistentMemory, region: Region) -> tuple[Extent, ...]:
    found = [Extent(offset, size) for offset, size in region.free_extents()]
    for device in region.namespaces:
        if device.size:
            namespace = memory.snapshot(region, device)
            begin, length = device.data
            writers = region.media.read(begin, begin + length).writers
            found += [Extent(offset, size, namespace, writers)
                      for offset, size in region.extents(device)]
    return tuple(sorted(found, key=lambda extent: extent.offset))
