"""Ports of virtio serial controllers.

Source: libvirt 9.0.0, src/conf/domain_addr.c (virDomainVirtioSerialAddrAutoAssign).
"""

from __future__ import annotations

import libvirt

from vpmem_harness.libvirtd.errors import bad_xml, internal
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.devices import controllers, device_address
from vpmem_harness.libvirtd.xml.etree import Element, add, drop, having

#: Default number of ports.
PORTS = 31


def assign(definition: Definition) -> None:
    """Assign a port to each virtio channel and console: channels from 1, consoles from 0."""
    devices = definition.devices
    plugged = [(device, 0 if device.tag == 'console' else 1)
               for device in [*devices.findall('console'), *devices.findall('channel')]
               if _is_virtio(device)]
    _check_others(definition)
    taken: set[tuple[int, int]] = set()
    for device, _ in plugged:
        _reserve(device, definition, taken)
    for device, first in plugged:
        address = device.find('address')
        if address is not None and address.get('port', '0') != '0':
            continue
        if device.tag == 'console':
            continue
        place = _free(definition, taken, first)
        taken.add(place)
        controller, port = place
        drop(device, 'address')
        add(device, 'address', type='virtio-serial', controller=controller, bus=0, port=port)


def plug(definition: Definition, device: Element) -> None:
    """Assign a port to a channel or console that is added to a running guest.

    :raises LibvirtError: the port that it names is in use or does not exist, or none is free.
    """
    if device.tag not in ('channel', 'console') or not _is_virtio(device):
        return
    present = {int(found.get('index', '0')): found for found in having(
        definition.devices, 'controller', type='virtio-serial')}
    place = _place(device.find('address'))
    if place is not None and place[0] not in present:
        raise bad_xml(f'virtio serial controller {place[0]} is missing')
    taken: set[tuple[int, int]] = set()
    for other in [*definition.devices.findall('console'), *definition.devices.findall('channel'),
                  device]:
        if _is_virtio(other):
            _reserve(other, definition, taken)
    if place is not None:
        return
    if not present:
        raise internal('no virtio-serial controllers are available', domain=libvirt.VIR_FROM_DOMAIN)
    free = next(((number, port) for number, controller in sorted(present.items())
                 for port in range(1, int(controller.get('ports', PORTS)))
                 if (number, port) not in taken), None)
    if free is None:
        raise internal('Device alias was not set for virtio-serial controller with index '
                       f'{max(present) + 1} ', domain=libvirt.VIR_FROM_DOMAIN)
    drop(device, 'address')
    add(device, 'address', type='virtio-serial', controller=free[0], bus=0, port=free[1])


def _reserve(device: Element, definition: Definition, taken: set[tuple[int, int]]) -> None:
    """Reserve the port that a device names."""
    place = _place(device.find('address'))
    if place is None:
        return
    number, port = place
    controller = controllers.find(definition, 'virtio-serial', number)
    _check_port(controller, number, port)
    if place in taken:
        raise bad_xml(f'virtio serial port {port} on controller {number} is already occupied')
    taken.add(place)


def _check_port(controller: Element | None, number: int, port: int) -> None:
    if port >= (PORTS if controller is None else int(controller.get('ports', PORTS))):
        raise bad_xml(f'virtio serial controller {number} does not have port {port}')


def _check_others(definition: Definition) -> None:
    for device in definition.memory_devices:
        found = having(device, 'address', type='virtio-serial')
        place = _place(found[0]) if found else None
        if place is None:
            continue
        number, port = place
        controller = controllers.find(definition, 'virtio-serial', number)
        if controller is None:
            raise bad_xml(f'virtio serial controller {number} is missing')
        _check_port(controller, number, port)


def _is_virtio(device: Element) -> bool:
    target = device.find('target')
    return target is not None and target.get('type') == 'virtio'


def _place(address: Element | None) -> tuple[int, int] | None:
    if address is None or address.get('port', '0') == '0':
        return None
    return device_address.get(address, 'controller'), device_address.get(address, 'port')


def _free(definition: Definition, taken: set[tuple[int, int]],
          first: int) -> tuple[int, int]:
    number = 0
    while True:
        controller = controllers.find(definition, 'virtio-serial', number)
        if controller is None:
            add(definition.devices, 'controller', type='virtio-serial', index=number)
            ports = PORTS
        else:
            ports = int(controller.get('ports', PORTS))
        for port in range(first, ports):
            if (number, port) not in taken:
                return number, port
        number += 1
