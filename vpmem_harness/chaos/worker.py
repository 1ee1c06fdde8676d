"""A thread that does a run's steps, and who waits for what when one does not end."""

from __future__ import annotations

import queue
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent import futures
from typing import TypeVar

T = TypeVar('T')

#: Names of functions that only wait: who called them says more.
_WAITING = ('wait', 'wait_for', 'acquire', 'get', 'join', '__enter__')

#: How many calls of a waiting thread are told.
_CALLS = 6


class Stuck(Exception):
    """A step did not end; the text says where each thread is."""


class Hands:
    """Does one thing after the other in a thread of its own: none is waited for without end.

    The thread is a daemon, as an executor's is not: what is stuck does not keep the process.
    """

    def __init__(self) -> None:
        self._tasks: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name='vpmem-chaos', daemon=True)
        self._thread.start()

    def do(self, work: Callable[[], T], seconds: float) -> T:
        """Do something and return what it returns.

        :raises Stuck: when it has not ended after ``seconds``; it goes on by itself, if it does.
        """
        outcome: futures.Future[T] = futures.Future()

        def run() -> None:
            try:
                outcome.set_result(work())
            except BaseException as error:
                outcome.set_exception(error)
        self._tasks.put(run)
        futures.wait([outcome], seconds)
        if not outcome.done():
            raise Stuck(f'does not end within {seconds:g} s: {where_threads_are()}')
        return outcome.result()

    def close(self, seconds: float) -> bool:
        """End once what has been begun is done; False when that is not after ``seconds``."""
        self._tasks.put(None)
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            task()


def where_threads_are() -> str:
    """Which function each other thread of the process is in, by the names of its callers."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    places = []
    for ident, frame in sys._current_frames().items():
        if ident == threading.get_ident():
            continue
        calls = [f'{one.name}:{one.lineno}' for one in traceback.extract_stack(frame)
                 if one.name not in _WAITING]
        places.append(f'{names.get(ident, ident)} in {" > ".join(calls[-_CALLS:])}')
    return '; '.join(sorted(places))
