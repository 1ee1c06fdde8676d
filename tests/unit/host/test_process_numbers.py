"""Numbers that are unique within a process."""

from __future__ import annotations

from tests import base
from vpmem_harness.host.process_numbers import Numbers


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

    def test_a_number_may_be_asked_for_twice(self):
        """Two hosts can have the same device names if a test asks for it."""
        numbers = Numbers()
        numbers.take(1, first=0)
        self.assertEqual(0, numbers.take(1, first=0))
