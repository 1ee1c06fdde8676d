"""What the control socket of a fleet offers, as methods on plain values."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from vpmem_harness.fleet.control_server import Methods
from vpmem_harness.fleet.fleet import Fleet
from vpmem_harness.fleet.protocol import FleetError
from vpmem_harness.fleet.report_page import report_page
from vpmem_harness.fleet.snapshot import to_json
from vpmem_harness.host.machine import Host


def methods(fleet: Fleet, end: Callable[[], object] | None) -> Methods:
    """Return the methods of a fleet.

    :param end: begins the end of the fleet; None if that is up to the command that it belongs to.
    """
    found: dict[str, Callable[..., Any]] = {
        'state': lambda: to_json(fleet.state()),
        'calls': lambda seen, limit: to_json(list(fleet.calls_after(seen, limit))),
        'environment': lambda host: environment(fleet, host),
        'reboot': fleet.reboot,
        'report': lambda: report_page(fleet),
    }

    def down() -> int:
        if end is None:
            raise FleetError('this fleet ends with its command, vpmem-harness run: end that one')
        end()
        return os.getpid()
    return {**found, 'down': down}


def environment(fleet: Fleet, host: str | None) -> dict[str, str]:
    """Return what a program needs to find a host; the first one if None.

    ``path`` are the directories that precede the others on PATH.
    """
    chosen = fleet.host(host)
    return {'host': chosen.name, 'uri': chosen.uri, 'directory': str(fleet.directory),
            'path': host_path(chosen)}


def host_path(host: Host) -> str:
    """Return the directories of a host's programs, as in PATH."""
    return os.pathsep.join([str(host.bin_dir), str(host.layout.nowhere)])
