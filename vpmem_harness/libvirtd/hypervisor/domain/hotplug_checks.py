"""Refuse changes of a running guest's devices that libvirt or QEMU cannot make.

Source: libvirt 9.0.0, src/qemu/qemu_hotplug.c (qemuDomainAttachDeviceLive,
qemuDomainDetachDeviceLive, qemuDomainChangeGraphics, qemuDomainChangeNet); each refusal was
compared with libvirt 9.0.0 and QEMU 7.2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, bad_xml, internal
from vpmem_harness.libvirtd.hypervisor.domain import emulator
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.devices import controllers, disks
from vpmem_harness.libvirtd.xml.domain import device_changes
from vpmem_harness.libvirtd.xml.etree import Element, first, having

#: Buses whose disks QEMU can add and remove while the guest runs.
_DISK_BUSES: Final = ('virtio', 'usb', 'scsi')
_NO_HOTPLUG: Final = "Bus '{}' does not support hotplugging"


def _unsupported(text: str) -> LibvirtError:
    return LibvirtError(libvirt.VIR_ERR_OPERATION_UNSUPPORTED, text)


def attach(device: Element, live: Definition) -> None:
    """Refuse a device that cannot be added to a running guest."""
    checker = _ATTACHERS.get(str(device.tag))
    if checker is not None:
        checker(device, live)


def _attach_disk(device: Element, live: Definition) -> None:
    name, bus = disks.target(device)
    if device.get('device') == 'floppy':
        raise _unsupported("floppy device hotplug isn't supported")
    there = disks.by_target(live.devices, name)
    if there is not None:
        raise bad_xml(f"target '{name}' duplicated for disk sources "
                      f"'{disks.source_path(there)}' and '{disks.source_path(device)}'")
    address = device.find('address')
    device_changes.check_scsi_place(device, live)
    if bus in _DISK_BUSES:
        return
    number = '0' if address is None else address.get('controller', '0')
    built_in = bus == 'ide' and live.is_i440fx and number == '0'
    if not built_in and not having(live.devices, 'controller', type=bus, index=number):
        raise internal(f'Could not find {bus} controller with index {number} required for device',
                       domain=libvirt.VIR_FROM_DOMAIN)
    line = 'unit' if bus == 'sata' else 'bus'
    port = '0' if address is None else address.get(line, '0')
    raise emulator.command_failed('device_add', _NO_HOTPLUG.format(f'ide.{port}'))


def _attach_controller(device: Element, live: Definition) -> None:
    kind = device.get('type', '')
    if kind != 'scsi':
        raise _unsupported(f"'{kind}' controller cannot be hot plugged.")
    if controllers.find(live, kind, int(device.get('index') or -1)) is not None:
        raise LibvirtError(libvirt.VIR_ERR_OPERATION_FAILED,
                           f"target {kind}:{device.get('index')} already exists")


def _attach_character_device(device: Element, live: Definition) -> None:
    target = device.find('target')
    kind = None if target is None else target.get('type')
    if device.tag == 'parallel' or (device.tag == 'serial' and kind == 'isa-serial'):
        raise emulator.command_failed('device_add', _NO_HOTPLUG.format('isa.0'))
    name = None if target is None else target.get('name')
    if name is not None and any(found.get('name') == name for other
                                in live.devices.findall('channel')
                                for found in other.findall('target')):
        raise emulator.command_failed(
            'device_add', f'virtio-serial-bus: A port already exists by name {name}')


def _attach_input(device: Element, live: Definition) -> None:
    if device.get('bus') not in ('usb', 'virtio'):
        raise _unsupported(f"input device on bus '{device.get('bus')}' cannot be hot plugged.")


def _attach_interface(device: Element, live: Definition) -> None:
    kind = device.get('type')
    if kind in ('client', 'server', 'mcast', 'internal', 'udp'):
        raise _unsupported(f'hotplug of interface type of {kind} is not implemented yet')


def _attach_filesystem(device: Element, live: Definition) -> None:
    driver = device.find('driver')
    if driver is None or driver.get('type') != 'virtiofs':
        raise _unsupported('only virtiofs filesystems can be hotplugged')


_ATTACHERS: Final[dict[str, Callable[[Element, Definition], None]]] = {
    'disk': _attach_disk, 'controller': _attach_controller, 'input': _attach_input,
    'filesystem': _attach_filesystem, 'serial': _attach_character_device,
    'parallel': _attach_character_device, 'channel': _attach_character_device,
    'interface': _attach_interface,
}


def detach(device: Element, live: Definition) -> None:
    """Refuse to remove a device that cannot be removed from a running guest."""
    if device.tag == 'disk':
        if device.get('device') in ('cdrom', 'floppy') \
                and disks.target(device)[1] not in _DISK_BUSES:
            raise _unsupported(f"disk device type '{device.get('device')}' cannot be detached")
        if disks.target(device)[1] not in _DISK_BUSES:
            raise _unsupported('This type of disk cannot be hot unplugged')
    elif device.tag == 'controller':
        _detach_controller(device, live)
    elif device.tag == 'input' and device.get('bus') not in ('usb', 'virtio'):
        raise _unsupported(f"input device on bus '{device.get('bus')}' cannot be detached")
    elif device.tag in ('serial', 'parallel'):
        target = device.find('target')
        if target is not None and target.get('type') in (None, 'isa-serial'):
            raise emulator.command_failed('device_del', _NO_HOTPLUG.format('isa.0'))


def _detach_controller(device: Element, live: Definition) -> None:
    kind = device.get('type')
    if kind != 'scsi':
        raise _unsupported(f"'{kind}' controller cannot be hot unplugged.")
    for disk in live.devices.findall('disk'):
        address = disk.find('address')
        if disks.target(disk)[1] == 'scsi' and address is not None \
                and address.get('controller') == device.get('index'):
            raise LibvirtError(libvirt.VIR_ERR_OPERATION_FAILED,
                               'device cannot be detached: device is busy')


def update_graphics(found: Element, device: Element) -> None:
    """Refuse an update of a running guest's graphics that changes more than the password."""
    kind = device.get('type')
    if kind not in ('vnc', 'spice'):
        return
    fixed = device.get('autoport') != 'yes'
    if (found.get('autoport') != device.get('autoport')
            or (fixed and found.get('port') != device.get('port'))):
        raise _unsupported(f'cannot change port settings on {kind} graphics')
    old, new = found.find('listen'), device.find('listen')
    if old is not None and new is not None:
        if old.get('type') != new.get('type'):
            raise _unsupported(f"cannot change the type of listen address on '{kind}' graphics")
        if old.get('address') != new.get('address'):
            raise _unsupported(f"cannot change listen address setting on '{kind}' graphics")
    if kind == 'vnc' and found.get('keymap') != device.get('keymap'):
        raise _unsupported('cannot change keymap setting on vnc graphics')
    if kind == 'vnc' and device.get('passwd') and not found.get('passwd'):
        raise emulator.command_failed('set_password', 'Could not set password')


def update_interface(found: Element, device: Element) -> None:
    """Refuse an update of a running guest's interface that QEMU cannot make."""
    old, new = found.find('model'), device.find('model')
    if old is not None and new is not None and old.get('type') != new.get('type'):
        raise _unsupported(f'cannot modify network device model from {old.get("type")} to '
                           f'{new.get("type")}')
    if _content(found.find('driver')) != _content(device.find('driver')):
        raise _unsupported('cannot modify virtio network device driver attributes')
    bar = first(device, 'rom')
    if bar is not None and _content(bar) != _content(found.find('rom')):
        raise _unsupported('cannot modify network device rom bar setting')
    if found.get('type') != device.get('type'):
        kinds = {found.get('type'), device.get('type')}
        if not kinds <= {'network', 'bridge', 'ethernet'}:
            raise _unsupported(f"unable to change config on '{device.get('type')}' network type")


def _content(element: Element | None) -> dict[str, str]:
    return {} if element is None else element.attrib
