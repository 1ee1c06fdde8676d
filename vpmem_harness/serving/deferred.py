"""A result that is not known yet, for calls that must not hold up the one thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


class Deferred:
    """What a method returns in place of a result that will come.

    The reply to the call is sent when ``resolve``, ``fail`` or ``run`` is called, from any thread;
    meanwhile the session's other calls go on, as they do with libvirtd's worker threads.  The
    first completion counts; a later one is ignored, because a fault may have answered in its
    place.  A client that has gone in between is nobody's concern: the result is dropped.
    """

    __slots__ = ('_callbacks', '_error', '_lock', '_value', 'done')

    def __init__(self) -> None:
        self.done = False
        self._lock = threading.Lock()
        self._value: Any = None
        self._error: Exception | None = None
        self._callbacks: list[Callable[[Deferred], None]] = []

    def resolve(self, value: Any = None) -> None:
        """Completes with the value that the method would have returned."""
        self._complete(value, None)

    def fail(self, error: Exception) -> None:
        """Completes with the exception that the method would have raised."""
        self._complete(None, error)

    def run(self, function: Callable[[], Any]) -> None:
        """Completes with what the function returns or raises; it runs in the calling thread.

        A function that returns a ``Deferred`` hands the completion on to it.
        """
        try:
            value = function()
        except Exception as error:
            self.fail(error)
            return
        if isinstance(value, Deferred):
            value.when_done(lambda inner: self._complete(inner._value, inner._error))
        else:
            self.resolve(value)

    def result(self) -> Any:
        """Returns the value or raises the error; only after completion."""
        if self._error is not None:
            raise self._error
        return self._value

    def when_done(self, callback: Callable[[Deferred], None]) -> None:
        """Calls back with this object once complete, at once if it is; in the completing thread."""
        with self._lock:
            if not self.done:
                self._callbacks.append(callback)
                return
        callback(self)

    def _complete(self, value: Any, error: Exception | None) -> None:
        with self._lock:
            if self.done:
                return
            self._value, self._error = value, error
            self.done = True
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback(self)
