"""The options of QEMU's command line for disks, as far as errors of a start show them.

Source: libvirt 9.0.0, src/qemu/qemu_command.c (qemuBuildDiskDeviceProps), src/qemu/qemu_block.c
(qemuBlockStorageSourceGetBlockdevFormatProps). Recording: golden/libvirt/image-locks.json.
"""

from __future__ import annotations

import json
from typing import Final

from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.devices import aliases, disk_chain, disks
from vpmem_harness.libvirtd.xml.etree import Element, every, having

_DIRECT, _NO_FLUSH = ('none', 'directsync'), ('unsafe',)
_WRITE_THROUGH: Final = ('writethrough', 'directsync')
#: QEMU's devices by the bus and the device of a disk.
_DRIVERS: Final = {
    ('virtio', 'disk'): 'virtio-blk-pci', ('virtio', 'lun'): 'virtio-blk-pci',
    ('ide', 'disk'): 'ide-hd', ('ide', 'cdrom'): 'ide-cd', ('sata', 'disk'): 'ide-hd',
    ('sata', 'cdrom'): 'ide-cd', ('scsi', 'disk'): 'scsi-hd', ('scsi', 'cdrom'): 'scsi-cd',
    ('scsi', 'lun'): 'scsi-block', ('usb', 'disk'): 'usb-storage', ('usb', 'cdrom'): 'usb-storage',
    ('fdc', 'floppy'): 'floppy'}


def blockdev(disk: Element, image: Element) -> str:
    """Return the argument of ``-blockdev`` for the format of one of a disk's images."""
    chain = disk_chain.images(disk)
    place = next(number for number, found in enumerate(chain) if found is image)
    driver = disk.find('driver')
    given = {} if driver is None else driver.attrib
    options: dict[str, object] = {
        'node-name': _node(image),
        'read-only': place > 0 or disk.find('readonly') is not None}
    if given.get('discard'):
        options['discard'] = given['discard']
    if given.get('detect_zeroes') and not place:
        options['detect-zeroes'] = given['detect_zeroes']
    cache = given.get('cache')
    if cache not in (None, 'default'):
        options['cache'] = {'direct': cache in _DIRECT, 'no-flush': cache in _NO_FLUSH}
    options['driver'] = disk_chain.image_format(image)
    options['file'] = _node(image, 'storage')
    options['backing'] = _node(chain[place + 1]) if place + 1 < len(chain) else None
    return _text(options)


def device(disk: Element, definition: Definition) -> str:
    """Return the argument of ``-device`` for a disk."""
    name, bus = disks.target(disk)
    options: dict[str, object] = {
        'driver': _DRIVERS.get((bus, disk.get('device', 'disk')), f'{bus}-{name}')}
    options.update(_address(disk, bus, definition))
    if bus == 'scsi':
        options['device_id'] = f'drive-{aliases.name(disk)}'
    if disk.find('shareable') is not None:
        options['share-rw'] = True
    options['drive'] = _node(disk)
    options['id'] = aliases.name(disk)
    index = _boot_index(disk, definition)
    if index is not None and bus != 'fdc':
        options['bootindex'] = index
    if bus == 'usb':
        target = disk.find('target')
        options['removable'] = target is not None and target.get('removable') == 'on'
    driver = disk.find('driver')
    cache = None if driver is None else driver.get('cache')
    if cache not in (None, 'default') or disk.find('shareable') is not None:
        options['write-cache'] = 'off' if cache in _WRITE_THROUGH else 'on'
    serial = disk.findtext('serial')
    if serial:
        options['serial'] = serial
    return _text(options)


def _node(image: Element, kind: str = 'format') -> str:
    source = image.find('source')
    index = image.get('index') or (None if source is None else source.get('index'))
    return f'libvirt-{index or 1}-{kind}'


def _address(disk: Element, bus: str, definition: Definition) -> dict[str, object]:
    address = disk.find('address')
    number = {} if address is None else {
        name: int(value, 0) for name, value in address.items()
        if name in ('controller', 'bus', 'target', 'unit', 'slot', 'function')}
    if bus == 'virtio':
        parent, slot = number.get('bus', 0), f"0x{number.get('slot', 0):x}"
        if number.get('function'):
            slot += f".0x{number['function']:x}"
        root = 'pci.0' if definition.is_i440fx else 'pcie.0'
        return {'bus': f'pci.{parent}' if parent else root, 'addr': slot}
    if bus == 'ide':
        return {'bus': f"ide.{number.get('bus', 0)}", 'unit': number.get('unit', 0)}
    if bus == 'sata':
        controller = number.get('controller', 0)
        own = definition.is_i440fx or controller
        return {'bus': f"{f'sata{controller}' if own else 'ide'}.{number.get('unit', 0)}"}
    if bus == 'scsi':
        models = [found.get('model') for found in having(
            definition.devices, 'controller', type='scsi', index=str(number.get('controller', 0)))]
        place: dict[str, object] = {'bus': f"scsi{number.get('controller', 0)}.0"}
        if models[:1] == ['lsilogic']:
            return {**place, 'scsi-id': number.get('unit', 0)}
        return {**place, 'channel': number.get('bus', 0), 'scsi-id': number.get('target', 0),
                'lun': number.get('unit', 0)}
    if bus == 'usb':
        port = None if address is None else address.get('port')
        return {'bus': 'usb.0', 'port': port or '1'}
    return {'unit': number.get('unit', 0)}


def _boot_index(disk: Element, definition: Definition) -> int | None:
    """Return the place of a disk in the order of boot devices."""
    own = disk.find('boot')
    if own is not None:
        return int(own.get('order') or 0) or None
    kind = {'disk': 'hd', 'lun': 'hd', 'cdrom': 'cdrom', 'floppy': 'fd'}[disk.get('device', 'disk')]
    same = [found for found in definition.devices.findall('disk')
            if (found.get('device') in ('disk', 'lun')) == (kind == 'hd')
            and (kind == 'hd' or found.get('device') == disk.get('device'))]
    for place, boot in enumerate(every(definition.root, 'os/boot'), 1):
        if boot.get('dev') == kind and same and same[0] is disk:
            return place
    return None


def _text(options: dict[str, object]) -> str:
    return json.dumps(options, separators=(',', ':'))
