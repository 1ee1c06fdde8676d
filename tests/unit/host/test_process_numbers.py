"""The numbers that are handed out per process."""

from __future__ import annotations

from tests import base
from vpmem_harness.host.process_numbers import Numbers


class NumbersTest(base.TestCase):

    def test_the_first_block_begins_at_0(self):
        """A process with one host has region0."""
        self.assertEqual(0, Numbers().take(2))

    def test_the_next_block_follows(self):
        """The regions of a second host go on where the first one's end."""
        numbers = Numbers()
        numbers.take(2)
        self.assertEqual(2, numbers.take(3))

    def test_a_gap_that_is_large_enough_is_filled(self):
        """What one host gave back, the next one that fits takes."""
        numbers = Numbers()
        first = numbers.take(2)
        numbers.take(1)
        numbers.give_back(2, first)
        self.assertEqual(0, numbers.take(2))

    def test_a_gap_that_is_too_small_is_passed_over(self):
        """A host's regions are consecutive."""
        numbers = Numbers()
        first = numbers.take(1)
        numbers.take(1)
        numbers.give_back(1, first)
        self.assertEqual(2, numbers.take(2))

    def test_a_block_that_was_asked_for_is_avoided_by_the_others(self):
        """A host built from a listing keeps its numbers to itself."""
        numbers = Numbers()
        numbers.take(2, first=1)
        self.assertEqual(3, numbers.take(2))

    def test_a_number_may_be_asked_for_twice(self):
        """A test may want two hosts with the same device names."""
        numbers = Numbers()
        numbers.take(1, first=0)
        self.assertEqual(0, numbers.take(1, first=0))
