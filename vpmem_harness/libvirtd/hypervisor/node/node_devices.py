"""Node devices and their XML: PCI devices, network interfaces, mediated and vDPA devices.

Source of the documents: libvirt 9.0.0, src/conf/node_device_conf.c; of names, paths and parents:
src/node_device/node_device_udev.c.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from vpmem_harness.hardware import MdevType, NetworkInterface, PciAddress, PciDevice, Vpd, VpdFields
from vpmem_harness.libvirtd.xml.etree import Element, add, element, serialize


@dataclass(eq=False)
class NodeDevice:
    """A node device.

    :param parent: the name of the device above it; None for the host itself.
    :param caps: its capabilities, as clients can list them.
    :param document: returns its XML as it is now.
    """

    name: str
    parent: str | None
    caps: tuple[str, ...]
    document: Callable[[], Element] = field(repr=False)
    active: bool = True
    persistent: bool = True
    autostart: bool = True

    def xml(self) -> str:
        """Return the device's XML."""
        return serialize(self.document())


def device_name(*parts: str) -> str:
    """Join the parts of a device's name; what is no letter or digit becomes an underscore."""
    return re.sub('[^A-Za-z0-9]', '_', '_'.join(parts))


def header(name: str, path: str | None, parent: str | None, driver: str | None = None, *,
           devnode: str | None = None) -> Element:
    """Return a device's document with all but its capability."""
    root = element('device')
    add(root, 'name', name)
    if path is not None:
        add(root, 'path', path)
    if devnode is not None:
        add(root, 'devnode', devnode, type='dev')
    if parent is not None:
        add(root, 'parent', parent)
    if driver is not None:
        add(add(root, 'driver'), 'name', driver)
    return root


def computer(uuid: str) -> Element:
    """Return the document of the host itself."""
    root = header('computer', None, None)
    system = add(root, 'capability', type='system')
    add(system, 'product', 'Simulated host')
    hardware = add(system, 'hardware')
    add(hardware, 'vendor', 'vpmem_harness')
    add(hardware, 'uuid', uuid)
    add(system, 'firmware')
    return root


def _address(parent: Element, address: PciAddress) -> None:
    add(parent, 'address', domain=f'0x{address.domain:04x}', bus=f'0x{address.bus:02x}',
        slot=f'0x{address.slot:02x}', function=f'0x{address.function}')


def pci(root: Element, device: PciDevice, *, functions: Iterable[PciDevice],
        max_functions: int, mdev_types: Iterable[tuple[MdevType, int]],
        group: tuple[int, Iterable[PciAddress]] | None) -> Element:
    """Complete the document of a PCI device.

    :param functions: its virtual functions that are enabled, ``max_functions`` of those it can
        have; 0 for a device that is no physical function.
    :param mdev_types: the types of mediated devices, each with the number that is left.
    :param group: the number of its IOMMU group and the addresses in it.
    """
    parent = add(root, 'capability', type='pci')
    add(parent, 'class', f'0x{device.klass:06x}')
    for name, number in zip(('domain', 'bus', 'slot', 'function'), device.address, strict=True):
        add(parent, name, number)
    for name, (number, text) in (('product', device.product), ('vendor', device.vendor)):
        add(parent, name, text or None, id=f'0x{number:04x}')
    if device.physical is not None:
        _address(add(parent, 'capability', type='phys_function'), device.physical)
    if max_functions:
        virtual = add(parent, 'capability', type='virt_functions', maxCount=max_functions)
        for function in functions:
            _address(virtual, function.address)
    if device.is_bridge:
        add(parent, 'capability', type='pci-bridge')
    _mdev_types(parent, mdev_types)
    if device.vpd is not None:
        _vpd(add(parent, 'capability', type='vpd'), device.vpd)
    if group is not None:
        iommu = add(parent, 'iommuGroup', number=group[0])
        for address in group[1]:
            _address(iommu, address)
    if device.numa_node >= 0:
        add(parent, 'numa', node=device.numa_node)
    return root


def _mdev_types(parent: Element, mdev_types: Iterable[tuple[MdevType, int]]) -> None:
    types: Element | None = None
    for kind, left in mdev_types:
        if types is None:
            types = add(parent, 'capability', type='mdev_types')
        entry = add(types, 'type', id=kind.id)
        add(entry, 'name', kind.name)
        add(entry, 'deviceAPI', kind.api)
        add(entry, 'availableInstances', left)


def _vpd(parent: Element, vpd: Vpd) -> None:
    add(parent, 'name', vpd.name)
    for access, fields, names in (
            ('readonly', vpd.read_only,
             ('change_level', 'manufacture_id', 'part_number', 'serial_number')),
            ('readwrite', vpd.writable, ('asset_tag',))):
        if fields is not None:
            _vpd_fields(add(parent, 'fields', access=access), fields, names,
                        writable=access == 'readwrite')


def _vpd_fields(parent: Element, fields: VpdFields, names: Iterable[str], *,
                writable: bool) -> None:
    for name in names:
        value = getattr(fields, name)
        if value is not None:
            add(parent, name, value)
    for index, text in fields.vendor:
        add(parent, 'vendor_field', text, index=index)
    for index, text in fields.system if writable else ():
        add(parent, 'system_field', text, index=index)


def network(root: Element, interface: NetworkInterface, mac: str) -> Element:
    """Complete the document of a network interface."""
    parent = add(root, 'capability', type='net')
    add(parent, 'interface', interface.name)
    add(parent, 'address', mac)
    add(parent, 'link', speed=interface.speed if interface.up else None,
        state='up' if interface.up else 'down')
    for feature in interface.features:
        add(parent, 'feature', name=feature)
    add(parent, 'capability', type='80203')
    return root


def vdpa(root: Element, number: int) -> Element:
    """Complete the document of a vDPA device."""
    add(add(root, 'capability', type='vdpa'), 'chardev', f'/dev/vhost-vdpa-{number}')
    return root


def mdev(root: Element, kind: str, uuid: str, parent_address: str, group: int,
         attributes: Mapping[str, str]) -> Element:
    """Complete the document of a mediated device."""
    capability = add(root, 'capability', type='mdev')
    add(capability, 'type', id=kind)
    add(capability, 'uuid', uuid)
    add(capability, 'parent_addr', parent_address)
    add(capability, 'iommuGroup', number=group)
    for name, value in attributes.items():
        add(capability, 'attr', name=name, value=value)
    return root
