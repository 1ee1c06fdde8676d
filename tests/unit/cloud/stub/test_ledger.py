"""The ledger refuses and counts as Placement does."""

from __future__ import annotations

import testtools

from vpmem_harness.cloud.api import Inventory
from vpmem_harness.cloud.stub import placement_errors as errors
from vpmem_harness.cloud.stub.ledger import AllocationRequest, Ledger
from vpmem_harness.randomness import Randomness
from vpmem_harness.uuids import UUIDs

PMEM = 'CUSTOM_PMEM_NAMESPACE_SMALL'


class LedgerTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.uuids = UUIDs(Randomness(1))
        self.ledger = Ledger()
        self.ledger.create_provider(self.uuids.host1, 'host1')
        self.ledger.create_provider(self.uuids.host2, 'host2')
        for host in (self.uuids.host1, self.uuids.host2):
            self.ledger.set_inventories(host, 0, {
                'VCPU': Inventory(4, allocation_ratio=4.0), PMEM: Inventory(2, max_unit=2)})

    def request(self, allocations, generation=None):
        return AllocationRequest(allocations, generation, 'project', 'user')

    def allocate(self, consumer, allocations, generation=None):
        self.ledger.set_allocations({consumer: self.request(allocations, generation)})


class ProvidersTest(LedgerTestCase):

    def test_a_name_is_given_once(self):
        """Two providers cannot share a name."""
        self.assertRaises(
            errors.ResourceProviderExists, self.ledger.create_provider, self.uuids.x, 'host1')

    def test_an_unknown_provider_is_named_in_the_error(self):
        """The message is Placement's."""
        error = self.assertRaises(
            errors.ResourceProviderNotFound, self.ledger.inventories, self.uuids.x)
        self.assertEqual(f'No resource provider with uuid {self.uuids.x} found', str(error))

    def test_a_provider_in_use_stays(self):
        """What somebody holds something of cannot be deleted."""
        self.allocate(self.uuids.a, {self.uuids.host1: {PMEM: 1}})
        self.assertRaises(
            errors.ResourceProviderInUse, self.ledger.delete_provider, self.uuids.host1)


class InventoriesTest(LedgerTestCase):

    def test_each_change_gives_a_new_generation(self):
        """The generation goes up by one."""
        generation = self.ledger.set_inventories(self.uuids.host1, 1, {PMEM: Inventory(3)})
        self.assertEqual(2, generation)

    def test_a_stale_view_is_refused(self):
        """Whoever has not seen the last change may not make the next."""
        self.assertRaises(
            errors.ResourceProviderGenerationConflict,
            self.ledger.set_inventories, self.uuids.host1, 0, {PMEM: Inventory(3)})

    def test_a_class_in_use_cannot_vanish(self):
        """The message lists the classes."""
        self.allocate(self.uuids.a, {self.uuids.host1: {PMEM: 1}})
        error = self.assertRaises(
            errors.InventoryInUse, self.ledger.set_inventories, self.uuids.host1, 2, {})
        self.assertEqual(
            f"Inventory for '{PMEM}' on resource provider '{self.uuids.host1}' in use.",
            str(error))

    def test_total_can_go_below_what_is_used(self):
        """So it is when a claimed namespace is removed from nova.conf."""
        self.allocate(self.uuids.a, {self.uuids.host1: {PMEM: 2}})
        self.ledger.set_inventories(self.uuids.host1, 2, {PMEM: Inventory(1)})
        self.assertEqual({PMEM: 2}, self.ledger.usages(self.uuids.host1))

    def test_more_cannot_be_reserved_than_there_is(self):
        """A negative capacity is refused."""
        self.assertRaises(
            errors.InvalidInventoryCapacity, self.ledger.set_inventories,
            self.uuids.host1, 1, {PMEM: Inventory(1, reserved=2)})


