"""Counts the tests of the subunit streams on standard input, one after the other.

Prints why tests were skipped and how tests failed, and ``N passed, N failed, N skipped`` as its
last line. A test that was skipped in one stream and ran in another is not counted as skipped. The
exit status is 1 when a test failed or none ran, so that a run that broke before its first test is
no success.
"""

from __future__ import annotations

import collections
import sys
from typing import Any, BinaryIO

import subunit
from testtools import StreamToDict

#: How much of a failed test is told: the end of its traceback, where its reason stands.
LINES = 40


class Tally:
    """The tests of any number of runs."""

    def __init__(self) -> None:
        self.passed: list[str] = []
        self.failed: list[dict[str, Any]] = []
        self._skipped: dict[str, str] = {}

    def add(self, test: dict[str, Any]) -> None:
        """A test has ended; one that never did comes with the status it had, and has failed."""
        if test['status'] == 'skip':
            reason = test['details'].get('reason')
            self._skipped[test['id']] = reason.as_text() if reason else 'no reason given'
        elif test['status'] in ('success', 'xfail'):
            self.passed.append(test['id'])
        elif test['status'] != 'exists':
            self.failed.append(test)

    @property
    def skipped(self) -> collections.Counter[str]:
        """How many tests ran nowhere, by the reason."""
        ran = {*self.passed, *(test['id'] for test in self.failed)}
        return collections.Counter(
            reason for test, reason in self._skipped.items() if test not in ran)


def failure(test: dict[str, Any]) -> str:
    """What a failed test says of itself: its seed, if it has one, and the end of its traceback."""
    lines = [f'failed: {test["id"]} ({test["status"]})']
    for name, content in sorted(test['details'].items()):
        if name == 'replay' or name.startswith('traceback'):
            lines += content.as_text().splitlines()[-LINES:]
    return '\n    '.join(lines)


def count(stream: BinaryIO) -> Tally:
    """Count what ran."""
    tally = Tally()
    result = StreamToDict(tally.add)
    result.startTestRun()
    subunit.ByteStreamToStreamResult(stream, non_subunit_name='stdout').run(result)
    result.stopTestRun()
    return tally


def main() -> int:
    tally = count(sys.stdin.buffer)
    for reason, number in sorted(tally.skipped.items()):
        print(f'skipped, {number}: {reason}')
    for test in tally.failed:
        print(failure(test))
    print(f'{len(tally.passed)} passed, {len(tally.failed)} failed, '
          f'{tally.skipped.total()} skipped')
    return 1 if tally.failed or not tally.passed else 0


if __name__ == '__main__':
    sys.exit(main())
