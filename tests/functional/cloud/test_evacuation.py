"""Servers are built anew elsewhere, whose own host is lost."""

from __future__ import annotations

import libvirt

from tests import base
from vpmem_harness.cloud import errors
from vpmem_harness.cloud.waiting import UnexpectedStateError
from vpmem_harness.fixtures.cloud import CloudFixture


class EvacuateTest(base.VPMEMTestCase):

    def start_cloud(self, hosts=2, pmem='SMALL:2x4GiB'):
        self.cloud = self.useFixture(CloudFixture(hosts=hosts, pmem=pmem))
        return self.cloud

    def lose_a_server(self, **options):
        """A server whose compute service is down."""
        server = self.start_cloud(**options).boot(pmem='SMALL')
        self.cloud.compute(server.host).stop()
        return server

    def test_a_server_is_built_anew_elsewhere(self):
        """Stopped, on namespaces of the other host."""
        server = self.lose_a_server()
        lost = server.host
        server.evacuate()
        self.assertNotEqual(lost, server.host)
        self.assertEqual('SHUTOFF', server.status)
        self.assertGuestHas(server)

    def test_a_server_in_error_is_built_anew_elsewhere(self):
        """And started there."""
        server = self.start_cloud().boot(pmem='SMALL')
        lost = self.cloud.host(server.host)
        with lost.faults.failing('domainCreateWithFlags', libvirt.VIR_ERR_OPERATION_FAILED):
            server.reboot(hard=True, expect='ERROR')
        self.cloud.compute(lost).stop()
        server.evacuate(expect='ACTIVE')
        self.assertNotEqual(lost.name, server.host)
        self.assertGuestHas(server)

    def test_it_holds_both_sides_until_its_host_returns(self):
        """As Nova has it in Placement."""
        server = self.lose_a_server()
        lost = server.host
        server.evacuate()
        self.assertEqual({lost, server.host}, set(server.allocations))
        self.cloud.compute(lost).start()
        self.assertEqual({server.host}, set(server.allocations))
        self.assertEqual('completed', server.migrations[0].status)
        self.assertNamespacesFree(self.cloud, lost)

    def test_a_host_that_is_up_is_not_evacuated(self):
        """Its service would still run the guest."""
        server = self.start_cloud().boot(pmem='SMALL')
        error = self.assertRaises(errors.ComputeServiceInUse, server.evacuate)
        self.assertEqual(f'Compute service of {server.host} is still in use.', str(error))

    def test_its_own_host_is_no_place_to_go(self):
        """That is said before it is asked whether the host is down."""
        server = self.start_cloud().boot(pmem='SMALL')
        error = self.assertRaises(errors.Invalid, server.evacuate, server.host)
        self.assertEqual("The target host can't be the same one.", str(error))

    def test_on_no_host_it_cannot_stay_where_it_is(self):
        """One that is shelved, and is to go to no host in particular."""
        server = self.start_cloud().boot(pmem='SMALL').shelve()
        error = self.assertRaises(errors.Invalid, server.evacuate)
        self.assertEqual("The target host can't be the same one.", str(error))

    def test_an_unknown_host_is_no_place_to_go(self):
        """That is said before anything else."""
        server = self.start_cloud().boot(pmem='SMALL')
        error = self.assertRaises(errors.NotFound, server.evacuate, 'nowhere')
        self.assertEqual(('Compute host nowhere not found.', 404), (str(error), error.status))

    def test_a_named_host_without_room_stands_in_its_record(self):
        """Though the scheduler has refused it."""
        server = self.lose_a_server(pmem='SMALL:1x4GiB')
        [other] = [host for host in self.cloud.hosts if host.name != server.host]
        self.cloud.boot(pmem='SMALL', host=other)
        self.assertRaises(UnexpectedStateError, server.evacuate, other)
        [migration] = server.migrations
        self.assertEqual(('error', other.name), (migration.status, migration.dest_compute))

    def test_what_is_under_way_does_not_keep_it(self):
        """Its host will not do it any more."""
        server = self.lose_a_server()
        lost = server.host
        server.pause(expect=None)
        self.assertNotEqual(lost, server.evacuate().host)

    def ask_of_a_lost_host(self):
        """A server that was evacuated when it was to be paused, and whose host is back."""
        server = self.lose_a_server()
        lost = self.cloud.compute(server.host)
        server.pause(expect=None)
        server.evacuate().start()
        lost.start()
        self.cloud.settle()
        return server

    def test_what_waited_for_the_lost_host_is_not_done(self):
        """The server is another's by the time that the lost host is back."""
        self.assertEqual('ACTIVE', self.ask_of_a_lost_host().status)

    def test_what_waited_for_the_lost_host_has_failed(self):
        """It has not found the server."""
        server = self.ask_of_a_lost_host()
        [pause] = [action for action in server.actions if action.action == 'pause']
        self.assertEqual([f'Instance {server.id} could not be found.'],
                         [event.details for event in pause.events])
