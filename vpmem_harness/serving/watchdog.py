"""Looks after the event loop from outside: somebody else has to act while it cannot.

A libvirt connection that its owner has lost is closed by Python's garbage collector, in whatever
thread that happens to run, and libvirt's client then waits for the daemon's answer. Where the
daemon is served by this process, that thread may be the event loop's own, or one that holds a lock
which the loop is waiting for, persistent memory's or that of a log handler: then nobody would ever
answer. No lock of ours can rule that out, for the collector may run anywhere.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from vpmem_harness.serving.eventloop import EventLoop

#: Seconds between two looks: so long, twice at most, a stall lasts.
PERIOD: Final = 0.2


class Watchdog:
    """Calls those who asked for it while the loop does not get on with a single turn.

    The callbacks run in a thread of its own, which the first of them starts; they must neither
    block nor take a lock.
    """

    def __init__(self, loop: EventLoop) -> None:
        self._loop = loop
        self._callbacks: set[Callable[[], object]] = set()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, callback: Callable[[], object]) -> None:
        """Calls this one, too; in the loop's thread, as ``discard``."""
        self._callbacks.add(callback)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name='vpmem-harness-stalls',
                                            daemon=True)
            self._thread.start()

    def discard(self, callback: Callable[[], object]) -> None:
        """Calls it no more."""
        self._callbacks.discard(callback)

    def end(self) -> None:
        """Ends the thread; once the loop has ended."""
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
