"""Extents: ranges of capacity, each an offset and a size, in the order of addresses.

Follows the kernel's nvdimm/namespace_devs.c (``scan_allocate``, ``scan_free``).
"""

from __future__ import annotations

from collections.abc import Iterable

from vpmem_harness.pmem.kernel import sizes

Extent = tuple[int, int]


def overlaps(extent: Extent, others: Iterable[Extent]) -> bool:
    """Whether the extent has a byte in common with one of the others."""
    begin, end = extent[0], sum(extent)
    return any(other < end and begin < other + length for other, length in others)


def free(used: Iterable[Extent], size: int, align: int) -> list[Extent]:
    """What ``used`` leaves of ``size`` bytes, rounded to multiples of ``align``."""
    found, free_from = [], 0
    for offset, length in [*sorted(used), (size, 0)]:
        begin, end = sizes.align_up(free_from, align), sizes.align_down(offset, align)
        if end > begin:
            found.append((begin, end - begin))
        free_from = offset + length
    return found


def grown(extents: list[Extent], room: list[Extent], more: int) -> list[Extent] | None:
    """The extents with ``more`` bytes of the free ones in ``room``.

    The first that is large enough and adjacent is taken, for a new namespace any large enough one.
    Without one beside it, the extent at the start of the region is taken if that is free. None when
    there is no such extent.
    """
    last_begin, last_length = extents[-1] if extents else (0, 0)
    for begin, length in room:
        if length < more:
            continue
        if not extents:
            return [(begin, more)]
        if begin == last_begin + last_length:
            return merged([*extents, (begin, more)])
        if begin + length == last_begin:
            return merged([*extents, (last_begin - more, more)])
    if room[:1] and room[0][0] == 0 and room[0][1] >= more:
        return merged([*extents, (0, more)])
    return None


def shrunk(extents: list[Extent], less: int) -> list[Extent]:
    """The extents without their last ``less`` bytes."""
    kept = list(extents)
    while less and kept:
        begin, length = kept.pop()
        if length > less:
            kept.append((begin, length - less))
        less -= min(length, less)
    return kept


def merged(extents: Iterable[Extent]) -> list[Extent]:
    """The extents in order, adjacent ones as one."""
    found: list[Extent] = []
    for begin, length in sorted(extents):
        if found and sum(found[-1]) == begin:
            found[-1] = (found[-1][0], found[-1][1] + length)
        else:
            found.append((begin, length))
    return found
