"""The places of namespaces that bad blocks or addresses determine."""

from __future__ import annotations

import itertools

from vpmem_harness.pmem.inventory.listing.spaces import Placed, Space, reserved_bytes
from vpmem_harness.pmem.kernel import sizes
from vpmem_harness.pmem.kernel.extents import Extent, overlaps

#: How many distributions of the other namespaces are tried.
_DISTRIBUTIONS = 10_000


def moved(space: Space, placed: list[Placed], size: int) -> list[Placed] | None:
    """Move the namespaces whose place is known, if the free space stays as it is listed.

    :param size: bytes of the region
    :returns: all namespaces, None if the others do not fit between those with known places
    """
    fixed = sorted((one._replace(offset=offset) for one in placed
                    if (offset := _known_offset(one)) is not None),
                   key=lambda one: one.offset)
    others = [one for one in placed if _known_offset(one) is None]
    # Namespaces with unknown places show no bad blocks.
    bad = [one for one in space.bad
           if not overlaps(one, [(each.offset, each.size) for each in fixed])]
    if not fixed and not any(overlaps(_data(one), bad) for one in placed):
        return placed
    extent = space.extent
    for hole in range(len(fixed) + 1):
        begin = sum(fixed[hole - 1][1:3]) if hole else 0
        whole = (fixed[hole].offset if hole < len(fixed) else size) - begin
        largest = [0] if extent is None else [extent.nearest(space.step)]
        if extent is not None and whole in extent:
            largest.insert(0, whole)
        for one in largest:
            found = _filled(fixed, others, size, hole, one, bad)
            if found is not None:
                return sorted(found, key=lambda one: one.offset)
    return None


def _known_offset(one: Placed) -> int | None:
    """Return the offset of a namespace whose data have a known place."""
    if one.wanted.data is None:
        return None
    offset = one.wanted.data - reserved_bytes(one.wanted.shape, one.size)
    return offset if offset >= 0 and offset % sizes.PAGE == 0 else None


def _filled(fixed: list[Placed], others: list[Placed], size: int, largest_in: int,
            largest: int, bad: list[Extent]) -> list[Placed] | None:
    """Place the others between namespaces with known places.

    :param largest_in: the hole whose end the largest free extent takes
    :param largest: bytes of the largest free extent, 0 when it does not matter
    :param bad: ranges that the others do not show
    :returns: all of them, None if they do not fit
    """
    begins = [0, *(one.offset + one.size for one in fixed)]
    ends = [*(one.offset for one in fixed), size]
    room = [end - begin for begin, end in zip(begins, ends, strict=True)]
    if min(room) < 0 or room[largest_in] < largest:
        return None
    room[largest_in] -= largest
    for holes in itertools.islice(
            itertools.product(range(len(room)), repeat=len(others)), _DISTRIBUTIONS):
        inside = [[one for one, hole in zip(others, holes, strict=True) if hole == place]
                  for place in range(len(room))]
        rest = [left - sum(one.size for one in members)
                for left, members in zip(room, inside, strict=True)]
        if min(rest) < 0 or (largest and any(
                left > largest or (left and place == largest_in and not inside[place])
                for place, left in enumerate(rest))):
            continue
        found = list(fixed)
        for hole, members in enumerate(inside):
            # What is left over comes first, so that it does not join the largest extent.
            end = begins[hole] + (rest[hole] if largest else 0)
            for one in sorted(members, key=lambda one: one.wanted.number):
                found.append(one._replace(offset=end))
                end += one.size
        if not any(overlaps(_data(one), bad) for one in found[len(fixed):]):
            return found
    return None


def _data(one: Placed) -> Extent:
    """Return the range of a namespace whose bad blocks it shows; none of a raw one."""
    if not one.wanted.shape.kind:
        return one.offset, 0
    reserved = min(reserved_bytes(one.wanted.shape, one.size), one.size - one.usable) \
        if one.wanted.shape.kind != 'btt' else 0
    return one.offset + reserved, one.size - reserved
