"""Worker thread with a timeout for its steps."""

from __future__ import annotations

import threading

import testtools

from vpmem_harness.chaos.worker import Stuck, Worker

#: Timeout in seconds for a thread.
SOON = 30


class HandsTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.worker = Worker()
        self.addCleanup(self.worker.close, SOON)

    def test_the_result_of_a_step_is_returned(self):
        """The worker returns a step's result, or raises its exception."""
        self.assertEqual(3, self.worker.do(lambda: 3, SOON))
        self.assertRaises(ZeroDivisionError, self.worker.do, lambda: 1 // 0, SOON)

    def test_a_timeout_shows_where_every_thread_waits(self):
        """The error of a timeout contains the place where every thread waits."""
        release = threading.Event()
        self.addCleanup(release.set)

        def cross_the_bridge():
            release.wait(SOON)
        error = self.assertRaises(Stuck, self.worker.do, cross_the_bridge, 0.5)
        self.assertIn('does not end within 0.5 s', str(error))
        self.assertRegex(str(error), r'vpmem-chaos in [^;]*cross_the_bridge:\d+')

    def test_no_thread_remains(self):
        """A closed worker leaves no thread."""
        self.assertTrue(self.worker.close(SOON))
        self.assertNotIn('vpmem-chaos', [thread.name for thread in threading.enumerate()])
