"""Servers move while they run."""

from __future__ import annotations

from tests import base
from vpmem_harness.cloud.waiting import UnexpectedStateError
from vpmem_harness.fixtures.cloud import CloudFixture
from vpmem_harness.libvirtd.dispatch import DropConnection


class LiveMigrationTest(base.VPMEMTestCase):

    def start_cloud(self, hosts=2):
        self.cloud = self.useFixture(CloudFixture(hosts=hosts, pmem='SMALL:2x4GiB'))
        return self.cloud

    def refuse(self, host):
        """Have a host hang up when it is to send a guest."""
        def intercept(call, execute):
            if call.procedure.name == 'domain_migrate_perform3_params':
                raise DropConnection
            return execute()
        host.daemon.intercept = intercept

    def test_a_guest_moves_while_it_runs(self):
        """To namespaces of the other host, with what it holds; the old ones are wiped."""
        cloud = self.start_cloud()
        server = cloud.boot(pmem='SMALL,SMALL')
        source, old = cloud.host(server.host), server.namespaces
        [destination] = [host for host in cloud.hosts if host is not source]
        server.live_migrate()
        self.assertEqual((destination.name, 'ACTIVE'), (server.host, server.status))
        self.assertGuestHas(server)
        self.assertHoldsDataOf(server, destination, server.namespaces)
        self.assertWiped(source, old)
        self.assertNamespacesFree(cloud, source)
        self.assertEqual('completed', server.migrations[0].status)
        self.assertConsistent(cloud)

    def test_without_another_host_it_stays(self):
        """Active, with what it had; and the request says why."""
        cloud = self.start_cloud(hosts=1)
        server = cloud.boot(pmem='SMALL')
        error = self.assertRaises(UnexpectedStateError, server.live_migrate)
        self.assertIn('No valid host was found.', error.reason)
        self.assertEqual('ACTIVE', server.status)
        self.assertConsistent(cloud)

    def test_it_stays_on_a_host_whose_service_is_down(self):
        """The request fails before anything is claimed on the other host."""
        cloud = self.start_cloud()
        server = cloud.boot(pmem='SMALL')
        cloud.compute(server.host).stop()
        error = self.assertRaises(UnexpectedStateError, server.live_migrate)
        self.assertEqual(
            f'Compute service of {server.host} is unavailable at this time.', error.reason)
        self.assertEqual(('ACTIVE', 'error'), (server.status, server.migrations[0].status))
        self.assertEqual([server.host], list(server.allocations))

    def test_when_the_source_fails_it_stays(self):
        """What it was to have on the destination is wiped and freed."""
        cloud = self.start_cloud()
        server = cloud.boot(pmem='SMALL')
        source, namespaces = cloud.host(server.host), server.namespaces
        [destination] = [host for host in cloud.hosts if host is not source]
        self.refuse(source)
        self.assertRaises(UnexpectedStateError, server.live_migrate)
        self.assertEqual((source.name, namespaces), (server.host, server.namespaces))
        self.assertHoldsDataOf(server, source, namespaces)
        self.assertNamespacesFree(cloud, destination)
        self.assertNotAllocated(server, destination)
        self.assertEqual('error', server.migrations[0].status)
        self.assertConsistent(cloud)
