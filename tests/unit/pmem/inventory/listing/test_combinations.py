"""Combinations of capacities."""

from __future__ import annotations

import itertools

import testtools
from hypothesis import given
from hypothesis import strategies as st

from vpmem_harness.pmem.inventory.listing.combinations import Combinations
from vpmem_harness.pmem.kernel.sizes import GIB, MIB

CAPACITIES = st.lists(st.lists(
    st.integers(1, 40), min_size=1, max_size=3, unique=True), max_size=4)


class CombinationsTest(testtools.TestCase):

    @given(CAPACITIES)
    def test_all_sums(self, capacities: list[list[int]]) -> None:
        """Each sum is found, and the places of its capacities."""
        found = Combinations(capacities)
        self.assertEqual({sum(each) for each in itertools.product(*capacities)},
                         set(found.sums()))
        for total in found.sums():
            self.assertEqual(total, sum(each[place] for each, place in zip(
                capacities, found.places(total), strict=True)))

    @given(CAPACITIES)
    def test_likely_first(self, capacities: list[list[int]]) -> None:
        """The first sum is that of the most likely capacities."""
        found = Combinations(capacities)
        self.assertEqual([0] * len(capacities), found.places(found.sums()[0]))

    def test_too_many(self) -> None:
        """Without a common unit, only the most likely capacities are combined."""
        found = Combinations([[8 * GIB, GIB], [MIB, MIB + 1]])
        self.assertEqual([8 * GIB + MIB], found.sums())
