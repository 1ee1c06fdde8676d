"""The report on Nova's tests, without Nova."""

from __future__ import annotations

import json
import threading
from unittest import mock

import testtools

from vpmem_harness.novatests import known, runner
from vpmem_harness.novatests.report import Report
from vpmem_harness.novatests.runner import Result

TEST = 'nova.tests.functional.libvirt.test_a.ATest.test_b'


class ReportTest(testtools.TestCase):

    def known(self, **reasons):
        """Let these tests be known to depend on the fake."""
        patch = mock.patch.dict(known.KNOWN, {
            name.replace('__', '.'): reason for name, reason in reasons.items()}, clear=True)
        patch.start()
        self.addCleanup(patch.stop)

    def test_a_test_with_calls_has_passed(self):
        """The line and the summary have the number of calls."""
        report = Report()
        result = Result(TEST, 'passed', calls=7)
        group = report.add(result)
        self.assertEqual('passed', group)
        self.assertIn('7 calls', report.line(result, group))
        self.assertIn('1 of 1 passed on simulated hosts (7 calls)', report.summary())
        self.assertTrue(report.ok)

    def test_a_test_without_a_call_was_not_run(self):
        """A test that passes on Nova's fake alone says nothing about simulated hosts."""
        report = Report()
        self.assertEqual('without a call', report.add(Result(TEST, 'passed')))
        self.assertFalse(report.ok)

    def test_on_the_fake_no_test_calls_a_host(self):
        """A comparison on Nova's fake counts what passes."""
        report = Report(on_fake=True)
        self.assertEqual('passed', report.add(Result(TEST, 'passed')))
        self.assertIn("1 of 1 passed on Nova's fake", report.summary())

    def test_on_the_fake_no_failure_is_known(self):
        """The table is about simulated hosts."""
        self.known(libvirt__test_a='it reads the fake')
        self.assertEqual('failed', Report(on_fake=True).add(Result(TEST, 'failed')))

    def test_a_failure_has_its_reason(self):
        """The line of a failed test has the last line of its error."""
        report = Report()
        result = Result(TEST, 'failed', reason='1 != 2')
        self.assertEqual(f'failed   {TEST}: 1 != 2', report.line(result, report.add(result)))
        self.assertFalse(report.ok)

    def test_a_known_test_is_no_failure(self):
        """A test that depends on the fake is listed with the evidence."""
        self.known(libvirt__test_a__ATest__test_b='it reads the fake')
        report = Report()
        result = Result(TEST, 'failed', reason='1 != 2')
        self.assertEqual(f'depends  {TEST}: it reads the fake',
                         report.line(result, report.add(result)))
        self.assertTrue(report.ok)

    def test_a_known_test_may_pass(self):
        """The table does not hide a test that passes."""
        self.known(libvirt__test_a='it reads the fake')
        self.assertEqual('passed', Report().add(Result(TEST, 'passed', calls=1)))

    def test_the_document_has_everything(self):
        """The JSON document has each result in its group."""
        report = Report()
        report.add(Result(TEST, 'failed', reason='1 != 2', details='trace'))
        self.assertEqual('trace', json.loads(report.document())['failed'][0]['details'])


class KnownTest(testtools.TestCase):

    def test_each_reason_is_one_sentence(self):
        """Each test of the table has its evidence in one line."""
        for name, reason in known.KNOWN.items():
            self.assertTrue(name.startswith('libvirt.'), name)
            self.assertNotIn('\n', reason)
            self.assertGreater(len(reason), 20, name)


class _Endless:
    """A worker that reports each of its tests but the last, which never ends."""

    def __init__(self, tests):
        self.tests = tests
        self.killed = threading.Event()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def kill(self):
        self.killed.set()

    def lines(self, timeout):
        for test in self.tests[:-1]:
            yield {'id': test, 'outcome': 'passed'}
        self.killed.wait(timeout)

    status, log, last_line = -9, '', ''


class InterruptionTest(testtools.TestCase):

    def test_an_interrupted_run_leaves_no_worker(self):
        """A signal raises an exception in the thread of the report."""
        workers = []

        def start(arguments):
            workers.append(_Endless(arguments))
            return workers[-1]

        def interrupt(result):
            raise KeyboardInterrupt

        with mock.patch.object(runner, '_Worker', start):
            self.assertRaises(KeyboardInterrupt, runner.Runner(timeout=60).run,
                              ['m.A.test_a', 'm.A.test_b', 'm.A.test_c'], interrupt)
        self.assertEqual([True], [worker.killed.is_set() for worker in workers])
