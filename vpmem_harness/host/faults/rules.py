"""The faults in force on a host, looked up for each call."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from vpmem_harness.host.faults.fault import Fault
from vpmem_harness.libvirtd.wire.session import Call as WireCall

#: Matches every procedure that the daemon answers, except the one that closes a connection: the
#: garbage collector may call that in any thread, without a request of anybody.
ANY = '*'
_CLOSE = 'connect_close'


class FaultRule(NamedTuple):
    """A fault that is in force, the calls that it applies to, and its effect."""

    fault: Fault
    applies_to: Callable[..., bool]
    effect: Callable[..., object]


class FaultRules:
    """The rules for procedures, by the procedure's name, and those for commands.

    Of several rules that apply to a call the newest strikes. The lock is for changes: the thread
    that answers calls reads without it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of_procedures: dict[str, tuple[FaultRule, ...]] = {}
        self._of_commands: tuple[FaultRule, ...] = ()
        self._of_migrations: dict[str, tuple[FaultRule, ...]] = {}

    def add_for_procedure(self, method: str, rule: FaultRule) -> None:
        """Add a rule for the calls of a procedure, or of :data:`ANY`."""
        with self._lock:
            self._of_procedures = {
                **self._of_procedures, method: (rule, *self._of_procedures.get(method, ()))}

    def add_for_commands(self, rule: FaultRule) -> None:
        """Add a rule for commands."""
        with self._lock:
            self._of_commands = (rule, *self._of_commands)

    def add_for_migrations(self, step: str, rule: FaultRule) -> None:
        """Add a rule for a step of migrations to other hosts."""
        with self._lock:
            self._of_migrations = {
                **self._of_migrations, step: (rule, *self._of_migrations.get(step, ()))}

    def remove(self, fault: Fault) -> None:
        """Remove the rule of a fault."""
        with self._lock:
            self._of_procedures = _all_without(fault, self._of_procedures)
            self._of_migrations = _all_without(fault, self._of_migrations)
            self._of_commands = _without(fault, self._of_commands)

    def of_procedures(self) -> Sequence[Fault]:
        """The faults of procedures."""
        with self._lock:
            return [rule.fault for rules in self._of_procedures.values() for rule in rules]

    @property
    def command_faults_in_force(self) -> bool:
        """Whether a fault may strike a command."""
        return any(rule.fault.in_force for rule in self._of_commands)

    def for_call(self, call: WireCall) -> FaultRule | None:
        """The rule whose fault strikes a call; the fault counts the call."""
        of_procedures = self._of_procedures
        if not of_procedures:
            return None
        method = call.procedure.method
        of_any = of_procedures.get(ANY, ()) if method != _CLOSE else ()
        return _striking((*of_procedures.get(method, ()), *of_any), call)

    def for_command(self, words: Sequence[str]) -> FaultRule | None:
        """The rule whose fault strikes a command; the fault counts the command."""
        return _striking(self._of_commands, words)

    def for_migration(self, step: str) -> FaultRule | None:
        """The rule whose fault strikes a step of a migration; the fault counts the step."""
        return _striking(self._of_migrations.get(step, ()), step)


def _striking(rules: Iterable[FaultRule], call: object) -> FaultRule | None:
    return next((rule for rule in rules if rule.applies_to(call) and rule.fault.strikes()), None)


def _all_without(fault: Fault, rules: Mapping[str, tuple[FaultRule, ...]],
                 ) -> dict[str, tuple[FaultRule, ...]]:
    left = {name: _without(fault, some) for name, some in rules.items()}
    return {name: some for name, some in left.items() if some}


def _without(fault: Fault, rules: Iterable[FaultRule]) -> tuple[FaultRule, ...]:
    return tuple(rule for rule in rules if rule.fault is not fault)
