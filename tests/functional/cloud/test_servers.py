"""Servers on both backends: states, namespaces and faults."""

from __future__ import annotations

import fixtures
import libvirt
from lxml import etree
from testtools.matchers import MismatchError, StartsWith

from tests.functional.nova_defects import defect_of_nova
from tests.shared_clouds import CloudTestCase
from vpmem_harness.cloud import errors
from vpmem_harness.cloud.states import PowerState, VMState
from vpmem_harness.cloud.waiting import UnexpectedStateError
from vpmem_harness.fixtures.cloud import CloudFixture


class BootTest(CloudTestCase):

    def test_an_active_server_runs_on_its_namespaces(self):
        """Nova, Placement and libvirt agree on the namespaces of an active server."""
        server = self.start_cloud().boot(pmem='LARGE,SMALL')
        self.assertEqual(
            ('ACTIVE', VMState.ACTIVE, None, PowerState.RUNNING),
            (server.status, server.vm_state, server.task_state, server.power_state))
        self.assertEqual(['LARGE', 'SMALL'], [one.label for one in server.namespaces])
        self.assertGuestHas(server)
        self.assertConsistent(self.cloud)

    def test_the_domain_is_defined_as_by_nova(self):
        """The domain has Nova's name and Nova's metadata."""
        # Nova numbers the servers of a cloud.
        cloud = self.useFixture(CloudFixture(hosts=1))
        server = cloud.boot(pmem='SMALL', name='web')
        domain = etree.fromstring(server.domain_xml())
        self.assertEqual('instance-00000001', domain.findtext('name'))
        self.assertEqual('web', domain.findtext('.//{*}instance/{*}name'))

    def test_a_server_without_persistent_memory_claims_none(self):
        """A server without persistent memory has an ordinary allocation and no namespaces."""
        server = self.start_cloud().boot()
        self.assertEqual((), server.namespaces)
        self.assertAllocated(server, {'VCPU': 1, 'MEMORY_MB': 512, 'DISK_GB': 1})

    @defect_of_nova(
        'label-case', MismatchError, r"\['/dev/dax\d+\.\d+'\] != \[\]: the NVDIMMs of server1")
    def test_labels_are_case_insensitive(self):
        """A guest gets a namespace whose label differs from the flavor's only in case."""
        server = self.start_cloud(pmem='Small:1x4GiB').boot(pmem='SMALL')
        self.assertEqual(['Small'], [one.label for one in server.namespaces])
        self.assertGuestHas(server)

    def test_hosts_in_shared_memory(self):
        """A directory of hosts can be in /dev/shm, although other paths in /dev are devices."""
        directory = self.useFixture(fixtures.TempDir(rootdir='/dev/shm')).path  # noqa: S108
        self.useFixture(fixtures.EnvironmentVariable('VPMEM_HARNESS_RUNTIME_DIR', directory))
        cloud = self.useFixture(CloudFixture(hosts=1, backend='stub'))
        self.assertEqual('ACTIVE', cloud.boot(pmem='SMALL').status)

    def test_a_requested_host(self):
        """A server boots on the requested host."""
        cloud = self.start_cloud(hosts=2)
        for wanted in cloud.hosts:
            self.assertEqual(wanted.name, cloud.boot(pmem='SMALL', host=wanted).host)

    def test_servers_are_spread(self):
        """The host with the most free resources is chosen first, as by Nova's weighers."""
        cloud = self.start_cloud(hosts=2)
        self.assertEqual(
            {host.name for host in cloud.hosts},
            {cloud.boot(pmem='SMALL').host, cloud.boot(pmem='SMALL').host})

    def test_invalid_labels_are_refused(self):
        """An invalid label is refused before a server exists."""
        self.assertRaises(errors.ValidationError, self.start_cloud().boot, pmem='a-b')

    def test_invalid_labels_are_refused_again(self):
        """A refused flavor leaves none of its name behind."""
        cloud = self.start_cloud()
        for _ in range(2):
            self.assertRaises(errors.ValidationError, cloud.boot, pmem='a-b')

    def test_a_flavor_after_a_refused_one(self):
        """A valid flavor works after an invalid one was refused."""
        cloud = self.start_cloud()
        self.assertRaises(errors.ValidationError, cloud.boot, pmem='a-b')
        self.assertGuestHas(cloud.boot(pmem='SMALL'))

    def test_no_quota_limits_the_servers(self):
        """Nova's default quota of ten servers does not apply."""
        cloud = self.start_cloud()
        for _ in range(11):
            server = cloud.boot()
        self.assertEqual('ACTIVE', server.status)

    def test_an_unknown_label_finds_no_host(self):
        """The fault of an unknown label does not name the label."""
        server = self.start_cloud().boot(pmem='HUGE', expect='ERROR')
        self.assertEqual(('No valid host was found. ', 500),
                         (server.fault.message, server.fault.code))
        self.assertIn('NoValidHost', server.fault.details)

    def test_an_unexpected_error_is_raised_with_its_fault(self):
        """The error of an unexpected status contains the server's fault."""
        error = self.assertRaises(
            UnexpectedStateError, self.start_cloud().boot, pmem='HUGE')
        self.assertEqual('No valid host was found. ', error.fault.message)

    def test_a_failed_boot_leaves_no_allocation(self):
        """A failed boot leaves nothing in Placement or on the host."""
        cloud = self.start_cloud()
        server = cloud.boot(pmem='LARGE,LARGE', expect='ERROR')
        self.assertEqual({}, server.allocations)
        self.assertIsNone(server.host)
        self.assertNamespacesFree(cloud, cloud.hosts[0])

    def test_a_failed_boot_is_retried_on_another_host(self):
        """A server whose build fails on one host is built on the next alternate."""
        cloud = self.useFixture(CloudFixture(hosts=2))
        self.take_domain_name(cloud.hosts[0], 'instance-00000001')
        server = cloud.boot(pmem='SMALL')
        self.assertEqual(cloud.hosts[1].name, server.host)
        self.assertConsistent(cloud)

    def test_a_boot_that_fails_on_all_hosts(self):
        """The fault says that all hosts are exhausted."""
        cloud = self.useFixture(CloudFixture(hosts=2))
        for host in cloud.hosts:
            self.take_domain_name(host, 'instance-00000001')
        server = cloud.boot(pmem='SMALL', expect='ERROR')
        self.assertEqual(
            'Exceeded maximum number of retries. Exhausted all hosts available for retrying '
            f'build failures for instance {server.id}.', server.fault.message)
        self.assertConsistent(cloud)

    def test_a_boot_that_fails_three_times(self):
        """Nova gives up after three attempts, even with more hosts."""
        cloud = self.useFixture(CloudFixture(hosts=4))
        for host in cloud.hosts:
            self.take_domain_name(host, 'instance-00000001')
        server = cloud.boot(pmem='SMALL', expect='ERROR')
        self.assertThat(server.fault.message, StartsWith(
            'Exceeded maximum number of retries. Exceeded max scheduling attempts 3 for instance '
            f'{server.id}. Last exception: '))

    def take_domain_name(self, host, name):
        """Define a domain of that name, so that the definition of a server's domain is refused."""
        connection = libvirt.open(host.uri)
        self.addCleanup(connection.close)
        connection.defineXML(
            f"<domain type='qemu'><name>{name}</name><memory>1024</memory>"
            '<os><type>hvm</type></os></domain>')


