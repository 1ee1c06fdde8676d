"""The process of a fleet."""

from __future__ import annotations

import argparse
import os
import threading
from pathlib import Path

from vpmem_harness.cli import signals
from vpmem_harness.cli.fleet.running import fleet_of_process
from vpmem_harness.cli.fleet.show import summary
from vpmem_harness.fleet.saved import SavedFleet
from vpmem_harness.fleet.spec import FleetSpec


def serve(spec: FleetSpec, arguments: argparse.Namespace, saved: SavedFleet | None = None) -> int:
    """Run a fleet in this process until its user or a signal ends it."""
    ended = threading.Event()
    with signals.deferred(), fleet_of_process(
            spec, arguments, ended.set, saved) as (fleet, places):
        if arguments.ready_fd is None:
            print(summary(fleet.state()), flush=True)
        elif not _detach(arguments.ready_fd, places.control):
            return 1
        with signals.allowed():
            ended.wait()
    return 0


def _detach(ready: int, directory: Path) -> bool:
    """Tell the parent that the fleet runs, and leave its terminal; False if it has gone."""
    try:
        os.write(ready, f'{directory}\n'.encode())
    except BrokenPipeError:
        return False
    os.close(ready)
    os.chdir('/')       # another file system can be unmounted
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
    return True
