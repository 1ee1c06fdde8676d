"""The JSON objects of ndctl and daxctl, with their fields in order.

Follows ndctl's ndctl/json.c, ndctl/list.c and daxctl/json.c. Each field has the versions that print
it: since 62, ndctl prints arrays even for one object and has -v, which earlier versions imply.
"""

from __future__ import annotations

import dataclasses

from vpmem_harness.pmem.commands.jsontext import Json, LongReal, number, size
from vpmem_harness.pmem.kernel import media_errors, sizes
from vpmem_harness.pmem.kernel.buses import Bus
from vpmem_harness.pmem.kernel.dimms import FLAGS, Dimm
from vpmem_harness.pmem.kernel.media import InfoBlock
from vpmem_harness.pmem.kernel.namespaces import NO_UUID, NamespaceDevice
from vpmem_harness.pmem.kernel.regions import Region
from vpmem_harness.pmem.machine import PersistentMemory
from vpmem_harness.releases import DEFAULT, Release

Object = dict[str, Json]


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
    firmware: bool = False
    as_root: bool = True
    release: Release = DEFAULT

    def since(self, version: int) -> bool:
        """Whether this version of ndctl, or a later one, prints the listing."""
        return self.release.ndctl_major >= version

    @property
    def everything(self) -> bool:
        """Whether objects have the fields of -v."""
        return self.verbose or not self.since(62)

    def size(self, value: int) -> Json:
        """A number of bytes."""
        return size(value, self.human, terabytes=self.since(74))

    def nodes(self, region: Region) -> Object:
        """The NUMA nodes of a region or of a namespace in it."""
        found: Object = {}
        if self.everything and self.release.has('numa_node'):
            found['numa_node'] = region.numa_node
        if self.verbose and self.since(68) and self.release.has('target_node'):
            found['target_node'] = region.target_node
        return found


def namespace_object(memory: PersistentMemory, region: Region, device: NamespaceDevice,
                     detail: Detail) -> Object:
    """A namespace."""
    shown = memory.snapshot(region, device)
    block = device.claim.block if device.claim else None
    found: Object = {'dev': shown.dev, 'mode': shown.mode}
    if shown.map:
        found['map'] = shown.map
    if not device.claim or device.claim.enabled:
        found['size'] = detail.size(shown.size)
    if block or device.labelled:
        found['uuid'] = shown.uuid or NO_UUID
    if block and device.uuid not in (None, NO_UUID) and detail.everything:
        found['raw_uuid'] = device.uuid
    if block and shown.chardev:
        if detail.dax:
            found['daxregion'] = dax_region_object(region, device, block, detail)
        else:
            found['chardev'] = shown.chardev
    if shown.sector_size and (detail.verbose or detail.release.ndctl_major not in (62, 63)):
        found['sector_size'] = shown.sector_size
    if shown.align and detail.since(64):
        found['align'] = shown.align
    if shown.blockdev:
        found['blockdev'] = shown.blockdev
    if not device.enabled:
        found['state'] = 'disabled'
    if shown.name:
        found['name'] = shown.name
    found |= detail.nodes(region)
    if block and detail.verbose and detail.release.ndctl_major == 64:
        found |= {'supported sector sizes': list(sizes.BTT_SECTOR_SIZES)} \
            if block.kind == 'btt' else {'supported_alignments': list(sizes.ALIGNMENTS)}
    if region.errors.known and (detail.as_root or not device.claim):
        # Raw namespaces show the bad blocks of the whole region.
        is_sector = device.claim is not None and device.claim.kind == 'btt'
        begin, length = (device.offset, device.size) if is_sector else \
            device.data if device.claim else (0, region.size)
        found |= _bad_blocks(region, begin, length, detail, listed=not is_sector)
    return found


