"""Refuse disks that libvirt or QEMU cannot provide.

Source: libvirt 9.0.0, src/conf/domain_conf.c (virDomainDiskDefParseXML),
src/conf/domain_validate.c (virDomainDiskDefValidate), src/qemu/qemu_validate.c
(qemuValidateDomainDeviceDefDisk); each refusal was compared with libvirt 9.0.0.
"""

from __future__ import annotations

import re
from typing import Final

import libvirt

from vpmem_harness.libvirtd.errors import (
    bad_attribute,
    bad_xml,
    internal,
    missing_attribute,
    unsupported,
)
from vpmem_harness.libvirtd.xml import numbers
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.devices import controllers, device_address, disks
from vpmem_harness.libvirtd.xml.etree import Element, every, text_of

_DOMAIN: Final[int] = libvirt.VIR_FROM_DOMAIN

_FORMATS: Final = ('raw', 'dir', 'bochs', 'cloop', 'dmg', 'iso', 'vpc', 'vdi', 'fat', 'vhd',
                   'ploop', 'cow', 'qcow', 'qcow2', 'qed', 'vmdk')
_PROTOCOLS: Final = ('nbd', 'rbd', 'sheepdog', 'gluster', 'iscsi', 'http', 'https', 'ftp', 'ftps',
                     'tftp', 'ssh', 'vxhs', 'nfs')
_SERIAL: Final = re.compile(r'[\w .+:/-]*', re.ASCII)
_WWN: Final = re.compile('(0x)?[0-9a-fA-F]{16}')
_TARGETS: Final = ('hd', 'sd', 'vd', 'xvd', 'ubd')


def read(disk: Element) -> None:
    """Refuse a disk whose XML libvirt does not understand."""
    driver, source, target = (disk.find(tag) for tag in ('driver', 'source', 'target'))
    device, kind = disk.get('device', 'disk'), disk.get('type', 'file')
    form = None if driver is None else driver.get('type')
    if form is not None and form not in _FORMATS:
        raise unsupported(f"unknown driver format value '{form}'", domain=_DOMAIN)
    if source is not None and kind == 'network':
        protocol = source.get('protocol')
        if protocol is None:
            raise missing_attribute('source', 'protocol')
        if protocol not in _PROTOCOLS:
            raise bad_attribute('source', 'protocol', protocol)
    if source is not None and kind == 'volume' and source.attrib and not (
            source.get('pool') and source.get('volume')):
        raise bad_xml("'pool' and 'volume' must be specified together for 'pool' type source")
    if target is not None:
        _check_target(device, target.get('dev', ''), target.get('bus'))
        if target.get('removable') is not None and target.get('bus') != 'usb':
            raise bad_xml('removable is only valid for usb disks')
    _check_identity(disk)
    _check_tuning(disk)
    for store in every(disk, 'backingStore'):
        if store.get('type') and store.find('format') is None:
            raise bad_xml('missing disk backing store format')


def _check_target(device: str, name: str, bus: str | None) -> None:
    floppy = device == 'floppy'
    if bus is not None and (bus == 'fdc') != floppy:
        text = 'floppy disk' if floppy else 'disk'
        raise internal(f"Invalid bus type '{bus}' for {text}", domain=_DOMAIN)
    if floppy and name and not name.startswith('fd'):
        raise internal(f'Invalid floppy device name: {name}', domain=_DOMAIN)
    if device in ('disk', 'lun') and name and not name.startswith(_TARGETS):
        raise internal(f'Invalid harddisk device name: {name}', domain=_DOMAIN)


def _check_identity(disk: Element) -> None:
    wwn = text_of(disk, 'wwn')
    if wwn and not _WWN.fullmatch(wwn):
        raise internal(f'Malformed wwn: {wwn}', domain=libvirt.VIR_FROM_NONE)
    for name, most in (('vendor', 8), ('product', 16)):
        text = text_of(disk, name) or ''
        if len(text.encode()) > most:
            raise unsupported(f'disk {name} is more than {most} characters', domain=_DOMAIN)
        if not text.isascii() or not text.isprintable():
            raise bad_xml(f'disk {name} is not printable string')


