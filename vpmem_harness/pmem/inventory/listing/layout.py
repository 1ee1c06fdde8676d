"""The places of the namespaces in a region, computed from the sizes and free space in a listing.

Most listings show neither addresses nor capacities. The capacities follow from the sizes. The
namespaces are placed one after the other, in the order of their numbers, with gaps that give the
free space and the largest free extent of the listing.
"""

from __future__ import annotations

import dataclasses
import itertools
from typing import NamedTuple

from vpmem_harness.pmem.inventory.listing.amounts import Amount
from vpmem_harness.pmem.inventory.listing.capacities import Capacity, Shape, capacities
from vpmem_harness.pmem.inventory.listing.refusal import refusal
from vpmem_harness.pmem.inventory.size_text import HOST_LIMIT
from vpmem_harness.pmem.kernel import sizes
from vpmem_harness.pmem.kernel.extents import Extent, overlaps

#: How many combinations of rounded capacities are tried.
_COMBINATIONS = 10_000


class Wanted(NamedTuple):
    """A namespace to place.

    ``data`` is where its data begin in the region, in bytes, if that is known. ``others`` are the
    other possible shapes, if its shape is a guess.
    """

    name: str
    number: int
    shape: Shape
    shown: Amount
    data: int | None = None
    others: tuple[Shape, ...] = ()


class Placed(NamedTuple):
    """A namespace in its place: offset in the region, capacity and usable size in bytes."""

    wanted: Wanted
    offset: int
    size: int
    usable: int
    info_offset: int


@dataclasses.dataclass
class Space:
    """The known properties of a region: its address, and its space according to the listing.

    ``step`` is the unit of capacities, ``strict`` whether no other capacity is possible. ``bad``
    are the ranges of the region that are known to be bad.
    """

    name: str
    start: int
    step: int
    strict: bool = True
    size: Amount | None = None
    available: Amount | None = None
    extent: Amount | None = None
    bad: tuple[Extent, ...] = ()


class Layout(NamedTuple):
    """The namespaces of a region in order, its size, and the size of unlisted namespaces.

    ``hidden`` are capacity and offset of each disabled namespace that the listing leaves out.
    """

    placed: list[Placed]
    size: int
    hidden: list[tuple[int, int]]
    notes: list[str]


def lay_out(space: Space, wanted: list[Wanted]) -> Layout:
    """Return places for the namespaces of a region; raises InvalidInputError if there are none."""
    return _Draft(space, wanted).layout()


