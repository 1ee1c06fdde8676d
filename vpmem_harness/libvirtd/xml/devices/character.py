"""Character devices: serial and parallel ports, consoles, channels.

Source: libvirt 9.0.0, src/conf/domain_conf.c (virDomainChrDefParseXML),
src/conf/domain_postparse.c (virDomainDefAddConsoleCompat), src/qemu/qemu_domain.c
(qemuDomainChrDefPostParse).
"""

from __future__ import annotations

import re

import libvirt

from vpmem_harness.libvirtd.errors import internal, unsupported
from vpmem_harness.libvirtd.xml.etree import Element, add, copy, drop, unset

#: How many serial ports a PC has.
ISA_PORTS = 4

#: Paths of sockets that libvirt generated, for this or an earlier start of a domain.
#: Source: libvirt 9.0.0, src/qemu/qemu_domain.c (qemuDomainChrDefDropDefaultPath).
_GENERATED = re.compile(r'^/var/lib/libvirt/qemu/channel/target/([^/]+\.)|(domain-[^/]+/)')

_SERIAL_MODELS = {'isa-serial': 'isa-serial', 'usb-serial': 'usb-serial',
                  'pci-serial': 'pci-serial', 'isa-debug': 'isa-debugcon'}

TAGS = ('serial', 'parallel', 'console', 'channel')


def complete_ports(devices: Element) -> None:
    """Assign port numbers to the serial and parallel ports that have none.

    :raises LibvirtError: VIR_ERR_INTERNAL_ERROR for a duplicate number or too many ports.
    """
    for tag in ('serial', 'parallel'):
        ports = [_target(device) for device in devices.findall(tag)]
        taken: set[int] = set()
        for target in ports:
            port = target.get('port')
            if port is None or not port.isdigit():
                continue
            if tag == 'serial':
                if int(port) >= ISA_PORTS:
                    raise internal('Maximum supported number of ISA serial ports is '
                                   f"'{ISA_PORTS}'", domain=_DOMAIN)
                if int(port) in taken:
                    raise internal(f"target port '{port}' already allocated", domain=_DOMAIN)
            taken.add(int(port))
        for target in ports:
            if not (target.get('port') or '').isdigit():
                free = next(number for number in range(len(ports) + len(taken))
                            if number not in taken)
                taken.add(free)
                target.set('port', str(free))


_DOMAIN: int = libvirt.VIR_FROM_DOMAIN


def _target(device: Element) -> Element:
    target = device.find('target')
    return add(device, 'target') if target is None else target


def complete_source(device: Element) -> None:
    """Complete the mode of a source, and drop paths that libvirt generates at each start."""
    unset(device, 'tty')
    if device.get('type') is None and device.tag in TAGS:
        device.set('type', 'pty')
    kind = device.get('type')
    if kind == 'pty':
        drop(device, 'source')
    if kind != 'tcp':
        drop(device, 'protocol')
    elif device.find('protocol') is None:
        add(device, 'protocol', type='raw')
    if kind in ('tcp', 'unix'):
        for found in device.findall('source'):
            if found.get('mode') is None:
                found.set('mode', 'connect')
    if kind == 'unix':
        source = device.find('source')
        if source is not None and not source.get('path'):
            drop(device, 'source')


def complete_serial(device: Element) -> None:
    """Complete the type and model of a serial port."""
    complete_source(device)
    target = _target(device)
    if target.get('type') in (None, 'serial'):
        target.set('type', 'isa-serial')
    if target.find('model') is None:
        model = _SERIAL_MODELS.get(target.get('type', ''))
        if model is not None:
            add(target, 'model', name=model)


def complete_parallel(device: Element) -> None:
    """Complete a parallel port."""
    complete_source(device)
    unset(_target(device), 'type')


def complete_console(device: Element) -> None:
    """Complete a console; it belongs to a serial port by default."""
    complete_source(device)
    target = _target(device)
    if target.get('type') is None:
        target.set('type', 'serial')


def complete_channel(device: Element) -> None:
    """Complete a channel: its source, and its state, which is disconnected."""
    complete_source(device)
    target = _target(device)
    unset(target, 'state')
    if device.get('type') == 'unix':
        source = device.find('source')
        path = None if source is None else source.get('path')
        if path is not None and _GENERATED.search(path):
            drop(device, 'source')


def pair_console(devices: Element) -> None:
    """Make the first console and the first serial port the same device.

    :raises LibvirtError: VIR_ERR_CONFIG_UNSUPPORTED if another console belongs to a serial port.
    """
    consoles, serials = devices.findall('console'), devices.findall('serial')
    for number, console in enumerate(consoles):
        _target(console).set('port', str(number))
    for console in consoles[1:]:
        if _target(console).get('type') == 'serial':
            raise unsupported('Only the first console can be a serial port', domain=_DOMAIN)
    if consoles and _target(consoles[0]).get('type') == 'serial':
        if not serials:
            serial = copy(consoles[0])
            serial.tag = 'serial'
            drop(serial, 'target')
            add(serial, 'target', type='isa-serial', port=0)
            complete_serial(serial)
            devices.append(serial)
            serials = [serial]
        else:
            devices.remove(consoles[0])
            devices.insert(0, _console_of(serials[0]))
    elif serials and _target(serials[0]).get('type') in ('isa-serial',):
        devices.insert(0, _console_of(serials[0]))
    first = devices.find('console')
    if first is not None and serials and _target(first).get('type') == 'serial':
        _target(first).set('port', _target(serials[0]).get('port') or '0')


def _console_of(serial: Element) -> Element:
    console = copy(serial)
    console.tag = 'console'
    drop(console, 'target')
    add(console, 'target', type='serial', port=0)
    return console
