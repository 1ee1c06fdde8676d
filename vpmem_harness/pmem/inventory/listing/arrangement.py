"""The places of namespaces of known capacity, and of the free extents between them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from vpmem_harness.pmem.inventory.listing.capacities import Capacity
from vpmem_harness.pmem.kernel import sizes
from vpmem_harness.pmem.kernel.extents import Extent

#: How many orders of the namespaces are tried.
_ORDERS = 32


class Budget(NamedTuple):
    """How the bytes of a region are used, apart from its listed namespaces.

    ``size`` are the bytes of the region, ``free`` those that are free, ``largest`` those of the
    largest free extent, ``hidden`` those of disabled namespaces that are not listed.
    """

    size: int
    free: int
    largest: int
    hidden: int

    def allows(self, count: int, step: int) -> bool:
        """Whether the namespaces can separate the free extents.

        :param count: the number of listed namespaces
        :param step: the smallest capacity of a namespace that is not listed
        """
        if self.largest > self.free or (self.largest <= 0 < self.free):
            return False
        rest = self.free - self.largest
        return rest <= (count + _most_hidden(self, step)) * self.largest


class Arrangement(NamedTuple):
    """The offset of each namespace, and capacity and offset of those that are not listed.

    ``exact`` says whether each namespace has its usable size at its address.
    """

    offsets: list[int]
    hidden: list[tuple[int, int]]
    exact: bool


def arrange(namespaces: Sequence[Capacity], budget: Budget, start: int, step: int) -> Arrangement:
    """Return places, in the given order if possible; the largest free extent is the last one.

    :param start: the physical address of the region
    :param step: the unit of offsets
    """
    everything = list(range(len(namespaces)))
    for order in _orders(namespaces):
        gaps = _gaps([namespaces[place] for place in order], budget, start, step, exact=True)
        if gaps is not None:
            return _arranged(namespaces, order, gaps, budget, step, exact=True)
    gaps = _gaps(namespaces, budget, start, step, exact=False)
    return _arranged(namespaces, everything, gaps or [0] * len(namespaces), budget, step,
                     exact=False)


def _orders(namespaces: Sequence[Capacity]) -> list[list[int]]:
    """Return the orders to try: the given one, then those that help with alignment."""
    given = list(range(len(namespaces)))
    if not any(one.shape.depends_on_place for one in namespaces):
        return [given]
    aligned_first = sorted(given, key=lambda place: not namespaces[place].shape.depends_on_place)
    turned = [[*given[first:], *given[:first]] for first in given[1:_ORDERS]]
    return [given, aligned_first, aligned_first[::-1], *turned]


def _gaps(namespaces: Sequence[Capacity], budget: Budget, start: int, step: int, *,
          exact: bool) -> list[int] | None:
    """Return the free bytes before each namespace, None if there is not enough room for gaps."""
    rest = budget.free - budget.largest
    period, pace = math.lcm(sizes.GIB, step), math.lcm(sizes.SUBSECTION, step)
    gaps: list[int] = []
    for one in namespaces:
        room = min(rest, budget.largest, period - step) if exact else 0
        gap = next((gap for gap in range(0, room + 1, pace)
                    if not exact or one.fits(start + gap)), None)
        if gap is None:
            return None
        gaps.append(gap)
        rest -= gap
        start += gap + one.size
    bound = [exact and one.shape.depends_on_place for one in namespaces]
    # Gaps before the last bound namespace grow by whole GiB, so that its alignment stays.
    last = max((place for place, each in enumerate(bound) if each), default=-1)
    movable = [place for place in [*range(1, len(gaps)), 0][:len(gaps)] if place > last]
    for place in movable:
        more = min(rest, budget.largest - gaps[place])
        rest -= more
        gaps[place] += more
    hidden = _most_hidden(budget, step) * budget.largest
    for place in range(last + 1):
        if rest <= hidden:
            break
        more = sizes.align_down(min(rest, budget.largest - gaps[place]), period)
        rest -= more
        gaps[place] += more
    return gaps if rest <= hidden else None


def _arranged(namespaces: Sequence[Capacity], order: Sequence[int], gaps: list[int],
              budget: Budget, step: int, *, exact: bool) -> Arrangement:
    offsets, end = [0] * len(namespaces), 0
    for place, gap in zip(order, gaps, strict=True):
        offsets[place] = end + gap
        end += gap + namespaces[place].size
    rest = budget.free - budget.largest - sum(gaps)
    return Arrangement(offsets, _hidden_places(budget, rest, end, step), exact)


def _most_hidden(budget: Budget, step: int) -> int:
    """Return how many namespaces the hidden bytes can be."""
    return -(-budget.hidden // step)


def _hidden_places(budget: Budget, rest: int, offset: int, step: int) -> list[Extent]:
    """Return capacity and offset of hidden namespaces.

    There is one, or as many as separate the free extents before them.

    :param rest: the free bytes to put before them
    """
    found: list[tuple[int, int]] = []
    size = budget.hidden
    while size > 0:
        gap = min(rest, budget.largest)
        rest -= gap
        # One more namespace is needed for each extent that remains.
        capacity = step if rest and size > step else size
        found.append((capacity, offset + gap))
        offset += gap + capacity
        size -= capacity
    return found
