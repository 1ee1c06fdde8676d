"""Devices: parse those with rules of their own, and complete every device.

Source: libvirt 9.0.0, src/conf/domain_conf.c (virDomain...DefParseXML),
src/conf/domain_postparse.c, src/qemu/qemu_domain.c (qemuDomainDeviceDefPostParse).
"""

from __future__ import annotations

from collections.abc import Callable

from vpmem_harness.libvirtd.xml import numbers
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.devices import (
    attributes,
    character,
    controllers,
    device_address,
    disk_validate,
    disks,
    graphics,
    interface_validate,
    interfaces,
    memory,
)
from vpmem_harness.libvirtd.xml.etree import Element, add, drop, first, replace, unset
from vpmem_harness.libvirtd.xml.host import XmlHost


def read(source: Element) -> None:
    """Check the devices of a client's document, and convert some to libvirt's form."""
    devices = source.find('devices')
    if devices is None:
        return
    for device in list(devices):
        replaced = read_device(device)
        if replaced is not device:
            replace(devices, device, replaced)
    disks.sort(devices)
    controllers.sort(devices)


def read_device(device: Element, *, checked: bool = True) -> Element:
    """Return a device in libvirt's form; with ``checked``, a disk must have a target."""
    if device.tag == 'memory':
        return memory.read_device(device)
    device_address.read(device)
    if device.tag == 'disk':
        disks.read(device, checked=checked)
        disk_validate.read(device)
    elif device.tag == 'interface':
        interfaces.read(device)
        interface_validate.read(device)
    else:
        attributes.check(device)
    return device


def complete(definition: Definition, host: XmlHost) -> None:
    """Add the defaults of every device."""
    devices = definition.devices
    character.complete_ports(devices)
    for device in list(devices):
        complete_device(device, definition, host)
    character.pair_console(devices)


def complete_device(device: Element, definition: Definition, host: XmlHost) -> None:
    """Add the defaults of one device."""
    if device.tag == 'disk':
        disks.complete(device, definition)
        disk_validate.drop_empty_limits(device)
    elif device.tag == 'interface':
        interfaces.complete(device, host)
        interface_validate.normalize(device)
    elif device.tag == 'memory':
        memory.complete_device(device, definition.release)
    elif device.tag == 'graphics':
        graphics.complete(device)
    else:
        completer = _COMPLETERS.get(str(device.tag))
        if completer is not None:
            completer(device)


def _input(device: Element) -> None:
    if device.get('bus') is None:
        plain = device.get('type') in ('mouse', 'keyboard')
        if device.get('type') != 'evdev':
            device.set('bus', 'ps2' if plain else
                       'virtio' if device.get('type') == 'passthrough' else 'usb')


def _rng(device: Element) -> None:
    rate = device.find('rate')
    if rate is not None and rate.get('bytes') is None:
        device.remove(rate)
    backend = device.find('backend')
    if backend is not None and backend.get('type') != 'tcp':
        drop(backend, 'protocol')
    if backend is not None and backend.get('model') == 'random' and not backend.text:
        backend.text = '/dev/random'


def _vsock(device: Element) -> None:
    if device.get('model') is None:
        device.set('model', 'virtio')
    cid = device.find('cid')
    if cid is None:
        cid = add(device, 'cid')
    if cid.get('auto') is None:
        cid.set('auto', 'no' if cid.get('address') else 'yes')


def _watchdog(device: Element) -> None:
    if device.get('action') is None:
        device.set('action', 'reset')


def _tpm(device: Element) -> None:
    if device.get('model') is None:
        device.set('model', 'tpm-tis')
    backend = device.find('backend')
    if backend is not None and backend.get('type') == 'passthrough' \
            and backend.find('device') is None:
        add(backend, 'device', path='/dev/tpm0')
    if backend is None or backend.get('type') != 'emulator':
        return
    if backend.get('version') is None:
        backend.set('version', '2.0' if device.get('model') == 'tpm-crb' else '1.2')
    if backend.get('persistent_state') == 'no':
        unset(backend, 'persistent_state')


def _hostdev(device: Element) -> None:
    if device.get('mode') is None:
        device.set('mode', 'subsystem')
    if device.get('mode') == 'subsystem' and device.get('managed') is None:
        device.set('managed', 'no')
    if device.get('type') == 'mdev' and device.get('model') == 'vfio-pci' \
            and device.get('display') is None:
        device.set('display', 'off')
    if device.get('type') == 'usb':
        for tag in ('vendor', 'product'):
            found = first(device, f'source/{tag}')
            if found is not None:
                found.set('id', f"0x{device_address.number(found, 'id', 0) or 0:04x}")
    if device.get('type') == 'pci':
        address = device.find('source/address')
        if address is not None:
            host_address(address)


def host_address(address: Element) -> None:
    """Format the address of a host's PCI device as libvirt does, without its type."""
    unset(address, 'type')
    for name, form in (('domain', '0x{:04x}'), ('bus', '0x{:02x}'), ('slot', '0x{:02x}'),
                       ('function', '0x{:x}')):
        address.set(name, form.format(device_address.number(address, name, 0) or 0))


def _filesystem(device: Element) -> None:
    if device.get('type') is None:
        device.set('type', 'mount')
    source = device.find('source')
    for mode in ('fmode', 'dmode'):
        if device.get(mode) is not None:
            device.set(mode, device.get(mode, '').zfill(4))
    if device.get('accessmode') is None and (source is None or source.get('socket') is None):
        device.set('accessmode', 'passthrough')


def _shmem(device: Element) -> None:
    if device.find('model') is None:
        add(device, 'model', type='ivshmem')
    size = device.find('size')
    if size is not None:
        size.text = str(numbers.kib(size, '.') // 1024)
        size.set('unit', 'M')


def _panic(device: Element) -> None:
    if device.get('model') is None:
        device.set('model', 'isa')


_COMPLETERS: dict[str, Callable[[Element], None]] = {
    'input': _input, 'rng': _rng, 'vsock': _vsock, 'watchdog': _watchdog, 'tpm': _tpm,
    'hostdev': _hostdev, 'filesystem': _filesystem, 'shmem': _shmem, 'panic': _panic,
    'serial': character.complete_serial, 'parallel': character.complete_parallel,
    'console': character.complete_console, 'channel': character.complete_channel,
    'redirdev': character.complete_source, 'smartcard': character.complete_source,
}
