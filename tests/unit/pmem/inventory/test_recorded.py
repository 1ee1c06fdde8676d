"""Inventories from recorded listings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import testtools
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.pmem.inventory import recorded
from vpmem_harness.pmem.inventory.generator import random_inventory
from vpmem_harness.pmem.inventory.inventory import Inventory
from vpmem_harness.pmem.inventory.operations import Create, Destroy
from vpmem_harness.pmem.inventory.profiles import PROFILES
from vpmem_harness.pmem.kernel.dimms import DimmSpec
from vpmem_harness.pmem.kernel.sizes import GIB, MIB
from vpmem_harness.randomness import Randomness


def listing_of(inventory: Inventory, seed: int = 1, **options: int) -> str:
    """What ``ndctl list -X`` prints on a host with that inventory."""
    memory = inventory.build(Randomness(seed), **options)
    return memory.run(['ndctl', 'list', '-X']).stdout


def recordings() -> Iterator[tuple[str, str, str]]:
    """The step, the command and the output of each recorded listing of devdax namespaces."""
    for recording in sorted((Path(__file__).parents[3] / 'golden' / 'ndctl').glob('*.jsonl')):
        for step in map(json.loads, recording.read_text().splitlines()):
            if step.get('cmd') in ('ndctl list -X', 'ndctl list -Xv'):
                yield step['step'], step['cmd'], step['out']


class RebuildTest(testtools.TestCase):

    def assertRebuilt(self, text: str) -> None:
        """A host from the listing prints the listing."""
        self.assertEqual(text, listing_of(recorded.from_listing(text), seed=2))

    def test_recorded_listing(self):
        """The sample's host prints the sample, byte for byte."""
        self.assertRebuilt(recorded.sample_listing())

    def test_sample_is_the_recording(self):
        """What comes with the package is what was recorded."""
        self.assertIn(('05-devdax/list_X', 'ndctl list -X', recorded.sample_listing()),
                      list(recordings()))

    def test_every_recorded_listing(self):
        """Each listing of each recorded machine comes out as it was printed."""
        for step, command, text in recordings():
            memory = recorded.from_listing(text).build(Randomness(2))
            self.assertEqual(text, memory.run(command.split()).stdout, step)

    def test_capacities_are_those_of_the_recorded_host(self):
        """The sizes that were given to ndctl are inferred from those that it printed."""
        steps = recorded.from_listing(recorded.sample_listing()).steps
        self.assertEqual(
            [4 * GIB, 4 * GIB, GIB, 128 * MIB, 5 * GIB, 4 * GIB, 4 * GIB, 3 * GIB, 512 * MIB],
            [step.size for step in steps if isinstance(step, Create)])

    def test_nothing(self):
        """A host without devdax namespaces prints nothing."""
        self.assertRebuilt('')

    def test_numbers_with_gaps(self):
        """What is not listed has been destroyed."""
        used = Inventory((DimmSpec(size=16 * GIB, labels='initialized'),),
                         (*(Create(size=GIB, name=str(n)) for n in range(12)),
                          *map(Destroy, (0, 1, 4, 5, 9))))
        self.assertRebuilt(listing_of(used))

    def test_a_high_number_costs_nothing(self):
        """Nothing is created for the numbers below it."""
        used = Inventory((DimmSpec(size=16 * GIB, labels='initialized'),),
                         (Create(size=GIB, number=16_346),))
        text = listing_of(used)
        self.assertIn('namespace0.16346', text)
        self.assertRebuilt(text)
        self.assertEqual(1, len(recorded.from_listing(text).steps))

    def test_every_size_off_a_gib(self):
        """Whatever stands before a namespace with 1 GiB alignment, its size can be had again."""
        for before in range(0, GIB, 16 * MIB):
            pad = [Create(size=before)] if before else []
            for memmap in ('dev', 'mem'):
                for size in (2 * GIB, 3 * GIB, 70 * GIB):
                    used = Inventory((DimmSpec(size=128 * GIB, labels='initialized'),),
                                     (*pad, Create(size=size, align=GIB, map=memmap)))
                    self.assertRebuilt(listing_of(used))

    def test_regions_that_do_not_begin_at_0(self):
        """The second host of a process has the numbers that come next."""
        plain = random_inventory(Randomness(1), PROFILES['plain'])
        self.assertRebuilt(listing_of(plain, first_region=7))

    def test_layout_does_not_matter(self):
        """A listing that went through another program is the same listing."""
        text = recorded.sample_listing()
        self.assertEqual(recorded.from_listing(text),
                         recorded.from_listing(json.dumps(json.loads(text))))

    def test_namespace_of_no_size(self):
        """With 1 GiB alignment off a GiB nothing may be left, and no device."""
        for before in ((16 * MIB,), (48 * MIB, 16 * MIB), (GIB, 16 * MIB)):
            for kept in (0, 1):
                steps = [*(Create(size=size, name='x') for size in before),
                         Create(size=GIB, align=GIB, map='mem'), Create(size=2 * GIB)]
                gone = [] if kept else [Destroy(n) for n in range(len(before))]
                used = Inventory((DimmSpec(size=16 * GIB, labels='initialized'),),
                                 (*steps, *gone))
                text = listing_of(used)
                self.assertIn('"size":0', text)
                self.assertRebuilt(text)

    @given(st.integers(0, 2**32 - 1), st.sampled_from(sorted(PROFILES)))
    @example(9885, 'hostile')   # 3 GiB, aligned to 1 GiB off a GiB, of which 1 GiB is usable
    @settings(max_examples=60)
    def test_any_host(self, seed, profile):
        """Whatever a host prints, another one can be made to print."""
        randomness = Randomness(seed)
        text = listing_of(random_inventory(randomness, PROFILES[profile]), seed)
        self.assertRebuilt(text)


class RefusalTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.entries = json.loads(recorded.sample_listing())

    def assertRefused(self, *words: str) -> None:
        """The listing is refused with these words in the message."""
        error = self.assertRaises(InvalidInputError, recorded.from_listing,
                                  json.dumps(self.entries))
        for word in words:
            self.assertIn(word, str(error))

    def test_not_json(self):
        """Anything but JSON is refused."""
        self.assertRaises(InvalidInputError, recorded.from_listing, 'namespace0.0')

    def test_not_a_list_of_objects(self):
        """ndctl prints a list of objects."""
        for self.entries in (3, [3], ['x'], {'regions': []}):
            self.assertRefused('listing')

    def test_size_that_no_capacity_leaves(self):
        """A size follows from a capacity of whole 16 MiB."""
        self._resize(self.entries[0], 4292870144 + 2 * MIB)
        self.assertRefused('size of namespace1.0')

    def test_sizes_that_differ(self):
        """The dax region has the size of its namespace."""
        self.entries[0]['daxregion']['size'] -= 2 * MIB
        self.assertRefused('daxregion.size of namespace1.0')

    def test_order_that_is_not_sysfs(self):
        """ndctl lists in one order only."""
        self.entries.reverse()
        self.assertRefused('order')

    def test_number_twice(self):
        """Two namespaces cannot have one number."""
        self.entries.append(self.entries[-1])
        self.assertRefused('namespace0.0 twice')

    def test_uuid_twice(self):
        """Two namespaces cannot have one UUID."""
        self.entries[1]['uuid'] = self.entries[0]['uuid']
        self.assertRefused('uuid', 'twice')

    def test_uuid_that_is_a_labels(self):
        """Nor can a label have the UUID of another namespace."""
        self.entries[1]['raw_uuid'] = self.entries[0]['uuid']
        self.assertRefused('uuid', 'twice')

    def test_uuid_that_is_none(self):
        """An active devdax namespace has a UUID."""
        for self.entries[0]['uuid'] in ('x', '', None, '-'.join('0' * n for n in (8, 4, 4, 4, 12))):
            self.assertRefused('uuid of namespace1.0')

    def test_other_char_device(self):
        """The device has the number of its namespace."""
        self.entries[0]['daxregion']['devices'][0]['chardev'] = 'dax1.1'
        self.assertRefused('chardev of namespace1.0', 'dax1.0')

    def test_two_nodes_in_a_region(self):
        """A region is on one NUMA node."""
        self.entries[0]['daxregion']['devices'][0]['target_node'] = 0
        self.assertRefused('region1', 'one node')

    def test_listing_of_an_ordinary_user(self):
        """Without root ndctl leaves an alignment out, which stands beside it."""
        for entry in self.entries:
            del entry['daxregion']['align']
        self.assertEqual(9, len(recorded.from_listing(json.dumps(self.entries)).steps))

    def test_listing_with_units(self):
        """A size for people is the same size."""
        self._resize(self.entries[0], '4.00 GiB (4.29 GB)')
        self.assertEqual(recorded.from_listing(recorded.sample_listing()).steps,
                         recorded.from_listing(json.dumps(self.entries)).steps)

    def test_other_modes(self):
        """Each mode has its own fields."""
        self.entries[0] = {'dev': 'namespace1.0', 'mode': 'fsdax'}
        self.assertRefused('namespace1.0')
        self.entries = json.loads(recorded.sample_listing())
        self.entries[0]['mode'] = 'fsdax'
        self.assertRefused('mode of namespace1.0', 'devdax')

    def test_number_beyond_any_label_area(self):
        """There cannot be so many namespaces."""
        self.entries = [self.entries[0]]
        for number in (16_347, 99_999):
            self.entries[0]['dev'] = f'namespace1.{number}'
            self.assertRefused(f'number of namespace1.{number}', 'less than 16347')

    def test_fields_of_the_wrong_kind(self):
        """Whatever stands in a field, the answer is a refusal."""
        for field in list(self.entries[0]):
            for value in (None, True, 1.5, -1, 'x', [], {}, [1], {'a': 1}):
                if (field, value) == ('name', 'x'):
                    continue
                self.entries = json.loads(recorded.sample_listing())
                self.entries[0][field] = value
                self.assertRefused('listing')

    def test_name_that_no_label_holds(self):
        """A label holds 63 bytes."""
        for self.entries[0]['name'] in ('x' * 64, 'ä' * 32, '', 'a\0b', '\ud800'):
            self.assertRefused('name of namespace1.0')

    def _resize(self, entry, size):
        entry['size'] = entry['daxregion']['size'] = size
        entry['daxregion']['devices'][0]['size'] = size
