"""Disks: target names, buses, and addresses on controllers.

Source: libvirt 9.0.0, src/conf/domain_conf.c (virDomainDiskDefParseXML, virDomainDiskInsert,
virDomainDiskDefAssignAddress), src/conf/domain_postparse.c (virDomainDiskDefPostParse),
src/qemu/qemu_domain.c (qemuDomainDeviceDiskDefPostParse).
"""

from __future__ import annotations

import re

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, bad_attribute, bad_xml, unsupported
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.etree import Element, add, drop, having, unset

BUSES = ('ide', 'fdc', 'scsi', 'virtio', 'xen', 'usb', 'uml', 'sata', 'sd')
DEVICES = ('disk', 'cdrom', 'floppy', 'lun')
TYPES = ('file', 'block', 'dir', 'network', 'volume', 'nvme', 'vhostuser')

_NAME = re.compile(r'(fd|hd|vd|sd|xvd|ubd)([a-z]+)[0-9]*$')
_BUS_OF_NAME = {'hd': 'ide', 'sd': 'scsi', 'vd': 'virtio', 'xvd': 'xen', 'ubd': 'uml'}


def index_of(name: str) -> int:
    """Return the index of a target name: ``vda`` is 0, ``sdaa`` is 26; -1 if invalid."""
    match = _NAME.match(name)
    if match is None:
        return -1
    number = 0
    for letter in match.group(2):
        number = number * 26 + ord(letter) - ord('a') + 1
    return number - 1


def target(disk: Element) -> tuple[str, str]:
    """Return a disk's target: name and bus."""
    found = disk.find('target')
    return ('', '') if found is None else (found.get('dev', ''), found.get('bus', ''))


def by_target(devices: Element, name: str) -> Element | None:
    """Return the disk with a target name, or None."""
    for disk in devices.findall('disk'):
        if target(disk)[0] == name:
            return disk
    return None


def named(devices: Element, path: str) -> Element | None:
    """Return the disk with that target or source, or None."""
    for disk in devices.findall('disk'):
        if path and path in (target(disk)[0], source_path(disk)):
            return disk
    return None


def driver_format(disk: Element, default: str = 'raw') -> str:
    """Return the format that a disk's ``<driver>`` names, or the default."""
    driver = disk.find('driver')
    return default if driver is None else driver.get('type', default)


def read(disk: Element, *, checked: bool = True) -> None:
    """Refuse an invalid disk; with ``checked``, also a disk without a target."""
    for attribute, allowed in (('type', TYPES), ('device', DEVICES)):
        value = disk.get(attribute)
        if value is not None and value not in allowed:
            raise bad_attribute('disk', attribute, value)
    found = disk.find('target')
    name = None if found is None else found.get('dev')
    if not name and checked:
        source = disk.find('source')
        file = None if source is None else source.get('file') or source.get('dev')
        raise LibvirtError(libvirt.VIR_ERR_NO_TARGET, file,
                           domain=libvirt.VIR_FROM_DOMAIN)
    bus = None if found is None else found.get('bus')
    if bus is not None and bus not in BUSES:
        raise bad_attribute('target', 'bus', bus)
    if name and index_of(name) < 0 and disk.find('address') is None and _needs_index(bus):
        raise bad_xml(f"Unknown disk name '{name}' and no address specified")


def _needs_index(bus: str | None) -> bool:
    return bus in (None, 'ide', 'sata', 'scsi', 'fdc', 'virtio', 'usb')


def complete(disk: Element, definition: Definition) -> None:
    """Add a disk's defaults: type, driver, bus and address."""
    source = disk.find('source')
    for tag in ('source', 'backingStore'):
        for found in disk.iter(tag):
            unset(found, 'index')
    empty = source is None or not source.attrib
    if disk.get('type') is None or (empty and disk.get('type') in ('network', 'volume')):
        disk.set('type', 'file')
    if disk.get('type') == 'vhostuser' and disk.get('snapshot') is None:
        disk.set('snapshot', 'no')
    for encryption in disk.iter('encryption'):
        if encryption.get('engine') is None:
            encryption.set('engine', 'qemu')
    for network in disk.iter('source'):
        _complete_network(network)
    if disk.get('device') is None:
        disk.set('device', 'disk')
    driver = disk.find('driver')
    if driver is None:
        driver = add(disk, 'driver')
    if driver.get('name') is None:
        driver.set('name', 'qemu')
    if driver.get('type') is None and disk.get('type') != 'volume':
        driver.set('type', 'raw')
    if disk.get('device') == 'cdrom' and disk.find('readonly') is None:
        add(disk, 'readonly')
    transient = disk.find('transient')
    if transient is not None and transient.get('shareBacking') == 'no':
        unset(transient, 'shareBacking')
    readonly = disk.find('readonly') is not None
    if disk.get('snapshot') == 'no' and readonly:
        unset(disk, 'snapshot')
    goal = disk.find('target')
    if goal is None:
        return
    if goal.get('bus') is None:
        prefix = (_NAME.match(goal.get('dev', '')) or ['', ''])[1]
        floppy = disk.get('device') == 'floppy'
        goal.set('bus', 'fdc' if floppy else _BUS_OF_NAME.get(prefix, 'ide'))
    if disk.get('device') in ('disk', 'lun') or goal.get('tray') == 'closed':
        unset(goal, 'tray')
    if source is not None and source.get('startupPolicy') == 'default':
        unset(source, 'startupPolicy')
    if not _has_address(disk):
        _place(disk, definition)


