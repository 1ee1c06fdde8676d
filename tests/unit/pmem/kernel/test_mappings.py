from __future__ import annotations

import json
from typing import Any

import testtools

from vpmem_harness import exceptions
from vpmem_harness.pmem import DimmSpec, NdctlError, PersistentMemory
from vpmem_harness.pmem.kernel.sizes import GIB, MIB
from vpmem_harness.randomness import Randomness


def machine(*specs: DimmSpec) -> PersistentMemory:
    """A machine with these DIMMs."""
    return PersistentMemory(specs, randomness=Randomness(0))


def interleaved(ways: int, size: int = 252 * GIB, **fields: Any) -> PersistentMemory:
    """A machine with one interleave set."""
    return machine(*[DimmSpec(size, labels='initialized', interleave='a', **fields)] * ways)


def listed(memory: PersistentMemory, *options: str) -> Any:
    """What ``ndctl list`` prints."""
    return json.loads(memory.run(['ndctl', 'list', *options]).stdout)


class InterleaveSetTest(testtools.TestCase):
    """Sizes and alignments of interleave sets (kernel: nvdimm/region_devs.c)."""

    def test_alignment(self) -> None:
        """It is 16 MiB, and as often as there are DIMMs if their number does not divide that."""
        for ways, align in ((1, 16), (2, 16), (3, 48), (4, 16), (5, 80), (6, 96), (8, 16),
                            (12, 192)):
            with self.subTest(ways=ways):
                self.assertEqual(align * MIB, interleaved(ways, GIB).regions[0].align)

    def test_full_region(self) -> None:
        """The sizes of a host with six modules of 256 GB in one namespace."""
        memory = interleaved(6)
        memory.create_namespace()
        [region] = listed(memory, '-R')
        self.assertEqual((1623497637888, 100663296, 0),
                         (region['size'], region['align'], region['available_size']))
        self.assertEqual(1598128390144, memory.namespaces[0].size)

    def test_misaligned_size(self) -> None:
        """4 GiB are no multiple of 96 MiB."""
        error = self.assertRaises(NdctlError, interleaved(6).create_namespace, size=4 * GIB)
        self.assertIn('align setting is 0x6000000 size 0x100000000 is misaligned', str(error))

    def test_interleave_width(self) -> None:
        """With 1 GiB alignment the size must be a multiple of as many GiB as there are DIMMs."""
        error = self.assertRaises(NdctlError, interleaved(4).create_namespace, size=6 * GIB,
                                  align=GIB)
        self.assertIn('must align to interleave-width: 4 and alignment: 1073741824', str(error))

    def test_namespaces_survive_a_reboot(self) -> None:
        """Labels are on every DIMM, with its own addresses, which begin at the offset."""
        memory = interleaved(6, offset=256 * MIB)
        memory.create_namespace(size=6 * GIB, name='first')
        memory.create_namespace(size=12 * GIB, name='second')
        before = {one.name: (one.address, one.size) for one in memory.namespaces}
        memory.reboot()
        self.assertEqual(before, {one.name: (one.address, one.size)
                                  for one in memory.namespaces})
        labels = memory.dimms[3].area.active() if memory.dimms[3].area else []
        self.assertEqual([(256 * MIB, GIB, 3), (1280 * MIB, 2 * GIB, 3)],
                         [(label.dpa, label.size, label.position) for label in labels])

    def test_mappings(self) -> None:
        """They are listed from the last to the first."""
        [region] = listed(interleaved(2, offset=256 * MIB), '-RD')['regions']
        self.assertEqual(
            [{'dimm': f'nmem{number}', 'offset': 256 * MIB, 'length': 252 * GIB,
              'position': number} for number in (1, 0)], region['mappings'])

    def test_given_positions(self) -> None:
        """The place in the set can differ from that of the slot."""
        memory = machine(*(DimmSpec(GIB, labels='initialized', interleave='a', position=position)
                           for position in (1, 0)))
        memory.create_namespace(name='kept')
        memory.reboot()
        self.assertEqual('kept', memory.namespaces[0].name)
        self.assertEqual([0, 1], [one['position'] for one in listed(memory, '-RD')['regions'][0][
            'mappings']])

    def test_sets_that_take_turns(self) -> None:
        """DIMMs of one set need not be neighbours."""
        memory = machine(*(DimmSpec(GIB, interleave=word) for word in ('a', 'b', 'a', 'b')))
        self.assertEqual([['nmem0', 'nmem2'], ['nmem1', 'nmem3']],
                         [[dimm.dev for dimm in region.dimms] for region in memory.regions])

    def test_different_sizes(self) -> None:
        """The DIMMs of a set have one size, one node and one bus."""
        for name, value in (('size', 2 * GIB), ('numa_node', 1), ('provider', 'other')):
            with self.subTest(name=name):
                self.assertRaises(
                    exceptions.InvalidInputError, machine, DimmSpec(GIB, interleave='a'),
                    DimmSpec(**{'size': GIB, 'interleave': 'a', name: value}))

    def test_incomplete_positions(self) -> None:
        """Each position is taken once, or none is given."""
        for positions in ((0, 0), (0, 2), (0, None)):
            with self.subTest(positions=positions):
                self.assertRaises(exceptions.InvalidInputError, machine, *(
                    DimmSpec(GIB, interleave='a', position=one) for one in positions))


