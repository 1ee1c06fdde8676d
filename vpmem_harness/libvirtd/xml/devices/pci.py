"""PCI addresses: assign buses and slots to devices, and add the buses they need.

Source: libvirt 9.0.0, src/qemu/qemu_domain_address.c (qemuDomainAssignPCIAddresses),
src/conf/domain_addr.c.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, bad_xml, internal
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.devices import controllers, device_address
from vpmem_harness.libvirtd.xml.devices.pci_slots import Slot, slot_of, wanting
from vpmem_harness.libvirtd.xml.etree import Element, add, drop, having

#: What a bus accepts, and its first and last slot.
_BUSES: dict[str, tuple[frozenset[str], int, int]] = {
    'pci-root': (frozenset({'pci', 'pci-bridge', 'pci-expander-bus'}), 1, 31),
    'pci-bridge': (frozenset({'pci', 'pci-bridge'}), 1, 31),
    'pcie-to-pci-bridge': (frozenset({'pci', 'pci-bridge'}), 1, 31),
    'dmi-to-pci-bridge': (frozenset({'pci-bridge'}), 0, 31),
    'pcie-root': (frozenset({'pcie-root-port', 'dmi-to-pci-bridge', 'pcie-expander-bus',
                             'pcie-integrated'}), 1, 31),
    'pcie-root-port': (frozenset({'pcie', 'pcie-to-pci-bridge', 'pcie-switch-upstream-port'}),
                       0, 0),
    'pcie-switch-downstream-port': (frozenset({'pcie', 'pcie-to-pci-bridge',
                                               'pcie-switch-upstream-port'}), 0, 0),
    'pcie-switch-upstream-port': (frozenset({'pcie-switch-downstream-port'}), 0, 31),
    'pcie-expander-bus': (frozenset({'pcie-root-port', 'dmi-to-pci-bridge'}), 0, 31),
    'pci-expander-bus': (frozenset({'pci', 'pci-bridge'}), 0, 31),
}

Address = tuple[int, int, int]


@dataclass
class Bus:
    """A bus: what it accepts, and the functions in use per slot."""

    model: str
    takes: frozenset[str]
    first: int
    last: int
    used: dict[int, int] = field(default_factory=dict)
    shared: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, model: str) -> Bus:
        """Return an empty bus for a controller model."""
        if model not in _BUSES:
            raise internal('PCI controller model was not set correctly',
                           domain=libvirt.VIR_FROM_DOMAIN)
        return cls(model, *_BUSES[model])

    def free(self, slot: Slot, function: int) -> tuple[int, int] | None:
        """Return the lowest free slot and function for a device, or None."""
        for number in range(self.first, self.last + 1):
            used = self.used.get(number, 0)
            if not used:
                return number, function
            if slot.shares and number in self.shared:
                for other in range(8):
                    if not used & 1 << other:
                        return number, other
        return None


class Buses:
    """All PCI buses of a guest and their devices.

    While they may grow, a device without a free slot gets a new bus.
    """

    def __init__(self, definition: Definition, *, growing: bool) -> None:
        self._definition = definition
        self._growing = growing
        models: dict[int, str] = {}
        for controller in having(definition.devices, 'controller', type='pci'):
            models[int(controller.get('index', '0'))] = controller.get('model', '')
        count = max(models, default=-1) + 1
        other = 'pcie-root-port' if definition.is_q35 else 'pci-bridge'
        self.buses = [Bus.of(models.get(number, other)) for number in range(count)]
        for device in definition.devices:
            address = device.find('address')
            if address is not None and address.get('type') == 'pci' and address.get('slot'):
                shares = device.get('model') == 'pcie-root-port'
                self.reserve(tuple_of(address), Slot('', shares=shares), given=True)

    def reserve(self, address: Address, slot: Slot, *, given: bool = False) -> None:
        """Reserve an address.

        :raises LibvirtError: if it is in use, or if there is no such bus.
        """
        bus, number, function = address
        while self._growing and bus >= len(self.buses):
            self._grow('pcie' if self._definition.is_q35 else 'pci')
        if bus >= len(self.buses):
            raise _refused(f'Invalid PCI address {_text(address)}. Only PCI buses up to '
                           f'{len(self.buses) - 1} are available', given=given)
        used = self.buses[bus].used
        if used.get(number, 0) & 1 << function:
            raise _refused(f'Attempted double use of PCI Address {_text(address)}', given=given)
        if not used.get(number) and slot.shares:
            self.buses[bus].shared.add(number)
        used[number] = used.get(number, 0) | 1 << function

    def in_use(self, bus: int, slot: int) -> bool:
        """Whether a slot is in use."""
        return bool(self.buses[bus].used.get(slot))

    def next(self, slot: Slot, function: int = 0) -> Address:
        """Find and reserve a free address for a device.

        :raises LibvirtError: if there is none.
        """
        if not self.buses:
            raise bad_xml('No PCI buses available')
        address = self._find(slot, function)
        if address is None:
            if not self._growing:
                raise internal('No more available PCI slots', domain=_DOMAIN)
            self._grow(slot.kind)
            address = self._find(slot, function)
            if address is None:
                raise internal('No more available PCI slots', domain=_DOMAIN)
        self.reserve(address, slot)
        return address

    def _find(self, slot: Slot, function: int) -> Address | None:
        for number, bus in enumerate(self.buses):
            if slot.kind in bus.takes:
                free = bus.free(slot, function)
                if free is not None:
                    return number, *free
        return None

    def _grow(self, kind: str) -> None:
        if kind == 'pci':
            if not any('pci-bridge' in bus.takes for bus in self.buses):
                port = Bus.of('pcie-root-port')
                port.takes = frozenset({'pcie-to-pci-bridge'})
                self.buses += [port, Bus.of('pcie-to-pci-bridge')]
            else:
                self.buses.append(Bus.of('pci-bridge'))
        elif kind in ('pcie', 'pcie-to-pci-bridge', 'pcie-switch-upstream-port'):
            self.buses.append(Bus.of('pcie-root-port'))
        else:
            raise internal('a PCI slot is needed to connect a PCI controller '
                           f"model='{kind}', but none is available, and it cannot be "
                           'automatically added', domain=_DOMAIN)


def _refused(text: str, *, given: bool) -> LibvirtError:
    return bad_xml(text) if given else internal(text, domain=_DOMAIN)


#: The error domain of PCI addresses.
_DOMAIN: int = libvirt.VIR_FROM_DOMAIN


def tuple_of(address: Element) -> Address:
    """Return the bus, slot and function of an address."""
    return (device_address.get(address, 'bus'), device_address.get(address, 'slot'),
            device_address.get(address, 'function'))


def _text(address: Address) -> str:
    bus, slot, function = address
    return f'0000:{bus:02x}:{slot:02x}.{function}'


def give(device: Element, address: Address, *, multifunction: bool = False) -> None:
    """Set a device's address."""
    bus, slot, function = address
    before = device.find('address')
    several = None if before is None else before.get('multifunction')
    drop(device, 'address')
    add(device, 'address', type='pci', domain='0x0000', bus=f'0x{bus:02x}',
        slot=f'0x{slot:02x}', function=f'0x{function:x}',
        multifunction='on' if multifunction else several)


