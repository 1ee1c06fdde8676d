"""Memory of the host that guests leave."""

from __future__ import annotations

import testtools

from tests.unit.libvirtd.hypervisor import hosts
from vpmem_harness.hardware import GIB, Hardware

BOUND = "<numatune><memory mode='strict' nodeset='1'/></numatune>"


class HostMemoryTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.host = hosts.recorded_host(hardware=Hardware.uniform(
            cells=2, cores=2, threads=1, memory=8 * GIB, huge_pages={2048: 512}))
        self.client = hosts.Client(self.host)

    def start(self, more: str = '', *, mib: int = 1024, name: str = 'a'):
        """Start a guest with that much memory."""
        return self.client.domain_create_xml(
            f"<domain type='qemu'><name>{name}</name><memory unit='MiB'>{mib}</memory>"
            f'<os><type>hvm</type></os>{more}<devices/></domain>', 0)

    def pages(self):
        """Return the free huge pages of each cell."""
        return self.client.node_get_free_pages([2048], 0, 2, 0)

    def test_bound_memory(self):
        """A guest that is bound to a node takes the memory of that node alone."""
        before = self.client.node_get_cells_free_memory(0, 2)
        self.start(BOUND)
        after = self.client.node_get_cells_free_memory(0, 2)
        self.assertEqual([0, GIB], [old - new for old, new in zip(before, after, strict=True)])

    def test_huge_pages_in_use(self):
        """A guest with huge pages takes them from the pool until it ends."""
        domain = self.start(f'<memoryBacking><hugepages/></memoryBacking>{BOUND}', mib=512)
        self.assertEqual([512, 256], self.pages())
        self.client.domain_destroy(domain)
        self.assertEqual([512, 512], self.pages())

    def test_not_enough_huge_pages(self):
        """A guest that needs more huge pages than are free does not start."""
        error = hosts.refusal(self.start, '<memoryBacking><hugepages/></memoryBacking>' + BOUND)
        self.assertIsNone(error)
        error = hosts.refusal(
            lambda: self.start('<memoryBacking><hugepages/></memoryBacking>', mib=1100, name='b'))
        self.assertEqual('internal error: process exited while connecting to monitor: '
                         'qemu-system-x86_64: unable to map backing store for guest RAM: Cannot '
                         'allocate memory', error.message)

    def test_size_that_the_host_lacks(self):
        """A guest with pages of a size that the host has none of does not start."""
        error = hosts.refusal(self.start, "<memoryBacking><hugepages><page size='1' unit='GiB'/>"
                              '</hugepages></memoryBacking>')
        self.assertEqual('internal error: Unable to find any usable hugetlbfs mount for 1048576 '
                         'KiB', error.message)
