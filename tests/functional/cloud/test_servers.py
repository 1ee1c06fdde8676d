"""What becomes of servers: states, namespaces, faults."""

from __future__ import annotations

import libvirt
from lxml import etree
from testtools.matchers import MismatchError, StartsWith

from tests import base
from tests.functional.nova_defects import defect_of_nova
from vpmem_harness.cloud import errors
from vpmem_harness.cloud.states import PowerState, VMState
from vpmem_harness.cloud.waiting import UnexpectedStateError
from vpmem_harness.fixtures.cloud import CloudFixture

PMEM = 'SMALL:2x4GiB,LARGE:1x16GiB'


class ServersTestCase(base.VPMEMTestCase):

    def start_cloud(self, hosts=1, pmem=PMEM, **options):
        self.cloud = self.useFixture(CloudFixture(hosts=hosts, pmem=pmem, **options))
        return self.cloud


class BootTest(ServersTestCase):

    def test_an_active_server_runs_on_its_namespaces(self):
        """Nova, Placement and libvirt say the same."""
        server = self.start_cloud().boot(pmem='LARGE,SMALL')
        self.assertEqual(
            ('ACTIVE', VMState.ACTIVE, None, PowerState.RUNNING),
            (server.status, server.vm_state, server.task_state, server.power_state))
        self.assertEqual(['LARGE', 'SMALL'], [one.label for one in server.namespaces])
        self.assertGuestHas(server)
        self.assertConsistent(self.cloud)

    def test_the_domain_is_novas(self):
        """By its name, its metadata and its firmware tables."""
        server = self.start_cloud().boot(pmem='SMALL', name='web')
        domain = etree.fromstring(server.domain_xml())
        self.assertEqual('instance-00000001', domain.findtext('name'))
        self.assertEqual('web', domain.findtext('.//{*}instance/{*}name'))

    def test_a_server_without_persistent_memory_claims_none(self):
        """It is a server like any other."""
        server = self.start_cloud().boot()
        self.assertEqual((), server.namespaces)
        self.assertAllocated(server, {'VCPU': 1, 'MEMORY_MB': 512, 'DISK_GB': 1})

    @defect_of_nova(
        'label-case', MismatchError, r"\['/dev/dax\d+\.0'\] != \[\]: the NVDIMMs of server1")
    def test_a_label_in_another_case_is_the_same(self):
        """What the scheduler counts as one class, the guest gets, whatever the spelling."""
        server = self.start_cloud(pmem='Small:1x4GiB').boot(pmem='SMALL')
        self.assertEqual(['Small'], [one.label for one in server.namespaces])
        self.assertGuestHas(server)

    def test_a_host_can_be_asked_for(self):
        """And no other will do."""
        cloud = self.start_cloud(hosts=3)
        wanted = cloud.hosts[2]
        self.assertEqual(wanted.name, cloud.boot(pmem='SMALL', host=wanted).host)

    def test_servers_are_spread(self):
        """The host with most left comes first, as Nova's weighers have it."""
        cloud = self.start_cloud(hosts=2)
        self.assertEqual(
            {host.name for host in cloud.hosts},
            {cloud.boot(pmem='SMALL').host, cloud.boot(pmem='SMALL').host})

    def test_labels_that_the_api_refuses(self):
        """They do not get as far as a server."""
        self.assertRaises(errors.ValidationError, self.start_cloud().boot, pmem='a-b')

    def test_labels_that_were_refused_are_refused_again(self):
        """No flavor of that name is left, with or without them."""
        cloud = self.start_cloud()
        for _ in range(2):
            self.assertRaises(errors.ValidationError, cloud.boot, pmem='a-b')

    def test_a_flavor_after_one_that_was_refused(self):
        """It is made as if there had been none."""
        cloud = self.start_cloud()
        self.assertRaises(errors.ValidationError, cloud.boot, pmem='a-b')
        self.assertGuestHas(cloud.boot(pmem='SMALL'))

    def test_there_are_as_many_servers_as_the_hosts_take(self):
        """Nova's quota, of ten servers, is not that of a cloud that does not ask for one."""
        cloud = self.start_cloud()
        for _ in range(11):
            server = cloud.boot()
        self.assertEqual('ACTIVE', server.status)

    def test_an_unknown_label_finds_no_host(self):
        """Nova does not say that the label is the reason."""
        server = self.start_cloud().boot(pmem='HUGE', expect='ERROR')
        self.assertEqual(('No valid host was found. ', 500),
                         (server.fault.message, server.fault.code))
        self.assertIn('NoValidHost', server.fault.details)

    def test_an_unexpected_error_is_raised_with_its_fault(self):
        """A test that expects ACTIVE is told why it did not come."""
        error = self.assertRaises(
            UnexpectedStateError, self.start_cloud().boot, pmem='HUGE')
        self.assertEqual('No valid host was found. ', error.fault.message)

    def test_a_failed_boot_holds_nothing(self):
        """Neither in Placement nor on a host."""
        cloud = self.start_cloud()
        server = cloud.boot(pmem='LARGE,LARGE', expect='ERROR')
        self.assertEqual({}, server.allocations)
        self.assertIsNone(server.host)
        self.assertNamespacesFree(cloud, cloud.hosts[0])

    def test_another_host_is_tried_when_one_fails(self):
        """The server is built on the next alternate."""
        cloud = self.start_cloud(hosts=2)
        self.take_domain_name(cloud.hosts[0], 'instance-00000001')
        server = cloud.boot(pmem='SMALL')
        self.assertEqual(cloud.hosts[1].name, server.host)
        self.assertConsistent(cloud)

    def test_when_all_hosts_fail_the_server_says_so(self):
        """With the message for hosts that are used up."""
        cloud = self.start_cloud(hosts=2)
        for host in cloud.hosts:
            self.take_domain_name(host, 'instance-00000001')
        server = cloud.boot(pmem='SMALL', expect='ERROR')
        self.assertEqual(
            'Exceeded maximum number of retries. Exhausted all hosts available for retrying '
            f'build failures for instance {server.id}.', server.fault.message)
        self.assertConsistent(cloud)

    def test_after_three_attempts_the_last_reason_is_told(self):
        """Nova tries three hosts, even if there are more."""
        cloud = self.start_cloud(hosts=4)
        for host in cloud.hosts:
            self.take_domain_name(host, 'instance-00000001')
        server = cloud.boot(pmem='SMALL', expect='ERROR')
        self.assertThat(server.fault.message, StartsWith(
            'Exceeded maximum number of retries. Exceeded max scheduling attempts 3 for instance '
            f'{server.id}. Last exception: '))

    def take_domain_name(self, host, name):
        """Define a domain of that name: a server's will be refused."""
        connection = libvirt.open(host.uri)
        self.addCleanup(connection.close)
        connection.defineXML(
            f"<domain type='qemu'><name>{name}</name><memory>1024</memory>"
            '<os><type>hvm</type></os></domain>')


