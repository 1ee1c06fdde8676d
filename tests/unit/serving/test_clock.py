"""A stepped clock runs due calls in order."""

from __future__ import annotations

import testtools

from vpmem_harness.serving.clock import SteppedClock


class TestSteppedClock(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.clock = SteppedClock()
        self.ran = []

    def test_nothing_runs_before_its_time(self):
        """A call that is not due yet does not run."""
        self.clock.call_later(5, lambda: self.ran.append(5))
        self.clock.step(4.9)
        self.assertEqual([], self.ran)

    def test_order(self):
        """Calls run in the order of their times, not of their scheduling."""
        for seconds in (3, 1, 2):
            self.clock.call_later(seconds, lambda seconds=seconds: self.ran.append(seconds))
        self.clock.step(3)
        self.assertEqual([1, 2, 3], self.ran)

    def test_time_of_an_action(self):
        """During a call, the clock shows the time at which the call is due."""
        start = self.clock.now()
        self.clock.call_later(2, lambda: self.ran.append(self.clock.now() - start))
        self.clock.step(10)
        self.assertEqual([2], self.ran)

    def test_cancelled(self):
        """A cancelled call does not run."""
        self.clock.call_later(1, lambda: self.ran.append(1)).cancel()
        self.clock.step(1)
        self.assertEqual([], self.ran)

    def test_what_follows_in_the_same_step(self):
        """A call that another call schedules runs in the same step if it is due."""
        self.clock.call_later(1, lambda: self.clock.call_later(1, lambda: self.ran.append(2)))
        self.clock.step(2)
        self.assertEqual([2], self.ran)
