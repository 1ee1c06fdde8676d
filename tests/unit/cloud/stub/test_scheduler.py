"""The scheduler selects the same host as Nova's."""

from __future__ import annotations

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
