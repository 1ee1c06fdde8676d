"""One thing that goes wrong on a host: when it strikes, whom it holds up, and how it ends.

No locks here: the thread that answers every call asks whether a fault strikes, and must not wait
for one that holds a lock. Such a thread may itself wait for an answer: anywhere, when the garbage
collector finds a connection to libvirt in it, which closes with a call.
"""

from __future__ import annotations

import collections
import itertools
import queue
import time
from collections.abc import Callable
from types import TracebackType
from typing import TypedDict

from vpmem_harness.exceptions import InvalidInputError, WaitTimeoutError
from vpmem_harness.randomness import Randomness

#: Seconds in which a fault is reached, unless a test says otherwise: what a cloud on Nova needs for
#: it on a machine that is busy with something else.
TIMEOUT = 60.0


class Often(TypedDict, total=False):
    """How often a fault strikes.

    ``times``: at the next so many calls, and then no more; at every call when None.
    ``probability``: at each with this chance, drawn from the host's seed; 1 unless given.
    ``skip``: so many calls are let pass before.
    """

    times: int | None
    probability: float
    skip: int


class Fault:
    """A fault that is in force until it is removed.

    As a context manager it is removed at the end of the block::

        with host.faults.failing('domainCreateWithFlags', libvirt.VIR_ERR_OPERATION_FAILED):
            cloud.boot(pmem='SMALL', expect='ERROR')

    ``struck`` counts how often it has struck.

    :param what: it, in words: for messages and for the transcript of calls.
    :param removed: called once, when it is removed.
    """

    def __init__(self, what: str, randomness: Randomness, removed: Callable[[Fault], None], *,
                 times: int | None = None, probability: float = 1.0, skip: int = 0) -> None:
        if times is not None and not (isinstance(times, int) and times >= 1):
            raise InvalidInputError('times of a fault', expected='1 or more, or None for always',
                                    got=repr(times), remedy='leave the fault out for none')
        if not (isinstance(probability, int | float) and 0 <= probability <= 1):
            raise InvalidInputError('probability of a fault', expected='a number from 0 to 1',
                                    got=repr(probability), remedy='give 0.1 for one call in ten')
        if not (isinstance(skip, int) and skip >= 0):
            raise InvalidInputError('skip of a fault', expected='how many calls, from 0 on',
                                    got=repr(skip), remedy='leave it out to skip none')
        self.what = what
        self.struck = 0
        self._times = times
        self._probability = probability
        self._skip = skip
        self._randomness = randomness
        self._removed = removed
        self._in_force = True
        self._seen = itertools.count()
        self._strokes = itertools.count(1)
        self._removals = itertools.count()
        self._signals: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._held: collections.deque[Callable[[], None]] = collections.deque()
        self._failures: collections.deque[Exception] = collections.deque()

    def __repr__(self) -> str:
        state = 'in force' if self._in_force else 'removed'
        return f'<Fault {self.what}: {state}, struck {self.struck} times>'

    def __enter__(self) -> Fault:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self.remove()

    @property
    def in_force(self) -> bool:
        """Whether it can still strike."""
        return self._in_force and (self._times is None or self.struck < self._times)

    def wait_until_reached(self, timeout: float = TIMEOUT, times: int = 1) -> None:
        """Wait until it has struck, for the first time or for the ``times``-th.

        :param timeout: in seconds.
        :raises WaitTimeoutError: when it has not by then.
        """
        deadline = time.monotonic() + timeout
        while self.struck < times:
            try:
                self._signals.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise WaitTimeoutError(
                    f'the fault {self.what!r} to strike{f" {times} times" if times > 1 else ""}',
                    timeout, [f'{self.struck} times']) from None
        self._signals.put(None)     # for others that wait

    def release(self) -> None:
        """Let what it holds up go on, and hold up nothing any more; the same as ``remove``."""
        self.remove()

    def remove(self) -> None:
        """End it: it strikes no more, and what it holds up goes on.

        :raises Exception: what was to be done when it struck has raised this.
        """
        self._in_force = False
        self._let_go()
        if next(self._removals) == 0:
            self._removed(self)
        self.raise_failure()

    def fail(self, failure: Exception) -> None:
        """Keep what an action at a stroke has raised, for the thread of the test."""
        self._failures.append(failure)

    def raise_failure(self) -> None:
        """Raise what the first action that failed has raised, once."""
        if self._failures:
            failure = self._failures.popleft()
            self._failures.clear()
            raise failure

    def strikes(self) -> bool:
        """Whether it strikes this time; if so, that is counted."""
        if not self.in_force or next(self._seen) < self._skip:
            return False
        if not self._randomness.chance(self._probability):
            return False
        stroke = next(self._strokes)
        if self._times is not None and stroke > self._times:
            return False
        self.struck = stroke
        self._signals.put(None)
        return True

    def hold(self, go_on: Callable[[], None]) -> None:
        """Have ``go_on`` called when it is removed, at once if it has been."""
        self._held.append(go_on)
        if not self._in_force:
            self._let_go()

    @property
    def holding(self) -> int:
        """How many calls it holds up now."""
        return len(self._held)

    def lose(self) -> None:
        """Forget what it holds up: who was to answer has gone, and it never goes on."""
        self._held.clear()

    def _let_go(self) -> None:
        while self._held:
            try:
                go_on = self._held.popleft()
            except IndexError:
                return      # another thread was quicker
            go_on()
