"""The garbage collector closes an abandoned connection in any thread."""

from __future__ import annotations

import gc
import io
import logging
import threading
import weakref

import libvirt

from tests import base
from vpmem_harness.fixtures import HostFixture
from vpmem_harness.serving import watchdog

_SECONDS = 20


class LostConnectionTest(base.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.host = self.useFixture(HostFixture(pmem='A:1x1GiB'))
        self.loop = self.host.host.loop
        # The test starts each collection itself.
        gc.disable()
        self.addCleanup(gc.enable)
        connection = libvirt.open(self.host.uri)
        connection.cycle = [connection]
        self.lost = weakref.ref(connection)

    def collect(self, collect=gc.collect) -> None:
        """Collect garbage in a separate thread, which must end."""
        thread = threading.Thread(target=collect, daemon=True)
        thread.start()
        thread.join(_SECONDS)
        self.assertFalse(thread.is_alive(), 'the collector waits for the daemon for ever')
        self.assertIsNone(self.lost())
        self.assertEqual(self.host.name, self.host.connection.getHostname())

    def collect_with(self, lock, need) -> None:
        """Collect garbage while holding a lock that the daemon's thread waits for."""
        def collect() -> None:
            entered = threading.Event()

            def wait_for_the_lock() -> None:
                entered.set()
                need()

            with lock:
                self.loop.call_soon(wait_for_the_lock)
                entered.wait(_SECONDS)
                gc.collect()

        self.collect(collect)

    def test_anywhere(self) -> None:
        """A connection is closed by the garbage collector."""
        self.collect()

    def test_in_the_thread_of_the_daemon(self) -> None:
        """A connection is closed in the daemon's own thread, which cannot answer."""
        self.collect(lambda: self.loop.run_and_wait(gc.collect))

    def test_with_the_lock_of_persistent_memory(self) -> None:
        """A connection is closed while the daemon waits for the lock of persistent memory."""
        self.collect_with(self.host.pmem.lock, lambda: self.host.pmem.namespaces)

    def test_with_the_lock_of_the_hypervisor(self) -> None:
        """A connection is closed while the daemon waits for the hypervisor's lock."""
        self.collect_with(self.host.hypervisor.lock, lambda: self.host.hypervisor.connect(False))

    def test_with_the_lock_of_a_log_handler(self) -> None:
        """A connection is closed while the daemon waits for a log handler's lock."""
        handler = logging.StreamHandler(io.StringIO())
        logger = logging.getLogger(self.id())
        logger.addHandler(handler)
        self.addCleanup(logger.removeHandler, handler)
        self.collect_with(handler.lock, lambda: logger.warning('from the daemon'))

    def test_a_call_other_than_close(self) -> None:
        """A call other than closing is answered after the daemon was blocked."""
        connection = self.host.connection
        self.loop.call_soon(lambda: threading.Event().wait(3 * watchdog.PERIOD))
        self.assertEqual(self.host.name, connection.getHostname())
