"""Faults of a host, and the state of its servers afterwards."""

from __future__ import annotations

import libvirt
from testtools.matchers import Equals, MismatchError, StartsWith

from tests.functional.nova_defects import defect_of_nova
from tests.shared_clouds import CloudTestCase
from vpmem_harness.cloud import errors

PMEM = 'SMALL:2x4GiB,LARGE:1x4GiB'
REFUSED = libvirt.VIR_ERR_OPERATION_FAILED

#: Timeout in seconds for a call to reach the host.
SOON = 30


class FaultsTestCase(CloudTestCase):

    def start_cloud(self, hosts=1, pmem=PMEM, **options):
        return super().start_cloud(hosts, pmem, **options)

    def assertNothingLeft(self, host):
        """Check that a host has no domain, claim, data or usage."""
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
        """Check that a boot under a fault of the only host ends in ERROR and leaves nothing."""
        [host] = self.cloud.hosts
        with fault:
            server = self.cloud.boot(pmem='SMALL', expect='ERROR')
            self.assertThat(fault.struck, Equals(1))
        self.assertThat(server.fault.message, StartsWith('Exceeded maximum number of retries.'))
        self.assertNothingLeft(host)

    def test_a_start_that_is_refused(self):
        """A refused start leaves nothing on the host."""
        [host] = self.start_cloud().hosts
        self.assertBuriedBy(host.faults.failing('domainCreateWithFlags', REFUSED, times=1))

    def test_a_start_whose_connection_is_cut_before_it(self):
        """A connection dropped before the start has the same effect as a refusal."""
        [host] = self.start_cloud().hosts
        self.assertBuriedBy(host.faults.dropping('domainCreateWithFlags', times=1))

    def test_a_start_whose_connection_is_cut_after_it(self):
        """A guest whose start was carried out but not acknowledged is destroyed."""
        [host] = self.start_cloud().hosts
        self.assertBuriedBy(
            host.faults.dropping('domainCreateWithFlags', when='after', times=1))

    def test_a_definition_that_is_refused(self):
        """A refused definition leaves no domain to clean up."""
        [host] = self.start_cloud().hosts
        self.assertBuriedBy(host.faults.failing('domainDefineXML', REFUSED, times=1))

    def test_a_slow_start(self):
        """A boot waits for a slow start."""
        cloud = self.start_cloud()
        with cloud.hosts[0].faults.slow('domainCreateWithFlags', 0.2) as fault:
            self.assertEqual('ACTIVE', cloud.boot(pmem='SMALL').status)
        self.assertEqual(1, fault.struck)


