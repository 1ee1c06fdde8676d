"""A fleet that runs in the process of a command."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from vpmem_harness import conf, safelog
from vpmem_harness.cli import signals
from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.fleet.control_server import ControlServer
from vpmem_harness.fleet.fleet import Fleet
from vpmem_harness.fleet.methods import methods
from vpmem_harness.fleet.places import Places, make_places
from vpmem_harness.fleet.saved import SavedFleet
from vpmem_harness.fleet.spec import FleetSpec
from vpmem_harness.host import processes

#: Directory in which the kernel shows the real NVDIMMs of this machine.
REAL_NVDIMMS = Path('/sys/bus/nd/devices')


def refuse_beside_real_nvdimms(devices: Path) -> None:
    """Raise InvalidInputError if the machine has real NVDIMMs."""
    if devices.is_dir() and any(devices.iterdir()):
        raise InvalidInputError(
            'this machine', expected='no real NVDIMMs, because a command that resets PATH could '
            'change them', got=f'devices in {devices}',
            remedy='use another machine, or add --beside-real-nvdimms if the command is harmless')


@contextlib.contextmanager
def fleet_of_process(
    spec: FleetSpec, arguments: argparse.Namespace, end: Callable[[], object] | None = None,
    saved: SavedFleet | None = None,
) -> Iterator[tuple[Fleet, Places]]:
    """Run a fleet with its control socket for the duration of a ``with`` block.

    Use it under :class:`~vpmem_harness.cli.signals.deferred`: no signal interrupts the registration
    of a host or its removal.

    :param end: begins the end of the fleet when a client asks for it; None if none may.
    :param saved: the state that the fleet goes on with.
    """
    if not arguments.beside_real_nvdimms:
        refuse_beside_real_nvdimms(REAL_NVDIMMS)
    settings = conf.load()
    with contextlib.ExitStack() as acquired:
        places = acquired.enter_context(
            make_places(spec.name, arguments.dir, settings.runtime_dir))
        audit = None
        if settings.audit_log is not None:
            audit = acquired.enter_context(safelog.shared_audit_log(settings.audit_log))
        fleet = Fleet(spec, places, audit=audit, saved=saved, checkpoint=signals.check)
        fleet.start()
        acquired.callback(fleet.stop)
        # Remaining processes of the command would find the real ndctl after the hosts have ended.
        acquired.callback(processes.end_marked, str(places.hosts))
        server = ControlServer(places.socket, methods(fleet, end))
        acquired.callback(server.stop)
        server.start()
        yield fleet, places
