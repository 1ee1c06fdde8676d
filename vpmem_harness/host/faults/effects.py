"""What a fault does to a call: to libvirt's daemon, or of one of the host's executables.

An effect gets what would happen without it, a function that returns the result of the call or a
``Deferred``, and returns or raises what happens in its place.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import signal
import threading
from collections.abc import Callable
from typing import Any, Protocol

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.host.faults.fault import Fault
from vpmem_harness.pmem import CommandResult, Contents, Segment
from vpmem_harness.pmem.commands.results import InputWanted
from vpmem_harness.serving.clock import Clock
from vpmem_harness.serving.deferred import Deferred

GoOn = Callable[[], Any]
Effect = Callable[[Fault, GoOn], Any]
CallSoon = Callable[[Callable[[], object]], None]


class Stage(Protocol):
    """Where calls are answered: the loop's ``call_soon``, and the host's clock."""

    @property
    def call_soon(self) -> CallSoon:
        """Calls a function in the thread that answers."""

    @property
    def clock(self) -> Clock:
        """What durations run on."""


def raising(error: Callable[[], Exception]) -> Effect:
    """Fail with an error."""
    def effect(fault: Fault, go_on: GoOn) -> Any:
        raise error()
    return effect


def holding(stage: Stage) -> Effect:
    """Hold up until the fault is removed."""
    def effect(fault: Fault, go_on: GoOn) -> Any:
        later, resume = _resumable(stage, go_on)
        fault.hold(resume)
        return later
    return effect


def in_words(seconds: float) -> str:
    """What is said of a fault that takes so long; raises InvalidInputError."""
    if not (isinstance(seconds, int | float) and math.isfinite(seconds) and seconds >= 0):
        raise InvalidInputError('seconds of a fault', expected='a number from 0 on',
                                got=repr(seconds), remedy='use hanging() for one without an end')
    return f'takes {seconds:g} s'


def delaying(stage: Stage, seconds: float) -> Effect:
    """Hold up for so long on the host's clock, or until the fault is removed."""
    def effect(fault: Fault, go_on: GoOn) -> Any:
        later, resume = _resumable(stage, go_on)
        timer = stage.clock.call_later(seconds, resume)

        def at_once() -> None:
            timer.cancel()
            resume()
        fault.hold(at_once)
        return later
    return effect


def doing(stage: Stage, action: Callable[[], object],
          acts: list[tuple[Fault, threading.Thread]]) -> Effect:
    """Do something in a thread of its own, and go on when that is done.

    In a thread, since what is done may itself wait for the one that answers calls: a compute
    service that is killed closes its connection. What it raises is the fault's to tell.
    """
    def effect(fault: Fault, go_on: GoOn) -> Any:
        later, resume = _resumable(stage, go_on)

        def act() -> None:
            try:
                action()
            except Exception as error:
                fault.fail(error)
            finally:
                resume()
        thread = threading.Thread(target=act, name='vpmem-fault', daemon=True)
        acts.append((fault, thread))
        thread.start()
        return later
    return effect


def check_status(status: int, lowest: int) -> int:
    """An exit status that a program can end with, or a signal; raises InvalidInputError."""
    if not (isinstance(status, int)
            and (lowest <= status <= 255 or -status in signal.valid_signals())):
        raise InvalidInputError(
            'status of a program', expected=f'{lowest} to 255, or the negative number of a signal',
            got=repr(status), remedy='give 1 for a failure, -9 for SIGKILL')
    return status


def answering(change: Callable[[CommandResult], CommandResult]) -> Effect:
    """Answer a command with something else than its result."""
    def effect(fault: Fault, go_on: GoOn) -> Any:
        return then(go_on(), change)
    return effect


def afterwards(stage: Stage, effect: Effect) -> Effect:
    """Strike when the call has taken effect, in place of before it."""
    def after(fault: Fault, go_on: GoOn) -> Any:
        try:
            result = go_on()
        except InputWanted:
            raise       # it has not happened yet
        except Exception as error:
            refusal = error

            def fail() -> Any:
                raise refusal
            return effect(fault, fail)
        if not isinstance(result, Deferred):
            return effect(fault, lambda: result)
        later = Deferred()
        result.when_done(lambda done: stage.call_soon(
            lambda: later.run(lambda: effect(fault, done.result))))
        return later
    return after


def then(result: Any, change: Callable[[CommandResult], CommandResult]) -> Any:
    """The result of a command, changed, now or when it is there."""
    if not isinstance(result, Deferred):
        return change(result)
    later = Deferred()
    result.when_done(lambda done: later.run(lambda: change(done.result())))
    return later


def half(result: CommandResult, status: int) -> CommandResult:
    """The first half of what a command prints."""
    payload = result.payload
    if payload is not None:
        payload = Contents(tuple(_first(payload, payload.length // 2)))
    return dataclasses.replace(
        result, returncode=status, stdout=result.stdout[:len(result.stdout) // 2],
        stderr=result.stderr[:len(result.stderr) // 2], payload=payload)


def _first(contents: Contents, length: int) -> list[Segment]:
    kept = []
    for segment in contents.segments:
        if length > 0:
            kept.append(Segment(min(length, segment.length), segment.writer))
        length -= segment.length
    return kept


def _resumable(stage: Stage, go_on: GoOn) -> tuple[Deferred, Callable[[], None]]:
    """A result to come, and what brings it about: the first call of that counts.

    What nobody waits for any more is not done: a command whose process has been killed.
    """
    later = Deferred()
    times = itertools.count()

    def run() -> None:
        if not later.done:
            later.run(go_on)

    def resume() -> None:
        if next(times) == 0:
            stage.call_soon(run)
    return later, resume
