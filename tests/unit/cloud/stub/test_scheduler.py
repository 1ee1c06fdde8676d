"""The scheduler picks the host that Nova's would."""

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

    def test_claims_on_the_host_that_it_picks(self):
        """The ledger shows the server before any compute service knows of it."""
        self.select()
        self.assertEqual(
            {self.uuids.host1: {PMEM: 1, 'MEMORY_MB': 512}},
            self.ledger.allocations_for_consumer(self.uuids.server).allocations)

    def test_names_two_alternates(self):
        """Three attempts are Nova's default."""
        self.assertEqual(['host1', 'host2', 'host3'], self.select())

    def test_prefers_the_host_with_most_left(self):
        """Nova spreads servers over the hosts."""
        self.select(consumer=self.uuids.other, resources={'MEMORY_MB': 100})
        self.assertEqual('host2', self.select()[0])

    def test_no_room_anywhere_gives_no_reason(self):
        """Nova says no more than that there is no valid host, with a blank at the end."""
        error = self.assertRaises(
            errors.NoValidHost, self.scheduler.select_destinations,
            self.spec(resources={PMEM: 2}))
        self.assertEqual('No valid host was found. ', str(error))

    def test_room_on_a_host_that_may_not_be_used_gives_another_reason(self):
        """The message tells the two cases apart."""
        error = self.assertRaises(
            errors.NoValidHost, self.scheduler.select_destinations,
            self.spec(ignore_hosts=['host1', 'host2', 'host3', 'host4']))
        self.assertEqual(
            'No valid host was found. There are not enough hosts available.', str(error))

    def test_a_service_that_is_down_is_passed_over(self):
        """A host that nobody answers for gets no server."""
        self.down.add('host1')
        self.assertEqual(['host2', 'host3', 'host4'], self.select())

    def test_one_host_can_be_asked_for(self):
        """Then there are no alternates."""
        self.assertEqual(['host3'], self.select(host='host3'))

    def test_a_second_host_is_claimed_beside_the_first(self):
        """An evacuated server holds both sides for a while."""
        self.select(host='host1')
        self.select(host='host2')
        self.assertEqual(
            {self.uuids.host1, self.uuids.host2},
            set(self.ledger.allocations_for_consumer(self.uuids.server).allocations))
