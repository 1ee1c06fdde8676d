"""Numbers that are unique within a process."""

from __future__ import annotations

import itertools

from tests import base
from vpmem_harness.host.process_numbers import Numbers
from vpmem_harness.randomness import Randomness


class NumbersTest(base.TestCase):

    def test_the_first_block_begins_at_0(self):
        """The first host of a process gets region0."""
        self.assertEqual(0, Numbers().take(2))

    def test_the_next_block_follows(self):
        """The regions of a second host follow those of the first."""
        numbers = Numbers()
        numbers.take(2)
        self.assertEqual(2, numbers.take(3))

    def test_a_gap_that_is_large_enough_is_filled(self):
        """Numbers that are given back are used again."""
        numbers = Numbers()
        first = numbers.take(2)
        numbers.take(1)
        numbers.give_back(2, first)
        self.assertEqual(0, numbers.take(2))

    def test_a_gap_that_is_too_small_is_passed_over(self):
        """The regions of a host are consecutive."""
        numbers = Numbers()
        first = numbers.take(1)
        numbers.take(1)
        numbers.give_back(1, first)
        self.assertEqual(2, numbers.take(2))

    def test_a_block_that_was_asked_for_is_avoided_by_the_others(self):
        """The numbers of a host built from a listing are not given to others."""
        numbers = Numbers()
        numbers.take(2, first=1)
        self.assertEqual(3, numbers.take(2))

    def test_a_wrong_block_is_not_given_back(self):
        """A block that nobody has taken cannot be given back."""
        numbers = Numbers()
        numbers.take(2)
        self.assertRaises(ValueError, numbers.give_back, 1, 0)

    def test_any_sequence_gives_the_lowest_numbers(self):
        """Each block begins at the lowest number at which all its numbers are free."""
        random = Randomness(5)
        numbers, taken = Numbers(), []
        for _ in range(300):
            if taken and random.chance(0.4):
                numbers.give_back(*taken.pop(random.below(len(taken))))
                continue
            count = 1 + random.below(3)
            if random.chance(0.1):
                first = random.below(40)
                self.assertEqual(first, numbers.take(count, first=first))
            else:
                used = {number for length, start in taken
                        for number in range(start, start + length)}
                first = next(start for start in itertools.count()
                             if not used & {*range(start, start + count)})
                self.assertEqual(first, numbers.take(count))
            taken.append((count, first))

    def test_a_number_may_be_asked_for_twice(self):
        """Two hosts can have the same device names if a test asks for it."""
        numbers = Numbers()
        numbers.take(1, first=0)
        self.assertEqual(0, numbers.take(1, first=0))
