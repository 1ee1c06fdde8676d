"""Claims of the stub's resource tracker: namespaces and NUMA cells."""

from __future__ import annotations

import datetime

from tests import base
from vpmem_harness.cloud import errors
from vpmem_harness.cloud.api import VPMEMDevice
from vpmem_harness.cloud.flavors import Flavor
from vpmem_harness.cloud.stub.compute.resource_tracker import NUMACell, ResourceTracker
from vpmem_harness.cloud.stub.objects import Instance, Migration, MigrationContext, Resource
from vpmem_harness.randomness import Randomness
from vpmem_harness.uuids import UUIDs

PMEM = 'CUSTOM_PMEM_NAMESPACE_SMALL'
CELLS = (NUMACell(0, (0, 1), 4096), NUMACell(1, (2, 3), 8192))


def device(number, chardev=None):
    return VPMEMDevice(
        'SMALL', f'ns_{number}', f'/dev/dax0.{number if chardev is None else chardev}',
        4 << 30, 2 << 20)


class TrackerTestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.uuids = UUIDs(Randomness(1))
        self.flavor = Flavor('f', '1', extra_specs={'hw:pmem': 'SMALL'})

    def tracker(self, count=3, seed=1, devices=None):
        return ResourceTracker(
            'host1', self.uuids.provider,
            {PMEM: devices or [device(number) for number in range(count)]}, lambda: CELLS,
            Randomness(seed).choice)

    def instance(self, name='server', **state):
        return Instance(
            getattr(self.uuids, name), 1, name, self.flavor,
            datetime.datetime.now(datetime.UTC), self.uuids.image, **state)

    def claim(self, tracker, instance, amount=1, **options):
        return tracker.claim(instance, self.flavor, {PMEM: amount, 'VCPU': 1}, **options)[0]