def assign(definition: Definition) -> None:
    """Assign an address to every PCI device, and add the buses they need.

    :raises LibvirtError: if the machine has no PCI bus, or an address is in use.
    """
    if not having(definition.devices, 'controller', type='pci'):
        if wanting(definition):
            raise bad_xml('No PCI buses available')
        return
    wanted = wanting(definition)
    if _grow_buses(definition, wanted):
        wanted = wanting(definition)
    buses = Buses(definition, growing=False)
    _reserve_chipset(definition, buses, write=True)
    _assign_all(definition, buses, [(device, slot) for device, slot in wanted if _wants(device)],
                write=True)
    _mark_multifunction(definition)
    for controller in having(definition.devices, 'controller', type='pci'):
        _complete_bus(controller)


def plug(definition: Definition, device: Element) -> None:
    """Assign a free address to a hotplugged device."""
    slot = slot_of(device, definition)
    if slot is None or not _wants(device):
        return
    buses = Buses(definition, growing=False)
    _reserve_chipset(definition, buses, write=False)
    give(device, buses.next(slot))


def _wants(device: Element) -> bool:
    address = device.find('address')
    return address is None or (address.get('type') == 'pci' and not address.get('slot'))


def _grow_buses(definition: Definition, wanted: list[tuple[Element, Slot]]) -> bool:
    """Add the buses that a trial run lacks; return True if there were any."""
    buses = Buses(definition, growing=True)
    before = len(buses.buses)
    chipset = _reserve_chipset(definition, buses, write=False)
    if not definition.is_q35 and any(
            any(not bus.used.get(slot) for slot in range(bus.first, bus.last + 1))
            for bus in buses.buses):
        buses.next(Slot('pci'))
    _assign_all(definition, buses,
                [(device, slot) for device, slot in wanted
                 if not any(placed is device for placed, _ in chipset)], write=False,
                chipset=chipset)
    if definition.is_q35 and before <= 1 and len(buses.buses) > before:
        buses.next(Slot('pcie'))
    grown = False
    number = 1
    while number < len(buses.buses):
        if controllers.find(definition, 'pci', number) is None:
            model = buses.buses[number].model
            grown = True
            controller = add(definition.devices, 'controller', type='pci', index=number,
                             model=model)
            slot = slot_of(controller, definition)
            if slot is not None:
                buses.next(slot)
        number += 1
    return grown


