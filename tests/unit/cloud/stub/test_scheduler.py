"""The scheduler selects the same host as Nova's."""

from __future__ import annotations

from unittest import mock

import testtools

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.api import Inventory
from vpmem_harness.cloud.stub.ledger import Ledger
from vpmem_harness.cloud.stub.scheduler import RequestSpec, Scheduler
from vpmem_harness.randomness import Randomness
from vpmem_harness.uuids import UUIDs

PMEM = 'CUSTOM_PMEM_NAMESPACE_SMALL'


class SchedulerTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.uuids = UUIDs(Randomness(1))
        self.ledger = Ledger()
        self.down = set()
        self.scheduler = Scheduler(self.ledger, lambda host: host not in self.down)
        for name in ('host1', 'host2', 'host3', 'host4'):
            uuid = getattr(self.uuids, name)
            self.ledger.create_provider(uuid, name)
            self.ledger.set_inventories(
                uuid, 0, {PMEM: Inventory(1), 'MEMORY_MB': Inventory(4096)})

    def spec(self, **overrides):
        return RequestSpec(**{
            'consumer': self.uuids.server, 'resources': {PMEM: 1, 'MEMORY_MB': 512},
            'project_id': 'project', 'user_id': 'user', **overrides})

    def select(self, **overrides):
        return [one.service_host
                for one in self.scheduler.select_destinations(self.spec(**overrides))]

    def test_allocates_on_the_selected_host(self):
        """The ledger has the allocation before any compute service knows the server."""
        self.select()
        self.assertEqual(
            {self.uuids.host1: {PMEM: 1, 'MEMORY_MB': 512}},
            self.ledger.allocations_for_consumer(self.uuids.server).allocations)

    def test_returns_two_alternates(self):
        """Nova makes three attempts by default, so that two alternates are returned."""
        self.assertEqual(['host1', 'host2', 'host3'], self.select())

    def test_prefers_the_host_with_the_most_free_resources(self):
        """Servers are spread over the hosts, as in Nova."""
        self.select(consumer=self.uuids.other, resources={'MEMORY_MB': 100})
        self.assertEqual('host2', self.select()[0])

    def test_the_message_without_room(self):
        """The message without room on any host is Nova's, with a trailing space."""
        error = self.assertRaises(
            errors.NoValidHost, self.scheduler.select_destinations,
            self.spec(resources={PMEM: 2}))
        self.assertEqual('No valid host was found. ', str(error))

    def test_the_message_with_room_on_an_excluded_host(self):
        """The message differs if an excluded host has room."""
        error = self.assertRaises(
            errors.NoValidHost, self.scheduler.select_destinations,
            self.spec(ignore_hosts=['host1', 'host2', 'host3', 'host4']))
        self.assertEqual(
            'No valid host was found. There are not enough hosts available.', str(error))

    def test_a_stopped_service_is_skipped(self):
        """A host whose service is down is not selected."""
        self.down.add('host1')
        self.assertEqual(['host2', 'host3', 'host4'], self.select())

    def test_a_requested_host(self):
        """A request for one host returns it without alternates."""
        self.assertEqual(['host3'], self.select(host='host3'))

    def test_an_evacuation_adds_an_allocation(self):
        """An evacuated server has allocations on both hosts."""
        self.select(host='host1')
        self.select(host='host2')
        self.assertEqual(
            {self.uuids.host1, self.uuids.host2},
            set(self.ledger.allocations_for_consumer(self.uuids.server).allocations))


class OrderTest(testtools.TestCase):
    """The order of hosts in a fleet of many states."""

    def setUp(self):
        super().setUp()
        self.random = Randomness(3)
        self.ledger = Ledger()
        self.down = set()
        self.scheduler = Scheduler(self.ledger, lambda host: host not in self.down)
        self.providers = {}
        for number in range(12):
            name, uuid = f'host{number}', self.random.uuid()
            self.providers[name] = uuid
            self.ledger.create_provider(uuid, name)
            self.ledger.set_inventories(uuid, 0, {
                PMEM: Inventory(2), 'VCPU': Inventory(8, allocation_ratio=4.0),
                'MEMORY_MB': Inventory(self.random.choice((4096, 8192)), reserved=512)})

    def weight(self, name, fit):
        """Return a host's weight among some hosts, as Nova computes it."""
        def free(host, of_class):
            inventory = self.ledger.inventories(self.providers[host]).get(of_class)
            return 0 if inventory is None else (
                inventory.exact_capacity - self.ledger.usages(self.providers[host])[of_class])
        weight = 0.0
        for of_class in ('MEMORY_MB', 'VCPU', 'DISK_GB'):
            all_free = [free(host, of_class) for host in fit]
            if max(all_free) > min(all_free):
                weight += (free(name, of_class) - min(all_free)) / (
                    max(all_free) - min(all_free))
        return weight

    def test_any_sequence_selects_as_a_walk_over_all_hosts(self):
        """The selected hosts are those with the highest weights, and the oldest of equal ones."""
        servers = []
        for _ in range(200):
            if servers and self.random.chance(0.4):
                self.ledger.delete_allocations(servers.pop(self.random.below(len(servers))))
                continue
            name = self.random.choice(sorted(self.providers))
            self.down.symmetric_difference_update({name} if self.random.chance(0.3) else ())
            resources = {PMEM: 1 + self.random.below(2), 'VCPU': 1 + self.random.below(3),
                         'MEMORY_MB': self.random.choice((256, 512))}
            ignored = [self.random.choice(sorted(self.providers))]
            candidates = self.ledger.allocation_candidates(resources)
            fit = [host for host, uuid in self.providers.items()
                   if uuid in candidates and host not in self.down and host not in ignored]
            expected = sorted(fit, key=lambda host: -self.weight(host, fit))[:3]
            spec = RequestSpec(self.random.uuid(), resources, 'project', 'user',
                               ignore_hosts=ignored)
            try:
                found = [one.service_host for one in self.scheduler.select_destinations(spec)]
                servers.append(spec.consumer)
            except errors.NoValidHost:
                found = []
            self.assertEqual(expected, found)
        self.assertGreater(len(servers), 3)

    def test_a_host_that_refuses_is_an_alternate(self):
        """A host whose resources are gone at the claim stays in the list, as in Nova."""
        claims = []

        def claim(spec, selection):
            claims.append(selection.service_host)
            return len(claims) > 1
        with mock.patch.object(self.scheduler, 'claim', claim):
            selected = self.scheduler.select_destinations(
                RequestSpec(self.random.uuid(), {PMEM: 1}, 'project', 'user'))
        first, second = claims
        self.assertEqual([second, first], [one.service_host for one in selected[:2]])
        self.assertEqual(3, len(selected))
