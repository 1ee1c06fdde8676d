"""The faults of steps, by their names in a script."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import libvirt

from vpmem_harness.chaos.steps import COMMAND_FAULTS
from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.host.faults.fault import Fault
from vpmem_harness.host.faults.faults import ANY
from vpmem_harness.host.faults.filters import When
from vpmem_harness.host.faults.migration_faults import Step
from vpmem_harness.host.machine import Host

#: Seconds by which a slow migration is delayed.
_SLOW = 0.01

#: Maximum number of commands before the one that the fault strikes.
_COMMANDS = 2

#: The steps at which a connection is cut.
_STEPS: tuple[tuple[Step, When], ...] = (
    ('prepare', 'before'), ('prepare', 'after'), ('copy', 'before'), ('finish', 'before'),
    ('finish', 'after'))


@dataclass(frozen=True)
class Hang:
    """A hanging call to libvirt or command of a host, for one server."""

    fault: Fault
    host: int
    command: bool
    server: int | None


def arm(kind: str, host: Host, at: int, kill: Callable[[], object]) -> Fault:
    """Begin a fault that strikes once.

    :param at: how many calls to the host succeed before it strikes; for a connection that is cut,
        it selects the step of the migration.
    :param kill: kills the compute service of the host.
    :raises InvalidInputError: if there is no such kind.
    """
    faults = host.faults
    step, when = _STEPS[at % len(_STEPS)]
    if kind in COMMAND_FAULTS:
        at %= _COMMANDS
    make: dict[str, Callable[[], Fault]] = {
        'error': lambda: faults.failing(
            ANY, libvirt.VIR_ERR_INTERNAL_ERROR, 'by chaos', times=1, skip=at),
        'drop-before': lambda: faults.dropping(ANY, times=1, skip=at),
        'drop-after': lambda: faults.dropping(ANY, times=1, skip=at, when='after'),
        'hang': lambda: faults.hanging(ANY, times=1, skip=at),
        'die': lambda: faults.at(ANY, kill, times=1, skip=at),
        'tool-fails': lambda: faults.tool_failing('daxio', times=1, skip=at),
        'tool-fails-after': lambda: faults.tool_failing('daxio', times=1, skip=at, when='after'),
        'tool-cut-short': lambda: faults.tool_cut_short('daxio', status=1, times=1, skip=at),
        'tool-hangs': lambda: faults.tool_hanging('daxio', times=1, skip=at),
        'migration-refused': lambda: faults.migration_refused(times=1),
        'migration-cut': lambda: faults.migration_cut(step, when=when, times=1),
        'migration-slow': lambda: faults.migration_slow(_SLOW, step, times=1),
    }
    if kind not in make:
        raise InvalidInputError(
            'fault of a step', expected=f'one of {", ".join(make)}', got=repr(kind),
            remedy='name one of these')
    return make[kind]()
