"""Copies of simulated hosts, from what they list."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import testtools
from hypothesis import given, settings
from hypothesis import strategies as st

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.pmem import DimmSpec, PersistentMemory
from vpmem_harness.pmem.inventory import recorded
from vpmem_harness.pmem.inventory.generator import random_inventory
from vpmem_harness.pmem.inventory.profiles import PROFILES
from vpmem_harness.pmem.kernel.health import Health
from vpmem_harness.pmem.kernel.sizes import GIB, MIB
from vpmem_harness.randomness import Randomness
from vpmem_harness.releases import DEFAULT

OPTIONS = ('-X', '-Xv', '-N', '-NX', '-Ni', '-RN', '-DRNX', '-DRNiXv', '-BRND', '-R',
           '-BDRNXHFMCi', '-vvv')
VERSIONS = ('61.2', '62', '65', '66', '67', '69', '71.1', '72.1', '74', '76.1', '81')


def copy(text: str) -> PersistentMemory:
    """The copy of the host with this listing."""
    return recorded.from_listing(text).build(Randomness(9))


def machine(*specs: DimmSpec, **options: Any) -> PersistentMemory:
    """A machine with these DIMMs."""
    return PersistentMemory(specs, randomness=Randomness(3), **options)


class RoundTripTest(testtools.TestCase):

    def assertCopied(self, memory: PersistentMemory, *commands: str, as_root: bool = True) -> Any:
        """Assert that a copy prints what the commands print, and return the copy."""
        def printed(of: PersistentMemory) -> str:
            return ''.join(of.run(command.split(), as_root=as_root).stdout
                           for command in commands)
        made = copy(printed(memory))
        self.assertEqual(printed(memory), printed(made))
        return made

    @given(st.integers(0, 2**32 - 1), st.sampled_from(sorted(PROFILES)),
           st.sampled_from(OPTIONS), st.sampled_from(VERSIONS), st.booleans(), st.booleans())
    @settings(max_examples=60)
    def test_any_host(self, seed: int, profile: str, options: str, ndctl: str, human: bool,
                      as_root: bool) -> None:
        """Whatever ndctl lists, with any options, of any age, for anybody."""
        release = dataclasses.replace(DEFAULT, ndctl=ndctl)
        memory = random_inventory(Randomness(seed), PROFILES[profile]).build(
            Randomness(seed), release=release)
        command = f'ndctl list {options}{" -u" if human else ""}'
        made = self.assertCopied(memory, command, as_root=as_root)
        if 'R' in options and not human:
            self.assertEqual(
                [(one.size, one.align, one.available_size) for one in memory.regions],
                [(one.size, one.align, one.available_size) for one in made.regions])

    def test_rounded_free_space_of_an_interleave_set(self) -> None:
        """Free extents are multiples of the region's alignment, which GiB are not."""
        release = dataclasses.replace(DEFAULT, ndctl='81')
        memory = random_inventory(Randomness(1), PROFILES['optane-2s']).build(
            Randomness(1), release=release)
        self.assertCopied(memory, 'ndctl list -RN -u')

    def test_system_ram(self) -> None:
        """The memory blocks are counted, by ndctl and by daxctl."""
        memory = machine(DimmSpec(16 * GIB, labels='initialized', target_node=1))
        memory.create_namespace(size=4 * GIB)
        memory.create_namespace(size=2 * GIB)
        memory.run(['daxctl', 'reconfigure-device', '-m', 'system-ram', 'dax0.0'])
        memory.run(['daxctl', 'reconfigure-device', '-m', 'system-ram', '-N', 'dax0.1'])
        self.assertCopied(memory, 'ndctl list -X')
        self.assertCopied(memory, 'daxctl list', 'ndctl list -RN')
        self.assertCopied(memory, 'ndctl list -X', as_root=False)

    def test_addresses(self) -> None:
        """daxctl -M tells where the devices are."""
        memory = machine(DimmSpec(16 * GIB, labels='initialized'), first_address=64 * GIB)
        memory.create_namespace(size=2 * GIB, map='mem')
        memory.create_namespace(size=4 * GIB, map='mem')
        self.assertCopied(memory, 'daxctl list -RDM', 'ndctl list -RNv')

    def test_bad_blocks(self) -> None:
        """Their places in namespaces and region tell where the namespaces are."""
        memory = machine(DimmSpec(16 * GIB, labels='initialized', firmware_commands=True))
        for number in range(3):
            memory.create_namespace(size=(number + 1) * GIB, name=str(number))
        memory.run(['ndctl', 'inject-error', 'namespace0.2', '-B', '8', '-n', '4'])
        memory.destroy_namespace('namespace0.0')
        made = self.assertCopied(memory, 'ndctl list -DRNM')
        self.assertEqual(memory.namespace('namespace0.2').address,
                         made.namespace('namespace0.2').address)

    def test_counted_bad_blocks(self) -> None:
        """Without -M their number is known, and a note says that their places are not."""
        memory = machine(DimmSpec(16 * GIB, labels='initialized', firmware_commands=True))
        memory.create_namespace(size=GIB)
        memory.run(['ndctl', 'inject-error', 'namespace0.0', '-B', '8', '-n', '4'])
        self.assertCopied(memory, 'ndctl list -RN')
        notes = recorded.from_listing(memory.run(['ndctl', 'list', '-RN']).stdout).notes
        self.assertIn('namespace0.0: the places of its bad blocks are not listed (list with -M to '
                      'know)', notes)

    def test_health_and_identity(self) -> None:
        """All that -DH shows of a module."""
        memory = machine(*(DimmSpec(
            GIB, interleave='a', id=f'8089-a2-1837-0000000{number}', handle=0x1001 + 16 * number,
            phys_id=40 + number, offset=256 * MIB, position=1 - number, security='locked',
            flags=('failed_flush',), health=Health(temperature_celsius=31.5, shutdown_count=3))
            for number in range(2)), DimmSpec(0))
        self.assertCopied(memory, 'ndctl list -DRHF', 'ndctl list -BDRu')

    def test_several_buses(self) -> None:
        """Memory of memmap beside NVDIMMs."""
        memory = machine(DimmSpec(GIB, labels='initialized'), DimmSpec(4 * GIB, provider='e820'))
        memory.create_namespace(region='region0')
        self.assertCopied(memory, 'ndctl list -BDRNX')

    def test_disabled(self) -> None:
        """Disabled namespaces, regions and DIMMs."""
        memory = machine(*[DimmSpec(GIB, labels='initialized')] * 3)
        for region in range(3):
            memory.create_namespace(region=f'region{region}', size=512 * MIB)
        memory.disable_namespace('namespace0.0')
        memory.disable_region('region1')
        memory.run(['ndctl', 'disable-dimm', 'nmem1'])
        self.assertCopied(memory, 'ndctl list -DRNi')

    def test_hidden_namespace(self) -> None:
        """A disabled namespace that is not listed still takes its capacity."""
        memory = machine(DimmSpec(16 * GIB, labels='initialized'))
        for size in (GIB, 4 * GIB):
            memory.create_namespace(size=size)
        memory.disable_namespace('namespace0.0')
        made = self.assertCopied(memory, 'ndctl list -RN')
        self.assertEqual(11 * GIB, made.regions[0].available_size)

    def test_free_extents_between_hidden_namespaces(self) -> None:
        """As many namespaces are assumed as separate the free extents of a region."""
        memory = machine(DimmSpec(16 * GIB, labels='initialized'))
        for _ in range(8):
            memory.create_namespace(size=2 * GIB)
        for number in (0, 2, 4, 6):
            memory.destroy_namespace(f'namespace0.{number}')
        made = self.assertCopied(memory, 'ndctl list -R')
        self.assertEqual(8 * GIB, made.regions[0].available_size)

    def test_label_versions(self) -> None:
        """The size of a sector mode namespace tells the version of its label."""
        memory = machine(DimmSpec(GIB, labels='initialized', label_version='1.2'))
        memory.create_namespace('sector', size=512 * MIB)
        self.assertEqual('1.2', self.assertCopied(memory, 'ndctl list -RN').dimms[0].version)

    def test_old_kernel(self) -> None:
        """Before Linux 4.8, the order of listings is another one."""
        release = dataclasses.replace(DEFAULT, old_name_hash=True, ndctl='65')
        memory = machine(*[DimmSpec(GIB)] * 4, release=release)
        self.assertEqual(['region3', 'region2', 'region1', 'region0'], [
            one['dev'] for one in json.loads(memory.run(['ndctl', 'list', '-R']).stdout)])
        self.assertCopied(memory, 'ndctl list -DR')


