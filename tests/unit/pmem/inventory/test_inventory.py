"""Descriptions of hosts, and hosts built from them."""

from __future__ import annotations

import json

import testtools
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.pmem import nova
from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.pmem.inventory import inventory, nova_labels
from vpmem_harness.pmem.inventory.inventory import Inventory, of_dimms, of_labels
from vpmem_harness.pmem.inventory.operations import Create, Destroy, Disable, Reboot
from vpmem_harness.pmem.inventory.recorded import sample_listing
from vpmem_harness.pmem.inventory.selection import choose
from vpmem_harness.pmem.kernel.dimms import DimmSpec
from vpmem_harness.pmem.kernel.errors import NdctlError
from vpmem_harness.pmem.kernel.sizes import GIB
from vpmem_harness.randomness import Randomness

DIMM = DimmSpec(size=32 * GIB, labels='initialized')


class OfLabelsTest(testtools.TestCase):

    def test_namespaces_under_labels(self):
        """Each is created with the size that was asked for, and offered under its label."""
        made = of_labels('SMALL:2x4GiB,LARGE:1x16GiB')
        memory = made.build(Randomness(1))
        self.assertEqual({'SMALL': ['ns_0', 'ns_1'], 'LARGE': ['ns_2']}, made.labels)
        self.assertEqual({'ns_0': 4 * GIB, 'ns_1': 4 * GIB, 'ns_2': 16 * GIB},
                         {one.name: one.raw_size for one in memory.namespaces})
        self.assertEqual('SMALL:ns_0|ns_1,LARGE:ns_2',
                         nova_labels.pmem_namespaces(made.labels, memory.namespaces))

    def test_size_is_ndctls(self):
        """What is asked for is what ``ndctl create-namespace -s`` is given."""
        by_hand = of_dimms(['16GiB,labels=initialized']).build(Randomness(1))
        by_hand.create_namespace(size=4 * GIB, name='ns_0')
        ready = of_labels('SMALL:1x4GiB').build(Randomness(1))
        sizes = [[one.size for one in memory.namespaces] for memory in (by_hand, ready)]
        self.assertEqual(sizes[0], sizes[1])

    def test_spread_over_two_nodes(self):
        """Each of two nodes has a part, whatever the order of the labels."""
        for text in ('SMALL:4x4GiB,LARGE:2x16GiB', 'LARGE:2x16GiB,SMALL:4x4GiB'):
            memory = of_labels(text).build(Randomness(1))
            nodes = [one.numa_node for one in memory.namespaces]
            self.assertEqual([3, 3], [nodes.count(0), nodes.count(1)])

    def test_single_namespace(self):
        """One namespace needs one DIMM."""
        self.assertEqual(1, len(of_labels('X:1x4GiB').dimms))

    def test_dimms_are_powers_of_two(self):
        """DIMMs come in the sizes in which they are sold, and larger than needed at that."""
        self.assertEqual([16 * GIB], [dimm.size for dimm in of_labels('X:1x16MiB').dimms])
        self.assertEqual([128 * GIB, 16 * GIB],
                         [dimm.size for dimm in of_labels('X:1x65GiB,Y:1x1GiB').dimms])

    def test_on_given_dimms(self):
        """Namespaces go where there is room, and never on a DIMM without labels."""
        made = of_labels('X:2x8GiB', ['64GiB,labels=no', '12GiB,numa=1', '10GiB,numa=2'])
        self.assertEqual(['none', 'initialized', 'initialized'],
                         [dimm.labels for dimm in made.dimms])
        self.assertEqual([(1, 'ns_0'), (2, 'ns_1')],
                         [(one.numa_node, one.name) for one in sorted(
                             made.build(Randomness(1)).namespaces, key=lambda one: one.dev)
                          if one.name])

    def test_interleaved_dimms_are_one_region(self):
        """Two DIMMs of a set hold what none of them holds alone."""
        pair = [DimmSpec(size=8 * GIB, labels='initialized', interleave='a')] * 2
        memory = of_labels('X:1x12GiB', pair).build(Randomness(1))
        self.assertEqual([12 * GIB], [one.raw_size for one in memory.namespaces])

    def test_no_room(self):
        """The error says what does not fit where."""
        for dimms in (['4GiB', '4GiB'], ['64GiB,labels=no'], []):
            error = self.assertRaises(InvalidInputError, of_labels, 'X:1x6GiB', dimms)
            self.assertIn('no room for X of 6GiB', str(error))

    def test_no_label(self):
        """Nor does more fit than a label area holds, however large the DIMM."""
        dimms = ['64GiB,area=128KiB', '32GiB,area=128KiB']
        regions = [step.region for step in of_labels('X:2038x16MiB', dimms).steps]
        self.assertEqual([1019, 1019], [regions.count(0), regions.count(1)])
        error = self.assertRaises(InvalidInputError, of_labels, 'X:2039x16MiB', dimms)
        self.assertIn('no room for X of 16MiB', str(error))
        self.assertIn('1019 namespaces', str(error))

    @given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 2000)), min_size=1, max_size=6))
    @settings(max_examples=40)
    def test_any_specification(self, items):
        """Whatever is asked for is there, and Nova can be told of it."""
        text = ','.join(f'L{number}:{count}x{size * 16}MiB'
                        for number, (count, size) in enumerate(items))
        made = of_labels(text)
        memory = made.build(Randomness(1))
        offered = nova.offered(nova_labels.pmem_namespaces(made.labels, memory.namespaces),
                               memory.run(['ndctl', 'list', '-X']).stdout)
        self.assertEqual({f'L{number}': count for number, (count, _) in enumerate(items)},
                         {label: len(devices) for label, devices in offered.items()})


