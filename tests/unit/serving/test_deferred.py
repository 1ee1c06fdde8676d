"""A result that comes later comes once."""

from __future__ import annotations

import testtools

from vpmem_harness.serving.deferred import Deferred


class LaterTest(testtools.TestCase):

    def test_a_value_comes(self):
        """What is resolved is the result, for callbacks before and after."""
        later, seen = Deferred(), []
        later.when_done(lambda done: seen.append(done.result()))
        later.resolve(3)
        later.when_done(lambda done: seen.append(done.result()))
        self.assertEqual([3, 3], seen)

    def test_an_error_comes(self):
        """What fails raises."""
        later = Deferred()
        later.fail(KeyError('x'))
        self.assertRaises(KeyError, later.result)

    def test_the_first_completion_counts(self):
        """A later completion is ignored."""
        later = Deferred()
        later.resolve(1)
        later.fail(KeyError('x'))
        later.resolve(2)
        self.assertEqual(1, later.result())

    def test_a_function_completes(self):
        """What a function returns or raises is the result."""
        good, bad = Deferred(), Deferred()
        good.run(lambda: 5)
        bad.run({}.popitem)
        self.assertEqual(5, good.result())
        self.assertRaises(KeyError, bad.result)

    def test_a_function_may_take_its_time_too(self):
        """A function that returns a Deferred hands the completion on."""
        outer, inner = Deferred(), Deferred()
        outer.run(lambda: inner)
        self.assertFalse(outer.done)
        inner.resolve(6)
        self.assertEqual(6, outer.result())
