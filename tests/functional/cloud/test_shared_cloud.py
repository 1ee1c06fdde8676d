"""A cloud shared by several tests, which is reset after each of them."""

from __future__ import annotations

import libvirt
import testresources

from tests import base
from vpmem_harness import testcase
from vpmem_harness.cloud.cloud import Cloud
from vpmem_harness.cloud.reset import ResetError
from vpmem_harness.fixtures import CloudResource, SharedCloud
from vpmem_harness.hardware import Hardware

PMEM = 'SMALL:2x4GiB,LARGE:1x16GiB'

DEFINITION = ("<secret ephemeral='no' private='no'><usage type='volume'><volume>/secret</volume>"
              '</usage></secret>')


class SharedCloudTest(testcase.VPMEMTestCase):
    """Each test changes the cloud and checks it as the next test would get it.

    These tests do not check for leaks of their own: the shared cloud outlives them, and starts
    threads and opens connections when it needs them.
    """

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.shared = SharedCloud.of_class(cls, hosts=2, pmem=PMEM)

    def setUp(self) -> None:
        super().setUp()
        with self.shared as lease:
            self.cloud = lease.cloud
            self.paths = self.devices()

    def devices(self) -> list[str | None]:
        return [one.path for host in self.cloud.hosts for one in host.namespaces]

    def assertLikeNew(self, cloud: Cloud) -> None:
        """Check that the cloud is the same one, without anything of the previous test."""
        self.assertIs(self.cloud, cloud)
        self.assertEqual([], cloud.servers)
        self.assertEqual(self.paths, self.devices())
        for host in cloud.hosts:
            self.assertEqual([], list(host.faults.calls))
            self.assertEqual([], list(host.faults.in_force))
            self.assertTrue(cloud.compute(host).is_up)
            self.assertNamespacesFree(cloud, host)
            self.assertEqual([], [
                one.path for one in host.namespaces if host.pmem.contents(one.path).writers])
        server = cloud.boot(pmem='LARGE')
        self.assertEqual('server1', server.name)
        self.assertEqual([server.name], [
            line.split()[0] for line in cloud.transcript().splitlines() if ' is ACTIVE' in line])

    def test_servers_and_flavors_are_removed(self) -> None:
        """A reset removes servers, an unconfirmed resize and a flavor."""
        with self.shared as lease:
            lease.cloud.boot(flavor=lease.cloud.flavor('SMALL', name='mine'))
            lease.cloud.boot(pmem='SMALL').resize(pmem='LARGE')
        with self.shared as lease:
            self.assertEqual([], lease.cloud.backend.migrations())
            lease.cloud.flavor('LARGE', name='mine')
            self.assertLikeNew(lease.cloud)

    def test_faults_are_removed(self) -> None:
        """A reset releases a hanging build and starts a stopped daemon."""
        with self.shared as lease:
            first, second = lease.cloud.hosts
            hang = first.faults.hanging('domainCreateWithFlags')
            lease.cloud.boot(pmem='SMALL', host=first, expect=None)
            hang.wait_until_reached()
            second.faults.kill_daemon()
        with self.shared as lease:
            self.assertLikeNew(lease.cloud)

    def test_devices_and_configuration_are_restored(self) -> None:
        """A reset restores device numbers and the configuration of services."""
        with self.shared as lease:
            first, second = lease.cloud.hosts
            lease.cloud.boot(pmem='SMALL', host=first)
            first.reboot()
            lease.cloud.compute(second).restart('OTHER:ns_0')
            second.as_user = True
            lease.cloud.compute(first).kill()
        with self.shared as lease:
            self.assertFalse(lease.cloud.hosts[1].as_user)
            self.assertLikeNew(lease.cloud)

    def test_hardware_is_restored(self) -> None:
        """A reset gives a host its hardware back."""
        with self.shared as lease:
            host = lease.cloud.hosts[0]
            before = host.hardware
            with host.faults.daemon_down():
                host.hardware = Hardware.uniform(cells=2, cores=2)
        with self.shared as lease:
            self.assertEqual(before, host.hardware)
            self.assertLikeNew(lease.cloud)

    def test_changes_by_clients_are_undone(self) -> None:
        """A reset restores a destroyed namespace and removes what a client defined."""
        with self.shared as lease:
            host = lease.cloud.hosts[0]
            host.run('ndctl', 'destroy-namespace', '--force', host.namespaces[0].dev)
            connection = libvirt.open(host.uri)
            connection.secretDefineXML(DEFINITION)
            connection.close()
        with self.shared as lease:
            connection = libvirt.open(lease.cloud.hosts[0].uri)
            self.assertEqual([], connection.listAllSecrets())
            connection.close()
            lease.cloud.hosts[0].faults.forget_calls()
            self.assertLikeNew(lease.cloud)



class BrokenCloudTest(base.VPMEMTestCase):

    def test_a_failed_reset(self) -> None:
        """A failed reset raises an error, and the next test gets a new cloud."""
        shared = SharedCloud(hosts=1, backend='stub')
        self.addCleanup(shared.close)
        broken = shared.cloud

        def use() -> None:
            with shared as lease:
                lease.cloud.hosts[0].faults.at('connectGetHostname', lambda: 1 / 0)
                connection = libvirt.open(lease.cloud.hosts[0].uri)
                connection.getHostname()
                connection.close()

        self.assertRaises(ResetError, use)
        with shared as lease:
            self.assertIsNot(broken, lease.cloud)
            self.assertEqual('ACTIVE', lease.cloud.boot(pmem='SMALL').status)


class CloudResourceTest(base.TestCase):

    def test_the_tests_of_a_suite_share_a_cloud(self) -> None:
        """The tests share one cloud, get it without servers, and the last one closes it."""
        clouds = []

        class Resourced(testresources.ResourcedTestCase):
            resources = [('cloud', CloudResource(hosts=1, pmem='SMALL:1x4GiB'))]

            def test_first(self) -> None:
                clouds.append(self.cloud)
                self.cloud.boot(pmem='SMALL')

            test_second = test_first

        suite = testresources.OptimisingTestSuite([
            Resourced('test_first'), Resourced('test_second')])
        result = base.testtools.TestResult()
        suite.run(result)
        self.assertEqual(([], []), (result.errors, result.failures))
        self.assertEqual(1, len({id(cloud) for cloud in clouds}))
        self.assertNotIn('backend', vars(clouds[0]))
