"""What a host does wrong, by name, and what becomes of the servers then."""

from __future__ import annotations

import libvirt
from testtools.matchers import Equals, StartsWith

from tests import base
from vpmem_harness.cloud import errors
from vpmem_harness.fixtures.cloud import CloudFixture

PMEM = 'SMALL:2x4GiB,LARGE:1x4GiB'
REFUSED = libvirt.VIR_ERR_OPERATION_FAILED

#: Seconds in which a call reaches the host.
SOON = 30


class FaultsTestCase(base.VPMEMTestCase):

    def start_cloud(self, hosts=1, **options):
        self.cloud = self.useFixture(CloudFixture(hosts=hosts, pmem=PMEM, **options))
        return self.cloud

    def assertNothingLeft(self, host):
        """No domain, no claim and no data on a host, and nothing held of it."""
        self.cloud.settle()
        connection = libvirt.open(host.uri)
        self.addCleanup(connection.close)
        self.assertEqual([], [domain.name() for domain in connection.listAllDomains()])
        self.assertNamespacesFree(self.cloud, host)
        self.assertEqual({}, {name: amount for name, amount
                              in self.cloud.compute(host).usages.items() if amount})
        self.assertTrue(all(host.pmem.contents(one.path).is_zero for one in host.namespaces))


class BootTest(FaultsTestCase):

    def assertBuriedBy(self, fault):
        """A boot under a fault of the only host ends in ERROR, and leaves nothing."""
        [host] = self.cloud.hosts
        with fault:
            server = self.cloud.boot(pmem='SMALL', expect='ERROR')
            self.assertThat(fault.struck, Equals(1))
        self.assertThat(server.fault.message, StartsWith('Exceeded maximum number of retries.'))
        self.assertNothingLeft(host)

    def test_a_start_that_is_refused(self):
        """Leaves nothing."""
        [host] = self.start_cloud().hosts
        self.assertBuriedBy(host.faults.failing('domainCreateWithFlags', REFUSED, times=1))

    def test_a_start_whose_connection_is_cut_before_it(self):
        """Is as one that is refused."""
        [host] = self.start_cloud().hosts
        self.assertBuriedBy(host.faults.dropping('domainCreateWithFlags', times=1))

    def test_a_start_whose_connection_is_cut_after_it(self):
        """The guest runs, and nobody was told: it is ended."""
        [host] = self.start_cloud().hosts
        self.assertBuriedBy(
            host.faults.dropping('domainCreateWithFlags', when='after', times=1))

    def test_a_definition_that_is_refused(self):
        """There is no domain to clean up."""
        [host] = self.start_cloud().hosts
        self.assertBuriedBy(host.faults.failing('domainDefineXML', REFUSED, times=1))

    def test_a_start_that_takes_its_time(self):
        """Is waited for."""
        cloud = self.start_cloud()
        with cloud.hosts[0].faults.slow('domainCreateWithFlags', 0.2) as fault:
            self.assertEqual('ACTIVE', cloud.boot(pmem='SMALL').status)
        self.assertEqual(1, fault.struck)


