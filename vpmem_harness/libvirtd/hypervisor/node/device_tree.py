"""The tree of a host's node devices: names, parents, paths in sysfs, IOMMU groups and drivers."""

from __future__ import annotations

from collections.abc import Iterator

from vpmem_harness.hardware import Hardware, MdevType, PciAddress, PciDevice
from vpmem_harness.libvirtd.hypervisor.node import node_devices
from vpmem_harness.libvirtd.hypervisor.node.mediated_devices import MediatedDevices
from vpmem_harness.libvirtd.hypervisor.node.node_devices import NodeDevice
from vpmem_harness.libvirtd.xml.etree import Element
from vpmem_harness.randomness import Randomness

#: The driver that keeps a PCI device for guests.
VFIO = 'vfio-pci'


class DeviceTree:
    """The node devices of one host.

    ``drivers`` has the drivers of the PCI devices that are not bound to their own one.

    :param randomness: the source of MAC addresses and of UUIDs of mediated devices.
    """

    def __init__(self, hardware: Hardware, uuid: str, randomness: Randomness) -> None:
        self._hardware = hardware
        self._randomness = randomness
        self.drivers: dict[PciAddress, str | None] = {}
        self.groups = _groups(hardware)
        self._pci = {device.address: device for device in hardware.pci}
        self._by_name = {device.name: device for device in hardware.pci}
        self._vdpa = {device.vdpa: number for number, device in enumerate(
            device for device in hardware.pci if device.vdpa)}
        self.mdevs = MediatedDevices(self, hardware, randomness.derive('mdevs'))
        self._fixed = {device.name: device for device in self._all(uuid)}

    def __iter__(self) -> Iterator[NodeDevice]:
        for device in self._fixed.values():
            if self._exists(device):
                yield device
        yield from self.mdevs

    def find(self, name: str) -> NodeDevice | None:
        """Return the device with that name, or None."""
        device = self._fixed.get(name)
        if device is not None:
            return device if self._exists(device) else None
        return self.mdevs.find(name)

    def pci_device(self, name: str) -> PciDevice | None:
        """Return the PCI device with that name of a node device, or None."""
        return self._by_name.get(name)

    def driver(self, device: PciDevice) -> str | None:
        """Return the driver that a PCI device is bound to."""
        return self.drivers.get(device.address, device.driver)

    def path(self, address: PciAddress) -> str:
        """Return the path of a PCI device in sysfs."""
        device = self._pci[address]
        parent = self.parent(device)
        if parent is None:
            return f'/sys/devices/pci{address.domain:04x}:{address.bus:02x}/{address}'
        return f'{self.path(parent)}/{address}'

    def parent(self, device: PciDevice) -> PciAddress | None:
        """Return the address of the bridge above a PCI device; None on a root bus."""
        if device.parent is None and device.physical is not None:
            return self._pci[device.physical].parent
        return device.parent

    def mac(self, device: PciDevice) -> str:
        """Return the MAC address of a PCI device's network interface."""
        interface = device.interface
        if interface is None:
            raise LookupError(f'{device.name} has no network interface')
        return interface.mac or self._randomness.derive('interface', interface.name).mac()

    def interfaces(self) -> list[tuple[PciDevice, str, str]]:
        """Return each PCI device with a network interface, its name and its MAC address."""
        return [(device, device.interface.name, self.mac(device)) for device in self._hardware.pci
                if device.interface is not None and self.driver(device) != VFIO]

    @property
    def character_devices(self) -> frozenset[str]:
        """The paths of the vDPA devices."""
        return frozenset(f'/dev/vhost-vdpa-{number}' for number in self._vdpa.values())

    def boot(self) -> None:
        """Restart the host: each device has its own driver, and autostart devices are active."""
        self.drivers.clear()
        self.mdevs.boot()

    def _exists(self, device: NodeDevice) -> bool:
        """Whether a device is there: the driver of guests provides neither interface nor vDPA."""
        if device.name.startswith('pci_') or device.parent is None:
            return True
        parent = self.pci_device(device.parent)
        return parent is None or self.driver(parent) != VFIO

    def _all(self, uuid: str) -> Iterator[NodeDevice]:
        yield NodeDevice('computer', None, ('system',), lambda: node_devices.computer(uuid))
        for device in self._hardware.pci:
            yield self._pci_device(device)
            if device.interface is not None:
                yield self._network(device)
            if device.vdpa is not None:
                yield self._vdpa_device(device, device.vdpa)

    def _pci_device(self, device: PciDevice) -> NodeDevice:
        parent = self.parent(device)
        parent_name = 'computer' if parent is None else parent.device_name
        functions = self._hardware.virtual_functions(device)
        maximum = len(functions) if device.max_vfs is None else device.max_vfs

        def document() -> Element:
            group = self.groups.get(device.address)
            root = node_devices.header(device.name, self.path(device.address), parent_name,
                                       self.driver(device))
            return node_devices.pci(
                root, device, functions=functions, max_functions=maximum,
                mdev_types=self._left(device),
                group=None if group is None else (group, sorted(
                    address for address, number in self.groups.items() if number == group)))

        caps = ('pci', *(('mdev_types',) if device.mdev_types else ()),
                *(('vpd',) if device.vpd is not None else ()))
        return NodeDevice(device.name, parent_name, caps, document, persistent=False,
                          autostart=False)

    def _left(self, device: PciDevice) -> list[tuple[MdevType, int]]:
        return [(kind, self.mdevs.left(device, kind)) for kind in device.mdev_types]

    def _network(self, device: PciDevice) -> NodeDevice:
        interface, mac = device.interface, self.mac(device)
        assert interface is not None  # noqa: S101 - the caller has checked it
        name = node_devices.device_name('net', interface.name, mac)

        def document() -> Element:
            root = node_devices.header(
                name, f'{self.path(device.address)}/net/{interface.name}', device.name)
            return node_devices.network(root, interface, mac)

        return NodeDevice(name, device.name, ('net',), document, persistent=False,
                          autostart=False)

    def _vdpa_device(self, device: PciDevice, sysname: str) -> NodeDevice:
        name = node_devices.device_name('vdpa', sysname)
        number = self._vdpa[sysname]

        def document() -> Element:
            root = node_devices.header(name, f'{self.path(device.address)}/{sysname}',
                                       device.name, 'vhost_vdpa')
            return node_devices.vdpa(root, number)

        return NodeDevice(name, device.name, ('vdpa',), document, persistent=False,
                          autostart=False)


def _groups(hardware: Hardware) -> dict[PciAddress, int]:
    """Return the IOMMU group of each PCI device; none without an IOMMU."""
    if not hardware.has_iommu:
        return {}
    taken = {device.iommu_group for device in hardware.pci}
    free = (number for number in range(len(hardware.pci) + len(taken)) if number not in taken)
    return {device.address: next(free) if device.iommu_group is None else device.iommu_group
            for device in hardware.pci}
