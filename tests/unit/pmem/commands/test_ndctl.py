from __future__ import annotations

import json
from typing import Any

import testtools

from tests.unit.pmem.test_machine import labelled
from vpmem_harness import exceptions
from vpmem_harness.pmem import CommandResult, Contents, DimmSpec, PersistentMemory, Segment
from vpmem_harness.pmem.commands import daxctl, ndctl
from vpmem_harness.pmem.kernel.sizes import GIB, KIB, MIB
from vpmem_harness.randomness import Randomness


class NdctlTest(testtools.TestCase):
    """Behavior that no recording shows."""

    def setUp(self) -> None:
        super().setUp()
        self.memory = labelled(4 * GIB, 4 * GIB)

    def ndctl(self, words: str, **options: Any) -> CommandResult:
        """Runs ndctl."""
        return self.memory.run(['ndctl', *words.split()], **options)

    def listed(self, words: str = '-N') -> Any:
        """What ndctl lists."""
        return json.loads(self.ndctl(f'list {words}').stdout or '[]')


class ListTest(NdctlTest):
    """``ndctl list``"""

    def test_numbers_stand_for_names(self) -> None:
        """A number names a region or namespace."""
        self.memory.create_namespace(region='region1')
        self.assertEqual(1, len(self.listed('-n 1.0')))
        self.assertEqual('region1', self.listed('-R -r 1')[0]['dev'])

    def test_several_words_in_one_argument(self) -> None:
        """Each word is looked for."""
        found = self.memory.run(['ndctl', 'list', '-R', '-r', 'region0 region1']).stdout
        self.assertEqual(2, len(json.loads(found)))

    def test_the_last_region_decides_on_the_form(self) -> None:
        """Regions are a plain list when the last one has no namespace to show."""
        self.memory.create_namespace(region='region1')
        self.assertIsInstance(self.listed('-RN'), list)
        self.memory.create_namespace(region='region0')
        self.assertEqual(['regions'], list(self.listed('-RN')))

    def test_without_dimms_there_is_no_bus(self) -> None:
        """A machine without NVDIMMs lists nothing."""
        self.assertEqual('', PersistentMemory([]).run(['ndctl', 'list', '-B']).stdout)


class CreateTest(NdctlTest):
    """``ndctl create-namespace``"""

    def test_advice_is_in_the_unit_that_was_typed(self) -> None:
        """The size that would fit is suggested."""
        self.assertIn('did you intend --size=2048M?',
                      self.ndctl('create-namespace -a 1G -s 1040M').stderr)

    def test_a_used_uuid_is_refused(self) -> None:
        """No two namespaces share one."""
        self.memory.create_namespace(size=GIB)
        used = self.listed('-Nv')[0]['raw_uuid']
        result = self.ndctl(f'create-namespace -s 1G -u {used}')
        self.assertEqual(234, result.returncode)
        self.assertIn('set_uuid failed: Invalid argument', result.stderr)

    def test_blanks_around_a_name_are_dropped(self) -> None:
        """The creation still prints them, the listing does not."""
        made = self.memory.run(['ndctl', 'create-namespace', '-n', ' a b '])
        self.assertEqual((' a b ', 'a b'), (json.loads(made.stdout)['name'],
                                            self.listed()[0]['name']))

    def test_greed_makes_one_in_each_region(self) -> None:
        """It goes on while there is room."""
        result = self.ndctl('create-namespace -c')
        self.assertEqual((0, 'created 2 namespaces\n'), (result.returncode, result.stderr))

    def test_a_mounted_namespace_is_not_reconfigured(self) -> None:
        """Its block device is held."""
        self.memory.create_namespace('fsdax', size=GIB)
        held = self.memory.namespaces[0]
        result = self.ndctl(f'create-namespace -f -m devdax -e {held.dev}',
                            in_use=[held.path])
        self.assertEqual(
            (240, 'failed to reconfigure namespace: Device or resource busy\n'),
            (result.returncode, result.stderr))

    def test_a_failed_btt_keeps_its_capacity(self) -> None:
        """The namespace is left behind, held by a btt that is not enabled."""
        before = self.memory.regions[1].available_size
        result = self.ndctl('create-namespace -m sector -s 16M')
        self.assertEqual(237, result.returncode)
        self.assertEqual(16 * MIB, before - self.memory.regions[1].available_size)