class NotesTest(testtools.TestCase):
    """What a copy says of itself."""

    def test_nothing_is_open(self) -> None:
        """A complete listing needs no notes."""
        memory = machine(DimmSpec(GIB, labels='initialized'))
        memory.create_namespace(size=512 * MIB)
        self.assertEqual((), recorded.from_listing(
            memory.run(['ndctl', 'list', '-DRNXv']).stdout).notes)

    def test_what_is_open(self) -> None:
        """-X says nothing of region, DIMMs and nodes; the notes name the options that do."""
        notes = ' '.join(recorded.from_listing(recorded.sample_listing()).notes)
        for words in ('list with -R', 'list with -DR', 'are free'):
            self.assertIn(words, notes)

    def test_rounded_size(self) -> None:
        """With -u several capacities can be possible."""
        memory = machine(DimmSpec(512 * GIB, labels='initialized'))
        memory.create_namespace(size=300 * GIB)
        memory = copy(memory.run(['ndctl', 'list', '-RNu']).stdout)
        self.assertEqual((512 * GIB, 300 * GIB), (
            memory.regions[0].size, memory.namespaces[0].raw_size))


class RefusalTest(testtools.TestCase):
    """Listings that are none, or contradict themselves."""

    def assertRefused(self, text: str, *words: str) -> None:
        """Assert that a listing is refused with these words."""
        error = self.assertRaises(InvalidInputError, recorded.from_listing, text)
        for word in words:
            self.assertIn(word, str(error))

    def test_place_of_an_error(self) -> None:
        """JSON that breaks off is refused with line and column."""
        self.assertRefused('[\n  {\n    "dev":"namespace0.0",,\n', 'line 3, column')

    def test_contradiction(self) -> None:
        """Two documents must be of one host."""
        text = recorded.sample_listing()
        self.assertRefused(text + text.replace('"ns_0"', '"other"'), 'name of namespace0.0',
                           'ns_0', 'other')

    def test_region_too_small(self) -> None:
        """The namespaces of a region must fit into it."""
        memory = machine(DimmSpec(16 * GIB, labels='initialized'))
        memory.create_namespace(size=8 * GIB)
        text = memory.run(['ndctl', 'list', '-RN']).stdout
        self.assertRefused(text.replace(str(16 * GIB), str(4 * GIB)), 'size of region0')
        self.assertRefused(text.replace(f':{8 * GIB},', f':{12 * GIB},', 1),
                           'available_size of region0')

    def test_rounded_size(self) -> None:
        """The error repeats the range of a size that was rounded, not one of its ends."""
        memory = machine(DimmSpec(16 * GIB, labels='initialized'))
        memory.create_namespace(size=8 * GIB)
        text = memory.run(['ndctl', 'list', '-RNu']).stdout
        self.assertRefused(text.replace('"8.00 GiB (8.59 GB)"', '"8.50 GiB (9.13 GB)"'),
                           'available_size of region0', 'got 9125000000 to 9132174213;')

    def test_not_simulated(self) -> None:
        """Memory that is no NVDIMM is named."""
        for text, word in (('[{"provider":"CXL","dev":"ndbus0"}]', 'CXL'),
                           ('[{"dev":"region0","type":"blk"}]', 'block windows'),
                           ('[{"memdev":"mem0"}]', 'a bus, DIMM, region')):
            self.assertRefused(text, word)

    def test_shared_dimm(self) -> None:
        """A DIMM in two regions is refused."""
        memory = machine(*[DimmSpec(GIB)] * 2)
        text = memory.run(['ndctl', 'list', '-DR']).stdout
        self.assertRefused(text.replace('"dimm":"nmem1"', '"dimm":"nmem0"'), 'nmem0',
                           'in no other region')
