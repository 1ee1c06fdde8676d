"""Client of the control process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from multiprocessing import connection
from typing import Any


class ControlClient:
    """Client of the control process, with one connection per thread.

    :param last_words: returns the last output of the control process, for error messages.
    """

    def __init__(self, last_words: Callable[[], str]) -> None:
        self._last_words = last_words
        self._local = threading.local()
        self._lock = threading.Lock()
        self._open: list[connection.Connection] = []
        self._address = ''

    def open(self, address: str) -> None:
        """Set the address of the control process; threads connect on first use."""
        self._address = address

    def close(self) -> None:
        """Close the connections of all threads."""
        with self._lock:
            for pipe in self._open:
                pipe.close()
            self._open.clear()
            self._local = threading.local()

    def ask(self, method: str, *arguments: Any) -> Any:
        """Call a method of the control server and return its result.

        :raises RuntimeError: if the call fails in the control process, or if that has ended.
        """
        try:
            pipe = self._pipe()
            pipe.send((method, arguments))
            worked, answer = pipe.recv()
        except (EOFError, OSError) as error:
            raise RuntimeError(
                f'{method}: the control process of Nova is gone: {self._last_words()}') from error
        if not worked:
            raise RuntimeError(f'{method}: {answer}')
        return answer

    def _pipe(self) -> connection.Connection:
        pipe: connection.Connection | None = getattr(self._local, 'pipe', None)
        if pipe is None:
            pipe = self._local.pipe = connection.Client(self._address, 'AF_UNIX')
            with self._lock:
                self._open.append(pipe)
        return pipe


class CachedAnswers(threading.local):
    """Answers about servers that a waiting thread has, by question; None outside a wait.

    ``deadline`` is on ``time.monotonic``.
    """

    answers: dict[tuple[str, str], Any] | None = None
    deadline = 0.0
