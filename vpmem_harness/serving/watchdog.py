"""Watchdog thread that detects a blocked event loop.

Python's garbage collector closes a libvirt connection that is no longer referenced. It does so in
whatever thread it runs, and the libvirt client waits there for the daemon's reply. If this process
serves that daemon, the thread may be the event loop's own, or it may hold a lock that the loop
needs, such as the lock of persistent memory or of a log handler. The reply would then never come.
The collector can run anywhere, so locking cannot prevent this.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from vpmem_harness.serving.eventloop import EventLoop

#: Polling interval in seconds; a stall is detected within two intervals.
PERIOD: Final = 0.2


class Watchdog:
    """Calls its callbacks whenever the loop stays in one iteration for too long.

    The callbacks run in the watchdog's thread, which starts with the first callback. They must not
    block and must not take a lock.
    """

    def __init__(self, loop: EventLoop) -> None:
        self._loop = loop
        self._callbacks: set[Callable[[], object]] = set()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, callback: Callable[[], object]) -> None:
        """Add a callback; call this in the loop's thread only."""
        self._callbacks.add(callback)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name='vpmem-harness-watchdog',
                                            daemon=True)
            self._thread.start()

    def discard(self, callback: Callable[[], object]) -> None:
        """Remove a callback; call this in the loop's thread only."""
        self._callbacks.discard(callback)

    def end(self) -> None:
        """Stop and join the thread, after the loop has stopped."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        seen = None
        while not self._ended.wait(PERIOD):
            turn = self._loop.turn
            if turn is not None and turn == seen:
                for callback in list(self._callbacks):
                    callback()
            seen = turn
