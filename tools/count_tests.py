"""Counts the tests of a subunit stream on standard input.

Prints ``N passed, N failed, N skipped`` as its last line. The exit status is 1 when a test failed
or none ran, so that a run that broke before its first test is no success.
"""

from __future__ import annotations

import sys
from typing import BinaryIO

import subunit
from testtools import StreamSummary


def count(stream: BinaryIO) -> tuple[int, int, int]:
    """How many tests passed, failed and were skipped; a test that never ended has failed."""
    summary = StreamSummary()
    summary.startTestRun()
    subunit.ByteStreamToStreamResult(stream, non_subunit_name='stdout').run(summary)
    summary.stopTestRun()
    failed = len(summary.errors) + len(summary.failures) + len(summary.unexpectedSuccesses)
    skipped = len(summary.skipped)
    return summary.testsRun - failed - skipped, failed, skipped


def main() -> int:
    passed, failed, skipped = count(sys.stdin.buffer)
    print(f'{passed} passed, {failed} failed, {skipped} skipped')
    return 1 if failed or not passed else 0


if __name__ == '__main__':
    sys.exit(main())