class DeleteTest(CloudTestCase):

    def test_a_freed_namespace_is_used_again(self):
        """The next server of a label gets the namespace of a deleted one."""
        cloud = self.start_cloud(pmem='SMALL:1x4GiB')
        first = cloud.boot(pmem='SMALL')
        namespaces = first.namespaces
        first.delete()
        self.assertEqual(namespaces, cloud.boot(pmem='SMALL').namespaces)

    def test_a_delete_leaves_nothing(self):
        """A deleted server leaves no domain, allocation, claim or directory."""
        cloud = self.start_cloud()
        [host] = cloud.hosts
        server = cloud.boot(pmem='SMALL')
        server.delete()
        self.assertEqual({}, cloud.allocations(server))
        self.assertNamespacesFree(cloud, host)
        self.assertEqual([], list(host.instances_path.iterdir()))
        self.assertRaises(libvirt.libvirtError, self.lookup, host, server)

    def lookup(self, host, server):
        connection = libvirt.open(host.uri)
        self.addCleanup(connection.close)
        return connection.lookupByUUIDString(server.id)

    def test_a_server_in_error_can_be_deleted(self):
        """A server in ERROR on no host can be deleted."""
        cloud = self.start_cloud()
        cloud.boot(pmem='HUGE', expect='ERROR').delete()
        self.assertEqual([], cloud.servers)

    def test_a_delete_confirms_an_unconfirmed_resize(self):
        """Deleting a server with an unconfirmed resize records two actions."""
        cloud = self.start_cloud(hosts=2)
        server = cloud.boot(pmem='SMALL').resize(pmem='LARGE')
        server.delete()
        self.assertEqual(['create', 'resize', 'confirmResize', 'delete'],
                         [action.action for action in server.actions])

    def test_a_deleted_server_is_not_found(self):
        """The handle of a deleted server raises InstanceNotFound."""
        server = self.start_cloud().boot()
        server.delete()
        self.assertFalse(server.exists)
        self.assertRaises(errors.InstanceNotFound, getattr, server, 'status')