class ClaimsTest(TrackerTestCase):

    def test_the_inventory_counts_namespaces(self):
        """The inventory counts namespaces, whatever their size."""
        inventory = self.tracker(3).inventories()[PMEM]
        self.assertEqual((3, 3), (inventory.total, inventory.max_unit))

    def test_a_claimed_namespace_is_not_claimed_again(self):
        """Three claims get three different namespaces."""
        tracker = self.tracker(3)
        names = {self.claim(tracker, self.instance(f's{number}'))[0].identifier
                 for number in range(3)}
        self.assertEqual({'ns_0', 'ns_1', 'ns_2'}, names)

    def test_a_new_label_does_not_free_a_namespace(self):
        """A namespace claimed under its old label is not claimed under the new one."""
        tracker = self.tracker(1)
        held = Resource(self.uuids.provider, 'CUSTOM_PMEM_NAMESPACE_LARGE', device(0), 'ns_0')
        self.assertRaises(errors.AssignedResourceNotFound, tracker.restore,
                          [self.instance(resources=(held,))], [])
        self.assertRaises(
            errors.ComputeResourcesUnavailable, self.claim, tracker, self.instance('other'))

    def test_the_error_of_a_claim_without_enough_namespaces(self):
        """The error is Nova's message, with the number of free namespaces."""
        tracker = self.tracker(1)
        error = self.assertRaises(
            errors.ComputeResourcesUnavailable, self.claim, tracker, self.instance(), 2)
        self.assertEqual(
            f'Insufficient compute resources: Needed 2 units of resource class {PMEM}, but 1 are '
            'available..', str(error))

    def test_a_refused_claim_takes_nothing(self):
        """A refused claim leaves the free namespaces free."""
        tracker = self.tracker(1)
        self.assertRaises(
            errors.ComputeResourcesUnavailable, self.claim, tracker, self.instance(), 2)
        self.assertEqual({}, tracker.assigned())

    def test_any_free_namespace_can_be_claimed(self):
        """A claim gets any free namespace, as in Nova, so that tests must not rely on an order."""
        first = {self.claim(self.tracker(3, seed), self.instance())[0].identifier
                 for seed in range(20)}
        self.assertEqual({'ns_0', 'ns_1', 'ns_2'}, first)

    def test_the_seed_determines_the_namespaces(self):
        """The same seed chooses the same namespaces."""
        one = self.claim(self.tracker(3, 5), self.instance(), 2)
        self.assertEqual(one, self.claim(self.tracker(3, 5), self.instance(), 2))

    def test_a_released_namespace_is_free_again(self):
        """A released namespace can be claimed again."""
        tracker = self.tracker(1)
        instance = self.instance()
        tracker.release(instance, self.claim(tracker, instance))
        self.claim(tracker, self.instance('other'))

    def test_only_its_owner_releases_a_namespace(self):
        """A late release does not take the namespace from its next owner."""
        tracker = self.tracker(1)
        claimed = self.claim(tracker, self.instance('owner'))
        tracker.release(self.instance('other'), claimed)
        self.assertEqual({'ns_0': self.uuids.owner}, tracker.assigned())

    def test_both_sides_of_a_resize_are_claimed(self):
        """A resize on one host claims namespaces for both flavors."""
        tracker = self.tracker(2)
        instance = self.instance()
        self.claim(tracker, instance)
        self.claim(tracker, instance, side='new')
        self.assertEqual(2, len(tracker.assigned()))

    def test_claims_are_restored_from_the_records(self):
        """A restarted service reads its claims back."""
        instance = self.instance(host='host1')
        instance.resources = self.claim(self.tracker(), instance)
        again = self.tracker()
        again.restore([instance], [])
        self.assertEqual(
            {instance.resources[0].identifier: instance.uuid}, again.assigned())

    def test_the_claims_of_a_move_are_restored_by_side(self):
        """A source restores the old namespaces, and a destination the new ones."""
        instance = self.instance(host='host2')
        tracker = self.tracker()
        old, new = self.claim(tracker, instance), self.claim(tracker, instance, side='new')
        migration = Migration(self.uuids.migration, instance.uuid, 'resize', 'host1', 'host2')
        instance.migration_context = MigrationContext(migration, old, new, None, None)
        again = self.tracker()
        again.restore([], [instance])
        self.assertEqual({old[0].identifier}, set(again.assigned()))

    def test_an_audit_keeps_a_claim_in_progress(self):
        """An audit keeps a claim that the records do not have at the moment."""
        tracker = self.tracker(2)
        at_work, gone = self.instance(host='host1'), self.instance('gone')
        [held] = self.claim(tracker, at_work)
        self.claim(tracker, gone)
        tracker.restore([at_work], [], busy=lambda uuid: uuid == at_work.uuid)
        self.assertEqual({held.identifier: at_work.uuid}, tracker.assigned())
        tracker.release(at_work, [held])
        at_work.resources = (held,)
        tracker.restore([at_work], [], busy=lambda uuid: uuid == at_work.uuid)
        self.assertEqual({}, tracker.assigned())

    def test_a_claim_survives_a_renumbering(self):
        """A claim follows its namespace by name when a reboot renumbers devices."""
        instance = self.instance(host='host1')
        instance.resources = self.claim(self.tracker(1), instance)
        again = self.tracker(devices=[device(0, chardev=7)])
        again.restore([instance], [])
        present = again.present(instance.resources[0])
        self.assertEqual('/dev/dax0.7', present.device.devpath)

    def test_a_claim_on_an_unconfigured_namespace_is_logged(self):
        """A claim on an unconfigured namespace is logged and stays in force."""
        instance = self.instance(host='host1')
        instance.resources = self.claim(self.tracker(1), instance)
        again = self.tracker(devices=[device(5)])
        error = self.assertRaises(
            errors.AssignedResourceNotFound, again.restore, [instance], [])
        self.assertIn(f"[('ns_0', '{PMEM}')]", str(error))
        self.assertEqual({'ns_0': instance.uuid}, again.assigned())


class NUMATest(TrackerTestCase):

    def cell(self, tracker, name='server', **flavor):
        wanted = Flavor('f', '1', extra_specs={'hw:pmem': 'SMALL'}, **flavor)
        return tracker.claim(self.instance(name), wanted, {})[1]

    def test_the_cell_with_the_most_memory_comes_first(self):
        """The first guest goes to the cell with the most memory."""
        self.assertEqual(1, self.cell(self.tracker()).id)

    def test_guests_are_spread_over_the_cells(self):
        """The next guest goes to the cell with fewer CPUs in use."""
        tracker = self.tracker()
        self.cell(tracker, 'first')
        self.assertEqual(0, self.cell(tracker, 'second').id)

    def test_a_guest_must_fit_a_cell(self):
        """A guest that fits the host but no single cell is refused."""
        error = self.assertRaises(
            errors.ComputeResourcesUnavailable, self.cell, self.tracker(), ram=10240)
        self.assertEqual(
            'Insufficient compute resources: Requested instance NUMA topology cannot fit the '
            'given host NUMA topology.', str(error))
