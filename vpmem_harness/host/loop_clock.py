"""Default clock of a host: real time, with timers in the serving thread."""

from __future__ import annotations

import time
from collections.abc import Callable

from vpmem_harness.serving import eventloop
from vpmem_harness.serving.clock import Timer


class LoopClock:
    """The real time; timers run in the thread that serves the hosts."""

    def __init__(self, loop: eventloop.EventLoop) -> None:
        self._loop = loop

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def call_later(self, seconds: float, action: Callable[[], None]) -> Timer:
        """Call ``action`` once, ``seconds`` from now."""
        return self._loop.call_later(seconds, action)