class OfDimmsTest(testtools.TestCase):

    def test_blank(self):
        """DIMMs come from the factory with nothing on them."""
        memory = of_dimms(['32GiB', '32GiB,numa=1']).build(Randomness(1))
        self.assertEqual('', memory.run(['ndctl', 'list', '-X']).stdout)
        self.assertEqual({0, 1}, {one.numa_node for one in memory.namespaces})

    def test_blank_label_area_that_holds_namespaces(self):
        """DIMMs as they are, if namespaces are asked for, have had their labels initialized."""
        self.assertEqual('initialized', of_labels('X:1x1GiB', ['32GiB']).dimms[0].labels)


class BuildTest(testtools.TestCase):

    def build(self, *steps, dimms=(DIMM,), **options):
        """A host with these DIMMs on which these steps were taken, by the device's name."""
        memory = Inventory(dimms, steps).build(Randomness(1), **options)
        return {one.dev: one for one in memory.namespaces}

    def test_as_ndctl_does(self):
        """The steps leave what the same commands leave."""
        steps = Inventory((DIMM,), (
            Create(size=4 * GIB, map='mem', name='a'), Create(size=GIB, mode='sector', name='b'),
            Create(size=2 * GIB, mode='fsdax', align=4096), Create(size=GIB, mode='raw', name='c'),
            Destroy(0), Create(size=5 * GIB, align=GIB), Create(size=2 * GIB, sector_size=512,
                                                                mode='sector'),
            Disable(3))).build(Randomness(1))
        typed = of_dimms(['32GiB,labels=initialized']).build(Randomness(1))
        for line in ('create-namespace -m devdax -s 4G -M mem -n a -r region0',
                     'create-namespace -m sector -s 1G -n b -r region0',
                     'create-namespace -m fsdax -s 2G -a 4K -r region0',
                     'create-namespace -m raw -s 1G -n c -r region0',
                     'destroy-namespace -f namespace0.0',
                     'create-namespace -m devdax -s 5G -a 1G -r region0',
                     'create-namespace -m sector -s 2G -l 512 -r region0',
                     'disable-namespace namespace0.3'):
            self.assertEqual(0, typed.run(['ndctl', *line.split()]).returncode, line)
        for command in ('list -Ni', 'list -Rv', 'read-labels -j nmem0'):
            self.assertEqual(typed.run(['ndctl', *command.split()]),
                             steps.run(['ndctl', *command.split()]))

    def test_destroyed(self):
        """A number and an extent are free again, in the middle of a region."""
        found = self.build(*(Create(size=GIB, name=name) for name in 'abc'), Destroy(1))
        self.assertEqual(['namespace0.0', 'namespace0.2'], sorted(found))

    def test_number(self):
        """The lower ones are free, as when they have been destroyed."""
        memory = Inventory((DIMM,), (Create(size=GIB, number=2),)).build(Randomness(1))
        idle = json.loads(memory.run(['ndctl', 'list', '-Ni']).stdout)
        self.assertEqual(['namespace0.0', 'namespace0.1', 'namespace0.2'],
                         sorted(one['dev'] for one in idle))
        self.assertEqual(['namespace0.0', 'namespace0.1', 'namespace0.3'],
                         [memory.create_namespace(size=GIB).dev for _ in range(3)])

    def test_number_twice(self):
        """A number that is in use is refused."""
        self.assertRaises(NdctlError, self.build, *[Create(size=GIB, number=2)] * 2)

    def test_disabled(self):
        """A disabled namespace has no device."""
        found = self.build(Create(size=GIB), Create(size=GIB), Disable(0))
        self.assertEqual(['disabled', 'enabled'],
                         [found[f'namespace0.{n}'].state for n in range(2)])

    def test_disabled_after_a_reboot(self):
        """A namespace is known by what it is, not by the number that it had."""
        names = [f'ns_{n}' for n in range(9)]
        found = self.build(*(Create(size=GIB + n * 16 * 2**20, name=name)
                             for n, name in enumerate(names)), Reboot(), Disable(4), Destroy(5))
        self.assertEqual({'ns_4'}, {one.name for one in found.values() if one.state == 'disabled'})
        self.assertEqual({*names} - {'ns_5'}, {one.name for one in found.values()})

    def test_whole_dimm_without_labels(self):
        """A DIMM without labels is one namespace, whose mode is the choice."""
        found = self.build(Create(mode='devdax', map='mem', size=None), Disable(0),
                           dimms=(DimmSpec(size=4 * GIB, labels='none'),))
        self.assertEqual([4 * GIB], [one.raw_size for one in found.values()])

    def test_first_region(self):
        """Regions are numbered from where the caller says, or the inventory, or 0."""
        self.assertEqual({'namespace5.0'}, {*self.build(Create(size=GIB), first_region=5)})
        for first_region, given_number, dev in ((3, None, 'namespace3.0'), (3, 0, 'namespace0.0')):
            made = Inventory((DIMM,), (Create(size=GIB),), first_region=first_region)
            memory = made.build(Randomness(1), first_region=given_number)
            self.assertEqual([dev], [one.dev for one in memory.namespaces])

    def test_uuid(self):
        """A namespace can be given the UUID that it shows."""
        uuid = Randomness(5).uuid()
        self.assertEqual({uuid}, {one.uuid for one in self.build(
            Create(size=GIB, uuid=uuid), Reboot()).values()})

    def test_refused(self):
        """What a real host refuses is an error with ndctl's words."""
        error = self.assertRaises(NdctlError, self.build, Create(size=GIB + 1, name='a'))
        self.assertIn('misaligned', str(error))
        self.assertRaises(NdctlError, self.build, Create(size=64 * GIB))


