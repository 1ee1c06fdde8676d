"""The JSON objects of ndctl and daxctl, with their fields in order.

Follows ndctl 76's ndctl/json.c, ndctl/list.c and daxctl/json.c.
"""

from __future__ import annotations

import dataclasses

from vpmem_harness.pmem.commands.jsontext import Json, number, size
from vpmem_harness.pmem.kernel import media_errors, sizes
from vpmem_harness.pmem.kernel.dimms import Dimm
from vpmem_harness.pmem.kernel.media import InfoBlock
from vpmem_harness.pmem.kernel.namespaces import NO_UUID, NamespaceDevice
from vpmem_harness.pmem.kernel.regions import Region
from vpmem_harness.pmem.machine import PersistentMemory

BUS = 'ndbus0'
PROVIDER = 'ACPI.NFIT'
_SYSFS = '/LNXSYSTM:00/LNXSYBUS:00/ACPI0012:00/ndbus0'

Object = dict[str, Json]

#: The health of a DIMM without problems.
_HEALTH: Object = {
    'health_state': 'ok', 'spares_percentage': 100, 'alarm_temperature': False,
    'alarm_controller_temperature': False, 'alarm_spares': False, 'life_used_percentage': 0,
    'shutdown_state': 'clean', 'shutdown_count': 0}


@dataclasses.dataclass(frozen=True)
class Detail:
    """The level of detail and the format of objects, named after the options of ``list``."""

    dax: bool = False
    idle: bool = False
    human: bool = False
    verbose: bool = False
    capabilities: bool = False
    mappings: bool = False
    media_errors: bool = False
    health: bool = False
    as_root: bool = True


def namespace_object(memory: PersistentMemory, region: Region, device: NamespaceDevice,
                     detail: Detail) -> Object:
    """A namespace."""
    shown = memory.snapshot(region, device)
    block = device.claim.block if device.claim else None
    found: Object = {'dev': shown.dev, 'mode': shown.mode}
    if shown.map:
        found['map'] = shown.map
    if not device.claim or device.claim.enabled:
        found['size'] = size(shown.size, detail.human)
    if block or device.labelled:
        found['uuid'] = shown.uuid or NO_UUID
    if block and device.uuid not in (None, NO_UUID) and detail.verbose:
        found['raw_uuid'] = device.uuid
    if block and shown.chardev:
        if detail.dax:
            found['daxregion'] = dax_region_object(region, device, block, detail)
        else:
            found['chardev'] = shown.chardev
    if shown.sector_size:
        found['sector_size'] = shown.sector_size
    if shown.align:
        found['align'] = shown.align
    if shown.blockdev:
        found['blockdev'] = shown.blockdev
    if not device.enabled:
        found['state'] = 'disabled'
    if shown.name:
        found['name'] = shown.name
    if detail.verbose:
        found |= {'numa_node': region.numa_node, 'target_node': region.target_node}
    if region.errors.known:
        # Raw namespaces show the bad blocks of the whole region.
        begin, length = device.data if device.claim else (0, region.size)
        is_sector = device.claim is not None and device.claim.kind == 'btt'
        found |= _bad_blocks(region, begin, length, detail.media_errors and not is_sector)
    return found