class ResizeTest(CloudTestCase):

    def test_the_migration_holds_the_old_allocation(self):
        """The migration holds the source's allocation until the resize is confirmed."""
        cloud = self.start_cloud(hosts=2)
        server = cloud.boot(pmem='SMALL')
        source = server.host
        server.resize(pmem='LARGE')
        [migration] = server.migrations
        self.assertEqual(('resize', 'finished', source), (
            migration.migration_type, migration.status, migration.source_compute))
        self.assertEqual({source}, set(cloud.allocations(migration.uuid)))
        self.assertEqual({server.host}, set(server.allocations))
        server.confirm_resize()
        self.assertEqual({}, cloud.allocations(migration.uuid))
        self.assertEqual('confirmed', server.migrations[0].status)

    def test_both_hosts_have_claims(self):
        """Old namespaces are claimed on the source, and new ones on the destination."""
        cloud = self.start_cloud(hosts=2)
        server = cloud.boot(pmem='SMALL')
        source, old = server.host, server.namespaces
        server.resize(pmem='LARGE')
        self.assertEqual(old, server.old_namespaces)
        self.assertClaimed(cloud, source, {server.name: 1})
        self.assertClaimed(cloud, server.host, {server.name: 1})

    def test_the_source_keeps_the_domain_until_confirmed(self):
        """The domain on the source is shut off until the resize is confirmed."""
        cloud = self.start_cloud(hosts=2)
        server = cloud.boot(pmem='SMALL')
        source = cloud.host(server.host)
        connection = libvirt.open(source.uri)
        self.addCleanup(connection.close)
        server.resize(pmem='LARGE')
        self.assertFalse(connection.lookupByUUIDString(server.id).isActive())
        server.confirm_resize()
        self.assertRaises(
            libvirt.libvirtError, connection.lookupByUUIDString, server.id)

    def test_a_stopped_server_stays_stopped(self):
        """A stopped server is stopped after a confirmed resize."""
        cloud = self.start_cloud(hosts=2)
        server = cloud.boot(pmem='SMALL').stop().resize(pmem='LARGE')
        self.assertEqual('VERIFY_RESIZE', server.status)
        self.assertEqual('SHUTOFF', server.confirm_resize().status)

    def test_a_stopped_server_is_stopped_after_a_revert(self):
        """A stopped server is stopped after a reverted resize."""
        cloud = self.start_cloud(hosts=2)
        server = cloud.boot(pmem='SMALL').stop().resize(pmem='LARGE')
        self.assertEqual('SHUTOFF', server.revert_resize().status)
        self.assertConsistent(cloud)

    def test_a_resize_without_room_changes_nothing(self):
        """The server stays ACTIVE on its host with its allocation."""
        cloud = self.start_cloud(hosts=2)
        server = cloud.boot(pmem='SMALL')
        host = server.host
        error = self.assertRaises(UnexpectedStateError, server.resize, pmem='LARGE,LARGE')
        self.assertIn('No valid host was found.', error.reason)
        self.assertEqual('ACTIVE', server.status)
        self.assertAllocated(server, {'CUSTOM_PMEM_NAMESPACE_SMALL': 1}, host=host)
        self.assertConsistent(cloud)

    def test_a_same_host_resize_is_refused_by_default(self):
        """Nova refuses a resize on the same host unless it is configured."""
        server = self.start_cloud(hosts=1).boot(pmem='SMALL')
        error = self.assertRaises(UnexpectedStateError, server.resize, pmem='LARGE')
        self.assertIn('No valid host found for resize', error.reason)

    def test_a_cold_migration_to_a_named_host(self):
        """A cold migration goes to the named host."""
        cloud = self.start_cloud(hosts=3)
        server = cloud.boot(pmem='SMALL', host=cloud.hosts[0])
        wanted = cloud.hosts[2].name
        self.assertEqual(wanted, server.migrate(wanted).host)

    def test_a_cold_migration_to_its_own_host_is_refused(self):
        """Naming the server's own host is refused."""
        server = self.start_cloud(hosts=2).boot(pmem='SMALL')
        self.assertRaises(errors.CannotMigrateToSameHost, server.migrate, server.host)

    def test_the_same_flavor_is_refused(self):
        """A resize to the current flavor is refused."""
        server = self.start_cloud(hosts=2).boot(pmem='SMALL')
        self.assertRaises(errors.CannotResizeToSameFlavor, server.resize, pmem='SMALL')

    def test_a_disk_cannot_shrink(self):
        """The request fails with the reason, and the server runs as before on its own host."""
        cloud = self.start_cloud(hosts=2)
        server = cloud.boot(pmem='SMALL')
        server.resize(flavor=cloud.flavor('SMALL', disk=3)).confirm_resize()
        error = self.assertRaises(
            UnexpectedStateError, server.resize, flavor=cloud.flavor('SMALL', disk=2))
        self.assertEqual('Resize error: Unable to resize disk down.', error.reason)
        self.assertEqual(
            ('ACTIVE', PowerState.RUNNING, 'error'),
            (server.status, server.power_state, server.migrations[-1].status))
        # No allocation and no claim of the refused resize is left.
        self.assertEqual([server.host], list(server.allocations))
        self.assertEqual((), server.old_namespaces)

    def test_a_same_host_resize_needs_room_for_both(self):
        """A same-host resize claims old and new namespaces at once."""
        cloud = self.start_cloud(pmem='SMALL:1x4GiB', allow_resize_to_same_host=True)
        server = cloud.boot(pmem='SMALL')
        flavor = cloud.flavor('SMALL', ram=1024)
        self.assertRaises(UnexpectedStateError, server.resize, flavor=flavor)
        self.assertConsistent(cloud)

    def test_cold_migration_keeps_the_flavor(self):
        """A cold migration keeps the flavor, on namespaces of another host."""
        cloud = self.start_cloud(hosts=2)
        server = cloud.boot(pmem='SMALL')
        host, flavor = server.host, server.flavor
        server.migrate().confirm_resize()
        self.assertNotEqual(host, server.host)
        self.assertEqual(flavor, server.flavor)
        self.assertGuestHas(server)
        self.assertConsistent(cloud)