class BadBlocksTest(testtools.TestCase):
    """The DIMMs of bad blocks."""

    def test_firmware_tells(self) -> None:
        """The DIMMs of a set take turns every 4 KiB."""
        memory = interleaved(2, firmware_commands=True)
        memory.create_namespace('raw', size=2 * GIB)
        memory.run(['ndctl', 'inject-error', 'namespace0.0', '-B', '8', '-n', '8'])
        [found] = listed(memory, '-M')[0]['badblocks']
        self.assertEqual({'offset': 8, 'length': 8, 'dimms': ['nmem1']}, found)


class BusTest(testtools.TestCase):
    """Machines with several buses."""

    def test_memmap(self) -> None:
        """Memory that the kernel option memmap reserves has no DIMM and is fsdax by itself."""
        memory = machine(DimmSpec(GIB), DimmSpec(4 * GIB, provider='e820'))
        self.assertEqual(['nmem0'], [dimm['dev'] for dimm in listed(memory, '-D')])
        [bus] = listed(memory, '-BRN', '-b', 'e820')
        [region] = bus['regions']
        self.assertEqual(('ndbus1', 'unknown'), (bus['dev'], region['persistence_domain']))
        self.assertEqual({'dev': 'namespace1.0', 'mode': 'fsdax', 'map': 'mem', 'size': 4 * GIB,
                          'sector_size': 512, 'blockdev': 'pmem1'}, region['namespaces'][0])

    def test_filter(self) -> None:
        """Commands act on the bus that is named."""
        memory = machine(DimmSpec(GIB), DimmSpec(GIB, provider='nfit_test.0'))
        memory.run(['ndctl', 'disable-region', '-b', 'nfit_test.0', 'all'])
        self.assertEqual([True, False], [region.enabled for region in memory.regions])

    def test_scrub(self) -> None:
        """Each bus has its own scrub state."""
        memory = machine(DimmSpec(GIB, firmware_commands=True),
                         DimmSpec(GIB, provider='nfit_test.0'))
        self.assertEqual(['idle'], [bus['scrub_state'] for bus in listed(memory, '-B')
                                    if 'scrub_state' in bus])

    def test_cxl(self) -> None:
        """Its labels have another format."""
        error = self.assertRaises(exceptions.InvalidInputError, DimmSpec, GIB, provider='CXL')
        self.assertIn('not simulated', str(error))


class IdentityTest(testtools.TestCase):
    """The fields of a DIMM in listings."""

    def test_listed(self) -> None:
        """Identity, handle, SMBIOS handle, flags and security."""
        memory = machine(DimmSpec(
            GIB, id='8089-a2-1837-00000b5d', handle=0x1001, phys_id=43, security='frozen',
            security_frozen=True, flags=('failed_flush',)))
        self.assertEqual([{
            'dev': 'nmem0', 'id': '8089-a2-1837-00000b5d', 'handle': 4097, 'phys_id': 43,
            'flag_failed_flush': True, 'security': 'frozen', 'security_frozen': True}],
            listed(memory, '-D'))

    def test_given_interleave_set(self) -> None:
        """Labels carry the identity of the set that was given."""
        memory = interleaved(2, iset_id=7)
        memory.create_namespace(name='kept')
        memory.reboot()
        self.assertEqual(('kept', 7), (memory.namespaces[0].name,
                                       listed(memory, '-R')[0]['iset_id']))

    def test_handles_differ(self) -> None:
        """Two DIMMs of a bus cannot have the same handle."""
        self.assertRaises(exceptions.InvalidInputError, machine, DimmSpec(GIB, handle=2),
                          DimmSpec(GIB))

    def test_without_capacity(self) -> None:
        """A module in Memory Mode is listed and part of no region."""
        memory = machine(DimmSpec(0), DimmSpec(GIB))
        self.assertEqual([['nmem1']], [[dimm.dev for dimm in region.dimms]
                                       for region in memory.regions])
        self.assertEqual(2, len(listed(memory, '-D')))