class ResizeTest(FaultsTestCase):

    def test_a_guest_that_does_not_start_on_the_destination(self):
        """The server is in ERROR there, with the flavor that it had, and what it had is free."""
        cloud = self.start_cloud(hosts=2)
        server = cloud.boot(pmem='SMALL')
        source, flavor = cloud.host(server.host), server.flavor
        [destination] = [host for host in cloud.hosts if host is not source]
        with destination.faults.failing('domainCreateWithFlags', REFUSED, detail='no room'):
            server.resize(pmem='LARGE', expect='ERROR')
        cloud.settle()
        self.assertFault(server, 'libvirtError')
        self.assertIn('no room', server.fault.details)
        self.assertEqual((destination.name, flavor), (server.host, server.flavor))
        self.assertAllocated(server, {'CUSTOM_PMEM_NAMESPACE_LARGE': 1}, host=destination)
        self.assertNotAllocated(server, host=source)
        self.assertClaimed(cloud, destination, {server.name: 1})

    def test_a_revert_whose_guest_does_not_start(self):
        """The server is in ERROR on the source, and so is the move."""
        cloud = self.start_cloud(hosts=2)
        server = cloud.boot(pmem='SMALL')
        source = cloud.host(server.host)
        server.resize(pmem='LARGE')
        with source.faults.failing('domainCreateWithFlags', REFUSED):
            server.revert_resize(expect='ERROR')
        cloud.settle()
        self.assertEqual(source.name, server.host)
        self.assertEqual(['error'], [move.status for move in server.migrations])
        self.assertAllocated(server, {'CUSTOM_PMEM_NAMESPACE_SMALL': 1}, host=source)

    def test_a_start_on_the_destination_that_hangs(self):
        """Both sides are held until it goes on."""
        cloud = self.start_cloud(hosts=2)
        server = cloud.boot(pmem='SMALL')
        source = server.host
        [destination] = [host for host in cloud.hosts if host.name != source]
        with destination.faults.hanging('domainCreateWithFlags') as hang:
            server.resize(pmem='LARGE', expect=None)
            hang.wait_until_reached(SOON)
            self.assertEqual('resize_finish', server.task_state)
            self.assertClaimed(cloud, source, {server.name: 1})
            self.assertClaimed(cloud, destination, {server.name: 1})
        self.assertEqual('VERIFY_RESIZE', server.wait_for('VERIFY_RESIZE').status)
        self.assertConsistent(cloud)

    def test_a_guest_that_cannot_be_turned_off(self):
        """The server is in ERROR where it was, and holds what it had and nothing else."""
        cloud = self.start_cloud(hosts=2)
        server = cloud.boot(pmem='SMALL')
        source, namespaces = cloud.host(server.host), server.namespaces
        [destination] = [host for host in cloud.hosts if host is not source]
        with (source.faults.failing('domainShutdown', REFUSED),
              source.faults.failing('domainDestroy', REFUSED)):
            server.resize(pmem='LARGE', expect='ERROR')
        cloud.settle()
        self.assertEqual((source.name, namespaces), (server.host, server.namespaces))
        self.assertAllocated(server, {'CUSTOM_PMEM_NAMESPACE_SMALL': 1}, host=source)
        self.assertNotAllocated(server, host=destination)
        for host in cloud.hosts:
            cloud.compute(host).run_periodic_tasks()
        self.assertNamespacesFree(cloud, destination)
        self.assertConsistent(cloud)


class DeleteTest(FaultsTestCase):

    def assertDeletedAfter(self, fault, text):
        """A delete under a fault ends in ERROR with a text, and once more in nothing."""
        [host] = self.cloud.hosts
        [server] = self.cloud.servers
        with fault:
            server.delete(expect='ERROR')
        self.assertFault(server, text)
        self.assertClaimed(self.cloud, host, {server.name: 1})
        server.delete()
        self.assertNothingLeft(host)

    def test_a_guest_that_cannot_be_ended(self):
        """Its namespace is not given back before it is."""
        cloud = self.start_cloud()
        cloud.boot(pmem='SMALL')
        self.assertDeletedAfter(
            cloud.hosts[0].faults.failing('domainDestroy', REFUSED), 'libvirtError')

    def test_a_guest_that_does_not_end_in_time(self):
        """Nova has words of its own for that."""
        cloud = self.start_cloud()
        cloud.boot(pmem='SMALL')
        self.assertDeletedAfter(
            cloud.hosts[0].faults.failing('domainDestroy', libvirt.VIR_ERR_OPERATION_TIMEOUT),
            'Failed to power off instance: operation time out')

    def test_a_configuration_that_is_not_removed_with_flags(self):
        """Is removed without."""
        cloud = self.start_cloud()
        server = cloud.boot(pmem='SMALL')
        with cloud.hosts[0].faults.failing('domainUndefineFlags', REFUSED):
            server.delete()
        self.assertNothingLeft(cloud.hosts[0])

    def test_a_daxio_that_fails(self):
        """The namespace stays claimed with the data on it."""
        cloud = self.start_cloud()
        cloud.boot(pmem='SMALL')
        self.assertDeletedAfter(
            cloud.hosts[0].faults.tool_failing('daxio', text='no'),
            'Failed to clean up the vpmem backend device /dev/dax')

    def test_a_daxio_that_is_absent(self):
        """The system's own is never run in its place."""
        cloud = self.start_cloud()
        cloud.boot(pmem='SMALL')
        self.assertDeletedAfter(
            cloud.hosts[0].faults.tool_absent('daxio'),
            'Failed to clean up the vpmem backend device /dev/dax')