class AllocationsTest(LedgerTestCase):

    def test_what_is_taken_is_counted(self):
        """Usage shows every class of the inventory, also those nobody holds."""
        self.allocate(self.uuids.a, {self.uuids.host1: {PMEM: 1}})
        self.assertEqual({'VCPU': 0, PMEM: 1}, self.ledger.usages(self.uuids.host1))

    def test_capacity_is_the_limit(self):
        """The third of two namespaces is refused in Placement's words."""
        self.allocate(self.uuids.a, {self.uuids.host1: {PMEM: 2}})
        error = self.assertRaises(
            errors.InvalidAllocationCapacityExceeded,
            self.allocate, self.uuids.b, {self.uuids.host1: {PMEM: 1}})
        self.assertEqual(
            f"Unable to create allocation for '{PMEM}' on resource provider "
            f"'{self.uuids.host1}'. The requested amount would exceed the capacity.", str(error))

    def test_the_ratio_stretches_capacity(self):
        """Four CPUs at a ratio of four hold sixteen."""
        for number in range(4):
            self.allocate(getattr(self.uuids, f'c{number}'), {self.uuids.host1: {'VCPU': 4}})
        self.assertRaises(
            errors.InvalidAllocationCapacityExceeded,
            self.allocate, self.uuids.d, {self.uuids.host1: {'VCPU': 1}})

    def test_reserved_units_cannot_be_taken(self):
        """Capacity is what is left of the total."""
        self.ledger.set_inventories(self.uuids.host1, 1, {PMEM: Inventory(2, reserved=1)})
        self.assertRaises(
            errors.InvalidAllocationCapacityExceeded,
            self.allocate, self.uuids.a, {self.uuids.host1: {PMEM: 2}})

    def test_min_unit_max_unit_and_step_size_are_kept(self):
        """An amount outside of them is a violation, not a lack."""
        self.ledger.set_inventories(
            self.uuids.host1, 1, {PMEM: Inventory(20, min_unit=2, max_unit=6, step_size=2)})
        for amount in (1, 3, 8):
            self.assertRaises(
                errors.InvalidAllocationConstraintsViolated,
                self.allocate, self.uuids.a, {self.uuids.host1: {PMEM: amount}})

    def test_a_class_that_the_provider_lacks_is_invalid(self):
        """There is no inventory to take it from."""
        error = self.assertRaises(
            errors.InvalidInventory,
            self.allocate, self.uuids.a, {self.uuids.host1: {'CUSTOM_X': 1}})
        self.assertEqual(
            f"Inventory for 'CUSTOM_X' on resource provider '{self.uuids.host1}' invalid.",
            str(error))

    def test_a_provider_without_any_of_the_classes_is_named_with_all(self):
        """Before one that lacks a single class."""
        error = self.assertRaises(
            errors.InvalidInventory, self.allocate, self.uuids.a,
            {self.uuids.host1: {'CUSTOM_B': 1, 'CUSTOM_A': 1}})
        self.assertEqual(
            f"Inventory for 'CUSTOM_A, CUSTOM_B' on resource provider '{self.uuids.host1}' "
            'invalid.', str(error))

    def test_a_new_consumer_has_no_generation(self):
        """To name one for it is a conflict."""
        error = self.assertRaises(
            errors.ConsumerGenerationConflict,
            self.allocate, self.uuids.a, {self.uuids.host1: {PMEM: 1}}, 7)
        self.assertEqual(
            'consumer generation conflict - expected null but got 7', str(error))

    def test_a_known_consumer_must_be_known_as_it_is(self):
        """A request made on an old view is refused."""
        self.allocate(self.uuids.a, {self.uuids.host1: {PMEM: 1}})
        error = self.assertRaises(
            errors.ConsumerGenerationConflict,
            self.allocate, self.uuids.a, {self.uuids.host1: {PMEM: 2}})
        self.assertEqual(
            'consumer generation conflict - expected 1 but got None', str(error))

    def test_a_consumer_that_was_given_nothing_is_known(self):
        """The next request must name its generation."""
        self.allocate(self.uuids.a, {})
        self.assertRaises(errors.ConsumerGenerationConflict, self.allocate, self.uuids.a, {})

    def test_a_consumer_of_an_unknown_provider_is_known(self):
        """Placement keeps it, although the request was refused."""
        self.assertRaises(
            errors.AllocationProviderNotFound,
            self.allocate, self.uuids.a, {self.uuids.x: {PMEM: 1}})
        self.allocate(self.uuids.a, {self.uuids.host1: {PMEM: 1}}, 0)

    def test_a_request_replaces_what_was_held(self):
        """What the consumer gives back is free in the same step."""
        self.allocate(self.uuids.a, {self.uuids.host1: {PMEM: 2}})
        self.allocate(self.uuids.a, {self.uuids.host1: {PMEM: 1}}, 1)
        self.assertEqual(1, self.ledger.usages(self.uuids.host1)[PMEM])

    def test_taking_raises_both_generations(self):
        """The provider's and the consumer's."""
        self.allocate(self.uuids.a, {self.uuids.host1: {PMEM: 1}})
        self.assertEqual(
            (2, 1), (self.ledger.provider_generation(self.uuids.host1),
                     self.ledger.allocations_for_consumer(self.uuids.a).consumer_generation))

    def test_moving_to_another_consumer_is_one_step(self):
        """A migration takes over what its server held, with nothing free in between."""
        self.allocate(self.uuids.a, {self.uuids.host1: {PMEM: 2}})
        self.ledger.set_allocations({
            self.uuids.a: self.request({}, 1),
            self.uuids.m: self.request({self.uuids.host1: {PMEM: 2}})})
        self.assertEqual(
            {self.uuids.m: {PMEM: 2}}, self.ledger.allocations_for_provider(self.uuids.host1))

    def test_all_or_nothing(self):
        """A refused request of one consumer leaves the others' as they were."""
        self.assertRaises(
            errors.InvalidAllocationCapacityExceeded, self.ledger.set_allocations, {
                self.uuids.a: self.request({self.uuids.host1: {PMEM: 2}}),
                self.uuids.b: self.request({self.uuids.host1: {PMEM: 1}})})
        self.assertEqual({}, self.ledger.allocations_for_provider(self.uuids.host1))

    def test_over_capacity_it_may_get_better(self):
        """A consumer may shrink although there is still too much in use."""
        self.ledger.set_inventories(self.uuids.host1, 1, {PMEM: Inventory(4)})
        self.allocate(self.uuids.a, {self.uuids.host1: {PMEM: 4}})
        self.ledger.set_inventories(self.uuids.host1, 3, {PMEM: Inventory(1)})
        self.allocate(self.uuids.a, {self.uuids.host1: {PMEM: 3}}, 1)
        self.assertEqual(3, self.ledger.usages(self.uuids.host1)[PMEM])

    def test_deleting_leaves_the_providers_generation(self):
        """Placement counts what is taken, not what is given back."""
        self.allocate(self.uuids.a, {self.uuids.host1: {PMEM: 1}})
        self.ledger.delete_allocations(self.uuids.a)
        self.assertEqual(2, self.ledger.provider_generation(self.uuids.host1))

    def test_nothing_cannot_be_deleted(self):
        """A consumer without allocations is not found."""
        error = self.assertRaises(
            errors.NoAllocations, self.ledger.delete_allocations, self.uuids.a)
        self.assertEqual(f"No allocations for consumer '{self.uuids.a}'", str(error))


class CandidatesTest(LedgerTestCase):

    def test_a_full_provider_is_no_candidate(self):
        """Only who can give everything is."""
        self.allocate(self.uuids.a, {self.uuids.host1: {PMEM: 2}})
        self.assertEqual(
            [self.uuids.host2], self.ledger.allocation_candidates({PMEM: 1, 'VCPU': 1}))

    def test_one_provider_can_be_asked_alone(self):
        """The others are not looked at."""
        self.assertEqual(
            [self.uuids.host2],
            self.ledger.allocation_candidates({PMEM: 1}, in_tree=self.uuids.host2))