class FullLabelAreaTest(NdctlTest):
    """A label area with one free slot: a label that is written anew takes a second one."""

    def setUp(self) -> None:
        super().setUp()
        self.memory = PersistentMemory([DimmSpec(
            4 * GIB, labels='initialized', label_area=128 * KIB)], randomness=Randomness(1))
        self.region = self.memory.regions[0]
        self.memory.create_namespace(size=64 * MIB, name='before')
        area = self.region.dimms[0].area
        assert area
        self.area = area
        randomness = Randomness(2)
        for _ in range(area.slot_count - 2):
            # Labels of a set that is not fitted any more: no namespaces, but slots that are taken.
            area.put(area.active()[0]._replace(uuid=randomness.uuid(), cookie=1))

    def test_a_namespace_without_a_label_is_refused(self) -> None:
        """The kernel has no slot for it, and ndctl cleans up."""
        before = self.listed(), self.region.available_size, self.area.active()
        result = self.ndctl('create-namespace -s 64M')
        self.assertEqual(CommandResult(
            250, '', '  Error: create namespace: namespace0.1: set_size failed: '
            'No such device or address\n\n'), result)
        self.assertEqual(
            before, (self.listed(), self.region.available_size, self.area.active()))

    def test_what_is_there_can_be_changed_and_replaced(self) -> None:
        """A change needs one slot, and destroying frees one."""
        self.assertEqual(0, self.ndctl('create-namespace -f -e namespace0.0 -n renamed').returncode)
        self.ndctl('destroy-namespace -f all')
        self.assertEqual(0, self.ndctl('create-namespace -s 64M -n after').returncode)
        self.assertEqual(['after'], [one['name'] for one in self.listed()])

    def test_what_is_left_without_recovery_can_be_destroyed(self) -> None:
        """It has capacity, and a label that is marked as being written."""
        room = self.region.available_size
        self.assertEqual(250, self.ndctl('create-namespace -s 64M --no-autorecover').returncode)
        self.assertEqual(64 * MIB, room - self.region.available_size)
        result = self.ndctl('destroy-namespace -f namespace0.1')
        self.assertEqual((0, room), (result.returncode, self.region.available_size))


class LabelsTest(NdctlTest):
    """Label areas."""

    def test_reconfiguring_labels_a_label_less_region(self) -> None:
        """ndctl initializes labels of version 1.2 on the way."""
        self.memory = PersistentMemory([DimmSpec(GIB)])
        self.ndctl('create-namespace -f -e namespace0.0 -m devdax -n named')
        area = self.memory.dimms[0].area
        self.assertEqual(('1.2', 'named'),
                         (area.version if area else None, self.memory.namespaces[0].name))

    def test_no_autolabel_stays_label_less(self) -> None:
        """The whole region becomes the namespace, without a name."""
        self.memory = PersistentMemory([DimmSpec(GIB)])
        self.ndctl('create-namespace -f --no-autolabel -e namespace0.0 -m devdax -n named')
        self.assertEqual((GIB - 18 * MIB, None),
                         (self.memory.namespaces[0].size, self.memory.namespaces[0].name))

    def test_zeroed_labels_lose_the_namespaces(self) -> None:
        """The capacity is free again after the region comes back."""
        self.memory.create_namespace(region='region0')
        self.ndctl('disable-region region0')
        self.assertEqual('zeroed 1 nmem\n', self.ndctl('zero-labels nmem0').stderr)
        self.ndctl('enable-region region0')
        self.assertEqual(4 * GIB, self.memory.regions[0].available_size)

    def test_a_zeroed_region_stays_labelled_until_the_next_boot(self) -> None:
        """The kernel remembers that there were labels."""
        self.ndctl('disable-region region0')
        self.ndctl('zero-labels nmem0')
        self.ndctl('enable-region region0')
        self.assertEqual([], self.memory.namespaces)
        self.memory.reboot()
        self.assertEqual(['raw'], [namespace.mode for namespace in self.memory.namespaces])


class ProgramTest(NdctlTest):
    """The program itself."""

    def test_what_is_not_simulated_says_so(self) -> None:
        """The exit status is one that no tool uses."""
        self.ndctl('disable-region all')
        result = self.memory.run(['ndctl', 'write-labels', 'nmem0'],
                                 stdin=Contents((Segment(4096, 'somebody'),)))
        self.assertEqual(69, result.returncode)
        self.assertIn('write-labels from standard input is not simulated', result.stderr)

    def test_every_command_is_simulated(self) -> None:
        """Each command that the tools list can be run."""
        for program in (ndctl.PROGRAM, daxctl.PROGRAM):
            self.assertEqual({'help', 'version'}, set(program.known) - set(program.commands))

    def test_other_programs_are_refused(self) -> None:
        """Only the three tools run on the simulated machine."""
        self.assertRaises(exceptions.InvalidInputError, self.memory.run, ['ls'])


class TerminalTest(NdctlTest):
    """Output on a terminal."""

    def test_created_namespaces_have_readable_sizes(self) -> None:
        """As with ``ndctl list -u``."""
        made = json.loads(self.ndctl('create-namespace -s 1G -M mem', terminal=True).stdout)
        self.assertEqual('1022.00 MiB (1071.64 MB)', made['size'])