def _assign_all(definition: Definition, buses: Buses, wanted: list[tuple[Element, Slot]], *,
                write: bool, chipset: Sequence[tuple[Element, Address]] = ()) -> None:
    usb2: dict[str, tuple[int, int]] = {
        device.get('index', '0'): place[:2] for device, place in chipset
        if device.get('type') == 'usb'}
    for controller in having(definition.devices, 'controller', type='usb'):
        address = controller.find('address')
        if (controller.get('model') or '').startswith('ich9-') and address is not None \
                and address.get('slot'):
            usb2.setdefault(controller.get('index', '0'), tuple_of(address)[:2])
    for device, slot in wanted:
        function = _USB2.get(device.get('model') or '')
        if function is not None:
            _assign_usb2(device, slot, function, buses, usb2, write=write)
            continue
        found = buses.next(slot)
        if write:
            give(device, found)


#: The PCI function of each part of a USB 2 controller.
_USB2 = {'ich9-ehci1': 7, 'ich9-uhci1': 0, 'ich9-uhci2': 1, 'ich9-uhci3': 2}


def _assign_usb2(device: Element, slot: Slot, function: int, buses: Buses,
                 usb2: dict[str, tuple[int, int]], *, write: bool) -> None:
    index = device.get('index', '0')
    if index in usb2:
        address = (*usb2[index], function)
        buses.reserve(address, slot)
    else:
        address = buses.next(slot, function)
        usb2[index] = address[:2]
    if write:
        give(device, address, multifunction=function == 0)


