"""Services that die in the middle of a move: nothing is left, lost or held twice afterwards."""

from __future__ import annotations

from vpmem_harness.chaos.invariants import Fleet
from vpmem_harness.fixtures.cloud import CloudFixture
from vpmem_harness.testcase import VPMEMTestCase


class InterruptionsTest(VPMEMTestCase):

    def setUp(self):
        super().setUp()
        self.cloud = self.useFixture(CloudFixture(hosts=2, pmem='SMALL:3x1GiB', backend='stub'))
        self.fleet = Fleet(self.cloud, {host.name: host for host in self.cloud.hosts})
        self.server = self.cloud.boot(pmem='SMALL')
        self.source = self.cloud.host(self.server.host)
        [self.target] = [host for host in self.cloud.hosts if host is not self.source]

    def assertNothingWrong(self):
        self.cloud.settle()
        self.assertEqual([], list(self.fleet.at_rest()))

    def test_a_destination_that_dies_while_a_guest_comes(self):
        """The guest is there when the service is back, on what was claimed for it."""
        with self.source.faults.hanging('domainMigratePerform3Params') as hang:
            self.server.live_migrate(wait=False)
            hang.wait_until_reached()
            self.cloud.compute(self.target).kill()
        self.cloud.settle()
        self.cloud.compute(self.target).start()
        self.assertNothingWrong()
        self.assertEqual((self.target.name, 'ACTIVE'), (self.server.host, self.server.status))

    def test_a_destination_that_is_down_when_a_move_is_reverted(self):
        """The server is back once, when the service is."""
        self.server.migrate()
        self.cloud.compute(self.target).kill()
        self.server.revert_resize(wait=False)
        self.cloud.compute(self.target).start()
        self.assertNothingWrong()
        self.assertEqual((self.source.name, 'ACTIVE'), (self.server.host, self.server.status))

    def test_a_server_that_is_shelved_after_a_revert_has_failed(self):
        """Neither side of the move holds anything of it."""
        self.server.migrate()
        with self.target.faults.tool_failing('daxio'):
            self.server.revert_resize(wait=False)
            self.cloud.settle()
        self.assertEqual('ERROR', self.server.status)
        self.server.rebuild().shelve()
        self.assertNothingWrong()
        self.assertEqual([{}, {}], [self.cloud.compute(host).assigned_namespaces
                                    for host in self.cloud.hosts])
