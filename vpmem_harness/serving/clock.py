"""The clocks that simulated durations run on."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """Something that is due later, and can be called off until then."""

    def cancel(self) -> None:
        """Call it off; does nothing when it has already run."""


class Clock(Protocol):
    """What the time is, and what is due later."""

    def now(self) -> float:
        """Seconds since the epoch."""

    def call_later(self, seconds: float, action: Callable[[], None]) -> Timer:
        """Call ``action`` once, ``seconds`` from now, on a thread of the clock's choice."""


class SystemClock:
    """The machine's own time; each timer is a daemon thread that ends with it."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def call_later(self, seconds: float, action: Callable[[], None]) -> Timer:
        """Call ``action`` from a thread of its own."""
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
    """A clock that stands still until a test steps it.

    ::

        >>> clock = SteppedClock()
        >>> timer = clock.call_later(5, lambda: print('due'))
        >>> clock.step(4)
        >>> clock.step(1)
        due

    What becomes due runs in the thread that steps, in the order of its time.
    """

    def __init__(self, start: float = 1_000_000_000.0) -> None:
        self._now = start
        self._order = itertools.count()
        self._due: list[tuple[float, int, _Due]] = []
        self._lock = threading.Lock()

    def now(self) -> float:
        """Seconds since the epoch, as far as the clock has been stepped."""
        return self._now

    def call_later(self, seconds: float, action: Callable[[], None]) -> Timer:
        """Call ``action`` in the step that reaches its time."""
        due = _Due(action)
        with self._lock:
            heapq.heappush(self._due, (self._now + max(seconds, 0), next(self._order), due))
        return due

    def step(self, seconds: float) -> None:
        """Let ``seconds`` pass, and run what becomes due."""
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
