"""Clocks for simulated durations: the system clock, and one that tests step."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """A scheduled call that can be cancelled."""

    def cancel(self) -> None:
        """Cancel the call; does nothing if it has already run."""


class Clock(Protocol):
    """Interface of a clock: the current time, and scheduled calls."""

    def now(self) -> float:
        """Return the time in seconds since the epoch."""

    def call_later(self, seconds: float, action: Callable[[], None]) -> Timer:
        """Call ``action`` once, in ``seconds`` seconds, in a thread that the clock chooses."""


class SystemClock:
    """The system's clock; each timer is a daemon thread."""

    def now(self) -> float:
        """Return the time in seconds since the epoch."""
        return time.time()

    def call_later(self, seconds: float, action: Callable[[], None]) -> Timer:
        """Call ``action`` in a new thread, in ``seconds`` seconds."""
        timer = threading.Timer(seconds, action)
        timer.daemon = True
        timer.start()
        return timer


class _Due:
    def __init__(self, action: Callable[[], None]) -> None:
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        self.action = None


class SteppedClock:
    """A clock that only advances when a test steps it.

    ::

        >>> clock = SteppedClock()
        >>> timer = clock.call_later(5, lambda: print('due'))
        >>> clock.step(4)
        >>> clock.step(1)
        due

    Due calls run in the thread that steps the clock, in the order of their times.
    """

    def __init__(self, start: float = 1_000_000_000.0) -> None:
        self._now = start
        self._order = itertools.count()
        self._due: list[tuple[float, int, _Due]] = []
        self._lock = threading.Lock()

    def now(self) -> float:
        """Return the clock's time in seconds since the epoch."""
        return self._now

    def call_later(self, seconds: float, action: Callable[[], None]) -> Timer:
        """Call ``action`` during the step that reaches its time."""
        due = _Due(action)
        with self._lock:
            heapq.heappush(self._due, (self._now + max(seconds, 0), next(self._order), due))
        return due

    def step(self, seconds: float) -> None:
        """Advance the clock by ``seconds`` and run the calls that become due."""
        end = self._now + seconds
        while (due := self._next(end)) is not None:
            if due.action is not None:
                due.action()
        self._now = end

    def _next(self, end: float) -> _Due | None:
        with self._lock:
            if not self._due or self._due[0][0] > end:
                return None
            self._now, _, due = heapq.heappop(self._due)
            return due
