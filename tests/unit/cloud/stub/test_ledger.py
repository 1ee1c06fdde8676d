"""The ledger refuses and counts requests as Placement does."""

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

    def test_names_are_unique(self):
        """Two providers cannot have the same name."""
        self.assertRaises(
            errors.ResourceProviderExists, self.ledger.create_provider, self.uuids.x, 'host1')

    def test_the_error_of_an_unknown_provider(self):
        """The error is Placement's message, with the provider."""
        error = self.assertRaises(
            errors.ResourceProviderNotFound, self.ledger.inventories, self.uuids.x)
        self.assertEqual(f'No resource provider with uuid {self.uuids.x} found', str(error))

    def test_a_provider_in_use_cannot_be_deleted(self):
        """A provider with allocations cannot be deleted."""
        self.allocate(self.uuids.a, {self.uuids.host1: {PMEM: 1}})
        self.assertRaises(
            errors.ResourceProviderInUse, self.ledger.delete_provider, self.uuids.host1)


class InventoriesTest(LedgerTestCase):

    def test_each_change_increases_the_generation(self):
        """A change increases the generation by one."""
        generation = self.ledger.set_inventories(self.uuids.host1, 1, {PMEM: Inventory(3)})
        self.assertEqual(2, generation)

    def test_a_stale_generation_is_refused(self):
        """A change with a stale generation is refused."""
        self.assertRaises(
            errors.ResourceProviderGenerationConflict,
            self.ledger.set_inventories, self.uuids.host1, 0, {PMEM: Inventory(3)})

    def test_a_class_in_use_cannot_be_removed(self):
        """The error message lists the classes in use."""
        self.allocate(self.uuids.a, {self.uuids.host1: {PMEM: 1}})
        error = self.assertRaises(
            errors.InventoryInUse, self.ledger.set_inventories, self.uuids.host1, 2, {})
        self.assertEqual(
            f"Inventory for '{PMEM}' on resource provider '{self.uuids.host1}' in use.",
            str(error))

    def test_the_total_can_drop_below_the_usage(self):
        """The total can drop below the usage, as when a claimed namespace leaves nova.conf."""
        self.allocate(self.uuids.a, {self.uuids.host1: {PMEM: 2}})
        self.ledger.set_inventories(self.uuids.host1, 2, {PMEM: Inventory(1)})
        self.assertEqual({PMEM: 2}, self.ledger.usages(self.uuids.host1))

    def test_reserved_units_cannot_exceed_the_total(self):
        """A negative capacity is refused."""
        self.assertRaises(
            errors.InvalidInventoryCapacity, self.ledger.set_inventories,
            self.uuids.host1, 1, {PMEM: Inventory(1, reserved=2)})


