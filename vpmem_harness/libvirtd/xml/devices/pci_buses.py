"""The PCI buses of a guest, and the slots and functions in use on them.

Source: libvirt 9.0.0, src/conf/domain_addr.c.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, bad_xml, internal
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.devices import device_address
from vpmem_harness.libvirtd.xml.devices.pci_slots import Slot, slot_of
from vpmem_harness.libvirtd.xml.etree import Element, having

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

#: What libvirt's errors call devices that are plugged into PCI and PCI Express slots alike.
_DEVICES = {'pci': 'standard PCI device', 'pcie': 'PCI Express device',
            'pcie-integrated': 'PCI Express device', 'pci-bridge': 'standard PCI device'}
#: The buses that accept no such device.
_WITHOUT_DEVICES = ('pcie-switch-upstream-port', 'pcie-expander-bus')
#: The buses to which nothing can be added while the guest runs.
_WITHOUT_HOTPLUG = ('pcie-root', 'dmi-to-pci-bridge', 'pci-expander-bus', *_WITHOUT_DEVICES)

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

    def check(self, slot: Slot, text: str, address: Address, *, plugged: bool) -> None:
        """Refuse the address of a device that the bus does not accept.

        :param plugged: whether the device is added to a running guest.
        """
        bus, number, _ = address
        if slot.kind in _DEVICES:
            refused = self.model in _WITHOUT_DEVICES
        else:
            refused = bool(slot.kind) and slot.kind not in self.takes
        if refused:
            raise bad_xml(f'The device at PCI address {text} cannot be plugged into the PCI '
                          f"controller with index='{bus}'. It requires a controller that accepts "
                          f'a {_DEVICES.get(slot.kind, slot.kind)}.')
        if plugged and self.model in _WITHOUT_HOTPLUG:
            raise bad_xml(f'The device at PCI address {text} requires hotplug capability, but the '
                          f"PCI controller with index='{bus}' doesn't support hotplug")
        if number < self.first:
            raise bad_xml(f'Invalid PCI address {text}. slot must be >= {self.first}')
        if number > self.last:
            raise bad_xml(f'Invalid PCI address {text}. slot must be <= {self.last}')

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
            if address is not None and device_address.is_pci(address):
                slot = slot_of(device, definition)
                self._reserve_given(address, Slot('') if slot is None else slot)

    def plug(self, address: Element, slot: Slot) -> None:
        """Reserve the address of a hotplugged device.

        :raises LibvirtError: it is in use, or the device cannot be plugged there.
        """
        if device_address.get(address, 'function'):
            raise internal('Only PCI device addresses with function=0 are supported',
                           domain=_DOMAIN)
        self._reserve_given(address, slot, plugged=True)

    def _reserve_given(self, address: Element, slot: Slot, *, plugged: bool = False) -> None:
        """Reserve the address that a device has.

        :raises LibvirtError: it is in use, or the device cannot be there.
        """
        place = tuple_of(address)
        text = text_of(place, device_address.get(address, 'domain'))
        if device_address.get(address, 'domain'):
            raise bad_xml(f'Invalid PCI address {text}. Only PCI domain 0 is available')
        self._grow_to(place, given=True)
        self.buses[place[0]].check(slot, text, place, plugged=plugged)
        self.reserve(place, slot, given=True)

    def reserve(self, address: Address, slot: Slot, *, given: bool = False) -> None:
        """Reserve an address.

        :raises LibvirtError: if it is in use, or if there is no such bus.
        """
        bus, number, function = address
        self._grow_to(address, given=given)
        used = self.buses[bus].used
        if used.get(number, 0) & 1 << function:
            raise _refused(f'Attempted double use of PCI Address {text_of(address)}', given=given)
        if not used.get(number) and slot.shares:
            self.buses[bus].shared.add(number)
        used[number] = used.get(number, 0) | 1 << function

    def _grow_to(self, address: Address, *, given: bool) -> None:
        """Add the buses up to that of an address, if buses may be added."""
        while self._growing and address[0] >= len(self.buses):
            self._grow('pcie' if self._definition.is_q35 else 'pci')
        if address[0] >= len(self.buses):
            raise _refused(f'Invalid PCI address {text_of(address)}. Only PCI buses up to '
                           f'{len(self.buses) - 1} are available', given=given)

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


def text_of(address: Address, domain: int = 0) -> str:
    """Return the text of an address in libvirt's errors."""
    bus, slot, function = address
    return f'{domain:04x}:{bus:02x}:{slot:02x}.{function}'