class ShelveTest(CloudTestCase):

    def test_a_shelved_server_has_no_host(self):
        """A shelved server has no host, allocation or claim."""
        cloud = self.start_cloud()
        server = cloud.boot(pmem='SMALL').shelve()
        self.assertEqual((None, (), {}), (server.host, server.namespaces, server.allocations))
        self.assertNamespacesFree(cloud, cloud.hosts[0])

    def test_an_unshelved_server_has_new_claims(self):
        """An unshelved server claims namespaces on a host with room."""
        cloud = self.start_cloud(hosts=2)
        server = cloud.boot(pmem='SMALL').shelve().unshelve()
        self.assertEqual('ACTIVE', server.status)
        self.assertGuestHas(server)
        self.assertConsistent(cloud)

    def test_a_server_without_room_stays_shelved(self):
        """Unshelving fails when another server has taken the namespace."""
        cloud = self.start_cloud(pmem='SMALL:1x4GiB')
        server = cloud.boot(pmem='SMALL').shelve()
        cloud.boot(pmem='SMALL')
        self.assertRaises(UnexpectedStateError, server.unshelve)
        self.assertEqual('SHELVED_OFFLOADED', server.status)

    def test_a_shelved_server_that_is_not_offloaded(self):
        """A shelved server stays on its host when offloading is disabled."""
        cloud = self.start_cloud(shelved_offload_time=-1)
        server = cloud.boot(pmem='SMALL').shelve(expect='SHELVED')
        self.assertEqual(cloud.hosts[0].name, server.host)

    def test_a_server_that_is_not_offloaded_is_unshelved_on_its_host(self):
        """Unshelving a server that was not offloaded starts its guest."""
        server = self.start_cloud(shelved_offload_time=-1).boot(pmem='SMALL')
        self.assertEqual('ACTIVE', server.shelve(expect='SHELVED').unshelve().status)

    def test_a_shelved_server_can_be_offloaded_on_request(self):
        """An explicit offload removes the server from its host."""
        server = self.start_cloud(shelved_offload_time=-1).boot(pmem='SMALL')
        self.assertIsNone(server.shelve(expect='SHELVED').shelve_offload().host)

    def test_a_server_that_is_not_offloaded_cannot_be_unshelved_elsewhere(self):
        """Naming a host is refused, and the server stays SHELVED."""
        cloud = self.start_cloud(shelved_offload_time=-1)
        server = cloud.boot(pmem='SMALL').shelve(expect='SHELVED')
        error = self.assertRaises(
            errors.UnshelveInstanceInvalidState, server.unshelve, cloud.hosts[0])
        self.assertEqual(409, error.status)
        self.assertEqual('SHELVED', server.status)
