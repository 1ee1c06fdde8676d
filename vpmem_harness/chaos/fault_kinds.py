"""The faults of steps, by their names in a script."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import libvirt

from vpmem_harness.chaos.steps import CALL_FAULTS, COMMAND_FAULTS
from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.host.faults.fault import Fault
from vpmem_harness.host.faults.faults import ANY
from vpmem_harness.host.machine import Host

#: Maximum number of commands before the one that the fault strikes.
_COMMANDS = 2


@dataclass(frozen=True)
class Hang:
    """A hanging call to libvirt or command of a host, for one server."""

    fault: Fault
    host: int
    command: bool
    server: int | None


def arm(kind: str, host: Host, at: int, kill: Callable[[], object]) -> Fault:
    """Begin a fault that strikes once.

    :param at: how many calls to the host succeed before it strikes.
    :param kill: kills the compute service of the host.
    :raises InvalidInputError: if there is no such kind.
    """
    faults = host.faults
    if kind not in CALL_FAULTS:
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
    }
    if kind not in make:
        raise InvalidInputError(
            'fault of a step', expected=f'one of {", ".join((*CALL_FAULTS, *COMMAND_FAULTS))}',
            got=kind, remedy='name one of these')
    return make[kind]()
