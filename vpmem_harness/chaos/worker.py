"""Worker thread for the steps of a run, with a report of where threads wait."""

from __future__ import annotations

import queue
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent import futures
from typing import TypeVar

T = TypeVar('T')

#: Names of functions that only wait; their callers say more.
_WAITING = ('wait', 'wait_for', 'acquire', 'get', 'join', '__enter__')

#: How many callers of a waiting thread are reported.
_CALLS = 6


class Stuck(Exception):
    """A step did not end; the message says where each thread waits."""


class Worker:
    """Single worker thread whose tasks are awaited with a timeout.

    Unlike the thread of an executor, it is a daemon, so a stuck task does not block the exit.
    """

    def __init__(self) -> None:
        self._tasks: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name='vpmem-chaos', daemon=True)
        self._thread.start()

    def do(self, work: Callable[[], T], seconds: float) -> T:
        """Run a task and return its result.

        :raises Stuck: if it has not ended after ``seconds``; the task continues in the background.
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
        """Stop after the current task; return False after ``seconds``."""
        self._tasks.put(None)
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            task()


def where_threads_are() -> str:
    """Return the current function of each other thread, with its callers."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    places = []
    for ident, frame in sys._current_frames().items():
        if ident == threading.get_ident():
            continue
        calls = [f'{one.name}:{one.lineno}' for one in traceback.extract_stack(frame)
                 if one.name not in _WAITING]
        places.append(f'{names.get(ident, ident)} in {" > ".join(calls[-_CALLS:])}')
    return '; '.join(sorted(places))
