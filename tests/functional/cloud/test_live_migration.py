"""Live migration between two hosts, on both backends."""

from __future__ import annotations

import libvirt
from testtools.matchers import MismatchError

from tests.functional.nova_defects import defect_of_nova
from tests.shared_clouds import CloudTestCase
from vpmem_harness.cloud.waiting import UnexpectedStateError


class LiveMigrationTest(CloudTestCase):

    def start_cloud(self, hosts=2, pmem='SMALL:2x4GiB', **options):
        return super().start_cloud(hosts, pmem, **options)

    def test_a_running_guest_moves(self):
        """The guest gets namespaces of the other host with its data, and the old ones are wiped."""
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

    def test_a_guest_that_has_moved_is_suspended(self):
        """It is resumed from its saved memory on the other host, where its disk is."""
        cloud = self.start_cloud()
        server = cloud.boot(pmem='SMALL')
        server.live_migrate()
        server.suspend().resume()
        self.assertEqual('ACTIVE', server.status)

    def test_earlier_migrations_claim_nothing(self):
        """The old namespaces of an unconfirmed resize are not claimed on a host visited earlier."""
        cloud = self.start_cloud(pmem='SMALL:2x4GiB,LARGE:1x6GiB')
        first = cloud.boot(pmem='LARGE', host=cloud.hosts[0])
        for _ in range(2):
            first.live_migrate()
        first.resize(pmem='SMALL')
        second = cloud.boot(pmem='LARGE', host=cloud.hosts[1])
        [large] = second.namespaces
        second.resize(pmem='SMALL')
        self.assertEqual(
            second.id, cloud.compute(cloud.hosts[1]).assigned_namespaces[large.name])

    def test_without_another_host_the_server_stays(self):
        """The server stays ACTIVE with its namespaces, and the request names the reason."""
        cloud = self.start_cloud(hosts=1)
        server = cloud.boot(pmem='SMALL')
        error = self.assertRaises(UnexpectedStateError, server.live_migrate)
        self.assertIn('No valid host was found.', error.reason)
        self.assertEqual('ACTIVE', server.status)
        self.assertConsistent(cloud)

    def test_a_server_stays_on_a_host_whose_service_is_down(self):
        """The migration fails before it claims anything on the other host."""
        cloud = self.start_cloud()
        server = cloud.boot(pmem='SMALL')
        cloud.compute(server.host).stop()
        error = self.assertRaises(UnexpectedStateError, server.live_migrate)
        self.assertEqual(
            f'Compute service of {server.host} is unavailable at this time.', error.reason)
        self.assertEqual(('ACTIVE', 'error'), (server.status, server.migrations[0].status))
        self.assertEqual([server.host], list(server.allocations))

    def migrate_in_vain(self, fault):
        """Fail to live migrate a server between two hosts under a fault of its host.

        The namespace claimed on the other host holds data beforehand, and must be wiped.
        """
        cloud = self.start_cloud(pmem='SMALL:1x4GiB')
        server = cloud.boot(pmem='SMALL')
        source, namespaces = cloud.host(server.host), server.namespaces
        [destination] = [host for host in cloud.hosts if host is not source]
        [wanted] = destination.namespaces
        destination.pmem.write(wanted.path, 'somebody')
        with fault(source.faults):
            self.assertRaises(UnexpectedStateError, server.live_migrate)
            cloud.settle()
        self.assertEqual((source.name, namespaces), (server.host, server.namespaces))
        self.assertHoldsDataOf(server, source, namespaces)
        self.assertGuestHas(server)
        self.assertEqual('error', server.migrations[0].status)
        self.assertNotAllocated(server, destination)
        self.assertEqual(frozenset(), destination.pmem.contents(wanted.path).writers)
        self.assertNamespacesFree(cloud, destination)
        self.assertConsistent(cloud)
        return server

    @defect_of_nova('refused-live-migration', MismatchError, "'ACTIVE' != 'ERROR'")
    def test_a_migration_that_libvirt_refuses(self):
        """The server stays, and its claim on the destination is wiped and freed."""
        server = self.migrate_in_vain(lambda faults: faults.failing(
            'domainMigratePerform3Params', libvirt.VIR_ERR_OPERATION_FAILED))
        self.assertEqual('ACTIVE', server.status)

    def test_the_action_of_a_refused_migration_has_succeeded(self):
        """It ends when the migration starts, so that the request's error names the migration."""
        cloud = self.start_cloud()
        server = cloud.boot(pmem='SMALL')
        with cloud.host(server.host).faults.failing(
                'domainMigratePerform3Params', libvirt.VIR_ERR_OPERATION_FAILED):
            error = self.assertRaises(UnexpectedStateError, server.live_migrate)
            cloud.settle()
        self.assertIsNone(server.actions[-1].message)
        self.assertIn("has the status 'error'", error.reason)

    @defect_of_nova(
        'lost-live-migration', MismatchError,
        r"!=:\nreference = \{\}\nactual    = \{'CUSTOM_PMEM_NAMESPACE_SMALL': 1, .*\}\n"
        ': allocations of server1 on .* in Placement')
    def test_a_migration_whose_connection_is_lost(self):
        """A lost connection has the same effect as a refusal: the guest never left."""
        server = self.migrate_in_vain(lambda faults: faults.dropping('domainMigratePerform3Params'))
        self.assertEqual('ACTIVE', server.status)
