"""daxctl: the program and its commands."""

from __future__ import annotations

from collections.abc import Sequence

from vpmem_harness.pmem.commands.context import Context, Program
from vpmem_harness.pmem.commands.daxctl import acpi, device, listing
from vpmem_harness.pmem.commands.files import Files
from vpmem_harness.pmem.commands.results import CommandResult
from vpmem_harness.pmem.machine import PersistentMemory

PROGRAM = Program(
    'daxctl',
    known=('version', 'list', 'help', 'split-acpi', 'migrate-device-model', 'create-device',
           'destroy-device', 'reconfigure-device', 'online-memory', 'offline-memory',
           'disable-device', 'enable-device'),
    commands={
        'list': listing.list_all,
        'create-device': device.create,
        'destroy-device': device.destroy,
        'reconfigure-device': device.reconfigure,
        'online-memory': device.online_memory,
        'offline-memory': device.offline_memory,
        'disable-device': device.disable,
        'enable-device': device.enable,
        'migrate-device-model': acpi.migrate_device_model,
        'split-acpi': acpi.split_acpi,
    })


def run(memory: PersistentMemory, arguments: Sequence[str], files: Files, directory: str, *,
        as_root: bool = True, terminal: bool = False) -> CommandResult:
    """Runs daxctl on ``memory``."""
    return PROGRAM.run(Context(memory, list(arguments), as_root, terminal=terminal, files=files,
                               directory=directory))
