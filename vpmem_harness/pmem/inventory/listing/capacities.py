"""The capacity of a namespace, from the size that a listing shows."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from typing import NamedTuple

from vpmem_harness.pmem.inventory.listing.amounts import Amount
from vpmem_harness.pmem.inventory.size_text import HOST_LIMIT
from vpmem_harness.pmem.kernel import sizes


class Shape(NamedTuple):
    """The properties that determine how much of its capacity a namespace can use.

    ``kind`` is btt, pfn or dax, empty for one without an info block.
    """

    kind: str
    memmap: str = 'dev'
    align: int = sizes.DEFAULT_ALIGN
    sector_size: int = sizes.DEFAULT_SECTOR_SIZE

    @property
    def depends_on_place(self) -> bool:
        """Whether the usable size depends on the address."""
        return self.kind in ('pfn', 'dax') and self.align == sizes.GIB


class Capacity(NamedTuple):
    """The bytes that a namespace of a shape takes, and the usable size.

    ``info_offset`` is the offset of the info block of a btt.
    """

    shape: Shape
    size: int
    usable: int
    info_offset: int = sizes.INFO_BLOCK_OFFSET

    def fits(self, address: int) -> bool:
        """Whether it has its usable size at a physical address."""
        return not self.shape.depends_on_place \
            or _usable(self.shape, address, self.size) == self.usable


def capacities(shapes: Iterable[Shape], shown: Amount, start: int, step: int) -> list[Capacity]:
    """Return the capacities whose usable size is the shown one, the most likely one first.

    With 1 GiB alignment, the capacity depends on the address. All that are possible anywhere are
    returned.

    :param shapes: the possible shapes, the most likely one first
    :param start: the physical address of the region
    :param step: the unit of capacities in bytes
    """
    found = [each for shape in shapes if (each := _of_shape(shape, shown, start, step))]
    found.sort(key=lambda each: _roundness(each[0].size))
    different: dict[int, Capacity] = {}
    for each in found:
        for one in each:
            different.setdefault(one.size, one)
    return list(different.values())


def _of_shape(shape: Shape, shown: Amount, start: int, step: int) -> tuple[Capacity, ...]:
    if not shape.kind:
        found = [shown.low] if shown.is_exact else shown.multiples(step)
        return tuple(Capacity(shape, size, size) for size in _round_first(found))
    if shape.kind == 'btt':
        return _btt(shape, shown, step, sizes.INFO_BLOCK_OFFSET) or _btt(shape, shown, step, 0)
    granule = sizes.GIB if shape.depends_on_place else sizes.SUBSECTION
    return _mapped(shape, shown, start % granule, step)


@functools.lru_cache(maxsize=256)
def _mapped(shape: Shape, shown: Amount, start: int, step: int) -> tuple[Capacity, ...]:
    """Return the capacities of devdax or fsdax.

    The size never grows faster than the capacity, so the search cannot skip one.
    """
    distance = max(math.gcd(step, sizes.GIB), sizes.SUBSECTION)
    starts = range(start, start + sizes.GIB, distance) if shape.depends_on_place else (start,)
    unit = math.lcm(step, shape.align) if shape.depends_on_place else step
    found: dict[int, int] = {}
    for start in starts:
        raw = max(sizes.align_up(shown.low, unit), unit)
        while raw <= HOST_LIMIT:
            usable = _usable(shape, start, raw)
            if usable >= 0 and usable in shown:
                found.setdefault(raw, usable)
            if usable > shown.high:
                break
            raw += max(sizes.align_up(shown.low - max(usable, 0), unit), unit)
    return tuple(Capacity(shape, raw, found[raw]) for raw in _round_first(list(found)))


def _usable(shape: Shape, start: int, raw: int) -> int:
    extent = sizes.dax_extent(start, raw, shape.memmap, shape.align)
    return extent[1] if extent else -1


@functools.lru_cache(maxsize=256)
def _btt(shape: Shape, shown: Amount, step: int, offset: int) -> tuple[Capacity, ...]:
    found = []
    raw = max(sizes.align_up(shown.low, step), step)
    while raw <= HOST_LIMIT:
        usable = sizes.btt_size(raw, shape.sector_size, offset) or 0
        if usable in shown:
            found.append(Capacity(shape, raw, usable, offset))
        if usable > shown.high:
            break
        raw += max(sizes.align_up(shown.low - usable, step), step)
    return tuple(found)


def _roundness(size: int) -> int:
    """Return 0 for a size in whole GiB, and more for smaller units."""
    units = (sizes.GIB, 128 * sizes.MIB, sizes.REGION_ALIGN)
    return next((place for place, unit in enumerate(units) if size % unit == 0), 3)


def _round_first(found: list[int]) -> list[int]:
    """Sort capacities: those of whole GiB first."""
    return sorted(found, key=lambda size: (size % sizes.GIB != 0, size))
