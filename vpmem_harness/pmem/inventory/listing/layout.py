"""The places of the namespaces in a region, computed from the sizes and free space in a listing.

Most listings show neither addresses nor capacities. The capacities follow from the sizes; if
several are possible, from the region's size and free space. The namespaces are placed one after
the other, in the order of their numbers, with gaps that give the free space and the largest free
extent of the listing.
"""

from __future__ import annotations

import math

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.plurals import counted
from vpmem_harness.pmem.inventory.listing.amounts import Amount, exact
from vpmem_harness.pmem.inventory.listing.arrangement import Budget, arrange
from vpmem_harness.pmem.inventory.listing.capacities import Capacity, capacities
from vpmem_harness.pmem.inventory.listing.combinations import Combinations
from vpmem_harness.pmem.inventory.listing.known_places import moved
from vpmem_harness.pmem.inventory.listing.refusal import refusal
from vpmem_harness.pmem.inventory.listing.spaces import Layout, Placed, Space, Wanted
from vpmem_harness.pmem.inventory.size_text import HOST_LIMIT
from vpmem_harness.pmem.kernel import sizes


def lay_out(space: Space, wanted: list[Wanted]) -> Layout:
    """Return places for the namespaces of a region; raises InvalidInputError if there are none."""
    return _Draft(space, wanted).layout()