def _check_tuning(disk: Element) -> None:
    """Refuse limits that are no numbers, and a total beside the limit of a direction."""
    tune = disk.find('iotune')
    if tune is None:
        return
    limits: dict[str, int] = {}
    for child in tune:
        if child.tag == 'group_name':
            continue
        number = numbers.whole(child.text)
        if number is None:
            raise bad_xml(f"disk iotune field '{child.tag}' must be an integer")
        limits[str(child.tag)] = number
    for name in ('bytes_sec', 'iops_sec', 'bytes_sec_max', 'iops_sec_max'):
        if limits.get(f'total_{name}') and (
                limits.get(f'read_{name}') or limits.get(f'write_{name}')):
            raise bad_xml(f'total and read/write {name} cannot be set at the same time')


def check(disk: Element, definition: Definition) -> None:
    """Refuse a disk that libvirt or QEMU does not support."""
    name, bus = disks.target(disk)
    if disk.get('rawio') is not None and disk.get('device') != 'lun':
        raise unsupported("rawio can be used only with device='lun'", domain=_DOMAIN)
    _check_driver(disk, bus)
    _check_address(disk, bus, name, definition)
    _check_features(disk, bus, name)
    _check_contents(disk, definition)
    _check_transient(disk, name)
    driver = disk.find('driver')
    iothread = None if driver is None else driver.get('iothread')
    if iothread is not None:
        _check_iothread(iothread, bus, name, definition)


def _check_driver(disk: Element, bus: str) -> None:
    driver = disk.find('driver')
    if driver is None or bus == 'virtio':
        return
    if driver.get('queues'):
        raise unsupported('queues attribute in disk driver element is only supported by '
                          'virtio-blk', domain=_DOMAIN)
    for attribute in ('ioeventfd', 'event_idx'):
        if driver.get(attribute) is not None:
            raise unsupported(f'disk {attribute} mode supported only for virtio bus',
                              domain=_DOMAIN)


def _check_address(disk: Element, bus: str, name: str, definition: Definition) -> None:
    address = disk.find('address')
    kind = None if address is None else address.get('type')
    if bus in ('ide', 'sata', 'scsi', 'fdc') and kind not in (None, 'drive'):
        raise unsupported(f"Invalid address type '{kind}' for the disk '{name}' with the bus type "
                          f"'{bus}'", domain=_DOMAIN)
    if bus == 'virtio' and kind not in (None, 'pci', 'ccw', 'virtio-mmio', 'none'):
        raise unsupported(f"virtio disk cannot have an address of type '{kind}'")
    if bus == 'usb' and kind not in (None, 'usb'):
        raise internal('unexpected address type for usb disk')
    if address is not None and kind == 'drive':
        _check_drive(address, bus, definition)


#: The buses of transient disks whose image guests can share.
_SHARE_BACKING: Final = ('virtio', 'scsi', 'usb')


def _check_transient(disk: Element, name: str) -> None:
    """Refuse to discard the changes of a disk that has no file of its own to write to."""
    if disk.find('transient') is None:
        return
    if disk.get('type', 'file') != 'file':
        raise unsupported(f"transient disk supported only with 'file' type ({name})")
    if disk.find('readonly') is not None:
        raise unsupported(f"transient disk '{name}' must not be read-only")
    if disk.get('device', 'disk') != 'disk':
        raise unsupported(f"transient disk supported only with 'disk' device ({name})")
    bus = disks.target(disk)[1]
    if disk.find("transient[@shareBacking='yes']") is not None and bus not in _SHARE_BACKING:
        raise unsupported(f"disk bus '{bus}' doesn't support transiend disk backing image "
                          'sharing')


def _check_drive(address: Element, bus: str, definition: Definition) -> None:
    """Refuse a place that the controllers of a bus do not have.

    Source: libvirt 9.0.0, src/qemu/qemu_validate.c (qemuValidateDomainDeviceDefDiskFrontend).
    """
    controller, line, target = (device_address.get(address, name)
                                for name in ('controller', 'bus', 'target'))
    if bus in ('ide', 'fdc') and controller:
        raise internal(f'Only 1 {bus if bus == "fdc" else "IDE"} controller is supported')
    if bus == 'fdc' and line:
        raise internal('Only 1 fdc bus is supported')
    if bus in ('fdc', 'ide', 'sata') and target:
        owner = 'controller fdc' if bus == 'fdc' else f'{bus} controller'
        raise unsupported(f'target must be 0 for {owner}')
    if bus == 'sata' and line:
        raise unsupported('bus must be 0 for sata controller')
    if bus == 'scsi':
        if line:
            raise internal('SCSI controller only supports 1 bus')
        found = controllers.find(definition, 'scsi', controller)
        model = None if found is None else found.get('model')
        if model == 'lsilogic' and target:
            raise unsupported(f"target must be 0 for controller model '{model}'")


