"""Worker threads that start and end with their work."""

from __future__ import annotations

import threading
import time

from tests import base
from vpmem_harness.cloud.stub.workers import MOST_IDLE, Tally, Workers

#: Timeout in seconds for a thread.
SOON = 30


class TallyTest(base.TestCase):

    def test_it_counts_work_by_server(self):
        """The tally knows whether there is work on a server, and whether there is any work."""
        tally = Tally()
        tally.begin('one')
        tally.begin('one')
        tally.begin(None)
        tally.done('one')
        self.assertEqual((False, True), (tally.empty('one'), tally.empty('other')))
        tally.done('one')
        self.assertEqual((True, False), (tally.empty('one'), tally.empty()))
        tally.done(None)
        self.assertTrue(tally.empty())

    def test_wait_for_rest(self):
        """The wait ends with the last piece of work, or with its timeout."""
        tally = Tally()
        tally.begin('one')
        self.assertFalse(tally.rest(0))
        ended = threading.Thread(target=tally.done, args=['one'])
        self.assertTrue(tally.rest(0, 'other'))
        self.assertFalse(tally.rest(0, 'one'))
        ended.start()
        self.assertTrue(tally.rest(SOON, 'one'))
        self.assertTrue(tally.rest(SOON))
        ended.join()


class WorkersTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.workers = Workers('test-workers')
        self.release = threading.Event()
        self.addCleanup(self.workers.join, SOON)
        self.addCleanup(self.workers.close)
        self.addCleanup(self.release.set)

    def hang(self, count):
        """Start this many pieces of work that wait for a release."""
        started = threading.Semaphore(0)

        def work():
            started.release()
            self.release.wait(SOON)
        for _ in range(count):
            self.workers.submit(work)
        for _ in range(count):
            self.assertTrue(started.acquire(timeout=SOON))

    def threads(self):
        return [thread for thread in threading.enumerate() if thread.name == 'test-workers']

    def test_no_thread_before_there_is_work(self):
        """A cloud without any work so far has no threads."""
        self.assertEqual([], self.threads())

    def test_hanging_work_does_not_block_other_work(self):
        """Each piece of work gets a thread while others are busy."""
        self.hang(3)
        done = threading.Event()
        self.workers.submit(done.set)
        self.assertTrue(done.wait(SOON))

    def test_few_threads_remain_after_the_work(self):
        """Most threads end after the work, however many there were."""
        self.hang(10)
        self.release.set()
        deadline = time.monotonic() + SOON
        while len(self.threads()) > MOST_IDLE:
            self.assertLess(time.monotonic(), deadline, 'threads stay')
            threading.Event().wait(0.001)

    def test_idle_threads_do_nothing(self):
        """Idle threads do not wake each other."""
        self.hang(2)
        self.release.set()
        self.assertTrue(self.workers.quiet(0, SOON))
        clocks = [time.pthread_getcpuclockid(thread.ident) for thread in self.threads()]
        before = sum(map(time.clock_gettime, clocks))
        threading.Event().wait(0.05)
        self.assertLess(sum(map(time.clock_gettime, clocks)) - before, 0.01)

    def test_no_thread_remains_after_the_end(self):
        """close and join leave no thread."""
        self.hang(2)
        self.release.set()
        self.workers.close()
        self.assertTrue(self.workers.join(SOON))
        self.assertEqual([], self.threads())

    def test_join_reports_hanging_work(self):
        """join returns after its timeout while work hangs."""
        self.hang(1)
        self.workers.close()
        self.assertFalse(self.workers.join(0.01))

    def test_closed_workers_drop_work(self):
        """Work submitted after close is dropped."""
        self.workers.close()
        self.workers.submit(lambda: self.fail('it was done'))
        self.assertEqual([], self.threads())

    def test_a_thread_survives_an_error(self):
        """The next piece of work runs after one that failed."""
        def fail():
            raise ValueError('planned')
        self.workers.submit(fail)
        done = threading.Event()
        self.workers.submit(done.set)
        self.assertTrue(done.wait(SOON))
