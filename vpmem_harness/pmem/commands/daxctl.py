"""daxctl: the program and its one simulated command (daxctl: daxctl/list.c)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from vpmem_harness.pmem.commands import json_objects
from vpmem_harness.pmem.commands.context import Context, Program
from vpmem_harness.pmem.commands.display import show
from vpmem_harness.pmem.commands.jsontext import Json
from vpmem_harness.pmem.commands.options import Option, Options, text
from vpmem_harness.pmem.commands.results import CommandResult
from vpmem_harness.pmem.kernel import kernfs, sizes
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
        claimed = kernfs.listing_order(
            ((region, device) for region in context.memory.regions
             for device in region.namespaces if device.char_device),
            lambda pair: pair[1].char_device or '')
        for region, device in claimed:
            if device.claim is None or not _is_region(region.number, wanted):
                continue
            block, chosen = device.claim.block, _is_device(device.char_device, device_wanted)
            if regions:
                found.append(json_objects.dax_region_object(
                    region, device, block, detail, json_objects.dax_region_path(region, device),
                    devices=devices and chosen))
            elif chosen and (block.size or detail.idle):
                found.append(json_objects.dax_device_object(region, device, block, detail))
    show(transcript, found, detail.human)
    return 0


_NUMBER = re.compile(r'\s*([+-]?\d+)')
_PAIR = re.compile(r'\s*([+-]?\d+)\.\s*([+-]?\d+)')


def _is_region(number: int, word: str | None) -> bool:
    """Whether the word names the region (daxctl: daxctl/filter.c)."""
    if word in (None, 'all'):
        return True
    found = _NUMBER.match(word) or _NUMBER.match(word.removeprefix('region'))
    return found is not None and int(found[1]) == number


def _is_device(name: str | None, word: str | None) -> bool:
    if word in (None, 'all', name):
        return True
    found = _PAIR.match(word)
    return found is not None and name == f'dax{int(found[1])}.{int(found[2])}'


PROGRAM = Program(
    'daxctl',
    known=('version', 'list', 'help', 'split-acpi', 'migrate-device-model', 'create-device',
           'destroy-device', 'reconfigure-device', 'online-memory', 'offline-memory',
           'disable-device', 'enable-device'),
    commands={'list': list_all})


def run(memory: PersistentMemory, arguments: Sequence[str], as_root: bool = True) -> CommandResult:
    """Runs daxctl on ``memory``."""
    return PROGRAM.run(Context(memory, list(arguments), as_root))