class AllocationsTest(LedgerTestCase):

    def test_the_usage_counts_allocations(self):
        """The usage has every class of the inventory, including unused ones."""
        self.allocate(self.uuids.a, {self.uuids.host1: {PMEM: 1}})
        self.assertEqual({'VCPU': 0, PMEM: 1}, self.ledger.usages(self.uuids.host1))

    def test_capacity_is_the_limit(self):
        """An allocation beyond the capacity is refused with Placement's message."""
        self.allocate(self.uuids.a, {self.uuids.host1: {PMEM: 2}})
        error = self.assertRaises(
            errors.InvalidAllocationCapacityExceeded,
            self.allocate, self.uuids.b, {self.uuids.host1: {PMEM: 1}})
        self.assertEqual(
            f"Unable to create allocation for '{PMEM}' on resource provider "
            f"'{self.uuids.host1}'. The requested amount would exceed the capacity.", str(error))

    def test_the_allocation_ratio_multiplies_the_capacity(self):
        """Four CPUs with a ratio of four have a capacity of sixteen."""
        for number in range(4):
            self.allocate(getattr(self.uuids, f'c{number}'), {self.uuids.host1: {'VCPU': 4}})
        self.assertRaises(
            errors.InvalidAllocationCapacityExceeded,
            self.allocate, self.uuids.d, {self.uuids.host1: {'VCPU': 1}})

    def test_reserved_units_cannot_be_allocated(self):
        """The capacity is the total without the reserved units."""
        self.ledger.set_inventories(self.uuids.host1, 1, {PMEM: Inventory(2, reserved=1)})
        self.assertRaises(
            errors.InvalidAllocationCapacityExceeded,
            self.allocate, self.uuids.a, {self.uuids.host1: {PMEM: 2}})

    def test_min_unit_max_unit_and_step_size_are_enforced(self):
        """An amount outside the limits is a constraint violation, not a lack of capacity."""
        self.ledger.set_inventories(
            self.uuids.host1, 1, {PMEM: Inventory(20, min_unit=2, max_unit=6, step_size=2)})
        for amount in (1, 3, 8):
            self.assertRaises(
                errors.InvalidAllocationConstraintsViolated,
                self.allocate, self.uuids.a, {self.uuids.host1: {PMEM: amount}})

    def test_a_class_that_the_provider_lacks_is_invalid(self):
        """An allocation of a class without inventory is refused."""
        error = self.assertRaises(
            errors.InvalidInventory,
            self.allocate, self.uuids.a, {self.uuids.host1: {'CUSTOM_X': 1}})
        self.assertEqual(
            f"Inventory for 'CUSTOM_X' on resource provider '{self.uuids.host1}' invalid.",
            str(error))

    def test_the_error_of_a_provider_without_any_of_the_classes(self):
        """The error lists all classes, and precedes that of a provider without a single class."""
        error = self.assertRaises(
            errors.InvalidInventory, self.allocate, self.uuids.a,
            {self.uuids.host1: {'CUSTOM_B': 1, 'CUSTOM_A': 1}})
        self.assertEqual(
            f"Inventory for 'CUSTOM_A, CUSTOM_B' on resource provider '{self.uuids.host1}' "
            'invalid.', str(error))

    def test_a_new_consumer_has_no_generation(self):
        """A generation for a new consumer is a conflict."""
        error = self.assertRaises(
            errors.ConsumerGenerationConflict,
            self.allocate, self.uuids.a, {self.uuids.host1: {PMEM: 1}}, 7)
        self.assertEqual(
            'consumer generation conflict - expected null but got 7', str(error))

    def test_a_stale_consumer_generation_is_refused(self):
        """A request with a stale consumer generation is refused."""
        self.allocate(self.uuids.a, {self.uuids.host1: {PMEM: 1}})
        error = self.assertRaises(
            errors.ConsumerGenerationConflict,
            self.allocate, self.uuids.a, {self.uuids.host1: {PMEM: 2}})
        self.assertEqual(
            'consumer generation conflict - expected 1 but got None', str(error))

    def test_a_consumer_without_allocations_is_known(self):
        """The next request of such a consumer needs its generation."""
        self.allocate(self.uuids.a, {})
        self.assertRaises(errors.ConsumerGenerationConflict, self.allocate, self.uuids.a, {})

    def test_a_consumer_of_an_unknown_provider_is_known(self):
        """Placement keeps the consumer although it refuses the request."""
        self.assertRaises(
            errors.AllocationProviderNotFound,
            self.allocate, self.uuids.a, {self.uuids.x: {PMEM: 1}})
        self.allocate(self.uuids.a, {self.uuids.host1: {PMEM: 1}}, 0)

    def test_a_request_replaces_the_allocation(self):
        """A request can use the capacity that it frees."""
        self.allocate(self.uuids.a, {self.uuids.host1: {PMEM: 2}})
        self.allocate(self.uuids.a, {self.uuids.host1: {PMEM: 1}}, 1)
        self.assertEqual(1, self.ledger.usages(self.uuids.host1)[PMEM])

    def test_an_allocation_increases_both_generations(self):
        """An allocation increases the generations of the provider and of the consumer."""
        self.allocate(self.uuids.a, {self.uuids.host1: {PMEM: 1}})
        self.assertEqual(
            (2, 1), (self.ledger.provider_generation(self.uuids.host1),
                     self.ledger.allocations_for_consumer(self.uuids.a).consumer_generation))

    def test_allocations_move_between_consumers_atomically(self):
        """A migration takes over its server's allocation in one request."""
        self.allocate(self.uuids.a, {self.uuids.host1: {PMEM: 2}})
        self.ledger.set_allocations({
            self.uuids.a: self.request({}, 1),
            self.uuids.m: self.request({self.uuids.host1: {PMEM: 2}})})
        self.assertEqual(
            {self.uuids.m: {PMEM: 2}}, self.ledger.allocations_for_provider(self.uuids.host1))

    def test_a_request_for_several_consumers_is_atomic(self):
        """A request refused for one consumer leaves the others unchanged."""
        self.assertRaises(
            errors.InvalidAllocationCapacityExceeded, self.ledger.set_allocations, {
                self.uuids.a: self.request({self.uuids.host1: {PMEM: 2}}),
                self.uuids.b: self.request({self.uuids.host1: {PMEM: 1}})})
        self.assertEqual({}, self.ledger.allocations_for_provider(self.uuids.host1))

    def test_a_consumer_can_shrink_over_capacity(self):
        """A consumer may shrink although the usage still exceeds the capacity."""
        self.ledger.set_inventories(self.uuids.host1, 1, {PMEM: Inventory(4)})
        self.allocate(self.uuids.a, {self.uuids.host1: {PMEM: 4}})
        self.ledger.set_inventories(self.uuids.host1, 3, {PMEM: Inventory(1)})
        self.allocate(self.uuids.a, {self.uuids.host1: {PMEM: 3}}, 1)
        self.assertEqual(3, self.ledger.usages(self.uuids.host1)[PMEM])

    def test_a_deletion_keeps_the_providers_generation(self):
        """Deleting an allocation does not increase the provider's generation."""
        self.allocate(self.uuids.a, {self.uuids.host1: {PMEM: 1}})
        self.ledger.delete_allocations(self.uuids.a)
        self.assertEqual(2, self.ledger.provider_generation(self.uuids.host1))

    def test_an_empty_allocation_cannot_be_deleted(self):
        """Deleting the allocations of a consumer without any raises not found."""
        error = self.assertRaises(
            errors.NoAllocations, self.ledger.delete_allocations, self.uuids.a)
        self.assertEqual(f"No allocations for consumer '{self.uuids.a}'", str(error))


class CandidatesTest(LedgerTestCase):

    def test_a_full_provider_is_not_a_candidate(self):
        """Only a provider with capacity for all resources is a candidate."""
        self.allocate(self.uuids.a, {self.uuids.host1: {PMEM: 2}})
        self.assertEqual(
            [self.uuids.host2], self.ledger.allocation_candidates({PMEM: 1, 'VCPU': 1}))

    def test_candidates_of_one_provider(self):
        """A request for one provider does not return the others."""
        self.assertEqual(
            [self.uuids.host2],
            self.ledger.allocation_candidates({PMEM: 1}, in_tree=self.uuids.host2))