class ResizeTest(FaultsTestCase):

    def test_a_guest_that_does_not_start_on_the_destination(self):
        """The server is in ERROR on the destination and has no old claim."""
        cloud = self.start_cloud(hosts=2)
        server = cloud.boot(pmem='SMALL')
        source = cloud.host(server.host)
        [destination] = [host for host in cloud.hosts if host is not source]
        with destination.faults.failing('domainCreateWithFlags', REFUSED, detail='no room'):
            server.resize(pmem='LARGE', expect='ERROR')
        cloud.settle()
        self.assertFault(server, 'libvirtError')
        self.assertIn('no room', server.fault.details)
        self.assertEqual(destination.name, server.host)
        self.assertAllocated(server, {'CUSTOM_PMEM_NAMESPACE_LARGE': 1}, host=destination)
        self.assertNotAllocated(server, host=source)
        self.assertClaimed(cloud, destination, {server.name: 1})

    @defect_of_nova(
        'recovered-resize', MismatchError,
        r"\['/dev/dax\d+\.\d+'\] != \[\]: the NVDIMMs of server1")
    def test_a_hard_reboot_after_a_resize_that_failed_on_the_destination(self):
        """The guest gets the namespaces of the new flavor."""
        cloud = self.start_cloud(hosts=2)
        source, destination = cloud.hosts
        server = cloud.boot(pmem='SMALL', host=source)
        with destination.faults.failing('domainCreateWithFlags', REFUSED):
            server.resize(pmem='LARGE', expect='ERROR')
        cloud.settle()
        server.reboot(hard=True)
        self.assertEqual(['LARGE'], [one.label for one in server.namespaces])
        self.assertGuestHas(server)

    def test_a_failed_resize_does_not_claim_what_another_server_then_moves_from(self):
        """The source's namespace is claimed for the server that has it since."""
        cloud = self.start_cloud(hosts=2)
        source, destination = cloud.hosts
        first = cloud.boot(pmem='LARGE', host=source)
        [large] = first.namespaces
        with destination.faults.failing('domainCreateWithFlags', REFUSED):
            first.resize(pmem='SMALL', expect='ERROR')
        cloud.settle()
        cloud.compute(source).run_periodic_tasks()
        second = cloud.boot(pmem='LARGE', host=source)
        second.resize(pmem='SMALL')
        self.assertEqual(second.id, cloud.compute(source).assigned_namespaces[large.name])

    def test_a_server_without_a_domain(self):
        """It stays on its host in ERROR, because its disks are not known."""
        cloud = self.start_cloud(hosts=2)
        server = cloud.boot(pmem='SMALL').stop()
        source = cloud.host(server.host)
        source.connection.lookupByUUIDString(server.id).undefine()
        server.resize(pmem='LARGE', expect='ERROR')
        cloud.settle()
        self.assertEqual((source.name, ['error']),
                         (server.host, [move.status for move in server.migrations]))
        self.assertAllocated(server, {'CUSTOM_PMEM_NAMESPACE_SMALL': 1}, host=source)

    def test_a_revert_whose_guest_does_not_start(self):
        """The server is in ERROR on the source, and the migration has failed."""
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

    def test_a_hanging_start_on_the_destination(self):
        """Both hosts keep their claims while the start on the destination hangs."""
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

    def test_a_guest_that_cannot_be_powered_off(self):
        """The server is in ERROR on its host with its old claim, and the destination has none."""
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
        """Check that a delete under a fault ends in ERROR, and that a second delete succeeds."""
        [host] = self.cloud.hosts
        [server] = self.cloud.servers
        with fault:
            server.delete(expect='ERROR')
        self.assertFault(server, text)
        self.assertClaimed(self.cloud, host, {server.name: 1})
        server.delete()
        self.assertNothingLeft(host)

    def test_a_guest_that_cannot_be_destroyed(self):
        """The namespace stays claimed until the guest is destroyed."""
        cloud = self.start_cloud()
        cloud.boot(pmem='SMALL')
        self.assertDeletedAfter(
            cloud.hosts[0].faults.failing('domainDestroy', REFUSED), 'libvirtError')

    def test_a_guest_whose_destroy_times_out(self):
        """The fault message of a timeout is Nova's own."""
        cloud = self.start_cloud()
        cloud.boot(pmem='SMALL')
        self.assertDeletedAfter(
            cloud.hosts[0].faults.failing('domainDestroy', libvirt.VIR_ERR_OPERATION_TIMEOUT),
            'Failed to power off instance: operation time out')

    def test_a_configuration_that_cannot_be_undefined_with_flags(self):
        """A domain that cannot be undefined with flags is undefined without them."""
        cloud = self.start_cloud()
        server = cloud.boot(pmem='SMALL')
        with cloud.hosts[0].faults.failing('domainUndefineFlags', REFUSED):
            server.delete()
        self.assertNothingLeft(cloud.hosts[0])

    def test_a_failing_daxio(self):
        """A namespace that daxio fails to wipe stays claimed with its data."""
        cloud = self.start_cloud()
        cloud.boot(pmem='SMALL')
        self.assertDeletedAfter(
            cloud.hosts[0].faults.tool_failing('daxio', text='no'),
            'Failed to clean up the vpmem backend device /dev/dax')

    def test_a_missing_daxio(self):
        """A delete without the simulated daxio fails; the system's daxio is never used."""
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
        """Check the error and the server's status after a request whose procedure fails."""
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

    def test_a_guest_that_shuts_down_and_cannot_be_destroyed(self):
        """A server whose stop fails stays ACTIVE."""
        server = self.boot()
        self.assertStays('ACTIVE', lambda: server.stop(expect=None), 'domainDestroy')

    def test_a_guest_that_does_not_start_again(self):
        """A failed start leaves the server off without a domain, and the next start defines one."""
        server = self.boot().stop()
        self.assertStays('SHUTOFF', lambda: server.start(expect=None), 'domainCreateWithFlags')
        self.assertEqual([], self.domains())
        self.assertEqual('ACTIVE', server.start().status)

    def test_a_shelve_of_a_server_without_a_domain(self):
        """No image can be made of it, so the server stays off on its host."""
        server = self.boot().stop()
        [domain] = self.domains()
        domain.undefine()
        server.shelve(expect=None)
        self.cloud.settle()
        self.assertEqual(('SHUTOFF', self.cloud.hosts[0].name), (server.status, server.host))
        self.assertEqual(f'Instance {server.id} is not running.',
                         server.actions[-1].events[-1].details)

    def test_a_resume_of_a_server_without_a_domain(self):
        """The guest boots anew, because its saved memory has gone with its domain."""
        server = self.boot().suspend()
        [domain] = self.domains()
        domain.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE)
        server.resume()
        self.assertEqual(('ACTIVE', 'RUNNING'), (server.status, server.power_state.name))

    def test_an_offload_of_a_server_without_a_domain(self):
        """A server offloaded without a domain has no known power state."""
        server = self.boot(shelved_offload_time=-1).shelve(expect='SHELVED')
        self.assertStays('SHELVED', lambda: server.unshelve(expect=None), 'domainDefineXML')
        self.assertEqual('NOSTATE', server.shelve_offload().power_state.name)

    def test_a_hard_reboot_of_a_guest_that_cannot_be_destroyed(self):
        """The guest keeps running, and its server stays ACTIVE."""
        server = self.boot()
        with self.cloud.hosts[0].faults.failing('domainDestroy', REFUSED) as fault:
            server.reboot(hard=True)
        self.assertEqual(1, fault.struck)
        self.assertEqual('ACTIVE', server.status)

    def test_a_soft_reboot_whose_guest_does_not_start(self):
        """A soft reboot whose start fails falls back to a hard reboot with a new domain."""
        server = self.boot()
        with self.cloud.hosts[0].faults.failing(
                'domainCreateWithFlags', REFUSED, times=1) as fault:
            server.reboot()
        self.assertEqual(1, fault.struck)
        self.assertEqual('ACTIVE', server.status)

    def test_a_rescue_whose_guest_does_not_start(self):
        """A failed rescue is reported with Nova's message."""
        server = self.boot()
        self.assertStays('ERROR', lambda: server.rescue(expect=None), 'domainCreateWithFlags',
                         'cannot be rescued: Driver Error: operation failed: no room')


class StartTest(FaultsTestCase):

    def assertNotStarted(self, fault, kind, text):
        """Check that a compute service fails to start under a fault, and starts after it."""
        cloud = self.start_cloud()
        compute = cloud.compute(cloud.hosts[0])
        with fault(cloud.hosts[0].faults):
            error = self.assertRaises(kind, compute.restart)
        self.assertIn(text, str(error))
        self.assertFalse(compute.is_up)
        compute.start()
        self.assertEqual('ACTIVE', cloud.boot(pmem='SMALL').status)

    def test_a_failing_ndctl(self):
        """The error contains ndctl's message."""
        self.assertNotStarted(
            lambda faults: faults.tool_failing('ndctl', 'list', text='no such bus'),
            errors.GetPMEMNamespacesFailed, 'no such bus')

    def test_a_truncated_ndctl_listing(self):
        """A truncated listing is rejected as invalid JSON."""
        self.assertNotStarted(
            lambda faults: faults.tool_cut_short('ndctl', 'list'),
            errors.NovaException, 'JSONDecodeError: Expecting')
