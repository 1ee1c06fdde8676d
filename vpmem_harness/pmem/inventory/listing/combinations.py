"""Combinations of the capacities that the namespaces of a region can have."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence

#: How many different sums may exist; beyond, only the most likely capacities are combined.
_SUMS = 2**17


class Combinations:
    """The sums of one possible capacity of each namespace.

    A number whose bits are the reachable sums makes the search fast: a capacity shifts it.

    :param capacities: the possible capacities of each namespace, the most likely one first
    """

    def __init__(self, capacities: Sequence[Sequence[int]]) -> None:
        if _different_sums(capacities) > _SUMS:
            capacities = [each[:1] for each in capacities]
        self._least = sum(map(min, capacities))
        self._more = [[one - min(each) for one in each] for each in capacities]
        self._likely = sum(each[0] for each in self._more)
        self._unit = _unit(self._more)
        # The most different ones come first, so that the others keep their likely capacity.
        self._order = sorted(range(len(capacities)), key=lambda place: -max(self._more[place]))
        self._reachable = [1]
        for place in self._order:
            self._reachable.append(functools.reduce(operator.or_, (
                self._reachable[-1] << one // self._unit for one in self._more[place])))

    def sums(self) -> list[int]:
        """Return the possible sums, the most likely one first."""
        bits = f'{self._reachable[-1]:b}'[::-1]
        found = [self._unit * place for place, bit in enumerate(bits) if bit == '1']
        return [self._least + one for one in sorted(
            found, key=lambda one: abs(one - self._likely))]

    def places(self, total: int) -> list[int]:
        """Return the place of each capacity in its list, for a possible sum."""
        left = total - self._least
        places = [0] * len(self._more)
        for place, before in zip(self._order[::-1], self._reachable[-2::-1], strict=True):
            places[place] = next(
                choice for choice, one in enumerate(self._more[place])
                if left >= one and before >> (left - one) // self._unit & 1)
            left -= self._more[place][places[place]]
        return places


def _unit(differences: Sequence[Sequence[int]]) -> int:
    """Return the greatest common divisor of all differences."""
    return math.gcd(*(one for each in differences for one in each)) or 1


def _different_sums(capacities: Sequence[Sequence[int]]) -> int:
    """Return how many multiples of the unit are between the smallest and the largest sum."""
    differences = [[one - min(each) for one in each] for each in capacities]
    return sum(map(max, differences)) // _unit(differences)
