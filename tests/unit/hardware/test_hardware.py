"""The hardware of a host as a whole."""

from __future__ import annotations

import dataclasses

import testtools

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.hardware import GIB, Cell, Hardware, Mdev, MdevType, PciDevice

VENDOR, PRODUCT = (0x8086, 'Vendor'), (0x1572, 'Card')
BRIDGE = PciDevice('80:01.0', VENDOR, PRODUCT, klass=0x060400)


class HardwareTest(testtools.TestCase):

    def assert_refused(self, part, **changes):
        """Check that a change of uniform hardware is refused with a message that has ``part``."""
        error = self.assertRaises(
            InvalidInputError, dataclasses.replace, Hardware.uniform(), **changes)
        self.assertIn(part, str(error))

    def test_uniform(self):
        """A uniform host divides its memory and numbers its CPUs by cell."""
        hardware = Hardware.uniform(cells=2, sockets=2, cores=2, threads=2, memory=8 * GIB)
        self.assertEqual([4 * GIB, 4 * GIB], [cell.memory for cell in hardware.cells])
        self.assertEqual(list(range(16)), [cpu.id for cpu in hardware.cpus])
        self.assertEqual([2, 2, 2, 2, 3, 3, 3, 3], [cpu.socket for cpu in hardware.cells[1].cpus])

    def test_equal_values_are_equal(self):
        """Hardware is a value: it can be compared and used as a key."""
        self.assertEqual(1, len({Hardware.uniform(cells=3), Hardware.uniform(cells=3)}))

    def test_missing_nodes_are_added(self):
        """A cell like the first is added for a node that hardware lacks, with CPUs of its own."""
        hardware = Hardware.uniform(cells=1, cores=1, threads=2).with_nodes([0, 5])
        self.assertEqual([0, 5], [cell.id for cell in hardware.cells])
        self.assertEqual([0, 1, 2, 3], [cpu.id for cpu in hardware.cpus])

    def test_a_host_has_a_cpu(self):
        """Memory alone is no host."""
        self.assert_refused('a cell with a CPU that is online', cells=(Cell(0, GIB),))

    def test_distances(self):
        """Distances are given for each pair of cells, 10 for a cell to itself."""
        hardware = dataclasses.replace(Hardware.uniform(), distances=((10, 17), (17, 10)))
        self.assertEqual(17, hardware.distance(0, 1))
        self.assert_refused('distances[0][0]', distances=((11, 20), (20, 10)))
        self.assert_refused('2 rows of 2 numbers', distances=((10,),))

    def test_device_on_a_missing_node(self):
        """A PCI device is on a NUMA node of the host, or on none."""
        device = PciDevice('01:00.0', VENDOR, PRODUCT, numa_node=2)
        self.assert_refused('numa_node of PciDevice 0000:01:00.0: expected a NUMA node of the '
                            'host (0, 1), or -1, got 2', pci=(device,))

    def test_parent_is_a_bridge(self):
        """The parent of a PCI device is a bridge of the host."""
        device = PciDevice('81:00.0', VENDOR, PRODUCT, parent='80:01.0')
        self.assert_refused('parent of PciDevice 0000:81:00.0', pci=(device,))
        hardware = dataclasses.replace(Hardware.uniform(), pci=(BRIDGE, device))
        self.assertEqual(BRIDGE, hardware.device(device.parent))

    def test_more_functions_than_possible(self):
        """A card with more virtual functions than its maximum is refused."""
        card, *functions = PciDevice('81:00.0', VENDOR, PRODUCT).with_vfs(2)
        card = dataclasses.replace(card, max_vfs=1)
        self.assert_refused('max_vfs of PciDevice 0000:81:00.0: expected 2 or more',
                            pci=(card, *functions))

    def test_mediated_devices_fit(self):
        """A host with more mediated devices than its PCI devices provide is refused."""
        gpu = PciDevice('01:00.0', VENDOR, PRODUCT, mdev_types=(MdevType('t', 'Type', 1),))
        self.assert_refused('a type of that PCI device: t', pci=(gpu,),
                            mdevs=(Mdev('other', '01:00.0'),))
        self.assert_refused('at most 1 of type t', pci=(gpu,), mdevs=(Mdev('t', '01:00.0'),) * 2)
