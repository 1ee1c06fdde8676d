from __future__ import annotations

import errno

import testtools

from vpmem_harness.pmem.kernel import labels
from vpmem_harness.pmem.kernel.errors import KernelError
from vpmem_harness.pmem.kernel.interleave import Identity, cookie
from vpmem_harness.pmem.kernel.sizes import KIB, MIB
from vpmem_harness.randomness import Randomness

_FIRST, _SECOND = (Randomness(seed).uuid() for seed in range(2))
_LABEL = labels.Label(_FIRST, 'name', 0, 1, 7, 512, 0, 16 * MIB)


class LabelAreaTest(testtools.TestCase):
    """Slots and index blocks."""

    def setUp(self) -> None:
        super().setUp()
        self.area = labels.LabelArea(2 * MIB)

    def test_a_blank_area_has_no_index(self) -> None:
        """Nothing is valid before it is initialized."""
        self.assertIsNone(self.area.current)

    def test_slot_counts(self) -> None:
        """Version 1.2's labels are twice as large, so that half as many fit."""
        counts = []
        for version in ('1.1', '1.2'):
            self.area.initialize(version)
            counts.append(self.area.slot_count)
        self.assertEqual([16348, 8182], counts)

    def test_the_smallest_area(self) -> None:
        """128 KiB hold 1,020 labels of version 1.1."""
        self.area = labels.LabelArea(128 * KIB)
        self.area.initialize('1.1')
        self.assertEqual(1020, self.area.slot_count)

    def test_each_write_goes_to_the_other_index(self) -> None:
        """Sequence numbers run 1, 2, 3, 1, ... and the later one is current."""
        self.area.initialize('1.1')
        seen = []
        for _ in range(4):
            self.area.remove('nobody')
            seen.append([index.sequence if index else 0 for index in self.area.indexes])
        self.assertEqual([[3, 1], [2, 1], [2, 3], [1, 3]], seen)

    def test_a_label_moves_to_the_lowest_free_slot(self) -> None:
        """Its old slot is free for the next one, with the old bytes in it."""
        self.area.initialize('1.1')
        self.area.put(_LABEL)
        self.area.put(_LABEL._replace(name='renamed'))
        self.assertEqual(['renamed'], [label.name for label in self.area.active()])
        self.assertEqual({0: 'name', 1: 'renamed'},
                         {slot: label.name for slot, label in self.area.slots.items()})

    def test_a_new_uuid_takes_the_place_of_the_old(self) -> None:
        """The label with the old UUID is freed in the same write."""
        self.area.initialize('1.1')
        self.area.put(_LABEL)
        self.area.put(_LABEL._replace(uuid=_SECOND), replaces=[_FIRST])
        self.assertEqual([_SECOND], [label.uuid for label in self.area.active()])

    def test_a_full_area_takes_no_label(self) -> None:
        """Not even in the place of another one, and nothing changes."""
        self.area = labels.LabelArea(128 * KIB)
        self.area.initialize('1.1')
        randomness = Randomness(2)
        for _ in range(self.area.slot_count):
            self.area.put(_LABEL._replace(uuid=randomness.uuid()))
        before = self.area.active(), list(self.area.indexes)
        for label in (_LABEL, before[0][0]):
            error = self.assertRaises(KernelError, self.area.put, label)
            self.assertEqual(errno.ENXIO, error.errno)
        self.assertEqual(before, (self.area.active(), list(self.area.indexes)))
        self.area.remove(before[0][0].uuid)
        self.area.put(_LABEL)

    def test_initializing_again_forgets(self) -> None:
        """No label is active, though its bytes can still be read."""
        self.area.initialize('1.1')
        self.area.put(_LABEL)
        self.area.initialize('1.1')
        self.assertEqual(([], [0]), (self.area.active(), list(self.area.slots)))

    def test_zeroing_erases(self) -> None:
        """Index and labels are gone."""
        self.area.initialize('1.1')
        self.area.put(_LABEL)
        self.area.zero()
        self.assertEqual((None, {}), (self.area.current, self.area.slots))

    def test_zeroing_one_index_leaves_the_other(self) -> None:
        """The index that is left counts."""
        self.area.initialize('1.1')
        self.area.zero(0, 256)
        self.assertEqual(2, self.area.current.sequence if self.area.current else 0)


    def test_the_bytes_say_it_all(self) -> None:
        """A copy of the bytes has the same index blocks and labels."""
        for version in ('1.1', '1.2'):
            self.area.initialize(version)
            self.area.put(_LABEL._replace(claim='dax' if version == '1.2' else ''))
            copy = labels.LabelArea(self.area.size)
            copy.write(0, self.area.read(0, self.area.size))
            self.assertEqual((self.area.indexes, self.area.active()),
                             (copy.indexes, copy.active()))

    def test_a_damaged_index_does_not_count(self) -> None:
        """One wrong byte makes its checksum wrong."""
        self.area.initialize('1.1')
        self.area.zero(255, 1)
        self.assertEqual([False, True], [index is not None for index in self.area.indexes])

    def test_a_damaged_label_is_no_namespace(self) -> None:
        """Version 1.2 labels have a checksum."""
        self.area.initialize('1.2')
        self.area.put(_LABEL)
        self.area.write(2 * self.area.index_size(256) + 20, b'x')
        self.assertEqual([], self.area.active())

    def test_versions_do_not_see_each_other(self) -> None:
        """What version 1.1 left behind is not read by version 1.2."""
        self.area.initialize('1.1')
        self.area.put(_LABEL)
        self.area.initialize('1.2')
        self.assertEqual(('1.2', []), (self.area.version, self.area.active()))


class CookieTest(testtools.TestCase):
    """The interleave set's cookie."""

    def test_recorded_cookies(self) -> None:
        """The first two DIMMs have the recorded ones."""
        self.assertEqual([10248187106440278, 10248195696374871],
                         [cookie((Identity(0x123456 + number),), '1.1') for number in range(2)])

    def test_the_order_of_dimms_matters(self) -> None:
        """Two DIMMs swapped are another set."""
        first, second = Identity(1), Identity(2)
        self.assertNotEqual(cookie((first, second), '1.1'), cookie((second, first), '1.1'))
