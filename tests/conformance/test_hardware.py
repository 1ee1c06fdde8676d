"""What libvirt reports of hardware: a real libvirtd on the same machine."""

from __future__ import annotations

import dataclasses

import libvirt
from lxml import etree

from tests import base
from tests.conformance import machine
from vpmem_harness.fixtures import HostFixture
from vpmem_harness.hardware import (
    GIB,
    Cell,
    Hardware,
    Mdev,
    MdevType,
    NetworkInterface,
    PciAddress,
    PciDevice,
    Vpd,
    VpdFields,
    profiles,
)

_INTEL, _NVIDIA = (0x8086, 'Intel Corporation'), (0x10de, 'NVIDIA Corporation')


def odd_hardware() -> Hardware:
    """Return hardware with one of everything: offline CPUs, memory alone, functions, devices."""
    base_hardware = Hardware.uniform(cells=2, cores=4, threads=2, memory=8 * GIB,
                                     huge_pages={2048: 16})
    cells = list(base_hardware.cells)
    cells[1] = dataclasses.replace(cells[1], cpus=tuple(
        dataclasses.replace(cpu, online=cpu.id not in (11, 14)) for cpu in cells[1].cpus))
    cells.append(Cell(2, 3 * GIB, huge_pages=((2048, 3), (1048576, 1))))
    port = PciDevice(PciAddress.parse('80:01.0'), _INTEL, (0x2030, 'Port'), klass=0x060400,
                     driver='pcieport', numa_node=1)
    fields = VpdFields(part_number='PN1', serial_number='S1', change_level='A1',
                       manufacture_id='M1', vendor=(('0', 'v0'),))
    writable = VpdFields(asset_tag='tag', vendor=(('1', 'w1'),), system=(('2', 'y2'),))
    card = PciDevice(PciAddress.parse('81:00.0'), _INTEL, (0x1572, 'Card'), driver='i40e',
                     numa_node=1, parent=port.address, vpd=Vpd('A card', fields, writable),
                     interface=NetworkInterface('enp129s0f0', features=()))
    functions = list(card.with_vfs(3, product=(0x154c, 'Function'), driver='iavf', max_vfs=64))
    functions[2] = dataclasses.replace(functions[2], vdpa='vdpa0', driver='mlx5_core')
    idle = PciDevice(PciAddress.parse('82:00.0'), _INTEL, (0x1572, 'Card'), numa_node=-1,
                     max_vfs=8, iommu_group=7,
                     interface=NetworkInterface('down0', up=False, features=()))
    gpu = PciDevice(PciAddress.parse('83:00.0'), _NVIDIA, (0x1eb8, 'GPU'), klass=0x030200,
                    driver='nvidia', iommu_group=7,
                    mdev_types=(MdevType('nvidia-222', 'GRID T4-1B', 16),
                                MdevType('nvidia-223', 'GRID T4-2B', 8)))
    return Hardware(tuple(cells), pci=(port, *functions, idle, gpu),
                    mdevs=(Mdev('nvidia-222', gpu.address),),
                    distances=((10, 21, 17), (21, 10, 28), (17, 28, 10)))


def normalized(text: str) -> str:
    """Return XML without what the directory order and the PCI ID database of a machine decide."""
    root = etree.fromstring(text)
    for group in (*root.iter('iommuGroup'), *root.iterfind('.//capability[@type="mdev_types"]')):
        group[:] = sorted(group, key=etree.tostring)
    for name in ('product', 'vendor'):
        for found in root.iter(name):
            if found.get('id'):
                found.text = None
    etree.indent(root)
    return etree.tostring(root).decode()


class HardwareTest(base.TestCase):

    def compare(self, hardware: Hardware) -> None:
        """Compare what both report of the host, its NUMA nodes, CPUs and devices."""
        host = self.useFixture(HostFixture(pmem='SMALL:1x1GiB', hardware=hardware))
        real = self.useFixture(machine.RealMachine(hardware, host.hypervisor.devices))
        ours = host.connection
        theirs = libvirt.open(real.uri)
        self.addCleanup(theirs.close)
        wanted, found = theirs.getInfo(), ours.getInfo()
        self.assertEqual(wanted[1:3] + wanted[4:], found[1:3] + found[4:])
        self.assertEqual(theirs.getCPUMap(), ours.getCPUMap())
        for path in ('host/topology', 'host/cache', 'host/iommu'):
            wanted, found = (etree.tostring(etree.fromstring(each.getCapabilities()).find(path))
                             for each in (theirs, ours))
            self.assertEqual(wanted.decode(), found.decode())
        for cell in hardware.cells:
            for size, _ in cell.huge_pages:
                self.assertEqual(theirs.getFreePages([size], cell.id, 1),
                                 ours.getFreePages([size], cell.id, 1))
            self.assertEqual(theirs.getMemoryStats(cell.id)['total'],
                             ours.getMemoryStats(cell.id)['total'])
        devices = [{device.name(): device for device in each.listAllDevices()}
                   for each in (theirs, ours)]
        self.assertEqual(sorted(devices[0]), sorted(devices[1]))
        for name in sorted(set(devices[0]) - {'computer'}):
            wanted, found = (each[name] for each in devices)
            self.assertEqual(normalized(wanted.XMLDesc()), normalized(found.XMLDesc()))
            self.assertEqual(
                (wanted.parent(), wanted.listCaps(), wanted.isPersistent(), wanted.autostart()),
                (found.parent(), found.listCaps(), found.isPersistent(), found.autostart()))

    def setUp(self) -> None:
        super().setUp()
        reason = machine.cannot_run()
        if reason is not None:
            self.skipTest(reason)

    def test_one_of_everything(self) -> None:
        """Hosts with odd hardware look like real ones: NUMA nodes, CPUs, PCI and other devices."""
        self.compare(odd_hardware())

    def test_profiles(self) -> None:
        """The host of each profile looks like a real one."""
        for name in ('small', 'sriov', 'vgpu', 'optane-2s'):
            with self.subTest(name):
                self.compare(dataclasses.replace(
                    profiles.named(name), memory_profile=None, pci=tuple(
                        device if device.interface is None else dataclasses.replace(
                            device, interface=dataclasses.replace(device.interface, features=()))
                        for device in profiles.named(name).pci)))
