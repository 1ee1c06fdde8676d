"""Faults of the connection over which a guest migrates to another host."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, Unpack

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.host.faults import actions
from vpmem_harness.host.faults.actions import CallSoon, Effect
from vpmem_harness.host.faults.fault import Fault, FaultFrequency
from vpmem_harness.host.faults.filters import When, in_words
from vpmem_harness.host.faults.rules import FaultRule, FaultRules
from vpmem_harness.libvirtd.peers.client import COPY, FINISH, PREPARE
from vpmem_harness.libvirtd.peers.peers import CONNECT
from vpmem_harness.serving.clock import Clock

if TYPE_CHECKING:
    from vpmem_harness.host.machine import Host

#: A step of a migration between two hosts.
Step = Literal['prepare', 'copy', 'finish']
STEPS: tuple[Step, ...] = (PREPARE, COPY, FINISH)


class MigrationFaults:
    """The faults of a host's connections to the destinations of its guests.

    The source's libvirtd opens such a connection for each peer-to-peer migration. Clients that
    drive a migration themselves do not use it.
    """

    _host: Host
    _rules: FaultRules
    _begin: Callable[..., Fault]
    losses: int

    @property
    def clock(self) -> Clock:
        """The clock for durations."""
        return self._host.clock

    @property
    def call_soon(self) -> CallSoon:
        """Call a function in the thread that answers the host's calls."""
        return self._host.loop.call_soon

    def migration_refused(self, **which: Unpack[FaultFrequency]) -> Fault:
        """Refuse the connections to the destinations of migrations."""
        return self._add_step(CONNECT, 'is refused', actions.raising(ConnectionRefusedError), which)

    def migration_cut(self, step: Step = 'copy', *, when: When = 'before',
                      **which: Unpack[FaultFrequency]) -> Fault:
        """Cut the connection to the destination of a migration.

        :param step: at which step: ``'prepare'`` or ``'finish'`` of the guest at its destination,
            or ``'copy'`` of its memory.
        :param when: ``'after'`` if the destination still gets the call, and its reply is lost.
        """
        self._check_step(step)
        effect = actions.raising(ConnectionResetError)
        if when == 'after':
            effect = actions.afterwards(self, effect)
        return self._add_step(step, f'is cut{in_words(when)}', effect, which,
                              late=when == 'after')

    def migration_slow(self, seconds: float, step: Step = 'copy',
                       **which: Unpack[FaultFrequency]) -> Fault:
        """Delay a step of a migration by some seconds on the host's clock."""
        self._check_step(step)
        return self._add_step(step, actions.in_words(seconds), actions.delaying(self, seconds),
                              which)

    @staticmethod
    def _check_step(step: str) -> None:
        if step not in STEPS:
            raise InvalidInputError('step of a migration', expected=f'one of {", ".join(STEPS)}',
                                    got=repr(step), remedy='name one of these')

    def _add_step(self, step: str, what: str, effect: Effect, which: FaultFrequency, *,
                  late: bool = False) -> Fault:
        fault = self._begin(f'the {step} of migrations {what}', which, self._rules.remove,
                            late=late)
        self._rules.add_for_migrations(step, FaultRule(fault, lambda step: True, effect))
        return fault

    def on_migration(self, step: str, go_on: Callable[[], Any]) -> Any:
        """Take a step of a migration, or what a fault does in its place."""
        rule = self._rules.for_migration(step)
        return go_on() if rule is None else rule.effect(rule.fault, go_on)
