"""Nova's tests are divided among worker processes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import testtools
from fixtures import MonkeyPatch

from vpmem_harness.novatests.runner import PART, Result, Runner, parts_for


def of_class(name: str, count: int) -> list[str]:
    """Return the ids of the tests of a class."""
    return [f'nova.tests.{name}.test_{number}' for number in range(count)]


class PartsTest(testtools.TestCase):

    def test_every_test_is_in_one_part(self) -> None:
        """No test is lost or run twice."""
        tests = [*of_class('Large', 95), *of_class('Small', 3), *of_class('Other', 20)]
        for processes in (1, 2, 7):
            parts = parts_for(processes, tests)
            self.assertEqual(sorted(tests), sorted(itertools.chain(*parts)))

    def test_a_process_does_not_run_too_many_tests(self) -> None:
        """What Nova leaves behind ends with the process."""
        self.assertEqual([PART, PART, 5], [len(part) for part in parts_for(
            1, of_class('Large', 2 * PART + 5))])

    def test_the_largest_part_comes_first(self) -> None:
        """The processes end at about the same time."""
        sizes = [len(part) for part in parts_for(2, [
            *of_class('Small', 2), *of_class('Large', 40), *of_class('Other', 9)])]
        self.assertEqual(sorted(sizes, reverse=True), sizes)
        self.assertGreaterEqual(len(sizes), 8)

    def test_a_class_stays_together(self) -> None:
        """A class that fits into a part is not divided."""
        self.assertIn(of_class('Small', 4), parts_for(2, [
            *of_class('Large', 30), *of_class('Small', 4), *of_class('Other', 30)]))

    def test_few_tests(self) -> None:
        """Each process gets something to do."""
        self.assertEqual(2, len(parts_for(2, [*of_class('One', 1), *of_class('Two', 1)])))

    def test_no_tests(self) -> None:
        """There is no part."""
        self.assertEqual([], parts_for(2, []))


class Worker:
    """A worker that reports tests that pass, and does not end."""

    log = status = last_line = ''

    #: The workers that were told to end.
    ended: list[Worker]

    def __init__(self, tests: list[str]) -> None:
        self._tests = tests

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_error: object) -> None:
        pass

    def kill(self) -> None:
        pass

    def end(self) -> None:
        self.ended.append(self)

    def lines(self, timeout: float) -> Iterator[dict[str, Any]]:
        yield from ({'id': test, 'outcome': 'passed'} for test in self._tests)
        raise TimeoutError


class RunnerTest(testtools.TestCase):

    def setUp(self) -> None:
        super().setUp()
        Worker.ended = []
        self.useFixture(MonkeyPatch('vpmem_harness.novatests.runner._Worker', Worker))

    def test_a_process_that_does_not_end(self) -> None:
        """The next process starts when all tests of one have been reported."""
        tests = [*of_class('One', 3), *of_class('Two', 2)]
        results: list[Result] = []
        Runner().run(tests, results.append)
        self.assertEqual([(test, 'passed') for test in tests],
                         [(result.id, result.outcome) for result in results])
        self.assertEqual(1, len(Worker.ended))
