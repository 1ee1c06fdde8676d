"""Callbacks after changes of a machine's persistent memory."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator


class Changes:
    """The changes of one machine, which are made under its lock.

    Callbacks are called under the lock too, after the outermost change.
    """

    def __init__(self, lock: threading.RLock) -> None:
        self._lock = lock
        self._callbacks: list[Callable[[], None]] = []
        self._listing_callbacks: list[Callable[[], None]] = []
        self._depth = 0
        self._listings_change = False

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call ``callback`` after each change; return what removes it."""
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback)

    def on_listing_change(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` after each change that a listing can show."""
        self._listing_callbacks.append(callback)

    @contextlib.contextmanager
    def changing(self, *, listings: bool = True) -> Iterator[None]:
        """Hold the lock during a change.

        :param listings: whether a listing can show the change
        """
        with self._lock:
            self._depth += 1
            self._listings_change = self._listings_change or listings
            try:
                yield
            finally:
                self._depth -= 1
                if not self._depth:
                    callbacks = list(self._callbacks)
                    if self._listings_change:
                        callbacks += self._listing_callbacks
                    self._listings_change = False
                    for callback in callbacks:
                        callback()
