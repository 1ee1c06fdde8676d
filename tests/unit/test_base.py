"""The base of this project's tests."""

from __future__ import annotations

import unittest

import testtools

from tests import base


class TestCaseTest(testtools.TestCase):

    def test_a_test_that_has_ended_holds_nothing(self):
        """What a test has set on itself is dropped with the test."""
        class Test(base.TestCase):
            def runTest(self):
                self.made = object()

        test = Test()
        test.run(unittest.TestResult())
        self.assertNotIn('made', vars(test))

    def test_a_test_can_run_again(self):
        """What a test had before it ran stays."""
        class Test(base.TestCase):
            def runTest(self):
                pass

        test, results = Test(), (unittest.TestResult(), unittest.TestResult())
        for result in results:
            test.run(result)
        self.assertEqual([True, True], [result.wasSuccessful() for result in results])
