"""Faults injected in a step, as in ``fault=domainCreateWithFlags:fail@0``.

An option names the libvirt procedure or program, then the kind of fault, then the host; or it
names the connection to the destination of a migration, as in ``fault=migration:cut-finish@0``. The
fault affects every call until the cloud has settled, so the number of calls on either side
does not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import libvirt

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.host.faults.fault import Fault
from vpmem_harness.host.machine import Host
from vpmem_harness.host.tools import PROGRAMS

#: Error messages of libvirt and of the programs.
TEXT = 'by a fault'

_OF_PROCEDURES: Mapping[str, Callable[[Host, str], Fault]] = {
    'fail': lambda host, name: host.faults.failing(name, libvirt.VIR_ERR_OPERATION_FAILED, TEXT),
    'drop': lambda host, name: host.faults.dropping(name),
    'drop-after': lambda host, name: host.faults.dropping(name, when='after'),
}
_OF_PROGRAMS: Mapping[str, Callable[[Host, str], Fault]] = {
    'fail': lambda host, name: host.faults.tool_failing(name, text=TEXT),
    'fail-after': lambda host, name: host.faults.tool_failing(name, text=TEXT, when='after'),
    'absent': lambda host, name: host.faults.tool_absent(name),
}
_OF_MIGRATION: Mapping[str, Callable[[Host, str], Fault]] = {
    'refused': lambda host, name: host.faults.migration_refused(),
    'cut-prepare': lambda host, name: host.faults.migration_cut('prepare'),
    'cut-copy': lambda host, name: host.faults.migration_cut('copy'),
    'cut-finish': lambda host, name: host.faults.migration_cut('finish'),
}


def begin(hosts: Sequence[Host], text: str) -> Fault:
    """Inject the fault that an option names.

    :raises InvalidInputError: if there is no such fault.
    """
    name, _, rest = text.partition(':')
    kind, _, host = rest.partition('@')
    kinds = _OF_MIGRATION if name == 'migration' else (
        _OF_PROGRAMS if name in PROGRAMS else _OF_PROCEDURES)
    if kind not in kinds or host not in map(str, range(len(hosts))):
        raise InvalidInputError(
            'fault of a step', expected='what goes wrong, how, and the number of a host', got=text,
            remedy=f'write {name}:{min(kinds)}@0; kinds are {", ".join(kinds)}')
    return kinds[kind](hosts[int(host)], name)
