"""Counts the tests of the subunit streams on standard input.

Prints the reasons of skipped tests and the errors of failed tests. The last line is ``N passed, N
failed, N skipped``. A test that was skipped in one stream and ran in another does not count as
skipped. The exit status is 1 if a test failed, or if no test ran: a run that breaks before its
first test is not a success.
"""

from __future__ import annotations

import collections
import sys
from typing import Any, BinaryIO

import subunit
from testtools import StreamToDict

#: Lines of a traceback to print, from its end, which has the reason.
LINES = 40


class Tally:
    """The results of any number of runs."""

    def __init__(self) -> None:
        self.passed: list[str] = []
        self.failed: list[dict[str, Any]] = []
        self._skipped: dict[str, str] = {}

    def add(self, test: dict[str, Any]) -> None:
        """Add a test that ended, or one that never ended, which counts as failed."""
        if test['status'] == 'skip':
            reason = test['details'].get('reason')
            self._skipped[test['id']] = reason.as_text() if reason else 'no reason given'
        elif test['status'] in ('success', 'xfail'):
            self.passed.append(test['id'])
        elif test['status'] != 'exists':
            self.failed.append(test)

    @property
    def skipped(self) -> collections.Counter[str]:
        """The number of tests that ran in no stream, by reason."""
        ran = {*self.passed, *(test['id'] for test in self.failed)}
        return collections.Counter(
            reason for test, reason in self._skipped.items() if test not in ran)


def failure(test: dict[str, Any]) -> str:
    """Format a failed test: its seed, if it has one, and the end of its traceback."""
    lines = [f'failed: {test["id"]} ({test["status"]})']
    for name, content in sorted(test['details'].items()):
        if name == 'replay' or name.startswith('traceback'):
            lines += content.as_text().splitlines()[-LINES:]
    return '\n    '.join(lines)


def count(stream: BinaryIO) -> Tally:
    """Count the tests of a stream."""
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
