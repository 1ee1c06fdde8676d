"""Steps that do not end."""

from __future__ import annotations

import threading

import testtools

from vpmem_harness.chaos.worker import Stuck, Worker

#: Seconds in which a thread does what it is waited for.
SOON = 30


class HandsTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.worker = Worker()
        self.addCleanup(self.worker.close, SOON)

    def test_what_is_done_is_returned(self):
        """And what it raises is raised."""
        self.assertEqual(3, self.worker.do(lambda: 3, SOON))
        self.assertRaises(ZeroDivisionError, self.worker.do, lambda: 1 // 0, SOON)

    def test_who_waits_for_what(self):
        """When something does not end in its time, every thread's place is told."""
        release = threading.Event()
        self.addCleanup(release.set)

        def cross_the_bridge():
            release.wait(SOON)
        error = self.assertRaises(Stuck, self.worker.do, cross_the_bridge, 0.5)
        self.assertIn('does not end within 0.5 s', str(error))
        self.assertRegex(str(error), r'vpmem-chaos in [^;]*cross_the_bridge:\d+')

    def test_no_thread_is_left(self):
        """Once it is closed."""
        self.assertTrue(self.worker.close(SOON))
        self.assertNotIn('vpmem-chaos', [thread.name for thread in threading.enumerate()])
