"""The order in which the firmware describes the NVDIMMs."""

from __future__ import annotations

import testtools

from tests.unit.pmem import replay
from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.pmem import DimmSpec, PersistentMemory
from vpmem_harness.pmem.inventory import inventory
from vpmem_harness.pmem.kernel import nfit
from vpmem_harness.pmem.kernel.sizes import GIB
from vpmem_harness.randomness import Randomness


def slots(memory: PersistentMemory) -> list[int]:
    """The slot of each region's first DIMM, by the regions' numbers."""
    return [region.dimms[0].number for region in memory.regions]


class DescribedOrderTest(testtools.TestCase):

    def test_recorded_orders(self) -> None:
        """Each recorded machine numbers its regions by this rule."""
        for name in ('session-a', 'session-errors', 'session-labels', 'session-regions'):
            recording, _ = replay.load(f'{name}.jsonl')
            count = len(recording['dimms'])
            self.assertEqual(recording.get('region_order', list(range(count))),
                             nfit.described_order(count))

    def test_orders_of_an_emulated_machine(self) -> None:
        """What the NFIT of QEMU 7.2.22 says, before its table grows and after."""
        self.assertEqual([0, 2, 1], nfit.described_order(3))
        self.assertEqual([5, 0, 2, 4, 6, 1, 3], nfit.described_order(7))
        self.assertEqual([7, 0, 6, 10, 5, 4, 3, 9, 2, 8, 1, 11], nfit.described_order(12))
        self.assertEqual([0, 11, 3, 14, 6, 9, 1, 12, 4, 15, 7, 10, 2, 13, 5, 8],
                         nfit.described_order(16))

    def test_every_dimm_is_described_once(self) -> None:
        """However large the table has become."""
        for count in range(100):
            self.assertEqual(list(range(count)), sorted(nfit.described_order(count)))


class RegionOrderTest(testtools.TestCase):

    def test_dimms_alone_follow_the_firmware(self) -> None:
        """They stand for the recorded machines; addresses follow the slots."""
        memory = inventory.of_dimms(['4GiB'] * 4).build(Randomness(0))
        self.assertEqual([0, 2, 1, 3], slots(memory))
        self.assertEqual([7, 15, 11, 19], [region.start // GIB for region in memory.regions])

    def test_ready_namespaces_follow_the_slots(self) -> None:
        """Hosts that are built for namespaces have region0 on the first DIMM."""
        memory = inventory.of_labels('A:4x1GiB', ['4GiB'] * 4).build(Randomness(0))
        self.assertEqual([0, 1, 2, 3], slots(memory))

    def test_another_order_can_be_asked_for(self) -> None:
        """By its name, or DIMM by DIMM."""
        for order, expected in (('slots', [0, 1, 2]), ([2, 0, 1], [2, 0, 1])):
            memory = inventory.of_dimms(['4GiB'] * 3, region_order=order)  # type: ignore[arg-type]
            self.assertEqual(expected, slots(memory.build(Randomness(0))))

    def test_interleave_sets_follow_the_slots(self) -> None:
        """No recorded machine has any."""
        memory = PersistentMemory([DimmSpec(GIB, interleave=word) for word in 'aabbcc'])
        self.assertEqual([0, 2, 4], slots(memory))

    def test_an_order_names_each_region_once(self) -> None:
        """Anything else is refused."""
        for order in ([0, 0], [0], 'none'):
            self.assertRaises(InvalidInputError, PersistentMemory, [DimmSpec(GIB)] * 2,
                              region_order=order)
