"""Work is done in threads that come and go with it."""

from __future__ import annotations

import threading
import time

from tests import base
from vpmem_harness.cloud.stub.workers import MOST_IDLE, Tally, Workers

#: Seconds in which a thread does what it is waited for.
SOON = 30


class TallyTest(base.TestCase):

    def test_it_knows_what_is_under_way_about_a_server(self):
        """And whether anything is, about whatever."""
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

    def test_rest_is_waited_for(self):
        """Until the last piece of work has ended, or for so long."""
        tally = Tally()
        tally.begin('one')
        self.assertFalse(tally.rest(0))
        ended = threading.Thread(target=tally.done, args=['one'])
        ended.start()
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
        """Have so many pieces of work under way that wait to be released."""
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
        """A cloud at rest from the start has none."""
        self.assertEqual([], self.threads())

    def test_work_that_hangs_does_not_hold_up_other_work(self):
        """Each gets a thread while others are busy."""
        self.hang(3)
        done = threading.Event()
        self.workers.submit(done.set)
        self.assertTrue(done.wait(SOON))

    def test_few_threads_stay_when_the_work_is_done(self):
        """However many there were."""
        self.hang(10)
        self.release.set()
        deadline = time.monotonic() + SOON
        while len(self.threads()) > MOST_IDLE:
            self.assertLess(time.monotonic(), deadline, 'threads stay')
            threading.Event().wait(0.001)

    def test_threads_that_wait_for_work_do_nothing(self):
        """They do not wake each other."""
        self.hang(2)
        self.release.set()
        self.assertTrue(self.workers.quiet(0, SOON))
        clocks = [time.pthread_getcpuclockid(thread.ident) for thread in self.threads()]
        before = sum(map(time.clock_gettime, clocks))
        threading.Event().wait(0.05)
        self.assertLess(sum(map(time.clock_gettime, clocks)) - before, 0.01)

    def test_none_stay_after_the_end(self):
        """close and join leave nothing."""
        self.hang(2)
        self.release.set()
        self.workers.close()
        self.assertTrue(self.workers.join(SOON))
        self.assertEqual([], self.threads())

    def test_join_tells_that_work_hangs(self):
        """And gives up after its time."""
        self.hang(1)
        self.workers.close()
        self.assertFalse(self.workers.join(0.01))

    def test_closed_workers_take_nothing(self):
        """What comes late is dropped."""
        self.workers.close()
        self.workers.submit(lambda: self.fail('it was done'))
        self.assertEqual([], self.threads())

    def test_an_error_does_not_end_the_thread(self):
        """The next piece of work is done all the same."""
        def fail():
            raise ValueError('planned')
        self.workers.submit(fail)
        done = threading.Event()
        self.workers.submit(done.set)
        self.assertTrue(done.wait(SOON))
