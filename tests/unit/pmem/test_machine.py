from __future__ import annotations

import concurrent.futures
from typing import Any

import hypothesis
import testtools
from hypothesis import stateful, strategies

from vpmem_harness import exceptions
from vpmem_harness.pmem import DimmSpec, NdctlError, PersistentMemory
from vpmem_harness.pmem.kernel.sizes import GIB, MIB
from vpmem_harness.randomness import Randomness


def labelled(*sizes: int, **options: Any) -> PersistentMemory:
    """A machine with initialized DIMMs of these sizes, on alternating NUMA nodes."""
    return PersistentMemory(
        [DimmSpec(size, numa_node=node % 2, labels='initialized')
         for node, size in enumerate(sizes)], randomness=Randomness(1), **options)


class DimmSpecTest(testtools.TestCase):
    """Validation of DIMM specs."""

    def test_sizes_are_checked(self) -> None:
        """A size that no region can have is refused by name."""
        error = self.assertRaises(exceptions.InvalidInputError, DimmSpec, 100)
        self.assertIn('size of a DIMM', str(error))

    def test_label_states_are_checked(self) -> None:
        """An unknown label state is refused, with the known ones."""
        error = self.assertRaises(exceptions.InvalidInputError, DimmSpec, GIB, labels='new')
        self.assertIn('blank, initialized, none', str(error))

    def test_interleaved_dimms_are_of_one_size(self) -> None:
        """A set of different sizes is refused."""
        self.assertRaises(
            exceptions.InvalidInputError, PersistentMemory,
            [DimmSpec(GIB, interleave='a'), DimmSpec(2 * GIB, interleave='a')])


class RegionsTest(testtools.TestCase):
    """How DIMMs become regions."""

    def test_numbers_start_where_asked(self) -> None:
        """Devices carry the numbers of their regions."""
        memory = labelled(GIB, GIB, first_region=5)
        self.assertEqual('/dev/dax5.0', memory.create_namespace(region='region5').path)

    def test_addresses_follow_each_other(self) -> None:
        """The second DIMM lies behind the first."""
        self.assertEqual([7 * GIB, 9 * GIB],
                         [region.start for region in labelled(2 * GIB, GIB).regions])

    def test_firmware_numbers_the_regions(self) -> None:
        """The order of description can differ from that of the slots."""
        memory = labelled(2 * GIB, GIB, region_order=[1, 0])  # type: ignore[arg-type]
        self.assertEqual([('region0', 'nmem1', 9 * GIB), ('region1', 'nmem0', 7 * GIB)],
                         [(region.dev, region.dimms[0].dev, region.start)
                          for region in memory.regions])

    def test_an_interleaved_region_has_the_capacity_of_its_dimms(self) -> None:
        """Labels on each hold their part of the namespace."""
        memory = PersistentMemory([
            DimmSpec(GIB, labels='initialized', interleave='a') for _ in range(2)])
        memory.create_namespace(size=GIB)
        self.assertEqual(2 * GIB, memory.regions[0].size)
        self.assertEqual([[(0, 512 * MIB)], [(1, 512 * MIB)]],
                         [[(label.position, label.size) for label in dimm.area.active()]
                          for dimm in memory.dimms if dimm.area])

    def test_three_ways_want_thrice_the_alignment(self) -> None:
        """A size that does not divide by the DIMMs is misaligned."""
        memory = PersistentMemory([
            DimmSpec(GIB, labels='initialized', interleave='a') for _ in range(3)])
        error = self.assertRaises(NdctlError, memory.create_namespace, size=64 * MIB)
        self.assertIn('align setting is 0x3000000', error.message)


class RebootTest(testtools.TestCase):
    """Effects of a reboot."""

    def test_numbers_follow_the_bytes_of_the_address(self) -> None:
        """The kernel sorts addresses by their lowest byte first: 0x200000000 before 0x1c0000000."""
        memory = labelled(8 * GIB)
        sizes = (768 * MIB, 256 * MIB, GIB)
        names = ('a', 'b', 'c')
        for name, size in zip(names, sizes, strict=True):
            memory.create_namespace(name=name, size=size)
        memory.reboot()
        self.assertEqual(
            {'c': 'namespace0.0', 'a': 'namespace0.1', 'b': 'namespace0.2'},
            {namespace.name: namespace.dev for namespace in memory.namespaces})

    def test_names_uuids_and_contents_stay(self) -> None:
        """Only numbers are new."""
        memory = labelled(8 * GIB)
        memory.create_namespace(name='gone', size=GIB)
        kept = memory.create_namespace(name='kept', size=GIB)
        memory.write(kept.path or '', 'somebody')
        memory.destroy_namespace('namespace0.0')
        memory.reboot()
        found = memory.namespaces[0]
        self.assertEqual(('namespace0.0', 'kept', kept.uuid),
                         (found.dev, found.name, found.uuid))
        self.assertEqual({'somebody'}, memory.contents(found.path or '').writers)

    def test_leftover_files_go(self) -> None:
        """What daxio created in /dev was in memory only."""
        memory = labelled(GIB)
        memory.run(['daxio', '-z', '-o', '/dev/dax9.9'])
        memory.reboot()
        self.assertEqual(frozenset(), memory.leftovers)


