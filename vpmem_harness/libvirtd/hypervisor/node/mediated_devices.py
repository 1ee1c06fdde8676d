"""The mediated devices of a host.

Source: libvirt 9.0.0, src/node_device/node_device_driver.c, node_device_udev.c; mdevctl 1.2 for
what it refuses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vpmem_harness.hardware import Hardware, MdevType, PciDevice
from vpmem_harness.libvirtd.hypervisor.node import node_devices
from vpmem_harness.libvirtd.hypervisor.node.node_devices import NodeDevice
from vpmem_harness.libvirtd.xml.etree import Element
from vpmem_harness.randomness import Randomness

# For annotations only: the tree has the mediated devices.
if TYPE_CHECKING:
    from vpmem_harness.libvirtd.hypervisor.node.device_tree import DeviceTree

#: The first number of the IOMMU groups of mediated devices, above those of PCI devices.
_FIRST_GROUP = 1000


@dataclass(eq=False)
class MediatedDevice:
    """A mediated device: its node device, its UUID, its type and its PCI device."""

    node: NodeDevice
    uuid: str
    kind: str
    parent: PciDevice
    attributes: Mapping[str, str] = field(default_factory=dict)
    group: int = 0


class MediatedDevices:
    """The mediated devices of a host, active and defined ones, by name."""

    def __init__(self, tree: DeviceTree, hardware: Hardware, randomness: Randomness) -> None:
        self._tree = tree
        self._found: dict[str, MediatedDevice] = {}
        self._hardware = hardware
        self._randomness = randomness
        self._create()

    def _create(self) -> None:
        """Create the devices that exist when the host starts."""
        for number, mdev in enumerate(self._hardware.mdevs):
            parent = self._hardware.device(mdev.parent)
            if parent is not None:
                uuid = mdev.uuid or self._randomness.derive('mdev', number).uuid()
                self.start(self.make(uuid, mdev.type, parent))

    def __iter__(self) -> Iterator[NodeDevice]:
        return iter([device.node for device in self._found.values()])

    def find(self, name: str) -> NodeDevice | None:
        """Return the node device with that name, or None."""
        device = self._found.get(name)
        return None if device is None else device.node

    def get(self, name: str) -> MediatedDevice | None:
        """Return the mediated device with that name, or None."""
        return self._found.get(name)

    def by_uuid(self, uuid: str) -> MediatedDevice | None:
        """Return the active mediated device with that UUID, or None."""
        return next((device for device in self._found.values()
                     if device.uuid == uuid and device.node.active), None)

    def make(self, uuid: str, kind: str, parent: PciDevice,
             attributes: Mapping[str, str] | None = None) -> MediatedDevice:
        """Return a new device that is neither active nor defined."""
        name = node_devices.device_name('mdev', uuid, str(parent.address))
        node = NodeDevice(name, parent.name, ('mdev',), lambda: self._document(device),
                          active=False, persistent=False, autostart=False)
        device = MediatedDevice(node, uuid, kind, parent, dict(attributes or {}))
        return device

    def _document(self, device: MediatedDevice) -> Element:
        node = device.node
        path = f'{self._tree.path(device.parent.address)}/{device.uuid}' if node.active else None
        root = node_devices.header(node.name, path, node.parent,
                                   'vfio_mdev' if node.active else None)
        return node_devices.mdev(root, device.kind, device.uuid, str(device.parent.address),
                                 device.group if node.active else 0, device.attributes)

    def add(self, device: MediatedDevice) -> None:
        """Add a device, or replace the one with its name."""
        self._found[device.node.name] = device

    def remove(self, device: MediatedDevice) -> None:
        """Remove a device."""
        del self._found[device.node.name]

    def start(self, device: MediatedDevice) -> None:
        """Make a device active, in its own IOMMU group."""
        used = {other.group for other in self._found.values() if other.node.active}
        device.group = next(number for number in range(
            _FIRST_GROUP, _FIRST_GROUP + len(used) + 1) if number not in used)
        device.node.active = True
        self.add(device)

    def left(self, parent: PciDevice, kind: MdevType) -> int:
        """Return how many devices of a type a PCI device can still provide."""
        used = sum(device.node.active and device.parent.address == parent.address
                   and device.kind == kind.id for device in self._found.values())
        return max(kind.available - used, 0)

    @property
    def defined(self) -> list[MediatedDevice]:
        """The devices that exist after a reboot."""
        return [device for device in self._found.values() if device.node.persistent]

    def restore(self, devices: Iterable[MediatedDevice]) -> None:
        """Add the definitions of other hardware whose PCI devices this hardware also has."""
        for old in devices:
            parent = self._tree.pci_device(old.parent.name)
            if parent is not None and old.node.name not in self._found:
                device = self.make(old.uuid, old.kind, parent, old.attributes)
                device.node.persistent, device.node.autostart = True, old.node.autostart
                self.add(device)
                if old.node.active and old.kind in {kind.id for kind in parent.mdev_types}:
                    self.start(device)

    def boot(self) -> None:
        """Restart the host: defined devices remain, and those with autostart are active."""
        for device in list(self._found.values()):
            device.node.active = False
            if not device.node.persistent:
                self.remove(device)
            elif device.node.autostart:
                self.start(device)
        self._create()
