"""Generators that wait for deferred results."""

from __future__ import annotations

import testtools

from vpmem_harness.serving.deferred import Deferred
from vpmem_harness.serving.steps import run_steps


class StepsTest(testtools.TestCase):

    def test_results(self):
        """A generator gets each result when it is there, and returns its own."""
        one, two = Deferred(), Deferred()

        def steps():
            first = yield one
            return first + (yield two)
        later = run_steps(steps())
        two.resolve(2)
        self.assertFalse(later.done)
        one.resolve(1)
        self.assertEqual(3, later.result())

    def test_errors(self):
        """A generator can handle an error, or fail with it."""
        failed = Deferred()
        failed.fail(ValueError('first'))

        def steps():
            try:
                yield failed
            except ValueError as error:
                raise KeyError('second') from error
        self.assertRaises(KeyError, run_steps(steps()).result)
