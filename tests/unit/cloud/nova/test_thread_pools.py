"""The idle threads of futurist's pools end when their pool is shut down."""

from __future__ import annotations

import importlib.util

import fixtures
import testtools

from tests import base
from vpmem_harness.cloud.nova import workarounds


@testtools.skipUnless(importlib.util.find_spec('futurist'), 'nova is not installed')
class IdleThreadsTest(testtools.TestCase):

    def test_an_idle_thread_ends_with_its_pool(self) -> None:
        """It ends before it looks by itself whether it should, here after an hour."""
        import futurist
        from futurist import _thread

        # The first replacement restores the method after the test.
        self.useFixture(fixtures.MonkeyPatch(
            'futurist._thread.ThreadWorker.stop', _thread.ThreadWorker.stop))
        self.useFixture(fixtures.MonkeyPatch('futurist._thread.ThreadWorker.MAX_IDLE_FOR', 3600))
        workarounds.end_idle_workers_at_once()
        pool = futurist.ThreadPoolExecutor(2)
        self.assertEqual([1, 2], [pool.submit(abs, -number).result() for number in (1, 2)])
        workers = list(pool._workers)
        pool.shutdown(wait=False)
        for worker in workers:
            worker.join(base.GRACE)
        self.assertEqual([False, False], [worker.is_alive() for worker in workers])
