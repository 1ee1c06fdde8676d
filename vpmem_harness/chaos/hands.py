"""A thread that does a run's steps, and who waits for what when one does not end."""

from __future__ import annotations

import queue
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar('T')

#: Names of functions that only wait: who called them says more.
_WAITING = ('wait', 'wait_for', 'acquire', 'get', 'join', '__enter__')

#: How many calls of a waiting thread are told.
_CALLS = 6


class Stuck(Exception):
    """A step did not end; the text says where each thread is."""


class _Task(Generic[T]):
    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._done = threading.Event()
        self._error: BaseException | None = None
        self._result: T

    def do(self) -> None:
        try:
            self._result = self._work()
        except BaseException as error:
            self._error = error
        self._done.set()

    def result(self, seconds: float) -> T:
        if not self._done.wait(seconds):
            raise Stuck(f'does not end within {seconds:g} s: {where_threads_are()}')
        if self._error is not None:
            raise self._error
        return self._result


class Hands:
    """Does one thing after the other in a thread of its own: none is waited for without end."""

    def __init__(self) -> None:
        self._tasks: queue.SimpleQueue[_Task[object] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name='vpmem-chaos', daemon=True)
        self._thread.start()

    def do(self, work: Callable[[], T], seconds: float) -> T:
        """Do something and return what it returns.

        :raises Stuck: when it has not ended after ``seconds``; it goes on by itself, if it does.
        """
        task = _Task(work)
        self._tasks.put(task)  # type: ignore[arg-type]
        return task.result(seconds)

    def close(self, seconds: float) -> bool:
        """End once what has been begun is done; False when that is not after ``seconds``."""
        self._tasks.put(None)
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while True:
            task = self._tasks.get()
            if task is None:
                return
            task.do()


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
