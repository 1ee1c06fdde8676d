"""NUMA nodes of a host's DIMMs."""

from __future__ import annotations

import dataclasses

import testtools

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.fixtures import HostFixture
from vpmem_harness.hardware import Hardware

ONE_CELL = Hardware.uniform(cells=1, cores=2, threads=1)


class NumaNodesTest(testtools.TestCase):

    def nodes(self, host):
        """Return the NUMA nodes of the host's DIMMs."""
        return {dimm.numa_node for dimm in host.host.inventory.dimms}

    def test_default_hardware_has_the_nodes_of_the_dimms(self):
        """A host without given hardware gets a NUMA node for each of its DIMMs."""
        host = self.useFixture(HostFixture(dimms=['16GiB,numa=3']))
        self.assertEqual([0, 1, 3], [cell.id for cell in host.hardware.cells])

    def test_namespaces_are_on_the_nodes_of_the_hardware(self):
        """Namespaces without a given node are on nodes that the given hardware has."""
        host = self.useFixture(HostFixture(pmem='SMALL:2x4GiB', hardware=ONE_CELL))
        self.assertEqual({0}, self.nodes(host))

    def test_dimm_on_a_missing_node(self):
        """A given DIMM on a node that the given hardware lacks is refused."""
        error = self.assertRaises(InvalidInputError, HostFixture, dimms=['16GiB,numa=1'],
                                  hardware=ONE_CELL)
        self.assertEqual('numa_node of DIMM 0: expected a NUMA node of the host (0), got 1; name '
                         'one of them, or add a Cell with that id', str(error))

    def test_dimms_of_the_hardware(self):
        """The DIMMs of the hardware are those of the host."""
        hardware = dataclasses.replace(Hardware.uniform(), dimms=('32GiB,numa=1',))
        host = self.useFixture(HostFixture(hardware=hardware))
        self.assertEqual({1}, self.nodes(host))

    def test_dimms_in_two_places(self):
        """DIMMs beside those of the hardware are refused."""
        hardware = dataclasses.replace(Hardware.uniform(), dimms=('32GiB',))
        error = self.assertRaises(InvalidInputError, HostFixture, dimms=['16GiB'],
                                  hardware=hardware)
        self.assertIn('DIMMs in one place', str(error))


class ChangeTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.host = self.useFixture(HostFixture(pmem='SMALL:1x4GiB'))

    def cells(self):
        """Return the number of NUMA cells that libvirt reports."""
        return self.host.connection.getInfo()[4]

    def test_a_running_host_keeps_its_hardware(self):
        """Hardware cannot be set while the host runs."""
        error = self.assertRaises(InvalidInputError, setattr, self.host, 'hardware', ONE_CELL)
        self.assertIn('a host whose libvirtd is down', str(error))

    def test_hardware_changes_while_libvirtd_is_down(self):
        """libvirtd reports the hardware that was set while it was down."""
        self.assertEqual(2, self.cells())
        down = self.host.faults.daemon_down()
        self.host.hardware = ONE_CELL
        down.remove()
        self.assertEqual(1, self.cells())
        self.assertIn("<cells num='1'>", self.host.connection.getCapabilities())

    def test_hardware_changes_with_a_reboot(self):
        """A host can come back from a reboot with other hardware."""
        self.host.reboot(hardware=ONE_CELL)
        self.assertEqual(1, self.cells())

    def test_nodes_of_the_dimms_stay(self):
        """Hardware without the node of a DIMM of the host is refused."""
        host = self.useFixture(HostFixture(dimms=['16GiB,numa=1']))
        error = self.assertRaises(InvalidInputError, host.reboot, hardware=ONE_CELL)
        self.assertIn('numa_node of DIMM 0', str(error))
