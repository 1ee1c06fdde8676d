"""One fault of a host: when it strikes, which calls it holds, and how it ends.

This module takes no locks. The thread that answers every call asks whether a fault strikes, and
must not wait for a thread that holds a lock: that thread may itself be waiting for an answer. This
can happen anywhere, because the garbage collector closes a libvirt connection with a call.
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
from vpmem_harness.plurals import counted
from vpmem_harness.randomness import Randomness

#: How long to wait for a fault by default, in seconds: enough for Nova on a busy machine.
TIMEOUT = 60.0


class FaultFrequency(TypedDict, total=False):
    """How often a fault strikes.

    ``times``: the number of calls that it strikes; every call if None.
    ``probability``: the chance of each call to be struck, drawn from the host's seed; 1 by default.
    ``skip``: the number of calls to let pass first.
    """

    times: int | None
    probability: float
    skip: int


class Fault:
    """A fault, in force until it is removed.

    Use it as a context manager to remove it at the end of the block::

        with host.faults.failing('domainCreateWithFlags', libvirt.VIR_ERR_OPERATION_FAILED):
            cloud.boot(pmem='SMALL', expect='ERROR')

    ``struck`` is the number of calls that it strikes or has struck. ``reached`` is the number of
    those that have come to the point at which it strikes. ``number`` identifies the fault on its
    host.

    :param what: a description for messages and for the record of a call.
    :param removed: called once, when the fault is removed.
    :param late: whether it strikes after a call has taken effect, and not before.
    """

    def __init__(self, what: str, randomness: Randomness, removed: Callable[[Fault], None], *,
                 times: int | None = None, probability: float = 1.0, skip: int = 0,
                 number: int = 0, late: bool = False) -> None:
        if times is not None and not (isinstance(times, int) and times >= 1):
            raise InvalidInputError('times of a fault', expected='1 or more, or None for no limit',
                                    got=repr(times), remedy='leave the fault out to have none')
        if not (isinstance(probability, int | float) and 0 <= probability <= 1):
            raise InvalidInputError('probability of a fault', expected='a number from 0 to 1',
                                    got=repr(probability), remedy='give 0.1 for one call in ten')
        if not (isinstance(skip, int) and skip >= 0):
            raise InvalidInputError('skip of a fault', expected='a number of calls, 0 or more',
                                    got=repr(skip), remedy='leave it out to skip none')
        self.what = what
        self.number = number
        self.struck = 0
        self.reached = 0
        self._late = late
        self._times = times
        self._probability = probability
        self._skip = skip
        self._randomness = randomness
        self._removed = removed
        self._in_force = True
        self._seen = itertools.count()
        self._strokes = itertools.count(1)
        self._arrivals = itertools.count(1)
        self._removals = itertools.count()
        self._signals: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._held: collections.deque[Callable[[], None]] = collections.deque()
        self._failures: collections.deque[Exception] = collections.deque()

    def __repr__(self) -> str:
        state = 'in force' if self._in_force else 'removed'
        return f'<Fault {self.what}: {state}, struck {counted(self.struck, "time")}>'

    def __enter__(self) -> Fault:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self.remove()

    @property
    def in_force(self) -> bool:
        """Whether the fault can still strike."""
        return self._in_force and (self._times is None or self.struck < self._times)

    def wait_until_reached(self, timeout: float = TIMEOUT, times: int = 1) -> None:
        """Wait until the fault has struck ``times`` calls.

        A fault with ``when='after'`` strikes when the call has taken effect.

        :param timeout: in seconds.
        :raises WaitTimeoutError: when it has not struck that many calls in time.
        """
        deadline = time.monotonic() + timeout
        while self.reached < times:
            try:
                self._signals.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise WaitTimeoutError(
                    f'the fault {self.what!r} to strike{f" {times} times" if times > 1 else ""}',
                    timeout, [counted(self.reached, 'time')]) from None
        self._signals.put(None)     # for other waiters

    def release(self) -> None:
        """Let the calls that it holds go on; the same as ``remove``."""
        self.remove()

    def remove(self) -> None:
        """End the fault: it strikes no more, and the calls that it holds go on.

        :raises Exception: the error of an action that ``faults.at`` ran, if it raised one.
        """
        self._in_force = False
        self._let_go()
        if next(self._removals) == 0:
            self._removed(self)
        self.raise_failure()

    def fail(self, failure: Exception) -> None:
        """Keep the error of an action, to be raised in the test's thread."""
        self._failures.append(failure)

    def raise_failure(self) -> None:
        """Raise the error of the first action that failed, once."""
        if self._failures:
            failure = self._failures.popleft()
            self._failures.clear()
            raise failure

    def strikes(self) -> bool:
        """Decide whether the fault strikes this call, and count it if so."""
        if not self.in_force or next(self._seen) < self._skip:
            return False
        if not self._randomness.chance(self._probability):
            return False
        stroke = next(self._strokes)
        if self._times is not None and stroke > self._times:
            return False
        self.struck = stroke
        if not self._late:
            self.reach()
        return True

    def reach(self) -> None:
        """Note that a call has come to the point at which the fault strikes."""
        self.reached = next(self._arrivals)
        self._signals.put(None)

    def hold(self, go_on: Callable[[], None]) -> None:
        """Call ``go_on`` when the fault is removed, at once if it has been removed."""
        self._held.append(go_on)
        if not self._in_force:
            self._let_go()

    @property
    def holding(self) -> int:
        """How many calls the fault holds at present."""
        return len(self._held)

    def lose(self) -> None:
        """Drop the calls that the fault holds: the daemon that was to answer them has gone."""
        self._held.clear()

    def _let_go(self) -> None:
        while self._held:
            try:
                go_on = self._held.popleft()
            except IndexError:
                return      # another thread was faster
            go_on()
