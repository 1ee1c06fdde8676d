"""Methods of a fleet's control socket; arguments and results are plain values."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.fleet import observe
from vpmem_harness.fleet.control_server import Methods
from vpmem_harness.fleet.fault_kinds import begin_fault
from vpmem_harness.fleet.fleet import Fleet
from vpmem_harness.fleet.protocol import FleetError
from vpmem_harness.fleet.report_page import report_page
from vpmem_harness.fleet.saved import to_values
from vpmem_harness.fleet.servers import ServerRequests
from vpmem_harness.fleet.snapshot import to_json
from vpmem_harness.fleet.text_files import TextFiles
from vpmem_harness.host.machine import Host


def methods(fleet: Fleet, end: Callable[[], object] | None) -> Methods:
    """Return the methods of a fleet; their results are what ``json.dumps`` accepts.

    :param end: begins the end of the fleet; None if that is up to the command that it belongs to.
    """
    def down() -> int:
        if end is None:
            raise FleetError('this fleet ends with its command, vpmem-harness run: end that one')
        end()
        return os.getpid()

    servers = ServerRequests(fleet)
    return {
        'down': down,
        'state': lambda: to_json(fleet.state()),
        'save': lambda: to_values(fleet.save()),
        'calls': lambda seen, limit: to_json(list(fleet.calls_after(seen, limit))),
        'environment': lambda host: environment(fleet, host),
        'reboot': fleet.reboot,
        'report': lambda: report_page(fleet),
        'add_host': lambda **arguments: add_host(fleet, **arguments),
        'remove_host': lambda host: fleet.remove_host(host),
        'fault': lambda host, kind, words, options: begin(fleet, host, kind, words, options),
        'clear_faults': lambda host, number: clear_faults(fleet, host, number),
        'boot': lambda **arguments: to_json(servers.boot(**arguments)),
        'server_request': lambda **arguments: to_json(servers.request(**arguments)),
        'server': lambda server: to_json(servers.state(server)),
        'compute': servers.compute,
    }


def environment(fleet: Fleet, host: str | None) -> dict[str, str]:
    """Return the values that a program needs to find a host; the first one if None.

    ``path`` are the directories that precede the others on PATH.
    """
    chosen = fleet.host(host)
    return {'host': chosen.name, 'uri': chosen.uri, 'directory': str(fleet.directory),
            'path': host_path(chosen)}


def host_path(host: Host) -> str:
    """Return the directories of a host's programs, as in PATH."""
    return os.pathsep.join([str(host.bin_dir), str(host.layout.nowhere)])


def add_host(fleet: Fleet, name: str | None, values: Mapping[str, Any], directory: str,
             standard_input: str | None = None) -> Any:
    """Start one more host, and return its state.

    :param values: its properties, in the form of a fleet file.
    :param directory: what the paths in them are relative to.
    :param standard_input: the client's standard input, if they name it.
    """
    spec = fleet.next_spec(name, values, Path(directory), TextFiles(standard_input or ''))
    fleet.add_host(spec)
    return to_json(observe.host_state(fleet.host(spec.name), fleet.cloud))


def begin(fleet: Fleet, host: str | None, kind: str, words: Sequence[str],
          options: Mapping[str, str]) -> Any:
    """Begin a fault, and return its state."""
    fault = begin_fault(fleet.host(host), kind, words, options)
    return {'number': fault.number, 'what': fault.what}


def clear_faults(fleet: Fleet, host: str | None, number: int | None) -> int:
    """Remove the faults of a host or of all, or one fault; return how many were in force."""
    hosts = list(fleet.hosts.values()) if host is None else [fleet.host(host)]
    if number is None:
        count = sum(len(one.faults.in_force) for one in hosts)
        for one in hosts:
            one.faults.clear()
        return count
    found = [fault for one in hosts for fault in one.faults.in_force if fault.number == number]
    if len(found) != 1:
        numbers = [f'{fault.number} on {one.name}' for one in hosts
                   for fault in one.faults.in_force]
        raise InvalidInputError(
            'number of a fault', expected=f'one of {", ".join(numbers)}' if numbers
            else 'a fault in force, but there is none', got=str(number),
            remedy='name its host as well' if found else 'see "vpmem-harness fault --list"')
    found[0].remove()
    return 1
