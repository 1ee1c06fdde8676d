"""Worker threads of the services of a cloud."""

from __future__ import annotations

import collections
import threading
import time
from collections.abc import Callable

from oslo_log import log as logging

LOG = logging.getLogger(__name__)

#: Maximum number of threads: more than a test has busy servers, so that hanging calls do not
#: block others.
MOST = 64

#: Maximum number of idle threads, even for a cloud of 1,000 hosts.
MOST_IDLE = 2


class Tally:
    """Counts work in progress by server; thread-safe."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._pieces: collections.Counter[str | None] = collections.Counter()

    def begin(self, server: str | None) -> None:
        """Record that work begins, for a server or for none."""
        with self._changed:
            self._pieces[server] += 1

    def done(self, server: str | None) -> None:
        """Record that work has ended."""
        with self._changed:
            self._pieces[server] -= 1
            if not self._pieces[server]:
                del self._pieces[server]
            self._changed.notify_all()

    def empty(self, server: str | None = None) -> bool:
        """Whether no work is in progress, for a server or at all."""
        with self._changed:
            return not self._pieces if server is None else server not in self._pieces

    def rest(self, seconds: float, server: str | None = None) -> bool:
        """Wait until no work is in progress, for a server or at all; False after ``seconds``."""
        with self._changed:
            return self._changed.wait_for(
                lambda: not self._pieces if server is None else server not in self._pieces,
                seconds)


class Workers:
    """Thread pool; work runs in the first free thread.

    Threads start when there is work, and end when there is none.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        lock = threading.Lock()
        # Separate condition: a thread that becomes idle must not wake other idle threads.
        self._changed = threading.Condition(lock)
        self._work_came = threading.Condition(lock)
        self._waiting: collections.deque[Callable[[], None]] = collections.deque()
        self._threads: set[threading.Thread] = set()
        self._idle = 0
        self._closed = False

    def submit(self, work: Callable[[], None]) -> None:
        """Queue ``work``; a closed pool ignores it."""
        with self._changed:
            if self._closed:
                return
            self._waiting.append(work)
            if self._idle >= len(self._waiting) or len(self._threads) >= MOST:
                self._work_came.notify()
                return
            thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._threads.add(thread)
            thread.start()

    def close(self) -> None:
        """Accept no more work, and drop queued work."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._work_came.notify_all()

    def quiet(self, most: int, seconds: float) -> bool:
        """Wait until at most ``most`` threads work; return False after ``seconds``."""
        with self._changed:
            return self._changed.wait_for(
                lambda: len(self._threads) - self._idle + len(self._waiting) <= most, seconds)

    def join(self, seconds: float) -> bool:
        """Wait until all threads have ended; return False after ``seconds``."""
        deadline = time.monotonic() + seconds
        with self._changed:
            threads = list(self._threads)
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in threads)

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._waiting:
                    if self._closed or self._idle >= MOST_IDLE:
                        self._threads.discard(threading.current_thread())
                        self._changed.notify_all()
                        return
                    self._idle += 1
                    self._changed.notify_all()
                    self._work_came.wait()
                    self._idle -= 1
                work = self._waiting.popleft()
            try:
                work()
            except Exception:
                LOG.exception('Unexpected error in a service of the cloud')
