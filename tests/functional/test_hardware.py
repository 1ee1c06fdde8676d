"""Programs that describe a host describe the same machine."""

from __future__ import annotations

import json
import subprocess

from lxml import etree

from tests import base
from vpmem_harness.fixtures import HostFixture


class AgreementTest(base.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.host = self.useFixture(HostFixture(hardware='optane-2s', seed=5))
        root = etree.fromstring(self.virsh('capabilities'))
        self.cells = {int(cell.get('id')): cell for cell in root.iterfind(
            'host/topology/cells/cell')}

    def virsh(self, *words: str) -> str:
        """Return what virsh prints on the host."""
        return subprocess.run(['virsh', *words], env=self.host.env, stdout=subprocess.PIPE,
                              text=True, check=True).stdout

    def listing(self) -> dict:
        """Return the host's listing of DIMMs, regions and namespaces."""
        return json.loads(self.host.run('ndctl', 'list', '-DRNXv').stdout)

    def test_persistent_memory_is_on_nodes_of_libvirt(self) -> None:
        """Each region and namespace is near a NUMA node of libvirt, with a node of its own."""
        regions = self.listing()['regions']
        self.assertEqual(set(self.cells), {region['numa_node'] for region in regions})
        for region in regions:
            for namespace in region.get('namespaces', ()):
                self.assertEqual((region['numa_node'], region['target_node']),
                                 (namespace['numa_node'], namespace['target_node']))
                self.assertNotIn(namespace['target_node'], self.cells)

    def test_dimms_are_those_of_the_regions(self) -> None:
        """Each DIMM is part of one region."""
        listing = self.listing()
        mapped = [mapping['dimm'] for region in listing['regions']
                  for mapping in region['mappings']]
        self.assertEqual(sorted(dimm['dev'] for dimm in listing['dimms']), sorted(mapped))

    def test_free_pages_are_those_of_the_cells(self) -> None:
        """virsh freepages lists the pages of each cell, at most as many as the cell has."""
        nodes = [part.split() for part in self.virsh('freepages', '--all').split('Node ')[1:]]
        self.assertEqual([f'{number}:' for number in self.cells], [node[0] for node in nodes])
        for (_, *words), cell in zip(nodes, self.cells.values(), strict=True):
            total = {f"{pages.get('size')}KiB:": int(pages.text)
                     for pages in cell.iterfind('pages')}
            free = dict(zip(words[::2], map(int, words[1::2]), strict=True))
            self.assertEqual(list(total), list(free))
            self.assertEqual([], [size for size in total if free[size] > total[size]])

    def test_node_information_sums_the_cells_up(self) -> None:
        """virNodeGetInfo counts the CPUs and the memory of all cells."""
        _, memory, cpus, _, nodes, sockets, cores, threads = self.host.connection.getInfo()
        self.assertEqual(sum(int(cell.findtext('memory')) for cell in self.cells.values()) // 1024,
                         memory)
        self.assertEqual(sum(int(cell.find('cpus').get('num')) for cell in self.cells.values()),
                         cpus)
        self.assertEqual(cpus, nodes * sockets * cores * threads)

    def test_devices_are_in_the_tree_and_on_nodes(self) -> None:
        """Each node device is in the tree, below its parent, on a NUMA node of libvirt."""
        names = self.virsh('nodedev-list').split()
        tree = [line.rpartition('+- ')[2].strip()
                for line in self.virsh('nodedev-list', '--tree').splitlines()]
        self.assertEqual(sorted(names), sorted(name for name in tree if name.strip('| ')))
        for device in self.host.connection.listAllDevices():
            root = etree.fromstring(device.XMLDesc())
            if device.name() != 'computer':
                self.assertIn(device.parent(), names)
            for numa in root.iterfind('capability/numa'):
                self.assertIn(int(numa.get('node')), self.cells)
