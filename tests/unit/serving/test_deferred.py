"""A deferred result is completed once."""

from __future__ import annotations

import testtools

from vpmem_harness.serving.deferred import Deferred


class LaterTest(testtools.TestCase):

    def test_a_value_comes(self):
        """Callbacks get the result, whether they were added before or after completion."""
        later, seen = Deferred(), []
        later.when_done(lambda done: seen.append(done.result()))
        later.resolve(3)
        later.when_done(lambda done: seen.append(done.result()))
        self.assertEqual([3, 3], seen)

    def test_an_error_comes(self):
        """A failed result raises its error."""
        later = Deferred()
        later.fail(KeyError('x'))
        self.assertRaises(KeyError, later.result)

    def test_the_first_completion_counts(self):
        """Only the first completion counts."""
        later = Deferred()
        later.resolve(1)
        later.fail(KeyError('x'))
        later.resolve(2)
        self.assertEqual(1, later.result())

    def test_a_function_completes(self):
        """run completes with what the function returns or raises."""
        good, bad = Deferred(), Deferred()
        good.run(lambda: 5)
        bad.run({}.popitem)
        self.assertEqual(5, good.result())
        self.assertRaises(KeyError, bad.result)

    def test_a_function_may_take_its_time_too(self):
        """run with a function that returns a Deferred completes when that one does."""
        outer, inner = Deferred(), Deferred()
        outer.run(lambda: inner)
        self.assertFalse(outer.done)
        inner.resolve(6)
        self.assertEqual(6, outer.result())
