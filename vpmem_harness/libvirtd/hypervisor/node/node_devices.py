"""The node devices of a host: PCI devices, network cards, mediated devices.

Source of the documents: libvirt 9.0.0, src/conf/node_device_conf.c.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from vpmem_harness.libvirtd.hardware import PciDevice
from vpmem_harness.libvirtd.xml.etree import Element, add, element, serialize


@dataclass(eq=False)
class NodeDevice:
    """A node device: its capabilities (``caps``) and its XML (``document``)."""

    name: str
    parent: str | None
    caps: tuple[str, ...]
    document: Element = field(repr=False)
    active: bool = True
    persistent: bool = False
    autostart: bool = False

    def xml(self) -> str:
        """Return the device's XML."""
        return serialize(self.document)


def _document(name: str, parent: str | None) -> Element:
    root = element('device')
    add(root, 'name', name)
    if parent is not None:
        add(root, 'parent', parent)
    return root


def computer(uuid: str) -> NodeDevice:
    """Return the device of the host itself."""
    root = _document('computer', None)
    system = add(root, 'capability', type='system')
    add(system, 'product', 'Simulated host')
    hardware = add(system, 'hardware')
    add(hardware, 'vendor', 'vpmem_harness')
    add(hardware, 'uuid', uuid)
    add(system, 'firmware')
    return NodeDevice('computer', None, ('system',), root)


def _address(parent: Element, address: tuple[int, int, int, int]) -> None:
    domain, bus, slot, function = address
    add(parent, 'address', domain=f'0x{domain:04x}', bus=f'0x{bus:02x}', slot=f'0x{slot:02x}',
        function=f'0x{function:x}')


def pci(device: PciDevice, functions: tuple[PciDevice, ...], group: int,
        used: dict[str, int]) -> NodeDevice:
    """Return a PCI device; ``functions`` are its virtual functions, ``used`` counts its mdevs."""
    root = _document(device.name, 'computer')
    if device.driver is not None:
        add(add(root, 'driver'), 'name', device.driver)
    parent = add(root, 'capability', type='pci')
    add(parent, 'class', f'0x{device.klass:06x}')
    for name, number in zip(('domain', 'bus', 'slot', 'function'), device.address, strict=True):
        add(parent, name, number)
    add(parent, 'product', device.product[1], id=f'0x{device.product[0]:04x}')
    add(parent, 'vendor', device.vendor[1], id=f'0x{device.vendor[0]:04x}')
    if device.physical is not None:
        _address(add(parent, 'capability', type='phys_function'), device.physical)
    if functions:
        virtual = add(parent, 'capability', type='virt_functions', maxCount=len(functions))
        for function in functions:
            _address(virtual, function.address)
    if device.mdev_types:
        types = add(parent, 'capability', type='mdev_types')
        for kind in device.mdev_types:
            entry = add(types, 'type', id=kind.id)
            add(entry, 'name', kind.name)
            add(entry, 'deviceAPI', 'vfio-pci')
            add(entry, 'availableInstances', kind.available - used.get(kind.id, 0))
    iommu = add(parent, 'iommuGroup', number=group)
    _address(iommu, device.address)
    add(parent, 'numa', node=device.numa_node)
    caps = ('pci', *(('mdev_types',) if device.mdev_types else ()))
    return NodeDevice(device.name, 'computer', caps, root)


def network(device: PciDevice) -> NodeDevice | None:
    """Return the network interface of a PCI device, or None."""
    if device.interface is None:
        return None
    interface, mac = device.interface
    name = f"net_{interface}_{mac.replace(':', '_')}"
    root = _document(name, device.name)
    parent = add(root, 'capability', type='net')
    add(parent, 'interface', interface)
    add(parent, 'address', mac)
    add(parent, 'link', speed=25000, state='up')
    for feature in ('rx', 'tx', 'sg', 'tso', 'gso', 'gro', 'rxvlan', 'txvlan', 'rxhash'):
        add(parent, 'feature', name=feature)
    add(parent, 'capability', type='80203')
    return NodeDevice(name, device.name, ('net', '80203'), root)


def mdev(uuid: str, kind: str, parent: PciDevice, group: int) -> NodeDevice:
    """Return a mediated device."""
    _, bus, slot, function = parent.address
    name = f"mdev_{uuid.replace('-', '_')}_{parent.address[0]:04x}_{bus:02x}_{slot:02x}_{function}"
    root = _document(name, parent.name)
    capability = add(root, 'capability', type='mdev')
    add(capability, 'type', id=kind)
    add(capability, 'uuid', uuid)
    add(capability, 'parent_addr', f'{parent.address[0]:04x}:{bus:02x}:{slot:02x}.{function}')
    add(capability, 'iommuGroup', number=group)
    return NodeDevice(name, parent.name, ('mdev',), root)