class PowerTest(FaultsTestCase):

    def boot(self, **options):
        self.start_cloud(**options)
        return self.cloud.boot(pmem='SMALL')

    def assertStays(self, status, ask, procedure, text='libvirtError'):
        """What is asked while a procedure fails leaves the server in a status, with an error."""
        [server] = self.cloud.servers
        with self.cloud.hosts[0].faults.failing(procedure, REFUSED, 'no room'):
            ask()
            self.cloud.settle()
        self.assertEqual(status, server.status)
        action = server.actions[-1]
        self.assertEqual('Error', action.message)
        self.assertIn(text, action.events[-1].details)

    def domains(self):
        connection = libvirt.open(self.cloud.hosts[0].uri)
        self.addCleanup(connection.close)
        return connection.listAllDomains()

    def test_a_guest_that_shuts_down_and_cannot_be_ended(self):
        """The server counts as what it was."""
        server = self.boot()
        self.assertStays('ACTIVE', lambda: server.stop(expect=None), 'domainDestroy')

    def test_a_guest_that_does_not_start_again(self):
        """The server is off, and has no domain; its next start makes one."""
        server = self.boot().stop()
        self.assertStays('SHUTOFF', lambda: server.start(expect=None), 'domainCreateWithFlags')
        self.assertEqual([], self.domains())
        self.assertEqual('ACTIVE', server.start().status)

    def test_a_server_that_is_taken_off_its_host_without_its_domain(self):
        """Its power state is not known."""
        server = self.boot(shelved_offload_time=-1).shelve(expect='SHELVED')
        self.assertStays('SHELVED', lambda: server.unshelve(expect=None), 'domainDefineXML')
        self.assertEqual('NOSTATE', server.shelve_offload().power_state.name)

    def test_a_hard_reboot_of_a_guest_that_cannot_be_ended(self):
        """It runs on, and its server is left in peace."""
        server = self.boot()
        with self.cloud.hosts[0].faults.failing('domainDestroy', REFUSED) as fault:
            server.reboot(hard=True)
        self.assertEqual(1, fault.struck)
        self.assertEqual('ACTIVE', server.status)

    def test_a_soft_reboot_whose_guest_does_not_start(self):
        """Is tried as a hard one, which begins with a new domain."""
        server = self.boot()
        with self.cloud.hosts[0].faults.failing(
                'domainCreateWithFlags', REFUSED, times=1) as fault:
            server.reboot()
        self.assertEqual(1, fault.struck)
        self.assertEqual('ACTIVE', server.status)

    def test_a_rescue_whose_guest_does_not_start(self):
        """Is told in Nova's words."""
        server = self.boot()
        self.assertStays('ERROR', lambda: server.rescue(expect=None), 'domainCreateWithFlags',
                         'cannot be rescued: Driver Error: operation failed: no room')


class StartTest(FaultsTestCase):

    def assertNotStarted(self, fault, kind, text):
        """A compute service does not start under a fault, says why, and does when it is over."""
        cloud = self.start_cloud()
        compute = cloud.compute(cloud.hosts[0])
        with fault(cloud.hosts[0].faults):
            error = self.assertRaises(kind, compute.restart)
        self.assertIn(text, str(error))
        self.assertFalse(compute.is_up)
        compute.start()
        self.assertEqual('ACTIVE', cloud.boot(pmem='SMALL').status)

    def test_an_ndctl_that_fails(self):
        """Its text is in the error."""
        self.assertNotStarted(
            lambda faults: faults.tool_failing('ndctl', 'list', text='no such bus'),
            errors.GetPMEMNamespacesFailed, 'no such bus')

    def test_an_ndctl_that_is_cut_short(self):
        """Half a listing is none."""
        self.assertNotStarted(
            lambda faults: faults.tool_cut_short('ndctl', 'list'),
            errors.NovaException, 'JSONDecodeError: Expecting')