class _Draft:

    def __init__(self, space: Space, wanted: list[Wanted]) -> None:
        self._space = space
        self._wanted = sorted(wanted, key=lambda one: one.number)
        self._notes: list[str] = []
        # Of namespaces whose size is rounded: what is possible, the one chosen, and a note.
        self._possible: dict[int, list[int]] = {}
        self._choices: dict[int, int] = {}
        self._rounded: dict[int, str] = {}

    def layout(self) -> Layout:
        """Place the namespaces and the gaps between them."""
        found = self._layout()
        return found._replace(notes=[*self._rounded.values(), *self._notes])

    def _choose(self, size: int, used: int) -> bool:
        """Choose among rounded capacities so that they leave the free space of the listing.

        :returns: whether capacities other than the first ones were needed
        """
        free = self._space.available
        numbers = list(self._possible)
        if free is None or not numbers or size - used in free:
            return False
        firsts = sum(self._possible[number][0] for number in numbers)
        ranges = [range(len(self._possible[number])) for number in numbers]
        for choice in itertools.islice(itertools.product(*ranges), _COMBINATIONS):
            chosen = sum(self._possible[number][place]
                         for number, place in zip(numbers, choice, strict=True))
            if size - used + firsts - chosen in free:
                self._choices = dict(zip(numbers, choice, strict=True))
                return True
        return False

    def _layout(self) -> Layout:
        space = self._space
        placed = self._in_a_row([0] * len(self._wanted))
        end = max((one.offset + one.size for one in placed), default=0)
        if space.size is None:
            placed = self._known_places(placed, HOST_LIMIT)
            end = max((one.offset + one.size for one in placed), default=0)
            return Layout(placed, end, [], self._notes)
        used = sum(one.size for one in placed)
        size = self._region_size(used)
        if self._choose(size, used):
            placed = self._in_a_row([0] * len(self._wanted))
            used = sum(one.size for one in placed)
        if used > size:
            raise refusal(f'size of {space.name}', f'room for its namespaces, {used} bytes',
                          str(size))
        hidden_size = self._hidden(size, used)
        gaps, hidden = self._gaps(size - used - hidden_size, len(placed), hidden_size)
        if any(gaps) or hidden:
            placed = self._in_a_row(gaps)
        return Layout(self._known_places(placed, size), size, hidden, self._notes)

    def _in_a_row(self, gaps: list[int]) -> list[Placed]:
        """Place the namespaces one after the other, each behind its gap."""
        placed: list[Placed] = []
        end = 0
        for one, gap in zip(self._wanted, gaps, strict=True):
            found = self._capacity(one, end + gap)
            offset = end + gap + found.gap
            placed.append(Placed(self._fitting(one, end + gap), offset, found.size, found.usable,
                                 found.info_offset))
            end = offset + found.size
        return placed

    def _fitting(self, one: Wanted, offset: int) -> Wanted:
        """Return a namespace with the shape whose capacity for its size is the roundest."""
        if not one.others:
            return one
        shapes = [one._replace(shape=shape, others=()) for shape in (one.shape, *one.others)]
        return min(shapes, key=lambda each: [_roundness(found.size) for found in capacities(
            each.shape, each.shown, self._space.start + offset, self._space.step)[:1]] or [4])

    def _capacity(self, one: Wanted, offset: int) -> Capacity:
        space, one = self._space, self._fitting(one, offset)
        # In a full region nothing can be between two namespaces.
        roomy = space.available is None or space.available.high > 0
        for step in (space.step, *(() if space.strict else (2 * sizes.MIB, sizes.PAGE))):
            found = capacities(one.shape, one.shown, space.start + offset, step, gaps=roomy)
            if not found:
                continue
            chosen = found[min(self._choices.get(one.number, 0), len(found) - 1)]
            if len(found) > 1:
                self._possible[one.number] = [each.size for each in found]
                self._rounded[one.number] = (
                    f'{one.name}: the size is rounded; its capacity is {chosen.size} bytes of '
                    f'{len(found)} possible ones')
            return chosen
        if one.shape.align == sizes.GIB and not roomy:
            found = capacities(one.shape, one.shown, 0, space.step)
            if found:
                self._notes.append(f'{one.name}: the address of the copy differs from that of the '
                                   'original, so that alignment takes another amount of space')
                return found[0]._replace(gap=0)
        raise refusal(
            f'size of {one.name}', f'the usable size of a capacity in units of {space.step} bytes'
            + (f' with map {one.shape.memmap} and alignment {one.shape.align}'
               if one.shape.kind in ('pfn', 'dax') else ''), f'{one.shown} bytes')

    def _region_size(self, used: int) -> int:
        amount, free = self._space.size, self._space.available
        if amount is None or amount.is_exact:
            return amount.low if amount else used
        candidates = amount.multiples(self._space.step) or [amount.nearest(self._space.step)]
        if free is not None:
            fitting = [size for size in candidates if size - used in free]
            candidates = fitting or candidates
        best = min(candidates, key=lambda size: (size % sizes.GIB != 0, size))
        if len(candidates) > 1:
            self._notes.append(f'{self._space.name}: the size is rounded; it is {best} bytes of '
                               f'{len(candidates)} possible ones')
        return best

    def _hidden(self, size: int, used: int) -> int:
        """Return the bytes that are neither free nor in a listed namespace."""
        free = self._space.available
        left = size - used
        if free is None or sizes.align_down(left, self._space.step) in free or left in free:
            return 0
        hidden = left - (free.low if free.is_exact else free.nearest(self._space.step))
        if hidden < 0:
            raise refusal(f'available_size of {self._space.name}',
                          f'at most {left} bytes in addition to its namespaces', str(free))
        if not free.is_exact:
            hidden = sizes.align_down(hidden, self._space.step)
        return hidden

    def _gaps(self, free: int, count: int, hidden: int) -> tuple[list[int], list[tuple[int, int]]]:
        """Return the gap before each namespace, and capacity and offset of the hidden ones.

        The largest free extent is at the end of the region.
        """
        space, gaps = self._space, [0] * count
        end = space.extent
        largest = free
        if end is not None and free not in end and sizes.align_down(free, space.step) not in end:
            largest = end.low if end.is_exact else end.nearest(space.step)
        if largest > free or (largest <= 0 < free):
            raise refusal(f'max_available_extent of {space.name}', f'at most {free} bytes, and '
                          'some if any is available', str(largest))
        rest = free - largest
        if rest:
            self._notes.append(f'{space.name}: the sizes of the free extents are known, but not '
                               'their places')
        for place in [*range(1, count), 0] if count else []:
            gap = min(rest, largest)
            rest -= gap
            gaps[place] += gap
        before = sum(gaps) + sum(one.size for one in self._in_a_row([0] * count))
        found, rest = self._hidden_places(hidden, rest, largest, before)
        if rest:
            raise refusal(f'max_available_extent of {space.name}', f'extents of {free} bytes '
                          f'around {count} namespaces', str(largest))
        return gaps, found

    def _hidden_places(self, size: int, free: int, largest: int,
                       offset: int) -> tuple[list[tuple[int, int]], int]:
        """Return capacity and offset of hidden namespaces, and the free bytes without a place.

        There is one, or as many as separate the free extents before them.
        """
        found: list[tuple[int, int]] = []
        step = self._space.step
        while size > 0:
            gap = min(free, largest)
            free -= gap
            # One more namespace is needed for each extent that remains.
            capacity = step if free and size > step else size
            found.append((capacity, offset + gap))
            offset += gap + capacity
            size -= capacity
        if found:
            self._notes.append(
                f'{self._space.name}: {sum(one for one, _ in found)} bytes are neither free nor in '
                f'a listed namespace; assumed {len(found)} disabled (list with -i to see them)')
        return found, free

    def _known_places(self, placed: list[Placed], size: int) -> list[Placed]:
        """Move the namespaces whose place is known, if the free space stays as it is listed."""
        fixed = sorted((one._replace(offset=offset) for one in placed
                        if (offset := self._known_offset(one)) is not None),
                       key=lambda one: one.offset)
        others = [one for one in placed if self._known_offset(one) is None]
        # Namespaces with unknown places show no bad blocks.
        bad = [one for one in self._space.bad
               if not overlaps(one, [(each.offset, each.size) for each in fixed])]
        if not fixed and not any(overlaps(_data(one), bad) for one in placed):
            return placed
        extent = self._space.extent
        for hole in range(len(fixed) + 1):
            begin = sum(fixed[hole - 1][1:3]) if hole else 0
            whole = (fixed[hole].offset if hole < len(fixed) else size) - begin
            largest = [0] if extent is None else [extent.nearest(self._space.step)]
            if extent is not None and whole in extent:
                largest.insert(0, whole)
            for one in largest:
                found = _filled(fixed, others, size, hole, one, bad)
                if found is not None:
                    return sorted(found, key=lambda one: one.offset)
        self._notes.append(f'{self._space.name}: the places that its bad blocks show leave no '
                           'room for the other namespaces')
        return placed

    def _known_offset(self, one: Placed) -> int | None:
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
            itertools.product(range(len(room)), repeat=len(others)), _COMBINATIONS):
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


def _roundness(size: int) -> int:
    """Return 0 for a size in whole GiB, and more for smaller units."""
    units = (sizes.GIB, 128 * sizes.MIB, sizes.REGION_ALIGN)
    return next((place for place, unit in enumerate(units) if size % unit == 0), 3)


def reserved_bytes(shape: Shape, size: int) -> int:
    """Return the bytes before the data of a namespace at an aligned address."""
    if shape.kind not in ('pfn', 'dax'):
        return 0
    extent = sizes.dax_extent(0, size, shape.memmap, shape.align)
    return extent[0] if extent else 0
