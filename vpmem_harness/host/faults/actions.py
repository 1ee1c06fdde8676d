"""What a fault does to a call of libvirt or of one of the host's executables.

An effect is a function that is called in place of the call. It receives a function that executes
the call, and returns what the caller gets, raises an error, or returns a ``Deferred``.
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
    """The host's event loop and its clock.

    :ivar losses: how often the calls in progress were lost, because their daemon had gone.
    """

    losses: int

    @property
    def call_soon(self) -> CallSoon:
        """Call a function in the thread that answers calls."""

    @property
    def clock(self) -> Clock:
        """The clock for durations."""


def raising(error: Callable[[], Exception]) -> Effect:
    """Raise an error."""
    def effect(fault: Fault, go_on: GoOn) -> Any:
        raise error()
    return effect


def holding(stage: Stage) -> Effect:
    """Hold the call until the fault is removed."""
    def effect(fault: Fault, go_on: GoOn) -> Any:
        later, resume = _resumable(stage, go_on)
        fault.hold(resume)
        return later
    return effect


def in_words(seconds: float) -> str:
    """Describe a delay; raises InvalidInputError for an impossible one."""
    if not (isinstance(seconds, int | float) and math.isfinite(seconds) and seconds >= 0):
        raise InvalidInputError('seconds of a fault', expected='a number, 0 or more',
                                got=repr(seconds), remedy='use hanging() for a call without end')
    return f'takes {seconds:g} s'


def delaying(stage: Stage, seconds: float) -> Effect:
    """Hold the call for a time on the host's clock, or until the fault is removed."""
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
    """Run an action in a new thread, and execute the call when the action has ended.

    A thread, because the action may wait for the thread that answers calls: a compute service that
    is killed closes its connection. The fault raises the action's error when it is removed. If the
    action ends the daemon, the call never takes effect.
    """
    def effect(fault: Fault, go_on: GoOn) -> Any:
        later, resume = _resumable(stage, go_on)
        losses = stage.losses

        def act() -> None:
            try:
                action()
            except Exception as error:
                fault.fail(error)
            finally:
                if stage.losses == losses:
                    resume()
        thread = threading.Thread(target=act, name='vpmem-fault', daemon=True)
        acts.append((fault, thread))
        thread.start()
        return later
    return effect


def check_status(status: int, lowest: int) -> int:
    """Return an exit status, or a negative signal number; raises InvalidInputError otherwise."""
    if not (isinstance(status, int)
            and (lowest <= status <= 255 or -status in signal.valid_signals())):
        raise InvalidInputError(
            'status of a program', expected=f'{lowest} to 255, or the negative number of a signal',
            got=repr(status), remedy='give 1 for a failure, -9 for SIGKILL')
    return status


def without_executing(effect: Effect) -> Effect:
    """Apply an effect instead of executing the call."""
    return lambda fault, go_on: effect(fault, lambda: None)


def answering(change: Callable[[CommandResult], CommandResult]) -> Effect:
    """Change the result of a command."""
    def effect(fault: Fault, go_on: GoOn) -> Any:
        return then(go_on(), change)
    return effect


def afterwards(stage: Stage, effect: Effect) -> Effect:
    """Apply an effect after the call has taken effect instead of before."""
    def strike(fault: Fault, result: GoOn) -> Any:
        fault.reach()
        return effect(fault, result)

    def after(fault: Fault, go_on: GoOn) -> Any:
        try:
            result = go_on()
        except InputWanted:
            raise       # the call has not taken effect yet
        except Exception as error:
            refusal = error

            def fail() -> Any:
                raise refusal
            return strike(fault, fail)
        if not isinstance(result, Deferred):
            return strike(fault, lambda: result)
        later = Deferred()
        result.when_done(lambda done: stage.call_soon(
            lambda: later.run(lambda: strike(fault, done.result))))
        return later
    return after


def then(result: Any, change: Callable[[CommandResult], CommandResult]) -> Any:
    """Change the result of a command, now or when it is there."""
    if not isinstance(result, Deferred):
        return change(result)
    later = Deferred()
    result.when_done(lambda done: later.run(lambda: change(done.result())))
    return later


def half(result: CommandResult, status: int) -> CommandResult:
    """Keep the first half of a command's output."""
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
    """A deferred result, and a function that starts the call: only its first use counts.

    The call is not executed if nobody waits any more, as for a command that was killed.
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
