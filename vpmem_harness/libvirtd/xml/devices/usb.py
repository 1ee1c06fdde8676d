"""Ports of USB controllers.

Source: libvirt 9.0.0, src/conf/domain_addr.c (virDomainUSBAddressAssign).
"""

from __future__ import annotations

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, bad_xml, internal, unsupported
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.etree import Element, add, drop, having

#: Default number of ports by controller model.
_PORTS = {'piix3-uhci': 2, 'piix4-uhci': 2, 'vt82c686b-uhci': 2, 'pci-ohci': 3, 'ehci': 6,
          'ich9-ehci1': 6, 'nec-xhci': 4, 'qemu-xhci': 4}
_HUB_PORTS = 8
#: The attribute that shows that a device is a USB device, by the device's tag; hubs come first.
_KINDS = {'hub': ('type', 'usb'), 'disk': ('', ''), 'hostdev': ('type', 'usb'),
          'sound': ('model', 'usb'), 'input': ('bus', 'usb'), 'controller': ('type', 'ccid'),
          'redirdev': ('bus', 'usb')}


def assign(definition: Definition, *, hubs: bool = False) -> None:
    """Assign a port to each USB device, hubs first.

    :param hubs: whether hubs are added if the devices need more ports than there are.
    :raises LibvirtError: a port that a device names is in use or does not exist, or none is free.
    """
    ports = _Ports(_controllers(definition))
    if not ports.counts:
        return
    if hubs:
        for _ in range(_missing_hubs(definition, sum(ports.counts.values()))):
            add(definition.devices, 'hub', type='usb')
    devices = _devices(definition.devices)
    for device in devices:
        if _port(device):
            ports.reserve(device)
    for device in devices:
        if not _port(device):
            ports.give(device)


def plug(definition: Definition, device: Element) -> None:
    """Assign a port to a device that is added to a running guest, if it is a USB device.

    :raises LibvirtError: the port that the device names is not free, or none is free.
    """
    ports = _Ports(_controllers(definition))
    if ports.counts and _is_usb(device):
        for other in _devices(definition.devices):
            ports.reserve(other)
        if _port(device):
            ports.reserve(device)
        else:
            ports.give(device)


class _Ports:
    """The ports of USB controllers and hubs; a port is a bus and a path such as ``1.2``.

    :param counts: how many ports each controller has, by its bus.
    """

    def __init__(self, counts: dict[str, int]) -> None:
        self.counts = counts
        self._taken: dict[str, set[str]] = {bus: set() for bus in counts}
        self._hubs: dict[str, set[str]] = {bus: set() for bus in counts}

    def reserve(self, device: Element) -> None:
        """Reserve the port that a device has."""
        address = device.find('address')
        if address is None:
            return
        bus, path = address.get('bus') or '0', address.get('port', '')
        if bus not in self.counts:
            raise bad_xml(f'Missing USB bus {bus}')
        above: list[str] = []
        numbers = path.split('.')
        for number in numbers:
            hub = '.'.join(above)
            if above and hub not in self._hubs[bus]:
                raise bad_xml(f'there is no hub at port {above[-1]} in USB address bus: {bus} '
                              f'port: {path}')
            above.append(number)
        if int(numbers[-1]) > (_HUB_PORTS if len(numbers) > 1 else self.counts[bus]):
            raise bad_xml(f'requested USB port {path} not present on USB bus {bus}')
        if path in self._taken[bus]:
            raise bad_xml(f'Duplicate USB address bus {bus} port {path}')
        self._take(device, bus, path)

    def _take(self, device: Element, bus: str, path: str) -> None:
        self._taken[bus].add(path)
        if device.tag == 'hub':
            self._hubs[bus].add(path)

    def give(self, device: Element) -> None:
        """Give a device the first free port of its bus, or of any."""
        address = device.find('address')
        if address is not None and address.get('type') not in (None, 'usb', 'none'):
            raise bad_xml('Invalid address for a USB device')
        bus = None if address is None else address.get('bus')
        if bus is not None and bus not in self.counts:
            raise bad_xml(f'Missing USB bus {bus}')
        for number, count in self.counts.items():
            path = self._free(number, '', count) if bus in (None, number) else None
            if path is not None:
                self._take(device, number, path)
                drop(device, 'address')
                add(device, 'address', type='usb', bus=number, port=path)
                return
        raise internal('No free USB ports', domain=libvirt.VIR_FROM_DOMAIN)

    def _free(self, bus: str, hub: str, count: int) -> str | None:
        paths = [f'{hub}{number}' for number in range(1, count + 1)]
        for path in paths:
            if path not in self._taken[bus]:
                return path
        for path in paths:
            if path in self._hubs[bus]:
                found = self._free(bus, f'{path}.', _HUB_PORTS)
                if found is not None:
                    return found
        return None


def check_disabled(devices: Element) -> None:
    """Refuse USB devices and other controllers if the domain has no USB.

    Source: libvirt 9.0.0, src/conf/domain_validate.c, src/qemu/qemu_domain_address.c.
    """
    if not having(devices, 'controller', type='usb', model='none'):
        return
    if len(having(devices, 'controller', type='usb')) > 1:
        raise LibvirtError(libvirt.VIR_ERR_XML_DETAIL, "Can't add another USB controller: USB is "
                           'disabled for this domain', domain=libvirt.VIR_FROM_DOMAIN)
    for device in _devices(devices):
        if device.tag in _DISABLED:
            raise unsupported(f"Can't add {_DISABLED[device.tag]}", domain=libvirt.VIR_FROM_DOMAIN)
        raise unsupported('USB is disabled for this domain, but USB devices are present in the '
                          'domain XML')


#: What libvirt's errors say about devices of a domain without USB, by their tag.
_DISABLED = {'hub': 'USB hub: USB is disabled for this domain',
             'hostdev': 'host USB device: USB is disabled in this host',
             'input': 'USB input device. USB bus is disabled'}


def _port(device: Element) -> str | None:
    """Return the port that a device has, or None."""
    address = device.find('address')
    if address is None or address.get('type') not in (None, 'usb'):
        return None
    port = address.get('port')
    return None if port in (None, '', '0') else port


def _missing_hubs(definition: Definition, ports: int) -> int:
    """Return how many hubs the devices need beside the present ones.

    Source: libvirt 9.0.0, src/qemu/qemu_domain_address.c (qemuDomainUSBAddressAddHubs).
    """
    hubs = len(having(definition.devices, 'hub', type='usb'))
    excess = len(_devices(definition.devices)) - hubs - ports - hubs * (_HUB_PORTS - 1)
    return -(-(excess + 1) // (_HUB_PORTS - 1)) if excess > 0 else 0


def _controllers(definition: Definition) -> dict[str, int]:
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
    return [device for tag in _KINDS for device in devices.findall(tag) if _is_usb(device)]


def _is_usb(device: Element) -> bool:
    """Whether a device is on a USB bus."""
    if device.tag == 'disk':
        return bool(having(device, 'target', bus='usb'))
    attribute = _KINDS.get(str(device.tag))
    return attribute is not None and device.get(attribute[0]) == attribute[1]


def assign_smartcards(definition: Definition) -> None:
    """Assign each smart card to the CCID controller."""
    for number, card in enumerate(definition.devices.findall('smartcard')):
        if card.find('address') is None:
            add(card, 'address', type='ccid', controller=0, slot=number)