class ContentsTest(testtools.TestCase):
    """Data belong to the media."""

    def setUp(self) -> None:
        super().setUp()
        self.memory = labelled(8 * GIB)
        self.path = self.memory.create_namespace(size=GIB).path or ''
        self.memory.write(self.path, 'first')

    def test_the_next_namespace_shows_what_was_left(self) -> None:
        """Destroying and creating does not wipe."""
        self.memory.destroy_namespace('namespace0.0')
        self.memory.create_namespace(size=GIB)
        self.assertEqual({'first'}, self.memory.contents(self.path).writers)

    def test_daxio_wipes(self) -> None:
        """Zeroing the device leaves nothing."""
        self.memory.run(['daxio', '-z', '-o', self.path])
        self.assertTrue(self.memory.contents(self.path).is_zero)

    def test_a_part_is_a_part(self) -> None:
        """Offset and length limit what is written."""
        self.memory.zero(self.path, offset=MIB, length=MIB)
        self.assertEqual([MIB, MIB], [segment.length for segment in
                                      self.memory.contents(self.path).segments[:2]])

    def test_a_missing_device_is_an_error(self) -> None:
        """Nobody can write to it."""
        self.assertRaises(KeyError, self.memory.write, '/dev/dax7.7', 'me')


class DevicesTest(testtools.TestCase):
    """Devices in /dev."""

    def setUp(self) -> None:
        super().setUp()
        self.memory = labelled(8 * GIB)

    def test_each_mode_has_its_device(self) -> None:
        """devdax has a character device, the others block devices."""
        for mode in ('devdax', 'fsdax', 'sector', 'raw'):
            self.memory.create_namespace(mode, size=128 * MIB)
        self.assertEqual({'/dev/dax0.0': 'devdax', '/dev/pmem0.1': 'fsdax',
                          '/dev/pmem0.2s': 'sector', '/dev/pmem0.3': 'raw'},
                         {path: found.mode for path, found in self.memory.devices().items()})

    def test_minor_numbers_are_reused(self) -> None:
        """The lowest free one comes next."""
        for _ in range(3):
            self.memory.create_namespace(size=128 * MIB)
        self.memory.destroy_namespace('namespace0.1')
        self.assertEqual(1, self.memory.create_namespace(size=128 * MIB).minor)

    def test_a_leftover_hides_the_device(self) -> None:
        """A file that daxio left hides a device that appears later."""
        self.memory.run(['daxio', '-z', '-o', '/dev/dax0.0'])
        self.memory.create_namespace()
        self.assertIsNone(self.memory.device('/dev/dax0.0'))

    def test_an_empty_namespace_has_no_node(self) -> None:
        """A namespace of size 0 is active and cannot be opened."""
        self.memory.create_namespace('raw', size=16 * MIB)
        made = self.memory.create_namespace(size=GIB, align=GIB, map='mem')
        self.assertEqual((0, 'dax0.1', None), (made.size, made.chardev, made.path))


class ChangesTest(testtools.TestCase):
    """Callbacks and locking."""

    def test_callbacks_follow_changes(self) -> None:
        """A change calls them once; a listing does not."""
        memory, seen = labelled(GIB), []
        memory.on_change(lambda: seen.append(len(memory.namespaces)))
        memory.run(['ndctl', 'list'])
        memory.create_namespace()
        self.assertEqual([1], seen)

    def test_contents_are_no_change_of_a_listing(self) -> None:
        """A write calls the callbacks of changes, but not those of listings."""
        memory, all_changes, listing_changes = labelled(GIB), [], []
        path = memory.create_namespace().path
        memory.on_change(lambda: all_changes.append(1))
        memory.on_listing_change(lambda: listing_changes.append(1))
        memory.write(path, 'guest')
        memory.run(['daxio', '-z', '-o', path])
        self.assertEqual((2, 0), (len(all_changes), len(listing_changes)))
        memory.destroy_namespace('all')
        self.assertEqual((3, 1), (len(all_changes), len(listing_changes)))

    def test_threads_take_turns(self) -> None:
        """Namespaces created at once by several threads do not overlap."""
        memory = labelled(4 * GIB)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            made = list(pool.map(lambda _: memory.create_namespace(size=64 * MIB), range(32)))
        self.assertEqual(32, len({namespace.address for namespace in made}))

    def test_the_same_seed_gives_the_same_uuids(self) -> None:
        """UUIDs come from the machine's randomness."""
        first, second = (labelled(GIB).create_namespace().uuid for _ in range(2))
        self.assertEqual(first, second)

    def test_refusals_carry_ndctls_words(self) -> None:
        """An error has the errno behind the exit status and the message."""
        error = self.assertRaises(NdctlError, labelled(GIB).create_namespace, size=2 * GIB)
        self.assertEqual((19, 'failed to create namespace: No space left on device'),
                         (error.errno, error.message))


