"""The capacity of a namespace, from the size that a listing shows."""

from __future__ import annotations

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


class Capacity(NamedTuple):
    """The bytes that a namespace takes, their distance from the given place, and the usable size.

    ``info_offset`` is the offset of the info block of a btt.
    """

    gap: int
    size: int
    usable: int
    info_offset: int = sizes.INFO_BLOCK_OFFSET


def capacities(shape: Shape, shown: Amount, start: int, step: int,
               gaps: bool = True) -> list[Capacity]:
    """Return the capacities whose usable size is the shown one, the most likely one first.

    :param start: the physical address of the first free byte
    :param step: the unit of capacities in bytes
    :param gaps: whether the namespace may begin further on; this matters for 1 GiB alignment only
    """
    if not shape.kind:
        found = [shown.low] if shown.is_exact else shown.multiples(step)
        return [Capacity(0, size, size) for size in _round_first(found)]
    if shape.kind == 'btt':
        return [one for offset in (sizes.INFO_BLOCK_OFFSET, 0)
                for one in _btt(shape, shown, step, offset)]
    for gap in range(0, sizes.GIB if gaps and shape.align == sizes.GIB else 1, step):
        found_here = _mapped(shape, shown, start + gap, step)
        if found_here:
            return [Capacity(gap, size, usable) for size, usable in found_here]
    return []


def _mapped(shape: Shape, shown: Amount, start: int, step: int) -> list[tuple[int, int]]:
    """Return capacities and usable sizes of devdax or fsdax at an address.

    The size never grows faster than the capacity, so the search cannot skip one.
    """
    unit = max(step, shape.align) if shape.align == sizes.GIB else step
    found: dict[int, int] = {}
    raw = max(sizes.align_up(shown.low, unit), unit)
    while raw <= HOST_LIMIT:
        usable = _usable(shape, start, raw)
        if usable >= 0 and usable in shown:
            found[raw] = usable
        if usable > shown.high:
            break
        raw += max(sizes.align_up(shown.low - max(usable, 0), unit), unit)
    return [(raw, found[raw]) for raw in _round_first(list(found))]


def _usable(shape: Shape, start: int, raw: int) -> int:
    extent = sizes.dax_extent(start, raw, shape.memmap, shape.align)
    return extent[1] if extent else -1


def _btt(shape: Shape, shown: Amount, step: int, offset: int) -> list[Capacity]:
    found = []
    raw = max(sizes.align_up(shown.low, step), step)
    while raw <= HOST_LIMIT:
        usable = sizes.btt_size(raw, shape.sector_size, offset) or 0
        if usable in shown:
            found.append(Capacity(0, raw, usable, offset))
        if usable > shown.high:
            break
        raw += max(sizes.align_up(shown.low - usable, step), step)
    return found


def _round_first(found: list[int]) -> list[int]:
    """Sort capacities: those of whole GiB first."""
    return sorted(found, key=lambda size: (size % sizes.GIB != 0, size))
