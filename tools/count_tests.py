"""Counts the tests of the subunit streams on standard input, one after the other.

Prints why tests were skipped, and ``N passed, N failed, N skipped`` as its last line. A test that
was skipped in one stream and ran in another is not counted as skipped. The exit status is 1 when a
test failed or none ran, so that a run that broke before its first test is no success.
"""

from __future__ import annotations

import collections
import sys
from typing import Any, BinaryIO

import subunit
from testtools import StreamToDict


class Tally:
    """The tests of any number of runs."""

    def __init__(self) -> None:
        self.passed: list[str] = []
        self.failed: list[str] = []
        self._skipped: dict[str, str] = {}

    def add(self, test: dict[str, Any]) -> None:
        """A test has ended; one that never did comes with the status it had, and has failed."""
        if test['status'] == 'skip':
            reason = test['details'].get('reason')
            self._skipped[test['id']] = reason.as_text() if reason else 'no reason given'
        elif test['status'] in ('success', 'xfail'):
            self.passed.append(test['id'])
        elif test['status'] != 'exists':
            self.failed.append(test['id'])

    @property
    def skipped(self) -> collections.Counter[str]:
        """How many tests ran nowhere, by the reason."""
        ran = {*self.passed, *self.failed}
        return collections.Counter(
            reason for test, reason in self._skipped.items() if test not in ran)


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
    print(f'{len(tally.passed)} passed, {len(tally.failed)} failed, '
          f'{tally.skipped.total()} skipped')
    return 1 if tally.failed or not tally.passed else 0


if __name__ == '__main__':
    sys.exit(main())
