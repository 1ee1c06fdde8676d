"""A cloud that several tests use, and what is left of each of them: nothing."""

from __future__ import annotations

import libvirt
import testresources

from tests import base
from vpmem_harness import testcase
from vpmem_harness.cloud.cloud import Cloud
from vpmem_harness.cloud.reset import ResetError
from vpmem_harness.fixtures import CloudResource, SharedCloud

PMEM = 'SMALL:2x4GiB,LARGE:1x16GiB'

DEFINITION = ("<secret ephemeral='no' private='no'><usage type='volume'><volume>/secret</volume>"
              '</usage></secret>')


class SharedCloudTest(testcase.VPMEMTestCase):
    """Each test leaves a mess, and looks at the cloud as the next test finds it.

    The tests do not prove that they leave nothing: their cloud stays, and it starts threads and
    opens connections when it needs them.
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
        """The cloud is the same one, and nothing of the previous test is there."""
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

    def test_servers_and_flavors(self) -> None:
        """A server, one that was resized and not confirmed, and a flavor are gone."""
        with self.shared as lease:
            lease.cloud.boot(flavor=lease.cloud.flavor('SMALL', name='mine'))
            lease.cloud.boot(pmem='SMALL').resize(pmem='LARGE')
        with self.shared as lease:
            self.assertEqual([], lease.cloud.backend.migrations())
            lease.cloud.flavor('LARGE', name='mine')
            self.assertLikeNew(lease.cloud)

    def test_faults(self) -> None:
        """A build that hangs goes on, and a daemon that is down is started."""
        with self.shared as lease:
            first, second = lease.cloud.hosts
            hang = first.faults.hanging('domainCreateWithFlags')
            lease.cloud.boot(pmem='SMALL', host=first, expect=None)
            hang.wait_until_reached()
            second.faults.kill_daemon()
        with self.shared as lease:
            self.assertLikeNew(lease.cloud)

    def test_a_reboot_and_another_configuration(self) -> None:
        """Devices have their numbers, and services their configuration, as in the beginning."""
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

    def test_what_clients_have_made(self) -> None:
        """A namespace that was destroyed is back, and what a client defined is gone."""
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

    def test_what_cannot_be_reset(self) -> None:
        """The reset says so, and the next test gets a new cloud."""
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

    def test_tests_of_a_suite(self) -> None:
        """They get one cloud, without the servers of each other, which ends with the last."""
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
