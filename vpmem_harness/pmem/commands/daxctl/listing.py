"""``daxctl list`` (daxctl: daxctl/list.c)."""

from __future__ import annotations

from vpmem_harness.pmem.commands import json_objects
from vpmem_harness.pmem.commands.context import Context
from vpmem_harness.pmem.commands.dax_nodes import LISTED, check_node
from vpmem_harness.pmem.commands.daxctl import filters
from vpmem_harness.pmem.commands.daxctl.device import claimed_devices
from vpmem_harness.pmem.commands.display import show
from vpmem_harness.pmem.commands.jsontext import Json
from vpmem_harness.pmem.commands.options import Option, Options, text

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
        as_root=context.as_root, release=context.memory.release)
    found: list[Json] = []
    with context.memory.lock:
        for region, device in claimed_devices(context):
            if device.claim is None or not filters.is_region(region.number, wanted):
                continue
            block = device.claim.block
            chosen = filters.is_device(device.char_device, device_wanted)
            if chosen and (devices or not regions):
                check_node(context.memory, transcript, device, LISTED)
            if regions:
                found.append(json_objects.dax_region_object(
                    region, device, block, detail, json_objects.dax_region_path(
                        context.memory.bus(region.spec.provider), region, device),
                    devices=devices and chosen))
            elif chosen and (block.size or detail.idle):
                found.append(json_objects.dax_device_object(region, device, block, detail))
    show(transcript, found, detail.human)
    return 0