class ChoiceTest(testtools.TestCase):

    def test_random_unless_asked(self):
        """Without more, a seed and a profile make the inventory."""
        for profile in ('plain', 'mixed', 'hostile'):
            self.assertEqual(choose(Randomness(3), profile=profile),
                             choose(Randomness(3), profile=profile))
        self.assertNotEqual(choose(Randomness(3), profile='plain'), choose(Randomness(3)))

    def test_each_way_to_ask(self):
        """Labels, DIMMs, both, and a listing."""
        self.assertEqual(['X'], [*choose(Randomness(3), pmem='X:1x1GiB').labels])
        self.assertEqual((), choose(Randomness(3), dimms=['4GiB']).steps)
        self.assertEqual(3, choose(Randomness(3), pmem='X:1x1GiB',
                                   dimms=['4GiB,numa=3']).dimms[0].numa_node)
        self.assertEqual(2, len(choose(Randomness(3), listing=sample_listing()).dimms))

    def test_contradictions(self):
        """A listing says all that there is."""
        for more in ({'pmem': 'X:1x1GiB'}, {'dimms': ['4GiB']}):
            self.assertRaises(InvalidInputError, choose, Randomness(3), listing='', **more)

    def test_dimm_size(self):
        """The next power of two, and 16 GiB at least."""
        self.assertEqual([16 * GIB, 16 * GIB, 32 * GIB, 32 * GIB], [
            inventory.dimm_size(size) for size in (0, 16 * GIB, 16 * GIB + 1, 32 * GIB)])
