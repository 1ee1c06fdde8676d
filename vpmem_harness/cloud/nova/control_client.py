"""How the test asks the control process, which answers at its desks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from multiprocessing import connection
from typing import Any


class DeskClient:
    """Asks the control process; each thread has a connection of its own, and so a desk.

    :param last_words: what the control process has said last, for when it is gone.
    """

    def __init__(self, last_words: Callable[[], str]) -> None:
        self._last_words = last_words
        self._local = threading.local()
        self._lock = threading.Lock()
        self._open: list[connection.Connection] = []
        self._address = ''

    def open(self, address: str) -> None:
        """Say where the control process listens; who asks connects."""
        self._address = address

    def close(self) -> None:
        """Close the connections of all threads."""
        with self._lock:
            for pipe in self._open:
                pipe.close()
            self._open.clear()
            self._local = threading.local()

    def ask(self, method: str, *arguments: Any) -> Any:
        """Ask a question.

        :raises RuntimeError: what went wrong in the control process, or that it is gone.
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