def _check_features(disk: Element, bus: str, name: str) -> None:
    device = disk.get('device')
    geometry = disk.find('geometry')
    if geometry is not None and bus == 'usb':
        raise unsupported("CHS geometry can not be set for 'usb' bus")
    if geometry is not None and geometry.get('trans') and bus != 'ide':
        raise unsupported("CHS translation mode can only be set for 'ide' bus not "
                          f"'{bus}'")
    serial = text_of(disk, 'serial')
    if serial and not _SERIAL.fullmatch(serial):
        raise internal(f"driver serial '{serial}' contains unsafe characters")
    if device == 'cdrom' and bus == 'virtio':
        raise unsupported(f"disk type of '{name}' does not support ejectable media")
    if device == 'disk' and bus in ('ide', 'sata') and disk.find('readonly') is not None:
        raise unsupported(f'readonly {bus} disks are not supported')
    if device == 'lun' and bus not in ('virtio', 'scsi'):
        raise unsupported(f"disk device='lun' is not supported for bus='{bus}'")
    if text_of(disk, 'wwn') and bus not in ('ide', 'scsi'):
        raise unsupported('Only ide and scsi disk support wwn')
    if bus != 'scsi' and (text_of(disk, 'vendor') or text_of(disk, 'product')):
        raise unsupported('Only scsi disk supports vendor and product')
    target = disk.find('target')
    if target is not None and target.get('rotation_rate') and bus not in ('ide', 'sata', 'scsi'):
        raise internal('rotation rate is only valid for SCSI/IDE/SATA bus')


def _check_contents(disk: Element, definition: Definition) -> None:
    driver, kind = disk.find('driver'), disk.get('type')
    encryption = every(disk, 'encryption') + every(disk, 'source/encryption')
    if any(found.get('format') in ('qcow', 'default') for found in encryption):
        raise unsupported('old qcow/qcow2 encryption is not supported')
    if kind == 'vhostuser' and not definition.shares_memory:
        raise unsupported("'vhostuser' requires shared memory")
    if driver is None:
        return
    form = driver.get('type', 'raw')
    if driver.get('name') not in (None, 'qemu'):
        raise unsupported(f"unsupported driver name '{driver.get('name')}' for disk "
                          f"'{disks.target(disk)[0]}'")
    if driver.get('io') == 'native' and driver.get('cache') not in ('none', 'directsync'):
        raise unsupported("io='native' needs either no disk cache or directsync cache mode")
    if form == 'iso':
        raise unsupported("storage format 'iso' is not directly supported by QEMU, use 'raw' "
                          'instead')
    if form == 'dir':
        raise unsupported("'directory' storage format is not directly supported by QEMU, use "
                          "'dir' disk type instead")
    if form == 'cow':
        raise unsupported("'cow' storage format is not supported")
    if form == 'fat' and kind != 'dir':
        raise unsupported("storage format 'fat' is supported only with 'dir' storage type")
    if kind == 'dir' and form != 'fat':
        raise unsupported("storage type 'dir' requires use of storage format 'fat'")
    if kind == 'dir' and disk.find('readonly') is None and disk.get('device') != 'floppy':
        raise unsupported("virtual FAT storage can't be accessed in read-write mode")


def _check_iothread(iothread: str, bus: str, name: str, definition: Definition) -> None:
    if bus != 'virtio':
        raise unsupported(f'IOThreads not available for bus {bus} target {name}')
    if int(iothread) not in definition.iothread_ids:
        raise unsupported(f"Disk iothread '{iothread}' not defined in iothreadid")


def drop_empty_limits(disk: Element) -> None:
    """Remove the limits that are 0: there is no such limit."""
    for tune in disk.findall('iotune'):
        for child in list(tune):
            if child.tag != 'group_name' and not numbers.whole(child.text):
                tune.remove(child)
