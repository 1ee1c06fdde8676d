"""What a fault does to a call: to libvirt's daemon, or of one of the host's executables.

An effect gets what would happen without it, a function that returns the result of the call or a
``Later``, and returns or raises what happens in its place.
"""

from __future__ import annotations

import dataclasses
import itertools
import threading
from collections.abc import Callable
from typing import Any, Literal, Protocol

from vpmem_harness.clock import Clock
from vpmem_harness.host.fault import Fault
from vpmem_harness.libvirtd.later import Later
from vpmem_harness.pmem import CommandResult, Contents, Segment
from vpmem_harness.pmem.results import InputWanted

#: Whether a fault strikes before a call takes effect or after it.
When = Literal['before', 'after']

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


def doing(stage: Stage, action: Callable[[], object], threads: list[threading.Thread]) -> Effect:
    """Do something in a thread of its own, and go on when that is done.

    In a thread, since what is done may itself wait for the one that answers calls: a compute
    service that is killed closes its connection.
    """
    def effect(fault: Fault, go_on: GoOn) -> Any:
        later, resume = _resumable(stage, go_on)

        def act() -> None:
            try:
                action()
            finally:
                resume()
        thread = threading.Thread(target=act, name='vpmem-fault', daemon=True)
        threads.append(thread)
        thread.start()
        return later
    return effect


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
        if not isinstance(result, Later):
            return effect(fault, lambda: result)
        later = Later()
        result.when_done(lambda done: stage.call_soon(
            lambda: later.run(lambda: effect(fault, done.result))))
        return later
    return after


def then(result: Any, change: Callable[[CommandResult], CommandResult]) -> Any:
    """The result of a command, changed, now or when it is there."""
    if not isinstance(result, Later):
        return change(result)
    later = Later()
    result.when_done(lambda done: later.run(lambda: change(done.result())))
    return later


def half(result: CommandResult, status: int) -> CommandResult:
    """The first half of what a command prints."""
    payload = result.payload
    if payload is not None:
        payload = Contents(tuple(_first(payload, payload.length // 2)))
    return dataclasses.replace(
        result, rc=status, out=result.out[:len(result.out) // 2],
        err=result.err[:len(result.err) // 2], payload=payload)


def _first(contents: Contents, length: int) -> list[Segment]:
    kept = []
    for segment in contents.segments:
        if length > 0:
            kept.append(Segment(min(length, segment.length), segment.writer))
        length -= segment.length
    return kept


def _resumable(stage: Stage, go_on: GoOn) -> tuple[Later, Callable[[], None]]:
    """A result to come, and what brings it about: the first call of that counts.

    What nobody waits for any more is not done: a command whose process has been killed.
    """
    later = Later()
    times = itertools.count()

    def run() -> None:
        if not later.done:
            later.run(go_on)

    def resume() -> None:
        if next(times) == 0:
            stage.call_soon(run)
    return later, resume
