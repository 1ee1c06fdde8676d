"""Counts and exit status of a test run, from its subunit stream."""

from __future__ import annotations

import io
import pathlib
import subprocess
import sys

import subunit
import testtools

COUNT = pathlib.Path(__file__).parents[3] / 'tools' / 'count_tests.py'


def stream(**statuses: str) -> bytes:
    """Return the stream of a run with one test for each keyword: its status, or its skip reason."""
    output = io.BytesIO()
    result = subunit.StreamResultToBytes(output)
    for test, status in statuses.items():
        result.status(test_id=test, test_status='inprogress')
        if status.startswith('no '):
            result.status(test_id=test, test_status='skip', file_name='reason', eof=True,
                          file_bytes=status.encode(), mime_type='text/plain; charset="utf8"')
        elif status != 'inprogress':
            result.status(test_id=test, test_status=status)
    return output.getvalue()


class CountTestsTest(testtools.TestCase):

    def count(self, *streams: bytes, **statuses: str) -> tuple[str, int]:
        run = subprocess.run([sys.executable, COUNT], input=b''.join(streams) or stream(**statuses),
                             stdout=subprocess.PIPE, check=False)
        return run.stdout.decode(), run.returncode

    def test_skipped_tests_are_not_passed(self):
        """Passed, failed and skipped tests are counted separately."""
        self.assertEqual(('skipped, 1: no tool\n2 passed, 0 failed, 1 skipped\n', 0),
                         self.count(a='success', b='no tool', c='success'))

    def test_skip_reasons_are_printed(self):
        """Each skip reason is printed once, with the number of its tests."""
        told, _status = self.count(a='no tool', b='no kernel', c='no tool', d='success')
        self.assertEqual(['skipped, 1: no kernel', 'skipped, 2: no tool'],
                         told.splitlines()[:2])

    def test_runs_are_added(self):
        """Runs are added up, and a test that ran in any of them is not skipped."""
        self.assertEqual(
            ('skipped, 1: no kernel\n3 passed, 0 failed, 1 skipped\n', 0),
            self.count(stream(a='success', b='no tool', c='no kernel'),
                       stream(a='success', b='success')))

    def test_failure_fails_the_run(self):
        """One failed test makes the exit status 1."""
        told, status = self.count(a='success', b='fail')
        self.assertEqual(('1 passed, 1 failed, 0 skipped', 1), (told.splitlines()[-1], status))

    def test_failure_is_printed(self):
        """A failed test is printed above the count, with the end of its traceback."""
        output = io.BytesIO()
        result = subunit.StreamResultToBytes(output)
        result.status(test_id='a', test_status='inprogress')
        for name, text in (('replay', 'SEED=7'), ('traceback', 'first\n' * 50 + 'last')):
            result.status(test_id='a', file_name=name, file_bytes=text.encode(), eof=True,
                          mime_type='text/plain; charset="utf8"')
        result.status(test_id='a', test_status='fail')
        told, _status = self.count(output.getvalue())
        self.assertEqual(['failed: a (fail)', '    SEED=7', *['    first'] * 39, '    last',
                          '0 passed, 1 failed, 0 skipped'], told.splitlines())

    def test_unfinished_test_has_failed(self):
        """A test that never ended, such as one whose worker died, has failed."""
        told, status = self.count(a='success', b='inprogress')
        self.assertEqual(('1 passed, 1 failed, 0 skipped', 1), (told.splitlines()[-1], status))

    def test_an_empty_run_fails(self):
        """A run without tests fails."""
        self.assertEqual(('0 passed, 0 failed, 0 skipped\n', 1), self.count())
