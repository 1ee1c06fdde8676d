"""Evacuation: rebuilding servers of a failed host on another one."""

from __future__ import annotations

import libvirt

from tests import base
from tests.shared_clouds import CloudTestCase
from vpmem_harness.cloud import errors
from vpmem_harness.cloud.waiting import UnexpectedStateError
from vpmem_harness.fixtures.cloud import CloudFixture


class EvacuateTest(base.VPMEMTestCase):

    def start_cloud(self, hosts=2, pmem='SMALL:2x4GiB'):
        self.cloud = self.useFixture(CloudFixture(hosts=hosts, pmem=pmem))
        return self.cloud

    def lose_a_server(self, **options):
        """Boot a server and stop its compute service."""
        server = self.start_cloud(**options).boot(pmem='SMALL')
        self.cloud.compute(server.host).stop()
        return server

    def test_a_server_is_rebuilt_elsewhere(self):
        """An evacuated server is stopped, on namespaces of the other host."""
        server = self.lose_a_server()
        lost = server.host
        server.evacuate()
        self.assertNotEqual(lost, server.host)
        self.assertEqual('SHUTOFF', server.status)
        self.assertGuestHas(server)

    def test_a_server_in_error_is_rebuilt_elsewhere(self):
        """An evacuated server in ERROR is running on the other host."""
        server = self.start_cloud().boot(pmem='SMALL')
        lost = self.cloud.host(server.host)
        with lost.faults.failing('domainCreateWithFlags', libvirt.VIR_ERR_OPERATION_FAILED):
            server.reboot(hard=True, expect='ERROR')
        self.cloud.compute(lost).stop()
        server.evacuate(expect='ACTIVE')
        self.assertNotEqual(lost.name, server.host)
        self.assertGuestHas(server)

    def test_it_has_allocations_on_both_hosts_until_the_first_returns(self):
        """Placement keeps the allocation on the failed host until its service returns."""
        server = self.lose_a_server()
        lost = server.host
        server.evacuate()
        self.assertEqual({lost, server.host}, set(server.allocations))
        self.cloud.compute(lost).start()
        self.assertEqual({server.host}, set(server.allocations))
        self.assertEqual('completed', server.migrations[0].status)
        self.assertNamespacesFree(self.cloud, lost)

    def test_a_named_host_without_room_is_in_the_migration_record(self):
        """The migration record names the requested host although the scheduler rejected it."""
        server = self.lose_a_server(pmem='SMALL:1x4GiB')
        [other] = [host for host in self.cloud.hosts if host.name != server.host]
        self.cloud.boot(pmem='SMALL', host=other)
        self.assertRaises(UnexpectedStateError, server.evacuate, other)
        [migration] = server.migrations
        self.assertEqual(('error', other.name), (migration.status, migration.dest_compute))

    def test_a_pending_task_does_not_prevent_it(self):
        """A server whose pending request can no longer run is evacuated."""
        server = self.lose_a_server()
        lost = server.host
        server.pause(expect=None)
        self.assertNotEqual(lost, server.evacuate().host)

    def test_a_request_pending_on_the_failed_host_is_not_carried_out(self):
        """A returning host does not find an evacuated server, and so does not pause it."""
        server = self.lose_a_server()
        lost = self.cloud.compute(server.host)
        server.pause(expect=None)
        server.evacuate().start()
        lost.start()
        self.cloud.settle()
        self.assertEqual('ACTIVE', server.status)
        [pause] = [action for action in server.actions if action.action == 'pause']
        self.assertEqual([f'Instance {server.id} could not be found.'],
                         [event.details for event in pause.events])


class RefusalTest(CloudTestCase):

    def boot(self):
        return self.start_cloud(hosts=2, pmem='SMALL:2x4GiB').boot(pmem='SMALL')

    def test_a_host_that_is_up_is_not_evacuated(self):
        """An evacuation from a host whose service is up is refused."""
        server = self.boot()
        error = self.assertRaises(errors.ComputeServiceInUse, server.evacuate)
        self.assertEqual(f'Compute service of {server.host} is still in use.', str(error))

    def test_its_own_host_is_no_destination(self):
        """Naming the server's own host is refused before the service's state is checked."""
        server = self.boot()
        error = self.assertRaises(errors.Invalid, server.evacuate, server.host)
        self.assertEqual("The target host can't be the same one.", str(error))

    def test_a_server_on_no_host_cannot_be_evacuated(self):
        """An evacuation of an offloaded server without a named destination is refused."""
        server = self.boot().shelve()
        error = self.assertRaises(errors.Invalid, server.evacuate)
        self.assertEqual("The target host can't be the same one.", str(error))

    def test_an_unknown_host_is_no_destination(self):
        """An unknown destination is refused before any other check."""
        server = self.boot()
        error = self.assertRaises(errors.NotFound, server.evacuate, 'nowhere')
        self.assertEqual(('Compute host nowhere not found.', 404), (str(error), error.status))
