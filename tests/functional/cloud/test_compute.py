"""Start, stop, failure and return of compute services."""

from __future__ import annotations

import threading

import libvirt
from fixtures import EnvironmentVariable

from tests import base
from tests.functional.nova_defects import defect_of_nova
from vpmem_harness import conf
from vpmem_harness.cloud import errors
from vpmem_harness.cloud.waiting import UnexpectedStateError
from vpmem_harness.fixtures.cloud import CloudFixture
from vpmem_harness.fixtures.host import HostFixture
from vpmem_harness.fixtures.inventory import InventoryFixture

PMEM = 'SMALL:2x4GiB,LARGE:1x16GiB'


class ComputeTest(base.VPMEMTestCase):

    def start_cloud(self, hosts=1, pmem=PMEM, **options):
        self.cloud = self.useFixture(CloudFixture(hosts=hosts, pmem=pmem, **options))
        return self.cloud

    def test_inventory_counts_namespaces(self):
        """The inventory of a label counts its namespaces, in units of one."""
        cloud = self.start_cloud()
        inventory = cloud.inventories(cloud.hosts[0])['CUSTOM_PMEM_NAMESPACE_SMALL']
        self.assertEqual(
            (2, 2, 1, 1, 0, 1.0), (
                inventory.total, inventory.max_unit, inventory.min_unit, inventory.step_size,
                inventory.reserved, inventory.allocation_ratio))

    def test_the_tools_run_as_root(self):
        """A compute service has its privileges even if the test has removed its own."""
        self.useFixture(EnvironmentVariable('VPMEM_HARNESS_AS_USER', '1'))
        server = self.start_cloud().boot(pmem='SMALL')
        self.assertEqual(['SMALL'], [device.label for device in server.namespaces])

    def test_inventory_has_what_libvirt_reports(self):
        """The inventory has the host's CPUs and memory, with Nova's ratios and reservation."""
        cloud = self.start_cloud()
        [host] = cloud.hosts
        connection = libvirt.open(host.uri)
        self.addCleanup(connection.close)
        _, memory, cpus, *_ = connection.getInfo()
        inventories = cloud.inventories(host)
        self.assertEqual((cpus, 4.0), (
            inventories['VCPU'].total, inventories['VCPU'].allocation_ratio))
        self.assertEqual((memory, 512), (
            inventories['MEMORY_MB'].total, inventories['MEMORY_MB'].reserved))

    def test_claims_survive_a_restart(self):
        """A restarted service reads its claims back, and the guest keeps running."""
        cloud = self.start_cloud(pmem='SMALL:2x4GiB')
        server = cloud.boot(pmem='SMALL')
        namespaces = server.namespaces
        cloud.compute(server.host).restart()
        self.assertEqual(namespaces, server.namespaces)
        self.assertClaimed(cloud, server.host, {server.name: 1})
        cloud.boot(pmem='SMALL')
        self.assertConsistent(cloud)

    def test_an_unconfirmed_resize_survives_restarts_of_both_services(self):
        """A resize can be reverted after the services of both hosts were restarted."""
        cloud = self.start_cloud(hosts=2)
        server = cloud.boot(pmem='SMALL').resize(pmem='LARGE')
        for host in cloud.hosts:
            cloud.compute(host).restart()
            self.assertClaimed(cloud, host, {server.name: 1})
        server.revert_resize()
        self.assertConsistent(cloud)

    def test_a_claim_follows_its_namespace_through_a_renumbering_reboot(self):
        """A claim survives a reboot that renumbers devices: the guest gets the new device path.

        The periodic power state synchronization notices that the guests are off.
        """
        # With this many namespaces of one size the reboot renumbers the claimed one.
        host = self.useFixture(HostFixture(pmem='SMALL:12x256MiB'))
        cloud = self.useFixture(CloudFixture(hosts=[host]))
        server = cloud.boot(pmem='SMALL')
        [claimed] = server.namespaces
        compute = cloud.compute(host.name)
        compute.stop()
        host.reboot()
        compute.start()
        self.assertEqual('ACTIVE', server.status)
        compute.run_periodic_tasks()
        self.assertEqual('SHUTOFF', server.status)
        server.start()
        self.assertEqual([claimed.name], [one.name for one in server.namespaces])
        [now] = [one.path for one in host.namespaces if one.name == claimed.name]
        self.assertNotEqual(claimed.devpath, now)
        self.assertEqual([now], self.nvdimm_paths(server))
        self.assertClaimed(cloud, host.name, {server.name: 1})

    def test_a_configuration_with_an_unknown_namespace_prevents_the_start(self):
        """A service whose configuration names an unknown namespace fails to start."""
        cloud = self.start_cloud()
        compute = cloud.compute(cloud.hosts[0])
        error = self.assertRaises(
            errors.PMEMNamespaceConfigInvalid, compute.restart, ['SMALL:ns_0|nowhere'])
        self.assertIn("The PMEM namespace nowhere isn't on host", str(error))
        self.assertFalse(compute.is_up)

    def test_a_missing_ndctl_prevents_the_start(self):
        """A service without the simulated ndctl fails to start: the system's is never used."""
        cloud = self.start_cloud()
        [host] = cloud.hosts
        (host.bin_dir / 'ndctl').unlink()
        compute = cloud.compute(host)
        error = self.assertRaises(errors.GetPMEMNamespacesFailed, compute.restart)
        self.assertIn("No such file or directory: 'ndctl'", str(error))

    def test_a_namespace_removed_from_the_configuration_stays_claimed(self):
        """The claims stay when Placement's inventory drops below what is allocated."""
        cloud = self.start_cloud(pmem='SMALL:2x4GiB')
        first, second = cloud.boot(pmem='SMALL'), cloud.boot(pmem='SMALL')
        kept = first.namespaces[0].name
        cloud.compute(first.host).restart([f'SMALL:{kept}'])
        self.assertEqual(
            1, cloud.inventories(first.host)['CUSTOM_PMEM_NAMESPACE_SMALL'].total)
        self.assertClaimed(cloud, first.host, {first.name: 1, second.name: 1})

    @defect_of_nova(
        'relabelled-namespace', UnexpectedStateError,
        "server 'server2' is ACTIVE, expected ERROR; seen: .*")
    def test_a_claimed_namespace_with_a_new_label_is_not_claimed_again(self):
        """The compute service refuses a second claim although Placement shows a free namespace."""
        cloud = self.start_cloud(pmem='SMALL:2x4GiB')
        server = cloud.boot(pmem='SMALL')
        claimed = server.namespaces[0].name
        [other] = {'ns_0', 'ns_1'} - {claimed}
        cloud.compute(server.host).restart([f'LARGE:{claimed}', f'SMALL:{other}'])
        refused = cloud.boot(pmem='LARGE', expect='ERROR')
        self.assertFault(refused, 'Exhausted all hosts available')

    @defect_of_nova(
        'removed-namespace', UnexpectedStateError,
        r"server 'server2' is ERROR, expected DELETED: KeyError; seen: .*")
    def test_a_server_on_a_removed_namespace_can_be_deleted(self):
        """Deleting a server wipes its namespace even after the configuration dropped it."""
        cloud = self.start_cloud(pmem='SMALL:2x4GiB')
        first, second = cloud.boot(pmem='SMALL'), cloud.boot(pmem='SMALL')
        cloud.compute(first.host).restart([f'SMALL:{first.namespaces[0].name}'])
        namespaces = second.namespaces
        second.delete()
        self.assertWiped(cloud.hosts[0], namespaces)

    def test_a_stopped_service_is_not_scheduled_to(self):
        """A boot fails when the only host has room but its service is down."""
        cloud = self.start_cloud()
        cloud.compute(cloud.hosts[0]).stop()
        server = cloud.boot(pmem='SMALL', expect='ERROR')
        self.assertFault(server, 'There are not enough hosts available.')

    def test_a_server_is_deleted_while_its_host_is_down(self):
        """A host cleans up a server deleted during its downtime after its service has returned."""
        cloud = self.start_cloud(pmem='SMALL:1x4GiB')
        [host] = cloud.hosts
        server = cloud.boot(pmem='SMALL')
        namespaces = server.namespaces
        cloud.compute(host).stop()
        server.delete()
        cloud.compute(host).start()
        cloud.compute(host).run_periodic_tasks()
        self.assertWiped(host, namespaces)
        cloud.boot(pmem='SMALL')
        self.assertConsistent(cloud)

    def test_a_request_to_a_stopped_service_runs_when_it_returns(self):
        """A stop sent while the service is down stays queued until the service starts."""
        cloud = self.start_cloud()
        server = cloud.boot(pmem='SMALL')
        compute = cloud.compute(server.host)
        compute.stop()
        server.stop(expect=None)
        self.assertEqual('powering-off', server.task_state)
        compute.start()
        self.assertEqual('SHUTOFF', server.wait_for('SHUTOFF').status)

    def test_inventories_instead_of_hosts(self):
        """A cloud builds one host from each inventory it gets."""
        inventory = self.useFixture(InventoryFixture(pmem='SMALL:1x4GiB'))
        cloud = self.useFixture(CloudFixture(hosts=[inventory]))
        self.assertEqual('ACTIVE', cloud.boot(pmem='SMALL').status)


