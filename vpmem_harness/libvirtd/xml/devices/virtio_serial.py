"""Ports of virtio serial controllers.

Source: libvirt 9.0.0, src/conf/domain_addr.c (virDomainVirtioSerialAddrAutoAssign).
"""

from __future__ import annotations

from vpmem_harness.libvirtd.errors import bad_xml
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
    taken = {_place(device.find('address')) for device, _ in plugged} - {None}
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
        if port >= int(controller.get('ports', PORTS)):
            raise bad_xml(f'virtio serial controller {number} does not have port {port}')


def _is_virtio(device: Element) -> bool:
    target = device.find('target')
    return target is not None and target.get('type') == 'virtio'


def _place(address: Element | None) -> tuple[int, int] | None:
    if address is None or address.get('port', '0') == '0':
        return None
    return device_address.get(address, 'controller'), device_address.get(address, 'port')


def _free(definition: Definition, taken: set[tuple[int, int] | None],
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
