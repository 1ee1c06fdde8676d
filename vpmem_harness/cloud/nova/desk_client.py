"""How the test asks the control process, which answers at its desks."""

from __future__ import annotations

import threading
from multiprocessing import connection
from typing import Any


class DeskClient:
    """Asks the control process; each thread has a connection of its own, and so a desk."""

    def __init__(self) -> None:
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

        :raises RuntimeError: what went wrong in the control process.
        """
        pipe = getattr(self._local, 'pipe', None)
        if pipe is None:
            pipe = self._local.pipe = connection.Client(self._address, 'AF_UNIX')
            with self._lock:
                self._open.append(pipe)
        pipe.send((method, arguments))
        worked, answer = pipe.recv()
        if not worked:
            raise RuntimeError(f'{method}: {answer}')
        return answer