class FixtureTest(base.VPMEMTestCase):

    def test_no_thread_remains(self):
        """A cloud leaves no thread behind after its cleanup."""
        before = set(threading.enumerate())
        with CloudFixture(hosts=2) as cloud:
            cloud.boot(pmem='SMALL').delete()
        self.assertEqual(set(), set(threading.enumerate()) - before)

    def test_the_seed_replays_a_cloud(self):
        """Two clouds of the same seed have the same identifiers and claims."""
        if conf.load().backend == 'nova':
            self.skipTest('Nova draws identifiers of its own')
        def run():
            with CloudFixture(hosts=2, seed=11) as cloud:
                server = cloud.boot(pmem='SMALL')
                return server.id, server.host.rstrip('0123456789'), [
                    one.name for one in server.namespaces]
        self.assertEqual(run(), run())

    def test_the_details_of_a_failure(self):
        """The details contain the seed, and the transcript has a line for each request."""
        cloud = self.useFixture(CloudFixture(hosts=1, seed=11))
        cloud.boot(pmem='SMALL').stop()
        self.assertIn('server1: stop: compute_stop_instance Success', cloud.transcript())
        self.assertEqual('11', cloud.getDetails()['cloud-seed'].as_text())

    def test_many_idle_hosts_have_few_threads(self):
        """An idle compute service has no thread of its own."""
        before = threading.active_count()
        self.useFixture(CloudFixture(hosts=6, pmem='SMALL:1x4GiB'))
        self.assertLess(threading.active_count() - before, 4)
