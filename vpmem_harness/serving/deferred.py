"""Deferred results, for calls that must not block the event loop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


class Deferred:
    """The result of a call that has not finished yet.

    A method returns it in place of its result. The reply is sent when ``resolve``, ``fail`` or
    ``run`` is called, from any thread. Meanwhile the other calls of the session continue, as they
    do on libvirtd's worker threads. The first completion counts and later ones are ignored,
    because a fault may have answered the call already. If the client has disconnected, the result
    is dropped.
    """

    __slots__ = ('_callbacks', '_error', '_lock', '_value', 'done')

    def __init__(self) -> None:
        self.done = False
        self._lock = threading.Lock()
        self._value: Any = None
        self._error: Exception | None = None
        self._callbacks: list[Callable[[Deferred], None]] = []

    def resolve(self, value: Any = None) -> None:
        """Complete with the value that the method would have returned."""
        self._complete(value, None)

    def fail(self, error: Exception) -> None:
        """Complete with the exception that the method would have raised."""
        self._complete(None, error)

    def run(self, function: Callable[[], Any]) -> None:
        """Call the function in this thread, and complete with what it returns or raises.

        If the function returns a ``Deferred``, this one completes when that one does.
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
        """Return the value or raise the error; call it only after completion."""
        if self._error is not None:
            raise self._error
        return self._value

    def when_done(self, callback: Callable[[Deferred], None]) -> None:
        """Call ``callback`` with this object on completion, in the completing thread.

        If it has completed already, the callback runs at once.
        """
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