class DeleteTest(ServersTestCase):

    def test_a_namespace_is_used_again(self):
        """By the next server that asks for its label."""
        cloud = self.start_cloud(pmem='SMALL:1x4GiB')
        first = cloud.boot(pmem='SMALL')
        namespaces = first.namespaces
        first.delete()
        self.assertEqual(namespaces, cloud.boot(pmem='SMALL').namespaces)

    def test_nothing_is_left(self):
        """No domain, no allocation, no claim, no directory."""
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
        """It is on no host."""
        cloud = self.start_cloud()
        cloud.boot(pmem='HUGE', expect='ERROR').delete()
        self.assertEqual([], cloud.servers)

    def test_to_delete_an_unconfirmed_server_is_to_confirm_it_first(self):
        """The deletion of a server that waits for its resize to be confirmed is two actions."""
        cloud = self.useFixture(CloudFixture())
        server = cloud.boot(pmem='SMALL').resize(pmem='LARGE')
        server.delete()
        self.assertEqual(['create', 'resize', 'confirmResize', 'delete'],
                         [action.action for action in server.actions])

    def test_a_deleted_server_is_not_found(self):
        """Its handle knows that."""
        server = self.start_cloud().boot()
        server.delete()
        self.assertFalse(server.exists)
        self.assertRaises(errors.InstanceNotFound, getattr, server, 'status')


