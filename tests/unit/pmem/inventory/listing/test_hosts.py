"""Listings of real hosts from public sources, with other serial numbers and UUIDs."""

from __future__ import annotations

from pathlib import Path

import testtools

from tests.unit.pmem import nova
from vpmem_harness.pmem import NdctlError, PersistentMemory
from vpmem_harness.pmem.inventory import nova_labels, recorded
from vpmem_harness.pmem.inventory.inventory import Inventory
from vpmem_harness.pmem.kernel.sizes import GIB, MIB
from vpmem_harness.randomness import Randomness

_HOSTS = Path(__file__).parents[4] / 'golden' / 'ndctl' / 'hosts'


def listings() -> dict[str, str]:
    """The listings by name."""
    return {path.stem: path.read_text() for path in sorted(_HOSTS.glob('*.txt'))}


def copy(name: str) -> tuple[Inventory, PersistentMemory]:
    """The copy of a host."""
    inventory = recorded.from_listing(listings()[name])
    return inventory, inventory.build(Randomness(1))


class EveryHostTest(testtools.TestCase):
    """What is true of each of them."""

    def test_round_trip(self) -> None:
        """The copy prints the listing, byte for byte."""
        for name, text in listings().items():
            with self.subTest(name=name):
                lines = text.splitlines(keepends=True)
                commands = [line.removeprefix('# command: ').split() for line in lines
                            if line.startswith('# command: ')]
                memory = copy(name)[1]
                self.assertEqual(
                    ''.join(line for line in lines if not line.startswith('#')),
                    ''.join(memory.run(command, as_root='as-user' not in name).stdout
                            for command in commands))

    def test_there_are_more_than_ten(self) -> None:
        """They stand for hosts of several vendors, kernels and versions of ndctl."""
        self.assertGreater(len(listings()), 10)

    def test_nova_reads_the_copy(self) -> None:
        """The labels made from sizes are those that Nova accepts."""
        for name in listings():
            with self.subTest(name=name):
                memory = copy(name)[1]
                labels = nova_labels.labels_by_size(memory.namespaces)
                offered = nova.offered(
                    nova_labels.pmem_namespaces(labels, memory.namespaces),
                    memory.run(['ndctl', 'list', '-X']).stdout or '[]')
                self.assertEqual(
                    sum(map(len, labels.values())), sum(map(len, offered.values())))

    def test_a_reboot_keeps_the_namespaces(self) -> None:
        """Labels and info blocks of the copy are those of its namespaces."""
        for name in listings():
            with self.subTest(name=name):
                memory = copy(name)[1]
                before = sorted((one.address, one.raw_size, one.size, one.mode)
                                for one in memory.namespaces if one.state == 'enabled')
                memory.reboot()
                self.assertEqual(before, sorted(
                    (one.address, one.raw_size, one.size, one.mode) for one in memory.namespaces))


class HostTest(testtools.TestCase):
    """What is special about some of them."""

    def test_full_interleave_sets(self) -> None:
        """Six modules of 256 GB in each set: no room for 4 GiB, nor for 6 GiB."""
        inventory, memory = copy('optane-2s-full-devdax')
        self.assertEqual(
            [(1623497637888, 0, 96 * MIB, 0, 2), (1623497637888, 0, 96 * MIB, 1, 3)],
            [(region.size, region.available_size, region.align, region.numa_node,
              region.target_node) for region in memory.regions])
        for size in (4 * GIB, 6 * GIB):
            self.assertRaises(NdctlError, memory.create_namespace, size=size)
        self.assertTrue([note for note in inventory.notes if 'assumed to be full' in note])

    def test_crossed_nodes(self) -> None:
        """Nodes are those of the listing, however odd."""
        self.assertEqual([(1, 2), (0, 3)], [
            (region.numa_node, region.target_node) for region in copy(
                'ice-lake-crossed-nodes')[1].regions])

    def test_not_interleaved(self) -> None:
        """Each module is a region that begins at 256 MiB of its addresses."""
        memory = copy('not-interleaved')[1]
        memory.create_namespace(size=GIB, region='region7')
        dimm = memory.dimms[7]
        self.assertEqual([256 * MIB], [label.dpa for label in dimm.area.active()]
                         if dimm.area else [])
        self.assertEqual(124 * GIB, memory.regions[7].available_size)

    def test_system_ram(self) -> None:
        """The device is memory, so that nothing can open it."""
        self.assertEqual([False], [one.openable for one in copy('system-ram')[1].namespaces])

    def test_without_nodes(self) -> None:
        """A kernel that has no NUMA nodes shows none; the note says what the copy has."""
        inventory, _ = copy('centos-7-without-nodes')
        self.assertEqual(frozenset({'numa_node'}), inventory.lacks)
        self.assertTrue([note for note in inventory.notes if 'NUMA node is not listed' in note])

    def test_memmap(self) -> None:
        """Memory that is fsdax without an info block is on the bus e820."""
        self.assertEqual(['e820'], [bus.provider for bus in copy('memmap')[1].listed_buses])

    def test_disabled_modules(self) -> None:
        """They are in no listed region."""
        memory = copy('dimms-with-flags')[1]
        self.assertEqual(([0, 3], [False, False], []), (
            [dimm.number for dimm in memory.dimms], [dimm.enabled for dimm in memory.dimms],
            memory.regions))
