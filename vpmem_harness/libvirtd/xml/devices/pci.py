"""PCI addresses: assign buses and slots to devices, and add the buses they need.

Source: libvirt 9.0.0, src/qemu/qemu_domain_address.c (qemuDomainAssignPCIAddresses),
src/conf/domain_addr.c.
"""

from __future__ import annotations

from collections.abc import Sequence

from vpmem_harness.libvirtd.errors import bad_xml, unsupported
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.devices import controllers, device_address
from vpmem_harness.libvirtd.xml.devices.pci_buses import Address, Buses, tuple_of
from vpmem_harness.libvirtd.xml.devices.pci_slots import Slot, slot_of, wanting
from vpmem_harness.libvirtd.xml.etree import Element, add, drop, having


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
    _check_expanders(definition)
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


def _check_expanders(definition: Definition) -> None:
    for controller in having(definition.devices, 'controller', type='pci'):
        model = controller.get('model')
        if model == 'pci-expander-bus' and definition.is_q35:
            raise unsupported(f'{model} controllers are only supported on 440fx-based '
                              'machinetypes')
        if model == 'pcie-expander-bus' and not definition.is_q35:
            raise unsupported(f'{model} controllers are not supported with this machine type')


def plug(definition: Definition, device: Element) -> None:
    """Assign a free address to a hotplugged device, or check the one that it has.

    :raises LibvirtError: no slot is free, or the device cannot be at its address.
    """
    slot = slot_of(device, definition)
    if slot is None:
        return
    buses = Buses(definition, growing=False)
    _reserve_chipset(definition, buses, write=False)
    address = device.find('address')
    if address is None or _wants(device):
        give(device, buses.next(slot))
    elif address.get('type') == 'pci':
        buses.plug(address, slot)


def _wants(device: Element) -> bool:
    address = device.find('address')
    return address is None or (address.get('type') == 'pci' and not device_address.is_pci(address))


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
        buses.reserve(address, Slot('pci'), given=True)
        if write:
            give(device, address)
    for slot, function in built_in:
        buses.reserve((0, slot, function), Slot('pci'), given=True)
    for device, address in places:
        if (device, address) in fixed:
            continue
        if buses.in_use(*address[:2]):
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
    if address is not None and model == 'pci-bridge':
        number, bus = int(index), tuple_of(address)[0]
        if bus >= number:
            raise unsupported(f"PCI controller at index {number} (0x{number:02x}) has "
                              f"bus='0x{bus:02x}', but index must be larger than bus")
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
