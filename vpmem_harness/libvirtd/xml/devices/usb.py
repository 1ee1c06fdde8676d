"""Ports of USB controllers.

Source: libvirt 9.0.0, src/conf/domain_addr.c (virDomainUSBAddressAssign).
"""

from __future__ import annotations

from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.etree import Element, add, drop, having

#: Default number of ports by controller model.
_PORTS = {'piix3-uhci': 2, 'piix4-uhci': 2, 'vt82c686b-uhci': 2, 'pci-ohci': 3, 'ehci': 6,
          'ich9-ehci1': 6, 'nec-xhci': 4, 'qemu-xhci': 4}
_HUB_PORTS = 8


def assign(definition: Definition) -> None:
    """Assign a port to each USB device, hubs first."""
    ports = _ports(definition)
    if not ports:
        return
    devices = _devices(definition.devices)
    taken = {(address.get('bus', '0'), address.get('port', ''))
             for device in devices if (address := device.find('address')) is not None}
    hubs = definition.devices.findall('hub')
    for device in devices:
        address = device.find('address')
        if address is not None and address.get('port'):
            continue
        bus = None if address is None else address.get('bus')
        free = next(((number, str(port)) for number, count in ports.items()
                     for port in range(1, count + 1)
                     if (bus is None or number == bus) and (number, str(port)) not in taken),
                    None)
        if free is None:
            free = _behind_hub(hubs, taken)
        if free is None:
            continue
        taken.add(free)
        drop(device, 'address')
        add(device, 'address', type='usb', bus=free[0], port=free[1])


def _behind_hub(hubs: list[Element], taken: set[tuple[str, str]]) -> tuple[str, str] | None:
    for hub in hubs:
        address = hub.find('address')
        if address is None or not address.get('port'):
            continue
        for port in range(1, _HUB_PORTS + 1):
            place = (address.get('bus', '0'), f"{address.get('port')}.{port}")
            if place not in taken:
                return place
    return None


def _ports(definition: Definition) -> dict[str, int]:
    ports: dict[str, int] = {}
    for controller in having(definition.devices, 'controller', type='usb'):
        model = controller.get('model', '')
        if model.startswith('ich9-uhci') or model == 'none':
            continue
        count = int(controller.get('ports', _PORTS.get(model, 0)))
        ports[controller.get('index', '0')] = count
    return dict(sorted(ports.items(), key=lambda item: int(item[0])))


def _devices(devices: Element) -> list[Element]:
    """Return the USB devices, hubs first."""
    found = having(devices, 'hub', type='usb')
    found += [disk for disk in devices.findall('disk')
              if (target := disk.find('target')) is not None and target.get('bus') == 'usb']
    found += having(devices, 'hostdev', type='usb')
    found += having(devices, 'sound', model='usb')
    found += having(devices, 'input', bus='usb')
    found += having(devices, 'controller', type='ccid')
    found += having(devices, 'redirdev', bus='usb')
    return found


def assign_smartcards(definition: Definition) -> None:
    """Assign each smart card to the CCID controller."""
    for number, card in enumerate(definition.devices.findall('smartcard')):
        if card.find('address') is None:
            add(card, 'address', type='ccid', controller=0, slot=number)
