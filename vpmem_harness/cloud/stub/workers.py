"""The threads that the services of a cloud work in."""

from __future__ import annotations

import collections
import threading
import time
from collections.abc import Callable

from oslo_log import log as logging

LOG = logging.getLogger(__name__)

#: How many threads may work at once: more than a test has servers in motion, so that calls that
#: hang leave room for others.
MOST = 64

#: How many threads may wait for work: a cloud of 1,000 hosts at rest has no more.
MOST_IDLE = 2


class Tally:
    """What is under way, by the server that it is about; thread-safe."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._pieces: collections.Counter[str | None] = collections.Counter()

    def begin(self, server: str | None) -> None:
        """A piece of work begins, about a server or about none."""
        with self._changed:
            self._pieces[server] += 1

    def done(self, server: str | None) -> None:
        """A piece of work has ended."""
        with self._changed:
            self._pieces[server] -= 1
            if not self._pieces[server]:
                del self._pieces[server]
            self._changed.notify_all()

    def empty(self, server: str | None = None) -> bool:
        """Whether nothing is under way about a server, or at all."""
        with self._changed:
            return not self._pieces if server is None else server not in self._pieces

    def rest(self, seconds: float) -> bool:
        """Wait until nothing is under way; False when something is after ``seconds``."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._pieces, seconds)


class Workers:
    """Runs what it is given, each piece in the first thread that is free.

    Threads begin when there is work for them, and end when there is none.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        lock = threading.Lock()
        # Apart: a thread that goes idle must not wake those that are.
        self._changed = threading.Condition(lock)
        self._work_came = threading.Condition(lock)
        self._waiting: collections.deque[Callable[[], None]] = collections.deque()
        self._threads: set[threading.Thread] = set()
        self._idle = 0
        self._closed = False

    def submit(self, work: Callable[[], None]) -> None:
        """Have ``work`` done soon; once closed, nothing is done any more."""
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
        """Take no more work and drop what nobody has begun."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._work_came.notify_all()

    def quiet(self, most: int, seconds: float) -> bool:
        """Wait until no more than ``most`` threads work; False when more do after ``seconds``."""
        with self._changed:
            return self._changed.wait_for(
                lambda: len(self._threads) - self._idle + len(self._waiting) <= most, seconds)

    def join(self, seconds: float) -> bool:
        """Wait for what goes on to end; False when it has not after ``seconds``."""
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
                LOG.exception('A service of the cloud failed unexpectedly')