class _Draft:

    def __init__(self, space: Space, wanted: list[Wanted]) -> None:
        self._space = space
        self._wanted = sorted(wanted, key=lambda one: one.number)
        self._notes: list[str] = []
        self._possible = [self._capacities(one) for one in self._wanted]

    def layout(self) -> Layout:
        """Place the namespaces and the gaps between them."""
        size = self._space.size
        if size is None:
            placed = self._in_a_row()
            placed = self._known_places(placed, HOST_LIMIT)
            end = max((one.offset + one.size for one in placed), default=0)
            return Layout(placed, end, [], self._notes)
        budget, chosen = self._budget(size)
        self._note_choices(size, budget, chosen)
        found = arrange(chosen, budget, self._space.start, self._space.step)
        placed = [self._placed(*each) for each in zip(
            self._wanted, chosen, found.offsets, strict=True)]
        if not found.exact:
            self._notes += [
                f'{one.wanted.name}: the address of the copy differs from that of the original, so '
                'that alignment takes another amount of space' for one, capacity in zip(
                    placed, chosen, strict=True)
                if not capacity.fits(self._space.start + one.offset)]
        if budget.free > budget.largest:
            self._notes.append(f'{self._space.name}: the sizes of the free extents are known, but '
                               'not their places')
        if found.hidden:
            self._notes.append(
                f'{self._space.name}: {budget.hidden} bytes are neither free nor in a listed '
                f'namespace; assumed {len(found.hidden)} disabled (list with -i to see them)')
        return Layout(self._known_places(placed, budget.size), budget.size, found.hidden,
                      self._notes)

    # Capacities

    def _capacities(self, one: Wanted) -> list[Capacity]:
        """Return the possible capacities of a namespace, the most likely one first."""
        space = self._space
        others = () if space.strict else (sizes.REGION_ALIGN, 2 * sizes.MIB, sizes.PAGE)
        for step in dict.fromkeys((space.step, *others)):
            found = capacities((one.shape, *one.others), one.shown, space.start, step)
            if found:
                return found
        raise refusal(
            f'size of {one.name}', f'the usable size of a capacity in units of {space.step} bytes'
            + (f' with map {one.shape.memmap} and alignment {one.shape.align}'
               if one.shape.kind in ('pfn', 'dax') else ''), f'{one.shown} bytes')

    def _placed(self, one: Wanted, found: Capacity, offset: int) -> Placed:
        return Placed(one._replace(shape=found.shape, others=()), offset, found.size, found.usable,
                      found.info_offset)

    def _in_a_row(self) -> list[Placed]:
        """Place the namespaces one after the other, in a region whose size is not listed."""
        placed: list[Placed] = []
        end, step = 0, self._space.step
        for one, possible in zip(self._wanted, self._possible, strict=True):
            likely = [each for each in possible if each.shape == possible[0].shape]
            gap, found = next(
                ((gap, each) for gap in range(0, sizes.GIB, step) for each in likely
                 if each.fits(self._space.start + end + gap)), (0, likely[0]))
            self._note_rounded(one, found, len(possible))
            placed.append(self._placed(one, found, end + gap))
            end += gap + found.size
        return placed

    # The space of a listed region

    def _budget(self, size: Amount) -> tuple[Budget, list[Capacity]]:
        """Choose capacities that leave the free space of the listing.

        If none do, some bytes belong to namespaces that are not listed.
        """
        if not size.multiples(self._space.step):
            size = exact(size.nearest(self._space.step))
        options = Combinations([[one.size for one in each] for each in self._possible])
        sums = options.sums()
        budget, total = next(((budget, total) for search in (self._full, self._with_hidden)
                              for total in sums if (budget := search(size, total))), (None, 0))
        if budget is None:
            raise self._refusal(size, min(sums))
        return budget, [each[place] for each, place in zip(
            self._possible, options.places(total), strict=True)]

    def _full(self, size: Amount, used: int) -> Budget | None:
        """Return how the space is used if all namespaces are listed, None if it is impossible."""
        free, step = self._space.available, self._space.step
        if free is None:
            free = Amount(0, HOST_LIMIT)
        low, high = max(size.low, used + free.low), min(size.high, used + free.high + step - 1)
        if low > high:
            return None
        best = self._roundest(low, high)
        for left in (sizes.align_down(best - used, step), best - used) if best else ():
            if left in free:
                return self._with_largest(best, left, 0)
        return None

    def _with_hidden(self, size: Amount, used: int) -> Budget | None:
        """Return how the space is used with a namespace that is not listed, if it is possible."""
        free, extent = self._space.available, self._space.extent
        best = self._roundest(size.low, size.high)
        if free is None or best - used < free.low:
            return None
        common = free.common(extent) if extent is not None else None
        hidden = best - used - (common or free).nearest(self._space.step)
        if not free.is_exact:
            hidden = sizes.align_down(hidden, self._space.step)
        return self._with_largest(best, best - used - hidden, hidden) if hidden > 0 else None

    def _roundest(self, low: int, high: int) -> int:
        """Return the likely size of a region between two bounds, 0 if none is possible."""
        step = self._space.step
        units = (math.lcm(step, sizes.GIB), step, 1 if low == high else step)
        return next((size for unit in units if low <= (size := sizes.align_up(low, unit)) <= high),
                    0)

    def _with_largest(self, size: int, free: int, hidden: int) -> Budget | None:
        """Return how the space is used, with the largest free extent of the listing."""
        extent, step = self._space.extent, self._space.step
        if extent is None or free in extent or sizes.align_down(free, step) in extent:
            largest = [free]
        elif extent.is_exact:
            largest = [extent.low]
        else:
            largest = [extent.nearest(step), sizes.align_down(min(extent.high, free), step)]
        budgets = (Budget(size, free, one, hidden) for one in largest
                   if extent is None or one == free or one in extent)
        return next((one for one in budgets if one.allows(len(self._wanted), step)), None)

    def _refusal(self, size: Amount, used: int) -> InvalidInputError:
        """Return the error for a region whose space does not suffice.

        :param used: the least bytes that the namespaces take
        """
        space, free, extent = self._space, self._space.available, self._space.extent
        left = size.high - used
        if left < 0:
            return refusal(f'size of {space.name}', f'room for its namespaces, {used} bytes',
                           str(size))
        if free is not None and left < free.low:
            return refusal(f'available_size of {space.name}',
                           f'at most {left} bytes in addition to its namespaces', str(free))
        return refusal(f'max_available_extent of {space.name}', f'extents of {free or left} bytes '
                       f'around {counted(len(self._wanted), "namespace")}', str(extent))

    # Notes and places

    def _note_choices(self, size: Amount, budget: Budget, chosen: list[Capacity]) -> None:
        for one, found, possible in zip(self._wanted, chosen, self._possible, strict=True):
            self._note_rounded(one, found, len(possible))
        if (count := len(size.multiples(self._space.step))) > 1:
            self._notes.append(f'{self._space.name}: the size is rounded; it is {budget.size} '
                               f'bytes of {count} possible ones')

    def _note_rounded(self, one: Wanted, found: Capacity, count: int) -> None:
        if count > 1 and not one.shown.is_exact:
            self._notes.append(f'{one.name}: the size is rounded; its capacity is {found.size} '
                               f'bytes of {count} possible ones')

    def _known_places(self, placed: list[Placed], size: int) -> list[Placed]:
        found = moved(self._space, placed, size)
        if found is None:
            self._notes.append(f'{self._space.name}: the places that its bad blocks show leave no '
                               'room for the other namespaces')
        return found or placed