class MachineSequences(stateful.RuleBasedStateMachine):
    """Invariants that hold after any sequence of operations."""

    def __init__(self) -> None:
        super().__init__()
        self.memory = labelled(512 * MIB, 256 * MIB)

    @stateful.rule(size=strategies.integers(1, 8), region=strategies.sampled_from([None, 0, 1]),
                   mode=strategies.sampled_from(['devdax', 'fsdax', 'sector', 'raw']))
    def create(self, size: int, region: int | None, mode: str) -> None:
        """Creates, if there is room."""
        words = ['-m', mode, '-s', f'{16 * size}M']
        words += [] if region is None else ['-r', f'region{region}']
        self.memory.run(['ndctl', 'create-namespace', *words])

    @stateful.rule(data=strategies.data(), verb=strategies.sampled_from([
        ['destroy-namespace', '-f'], ['disable-namespace'], ['enable-namespace'],
        ['create-namespace', '-f', '-m', 'devdax', '-e'],
        ['create-namespace', '-f', '-m', 'raw', '-s', '64M', '-e']]))
    def act_on_one(self, data: strategies.DataObject, verb: list[str]) -> None:
        """Runs a command on one namespace."""
        known = [device.dev for region in self.memory.regions for device in region.namespaces]
        if known:
            self.memory.run(['ndctl', *verb, data.draw(strategies.sampled_from(known))])

    @stateful.rule(words=strategies.sampled_from([
        'disable-region region0', 'enable-region all', 'destroy-namespace all',
        'disable-namespace all', 'enable-namespace all']))
    def act_on_many(self, words: str) -> None:
        """Runs a command on everything."""
        self.memory.run(['ndctl', *words.split()])

    @stateful.rule()
    def reboot(self) -> None:
        """Restarts, which must not change what there is."""
        before = self._kept()
        disabled = [region for region in self.memory.regions if not region.enabled]
        self.memory.reboot()
        if not disabled:
            assert before == self._kept()

    def _kept(self) -> set[tuple[object, ...]]:
        return {(namespace.name, namespace.raw_size, namespace.address)
                for namespace in self.memory.namespaces}

    @stateful.invariant()
    def capacity_is_conserved(self) -> None:
        """Free and taken extents tile each region."""
        for region in self.memory.regions:
            if region.enabled:
                extents = sorted([*region.free_extents(), *(
                    extent for device in region.namespaces for extent in region.extents(device))])
                ends = [begin + size for begin, size in extents]
                assert [0, *ends] == [*(begin for begin, _ in extents), region.size]

    @stateful.invariant()
    def namespaces_have_their_size(self) -> None:
        """The extents of a namespace are as large as it is, in all, or one of them is left."""
        for region in self.memory.regions:
            for device in region.namespaces:
                taken = [length for _, length in region.extents(device)]
                assert device.size in (sum(taken), taken[0] if taken else 0)

    @stateful.invariant()
    def labels_say_what_there_is(self) -> None:
        """The labels of an enabled region are the first extents of its namespaces."""
        for region in self.memory.regions:
            area = region.dimms[0].area
            if region.enabled and area:
                assert {label.uuid: (label.dpa, label.size) for label in area.active()} == {
                    device.uuid: region.extents(device)[0] for device in region.namespaces
                    if device.size}

    @stateful.invariant()
    def numbers_are_unique(self) -> None:
        """No two devices share a number, a minor number or a place in their region."""
        devices = [device for region in self.memory.regions for device in region.namespaces]
        minors = [device.minor for device in devices if device.minor is not None]
        assert len(minors) == len(set(minors))
        assert len(devices) == len({device.dev for device in devices})
        for region in self.memory.regions:
            holders = [(device.claim.kind, device.claim.number)
                       for device in region.namespaces if device.claim]
            assert len(holders) == len(set(holders))


class MachineSequencesTest(testtools.TestCase):
    """Hypothesis' random sequences."""

    def test_invariants(self) -> None:
        """No sequence breaks an invariant."""
        stateful.run_state_machine_as_test(
            MachineSequences,
            settings=hypothesis.settings(max_examples=60, stateful_step_count=25))
