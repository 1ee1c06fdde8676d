"""daxctl: the program, and ``daxctl list`` (daxctl: daxctl/list.c)."""

from __future__ import annotations

from collections.abc import Sequence

from vpmem_harness.pmem.commands import acpi, dax_device, dax_filters, json_objects
from vpmem_harness.pmem.commands.context import Context, Program
from vpmem_harness.pmem.commands.dax_nodes import LISTED, check_node
from vpmem_harness.pmem.commands.display import show
from vpmem_harness.pmem.commands.files import Files
from vpmem_harness.pmem.commands.jsontext import Json
from vpmem_harness.pmem.commands.options import Option, Options, text
from vpmem_harness.pmem.commands.results import CommandResult
from vpmem_harness.pmem.machine import PersistentMemory

OPTIONS = Options(
    'daxctl list [<options>]',
    text('r', 'region', 'region-id', 'filter by region'),
    text('d', 'dev', 'dev-id', 'filter by dax device instance name'),
    Option('D', 'devices', 'include dax device info'),
    Option('R', 'regions', 'include dax region info'),
    Option('M', 'mappings', 'include dax mappings info'),
    Option('i', 'idle', 'include idle devices'),
    Option('u', 'human', 'use human friendly number formats '))


def list_all(context: Context) -> int:
    """``daxctl list``"""
    transcript = context.transcript
    parsed = OPTIONS.parse(context.arguments, transcript)
    for word in parsed.arguments:
        transcript.error(f'unknown parameter "{word}"\n')
    if parsed.arguments:
        raise OPTIONS.fail(transcript)
    wanted, device_wanted = parsed.text('region'), parsed.text('dev')
    regions, devices = parsed.flag('regions'), parsed.flag('devices')
    if not regions and not devices:
        regions, devices = wanted is not None, device_wanted is not None
        devices = devices or not regions
    detail = json_objects.Detail(
        idle=parsed.flag('idle'), human=parsed.flag('human'), mappings=parsed.flag('mappings'),
        as_root=context.as_root)
    found: list[Json] = []
    with context.memory.lock:
        for region, device in dax_device.claimed_devices(context):
            if device.claim is None or not dax_filters.is_region(region.number, wanted):
                continue
            block = device.claim.block
            chosen = dax_filters.is_device(device.char_device, device_wanted)
            if chosen and (devices or not regions):
                check_node(context.memory, transcript, device, LISTED)
            if regions:
                found.append(json_objects.dax_region_object(
                    region, device, block, detail, json_objects.dax_region_path(region, device),
                    devices=devices and chosen))
            elif chosen and (block.size or detail.idle):
                found.append(json_objects.dax_device_object(region, device, block, detail))
    show(transcript, found, detail.human)
    return 0


PROGRAM = Program(
    'daxctl',
    known=('version', 'list', 'help', 'split-acpi', 'migrate-device-model', 'create-device',
           'destroy-device', 'reconfigure-device', 'online-memory', 'offline-memory',
           'disable-device', 'enable-device'),
    commands={
        'list': list_all,
        'create-device': dax_device.create,
        'destroy-device': dax_device.destroy,
        'reconfigure-device': dax_device.reconfigure,
        'online-memory': dax_device.online_memory,
        'offline-memory': dax_device.offline_memory,
        'disable-device': dax_device.disable,
        'enable-device': dax_device.enable,
        'migrate-device-model': acpi.migrate_device_model,
        'split-acpi': acpi.split_acpi,
    })


def run(memory: PersistentMemory, arguments: Sequence[str], files: Files, directory: str, *,
        as_root: bool = True, terminal: bool = False) -> CommandResult:
    """Runs daxctl on ``memory``."""
    return PROGRAM.run(Context(memory, list(arguments), as_root, terminal=terminal, files=files,
                               directory=directory))