class ResizeTest(ServersTestCase):

    def test_a_migration_holds_what_the_server_had(self):
        """On its source, until the move is confirmed."""
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

    def test_both_sides_are_claimed(self):
        """Old namespaces on the source, new ones on the destination."""
        cloud = self.start_cloud(hosts=2)
        server = cloud.boot(pmem='SMALL')
        source, old = server.host, server.namespaces
        server.resize(pmem='LARGE')
        self.assertEqual(old, server.old_namespaces)
        self.assertClaimed(cloud, source, {server.name: 1})
        self.assertClaimed(cloud, server.host, {server.name: 1})

    def test_the_source_keeps_the_domain_until_confirmed(self):
        """Shut off, so that it can be started again."""
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
        """Through a resize and its confirmation."""
        cloud = self.start_cloud(hosts=2)
        server = cloud.boot(pmem='SMALL').stop().resize(pmem='LARGE')
        self.assertEqual('VERIFY_RESIZE', server.status)
        self.assertEqual('SHUTOFF', server.confirm_resize().status)

    def test_a_stopped_server_is_stopped_again_by_a_revert(self):
        """As it was before."""
        cloud = self.start_cloud(hosts=2)
        server = cloud.boot(pmem='SMALL').stop().resize(pmem='LARGE')
        self.assertEqual('SHUTOFF', server.revert_resize().status)
        self.assertConsistent(cloud)

    def test_without_room_the_server_stays_as_it_is(self):
        """Active, where it was, with what it had."""
        cloud = self.start_cloud(hosts=2)
        server = cloud.boot(pmem='SMALL')
        host = server.host
        error = self.assertRaises(UnexpectedStateError, server.resize, pmem='LARGE,LARGE')
        self.assertIn('No valid host was found.', error.reason)
        self.assertEqual('ACTIVE', server.status)
        self.assertAllocated(server, {'CUSTOM_PMEM_NAMESPACE_SMALL': 1}, host=host)
        self.assertConsistent(cloud)

    def test_a_resize_stays_on_its_host_only_if_allowed(self):
        """Nova's default is that it may not."""
        server = self.start_cloud(hosts=1).boot(pmem='SMALL')
        error = self.assertRaises(UnexpectedStateError, server.resize, pmem='LARGE')
        self.assertIn('No valid host found for resize', error.reason)

    def test_a_cold_migration_goes_where_it_is_told(self):
        """To the named host, and to no other."""
        cloud = self.start_cloud(hosts=3)
        server = cloud.boot(pmem='SMALL', host=cloud.hosts[0])
        wanted = cloud.hosts[2].name
        self.assertEqual(wanted, server.migrate(wanted).host)

    def test_a_cold_migration_to_its_own_host_is_refused(self):
        """That would be none."""
        server = self.start_cloud(hosts=2).boot(pmem='SMALL')
        self.assertRaises(errors.CannotMigrateToSameHost, server.migrate, server.host)

    def test_the_same_flavor_is_refused(self):
        """That would be a migration."""
        server = self.start_cloud(hosts=2).boot(pmem='SMALL')
        self.assertRaises(errors.CannotResizeToSameFlavor, server.resize, pmem='SMALL')

    def shrink(self):
        """A server whose disk has grown and was to shrink a little, and what became of that."""
        cloud = self.start_cloud(hosts=2)
        server = cloud.boot(pmem='SMALL')
        server.resize(flavor=cloud.flavor('SMALL', disk=3)).confirm_resize()
        return server, self.assertRaises(
            UnexpectedStateError, server.resize, flavor=cloud.flavor('SMALL', disk=2))

    def test_a_disk_does_not_shrink(self):
        """The request fails, and says why."""
        _server, error = self.shrink()
        self.assertEqual('Resize error: Unable to resize disk down.', error.reason)

    def test_a_server_whose_disk_does_not_shrink_runs_on(self):
        """Its guest has not been touched."""
        server, _error = self.shrink()
        self.assertEqual(
            ('ACTIVE', PowerState.RUNNING, 'error'),
            (server.status, server.power_state, server.migrations[-1].status))

    def test_a_server_whose_disk_does_not_shrink_holds_nothing_elsewhere(self):
        """The room that was kept for it has been given back."""
        server, _error = self.shrink()
        self.assertEqual([server.host], list(server.allocations))

    def test_a_server_whose_disk_does_not_shrink_has_its_namespaces_once(self):
        """They are not also those of a move that would have to be confirmed."""
        server, _error = self.shrink()
        self.assertEqual((), server.old_namespaces)

    def test_a_same_host_resize_needs_room_for_both(self):
        """Old and new namespaces are held at once."""
        cloud = self.start_cloud(pmem='SMALL:1x4GiB', allow_resize_to_same_host=True)
        server = cloud.boot(pmem='SMALL')
        flavor = cloud.flavor('SMALL', ram=1024)
        self.assertRaises(UnexpectedStateError, server.resize, flavor=flavor)
        self.assertConsistent(cloud)

    def test_cold_migration_keeps_the_flavor(self):
        """On another host, with other namespaces of the same labels."""
        cloud = self.start_cloud(hosts=2)
        server = cloud.boot(pmem='SMALL')
        host, flavor = server.host, server.flavor
        server.migrate().confirm_resize()
        self.assertNotEqual(host, server.host)
        self.assertEqual(flavor, server.flavor)
        self.assertGuestHas(server)
        self.assertConsistent(cloud)