def chipset_places(definition: Definition) -> list[tuple[Element, Address]]:
    """Return the chipset's devices that have no address, each with its fixed address."""
    devices = definition.devices
    places: list[tuple[Element, Address]] = []

    def place(device: Element | None, address: Address) -> None:
        if device is not None and _wants(device):
            places.append((device, address))
    if definition.is_q35:
        place(controllers.find(definition, 'sata', 0), (0, 0x1f, 2))
        for bridge in having(devices, 'controller', type='pci', model='dmi-to-pci-bridge')[:1]:
            place(bridge, (0, 0x1e, 0))
        for sound in having(devices, 'sound', model='ich9')[:1]:
            place(sound, (0, 0x1b, 0))
        usb2 = having(devices, 'controller', type='usb', model='ich9-uhci1')
        for companion, number in zip(usb2, (0x1d, 0x1a), strict=False):
            place(companion, (0, number, 0))
    else:
        place(controllers.find(definition, 'ide', 0), (0, 1, 1))
        usb = controllers.find(definition, 'usb', 0)
        if usb is not None and usb.get('model') in (None, 'piix3-uhci'):
            place(usb, (0, 1, 2))
    video = devices.find('video')
    model = None if video is None else video.find('model')
    if model is not None and model.get('type') not in ('none', 'ramfb'):
        place(video, (0, 1 if definition.is_q35 else 2, 0))
    return places


def _reserve_chipset(definition: Definition, buses: Buses, *, write: bool,
                     ) -> list[tuple[Element, Address]]:
    """Reserve the chipset's slots; return its devices that had no address, with theirs."""
    built_in = [(0x1f, 0), (0x1f, 3)] if definition.is_q35 else [(1, 0), (1, 3)]
    places = chipset_places(definition)
    fixed = [place for place in places if place[1][1] in (1, 0x1f) and place[1][2]]
    for device, address in fixed:
        buses.reserve(address, Slot('pci'))
        if write:
            give(device, address)
    for slot, function in built_in:
        if not buses.buses[0].used.get(slot, 0) & 1 << function:
            buses.reserve((0, slot, function), Slot('pci'))
    for device, address in places:
        if (device, address) in fixed:
            continue
        if buses.in_use(*address[:2]):
            if not write:
                continue
            kind = slot_of(device, definition)
            address = buses.next(kind or Slot('pci'))
        else:
            buses.reserve(address, Slot('pci'))
        if write:
            give(device, address, multifunction=device.get('model') == 'ich9-uhci1')
    return places


def _mark_multifunction(definition: Definition) -> None:
    """Mark function 0 of each slot with several functions, except the chipset's."""
    found: dict[Address, Element] = {}
    several: set[tuple[int, int]] = set()
    for device in definition.devices:
        address = device.find('address')
        if address is None or address.get('type') != 'pci' or not address.get('slot'):
            continue
        bus, slot, function = tuple_of(address)
        found[bus, slot, function] = address
        if function:
            several.add((bus, slot))
    for bus, slot in several:
        address = found.get((bus, slot, 0))
        if address is not None and address.get('multifunction') is None:
            address.set('multifunction', 'on')


#: QEMU's names of bus controllers.
_MODEL_NAMES = {'pci-bridge': 'pci-bridge', 'dmi-to-pci-bridge': 'i82801b11-bridge',
                'pcie-root-port': 'pcie-root-port', 'pcie-to-pci-bridge': 'pcie-pci-bridge',
                'pcie-switch-upstream-port': 'x3130-upstream',
                'pcie-switch-downstream-port': 'xio3130-downstream',
                'pci-expander-bus': 'pxb', 'pcie-expander-bus': 'pxb-pcie'}


def _complete_bus(controller: Element) -> None:
    model = controller.get('model', '')
    index = controller.get('index', '0')
    if model in _MODEL_NAMES and controller.find('model') is None:
        add(controller, 'model', name=_MODEL_NAMES[model])
    address = controller.find('address')
    if model not in ('pci-bridge', 'pcie-root-port', 'pcie-switch-downstream-port'):
        return
    target = controller.find('target')
    if target is None:
        target = add(controller, 'target')
    if model == 'pci-bridge':
        if target.get('chassisNr') is None:
            target.set('chassisNr', index)
        return
    if target.get('chassis') is None:
        target.set('chassis', index)
    if address is not None and target.get('port') is None:
        _, slot, function = tuple_of(address)
        port = (slot << 3) + function if model == 'pcie-root-port' else slot
        target.set('port', f'0x{port:x}')