#: Default ports of network storage.
_PORTS = {'nbd': '10809', 'gluster': '24007', 'iscsi': '3260', 'http': '80', 'https': '443',
          'ftp': '21', 'ftps': '990', 'tftp': '69', 'ssh': '22', 'sheepdog': '7000'}


def _complete_network(source: Element) -> None:
    protocol = source.get('protocol')
    if protocol is None:
        return
    for host in source.findall('host'):
        if host.get('name') and host.get('port') is None and protocol in _PORTS \
                and host.get('transport') in (None, 'tcp'):
            host.set('port', _PORTS[protocol])
    if protocol == 'iscsi' and source.get('name') and '/' not in source.get('name', ''):
        source.set('name', f"{source.get('name')}/0")


def _has_address(disk: Element) -> bool:
    address = disk.find('address')
    return address is not None and (address.get('type') != 'pci' or bool(address.get('slot')))


def _place(disk: Element, definition: Definition) -> None:
    name, bus = target(disk)
    number = index_of(name)
    wide = any(_wide(controller)
               for controller in having(definition.devices, 'controller', type='scsi'))
    places = {
        'ide': (number // 4, number % 4 // 2, number % 2),
        'sata': (number // 6, 0, number % 6),
        'fdc': (number // 2, 0, number % 2),
        'scsi': _wide_place(number) if wide else (number // 7, 0, number % 7),
    }
    if bus not in places:
        return
    controller, line, unit = places[bus]
    drop(disk, 'address')
    add(disk, 'address', type='drive', controller=controller, bus=line, target=0, unit=unit)


def _wide(controller: Element) -> bool:
    return controller.get('model') not in (None, 'auto', 'lsilogic')


def _wide_place(number: int) -> tuple[int, int, int]:
    controller, unit = divmod(number, 15)
    return controller, 0, unit + 1 if unit >= 7 else unit


def sort(devices: Element) -> None:
    """Group disks by bus in the order of first appearance, and sort each bus by target name."""
    ordered: list[Element] = []
    for disk in devices.findall('disk'):
        name, bus = target(disk)
        same = [place for place, other in enumerate(ordered) if target(other)[1] == bus]
        before = [place for place in same if index_of(target(ordered[place])[0]) > index_of(name)]
        place = before[0] if before else same[-1] + 1 if same else len(ordered)
        ordered.insert(place, disk)
    for disk in ordered:
        devices.remove(disk)
        devices.append(disk)


def check(definition: Definition) -> None:
    """Refuse duplicate targets and addresses, and disks without a required source.

    Source: libvirt 9.0.0, src/conf/domain_validate.c.
    """
    seen: set[str] = set()
    for disk in definition.devices.findall('disk'):
        name, _ = target(disk)
        if name in seen:
            raise bad_xml(f"target '{name}' duplicated for disk sources "
                          f"'{_source(definition, name)}' and '{source_path(disk)}'")
        seen.add(name)
        if disk.get('device') in ('disk', 'lun') and _lacks_source(disk):
            raise LibvirtError(libvirt.VIR_ERR_NO_SOURCE, name, domain=libvirt.VIR_FROM_DOMAIN)
        _check_lun(disk)
    _check_places(definition)


def _lacks_source(disk: Element) -> bool:
    """Whether a disk's source lacks the attribute that its type needs."""
    name = {'file': 'file', 'block': 'dev', 'dir': 'dir'}.get(disk.get('type', ''))
    source = disk.find('source')
    return name is not None and (source is None or not source.get(name))


def _check_lun(disk: Element) -> None:
    """Refuse a SCSI LUN that is not a block device (virDomainDiskDefSourceLUNValidate)."""
    if disk.get('device') != 'lun':
        return
    protocol = disk.find('source[@protocol]')
    if disk.get('type') == 'network' and protocol is not None:
        if protocol.get('protocol') != 'iscsi':
            raise unsupported("disk device='lun' is not supported for protocol="
                              f"'{protocol.get('protocol')}'", domain=libvirt.VIR_FROM_DOMAIN)
    elif disk.get('type') not in ('block', 'volume'):
        raise unsupported("disk device='lun' is only valid for block type disk source",
                          domain=libvirt.VIR_FROM_DOMAIN)


def _check_places(definition: Definition) -> None:
    places: dict[tuple[str, str], str] = {}
    for disk in definition.devices.findall('disk'):
        name, bus = target(disk)
        address = disk.find('address')
        if address is not None and address.get('type') == 'drive':
            place = (bus, ':'.join(address.get(key, '0')
                                   for key in ('controller', 'bus', 'target', 'unit')))
            if place in places:
                raise unsupported(
                    f"Found duplicate drive address for disk with target name '{places[place]}' "
                    f"controller='{address.get('controller')}' bus='{address.get('bus')}' "
                    f"target='{address.get('target')}' unit='{address.get('unit')}'",
                    domain=libvirt.VIR_FROM_DOMAIN)
            places[place] = name


def source_path(disk: Element) -> str | None:
    """Return the file or device of a disk's source, or None."""
    source = disk.find('source')
    if source is None:
        return None
    return (source.get('file') or source.get('dev') or source.get('dir')
            or source.get('name') or source.get('volume'))


def _source(definition: Definition, name: str) -> str | None:
    disk = by_target(definition.devices, name)
    return None if disk is None else source_path(disk)