def _bad_blocks(region: Region, begin: int, length: int, listed: bool) -> Object:
    """The bad blocks in a part of a region, counted from its start."""
    blocks = media_errors.within(region.errors.known, begin // media_errors.BLOCK,
                                 length // media_errors.BLOCK)
    if not blocks:
        return {}
    found: Object = {'badblock_count': sum(count for _, count in blocks)}
    if listed:
        # With several DIMMs only the firmware could tell which one it is.
        where: Object = {'dimms': [region.dimms[0].dev]} if region.ways == 1 else {}
        found['badblocks'] = [{'offset': first, 'length': count, **where}
                              for first, count in blocks]
    return found


def bus_object(memory: PersistentMemory) -> Object:
    """The machine's bus without its DIMMs and regions."""
    found: Object = {'provider': PROVIDER, 'dev': BUS}
    if memory.has_firmware_commands:
        found['scrub_state'] = 'idle'
    return found


def dax_region_object(region: Region, device: NamespaceDevice, block: InfoBlock, detail: Detail,
                      path: str | None = None, devices: bool = True) -> Object:
    """The dax region of a devdax namespace; only root sees its alignment.

    :param path: where it stands below /sys/devices, for daxctl
    :param devices: whether to show its device
    """
    found: Object = {'path': path} if path else {}
    found['id'] = region.number
    found['size'] = size(block.size, detail.human)
    if detail.as_root:
        found['align'] = block.align
    if devices and (block.size or detail.idle):
        found['devices'] = [dax_device_object(region, device, block, detail)]
    return found


def dax_device_object(region: Region, device: NamespaceDevice, block: InfoBlock,
                      detail: Detail) -> Object:
    """The dax device of a devdax namespace."""
    found: Object = {
        'chardev': device.char_device or '', 'size': size(block.size, detail.human),
        'target_node': region.target_node, 'align': size(block.align, detail.human),
        'mode': 'system-ram' if device.memory else 'devdax'}
    if device.memory and detail.as_root:
        found |= {'online_memblocks': device.memory.online,
                  'total_memblocks': device.memory.total}
        if device.memory.online:
            found['movable'] = device.memory.movable
    if not block.size or not device.dax_bound:
        found['state'] = 'disabled'
    if detail.mappings and block.size and detail.as_root:
        start = region.start + device.data[0]
        found['mappings'] = [{
            'page_offset': number(0, detail.human), 'start': number(start, detail.human),
            'end': number(start + block.size - 1, detail.human),
            'size': size(block.size, detail.human)}]
    return found


def dax_region_path(region: Region, device: NamespaceDevice) -> str:
    """The path of the dax region in sysfs, which ends with the number of the nd device."""
    own = device.claim.number if device.claim else 0
    return f'{_SYSFS}/{region.dev}/dax{region.number}.{own}'


def dimm_object(dimm: Dimm, detail: Detail) -> Object:
    """A DIMM."""
    found: Object = {
        'dev': dimm.dev, 'id': dimm.identifier, 'handle': number(dimm.handle, detail.human),
        'phys_id': number(0, detail.human)}
    if not dimm.enabled:
        found['state'] = 'disabled'
    if detail.health and dimm.spec.firmware_commands:
        found['health'] = dict(_HEALTH)
    return found


def region_object(region: Region, detail: Detail, mapped: list[Dimm] | None) -> Object:
    """A region, without its namespaces.

    :param mapped: the DIMMs whose mappings are shown, None for no mappings at all
    """
    found: Object = {
        'dev': region.dev, 'size': size(region.size, detail.human),
        'align': size(region.align, detail.human),
        'available_size': size(region.available_size, detail.human),
        'max_available_extent': size(region.max_available_extent, detail.human),
        'type': 'pmem'}
    if detail.verbose:
        found |= {'numa_node': region.numa_node, 'target_node': region.target_node}
    if region.has_labels:
        found['iset_id'] = number(region.cookie, detail.human)
    if mapped:
        found['mappings'] = [{
            'dimm': dimm.dev, 'offset': number(0, detail.human),
            'length': number(dimm.spec.size, detail.human),
            'position': region.dimms.index(dimm)} for dimm in mapped]
    if not region.enabled:
        found['state'] = 'disabled'
    if region.errors.known:
        found |= _bad_blocks(region, 0, region.size, detail.media_errors)
    if region.enabled and detail.capabilities:
        found['capabilities'] = [
            {'mode': 'sector', 'sector_sizes': list(sizes.BTT_SECTOR_SIZES)},
            {'mode': 'fsdax', 'alignments': list(sizes.ALIGNMENTS)},
            {'mode': 'devdax', 'alignments': list(sizes.ALIGNMENTS)}]
    found['persistence_domain'] = 'memory_controller'
    return found