class ShelveTest(ServersTestCase):

    def test_a_shelved_server_is_on_no_host(self):
        """And claims nothing."""
        cloud = self.start_cloud()
        server = cloud.boot(pmem='SMALL').shelve()
        self.assertEqual((None, (), {}), (server.host, server.namespaces, server.allocations))
        self.assertNamespacesFree(cloud, cloud.hosts[0])

    def test_an_unshelved_server_claims_anew(self):
        """On whatever host has the room."""
        cloud = self.start_cloud(hosts=2)
        server = cloud.boot(pmem='SMALL').shelve().unshelve()
        self.assertEqual('ACTIVE', server.status)
        self.assertGuestHas(server)
        self.assertConsistent(cloud)

    def test_without_room_it_stays_shelved(self):
        """Another server has taken its namespace."""
        cloud = self.start_cloud(pmem='SMALL:1x4GiB')
        server = cloud.boot(pmem='SMALL').shelve()
        cloud.boot(pmem='SMALL')
        self.assertRaises(UnexpectedStateError, server.unshelve)
        self.assertEqual('SHELVED_OFFLOADED', server.status)

    def test_it_can_be_shelved_on_its_host(self):
        """When nothing offloads it at once."""
        cloud = self.start_cloud(shelved_offload_time=-1)
        server = cloud.boot(pmem='SMALL').shelve(expect='SHELVED')
        self.assertEqual(cloud.hosts[0].name, server.host)

    def test_one_that_is_on_its_host_is_started_there(self):
        """To unshelve it is to turn it on."""
        server = self.start_cloud(shelved_offload_time=-1).boot(pmem='SMALL')
        self.assertEqual('ACTIVE', server.shelve(expect='SHELVED').unshelve().status)

    def test_one_that_is_on_its_host_can_be_taken_off_it(self):
        """When somebody asks for it."""
        server = self.start_cloud(shelved_offload_time=-1).boot(pmem='SMALL')
        self.assertIsNone(server.shelve(expect='SHELVED').shelve_offload().host)

    def test_one_that_is_on_its_host_goes_to_no_other(self):
        """To name a host for it is refused, and leaves it as it was."""
        cloud = self.start_cloud(shelved_offload_time=-1)
        server = cloud.boot(pmem='SMALL').shelve(expect='SHELVED')
        error = self.assertRaises(
            errors.UnshelveInstanceInvalidState, server.unshelve, cloud.hosts[0])
        self.assertEqual(409, error.status)
        self.assertEqual('SHELVED', server.status)