def _bad_blocks(region: Region, begin: int, length: int, detail: Detail, *,
                listed: bool = True) -> Object:
    """The bad blocks in a part of a region, counted from its start.

    Addresses are root's to know. Others see the number of a region's bad blocks alone.

    :param listed: whether their places can be shown
    """
    if detail.media_errors and not detail.as_root:
        return {}
    listed = listed and detail.media_errors
    blocks = media_errors.within(region.errors.known, begin // media_errors.BLOCK,
                                 length // media_errors.BLOCK)
    if not blocks:
        return {}
    found: Object = {'badblock_count': sum(count for _, count in blocks)}
    if listed:
        found['badblocks'] = [
            {'offset': first, 'length': count, **_on_dimms(region, begin, first, count)}
            for first, count in blocks]
    return found


def _on_dimms(region: Region, begin: int, first: int, count: int) -> Object:
    """The DIMMs of some bad blocks, where libndctl can tell.

    Of an interleave set only the firmware can.
    """
    told = region.errors.located.get((begin // media_errors.BLOCK + first, count))
    if told is not None:
        return {'dimms': list(told)} if told else {}
    dimms = region.mappings.holding(begin + first * media_errors.BLOCK,
                                    count * media_errors.BLOCK)
    names = [dimm.dev for dimm in sorted(dimms, key=lambda dimm: dimm.number)]
    return {'dimms': names} if names else {}


def bus_object(bus: Bus) -> Object:
    """A bus without its DIMMs and regions."""
    found: Object = {'provider': bus.provider, 'dev': bus.dev}
    if bus.has_firmware_commands:
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
    found['size'] = detail.size(block.size)
    if detail.as_root:
        found['align'] = block.align
    if devices and (block.size or detail.idle):
        found['devices'] = [dax_device_object(region, device, block, detail)]
    return found


def dax_device_object(region: Region, device: NamespaceDevice, block: InfoBlock,
                      detail: Detail) -> Object:
    """The dax device of a devdax namespace."""
    found: Object = {'chardev': device.char_device or '', 'size': detail.size(block.size)}
    if detail.since(66) and detail.release.has('target_node'):
        found['target_node'] = region.target_node
    if detail.since(71) and detail.release.has('device.align'):
        found['align'] = detail.size(block.align)
    if detail.since(66):
        found['mode'] = 'system-ram' if device.memory else 'devdax'
    if device.memory and detail.as_root:
        if detail.since(72):
            found |= {'online_memblocks': device.memory.online,
                      'total_memblocks': device.memory.total}
        if device.memory.online and detail.since(67):
            found['movable'] = device.memory.movable
    if not block.size or not device.dax_bound:
        found['state'] = 'disabled'
    if detail.mappings and block.size and detail.as_root:
        start = region.start + device.data[0]
        found['mappings'] = [{
            'page_offset': number(0, detail.human), 'start': number(start, detail.human),
            'end': number(start + block.size - 1, detail.human),
            'size': detail.size(block.size)}]
    return found


def dax_region_path(bus: Bus, region: Region, device: NamespaceDevice) -> str:
    """The path of the dax region in sysfs, which ends with the number of the nd device."""
    own = device.claim.number if device.claim else 0
    return f'{bus.path}/{region.dev}/dax{region.number}.{own}'


def dimm_object(dimm: Dimm, detail: Detail) -> Object:
    """A DIMM."""
    spec = dimm.spec
    found: Object = {
        'dev': dimm.dev, 'id': dimm.identifier, 'handle': number(dimm.handle, detail.human),
        'phys_id': number(spec.phys_id, detail.human)}
    if not dimm.enabled:
        found['state'] = 'disabled'
    for flag in FLAGS:
        if flag in spec.flags:
            found[f'flag_{flag}'] = True
    if spec.security and detail.since(64):
        found['security'] = spec.security
    if spec.security_frozen and detail.since(67):
        found['security_frozen'] = True
    if detail.firmware and spec.firmware:
        found['firmware'] = {
            name: number(value, detail.human) if type(value) is int else value
            for name, value in spec.firmware.fields().items()}
    if detail.health and dimm.health:
        real = float if detail.release.has('short_reals') else LongReal
        found['health'] = {name: real(value) if isinstance(value, float) else value
                           for name, value in dimm.health.fields().items()}
    return found


def region_object(region: Region, detail: Detail, mapped: list[Dimm] | None) -> Object:
    """A region, without its namespaces.

    :param mapped: the DIMMs whose mappings are shown, None for no mappings at all
    """
    found: Object = {'dev': region.dev, 'size': detail.size(region.size)}
    if detail.since(68) and detail.release.has('region.align'):
        found['align'] = detail.size(region.align)
    found['available_size'] = detail.size(region.available_size)
    if detail.since(62) and detail.release.has('max_available_extent'):
        found['max_available_extent'] = detail.size(region.max_available_extent)
    found |= {'type': 'pmem', **detail.nodes(region)}
    if region.has_labels:
        found['iset_id'] = number(region.cookie, detail.human, unsigned=detail.since(73))
    if mapped:
        # libndctl reads the mappings in order and lists the last one first.
        found['mappings'] = [_mapping_object(dimm, detail) for dimm in reversed(mapped)]
    if not region.enabled:
        found['state'] = 'disabled'
    if region.errors.known:
        found |= _bad_blocks(region, 0, region.size, detail)
    if region.enabled and detail.capabilities and detail.since(65):
        found['capabilities'] = [
            {'mode': 'sector', 'sector_sizes': list(sizes.BTT_SECTOR_SIZES)},
            {'mode': 'fsdax', 'alignments': list(sizes.ALIGNMENTS)},
            {'mode': 'devdax', 'alignments': list(sizes.ALIGNMENTS)}]
    found['persistence_domain'] = region.spec.flushed_domain
    return found


def _mapping_object(dimm: Dimm, detail: Detail) -> Object:
    found: Object = {
        'dimm': dimm.dev, 'offset': number(dimm.spec.offset, detail.human),
        'length': number(dimm.spec.size, detail.human)}
    if detail.release.has('mapping.position'):
        found['position'] = dimm.position
    return found
