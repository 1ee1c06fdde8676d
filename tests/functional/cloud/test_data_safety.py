"""Data safety audit of a cloud: it observes the hosts without the tests' cooperation."""

from __future__ import annotations

import re

from testtools.matchers import EndsWith, MismatchError

from tests.functional.nova_defects import defect_of_nova
from tests.shared_clouds import CloudTestCase
from vpmem_harness.cloud import errors
from vpmem_harness.fixtures.audit import DataSafetyAudit
from vpmem_harness.fixtures.cloud import CloudFixture
from vpmem_harness.host.audit import Kind

PMEM = 'SMALL:2x4GiB,LARGE:1x4GiB'

#: The unsafe steps in a server's lifetime on Nova, where the stub has none.
UNSAFE_STEPS = re.escape("""!=:
reference = []
actual    = ['start of server1: LOST',
 'reboot of server1: LOST',
 'confirmResize of server1: LEFT',
 'create of server2: LEAKED']
""")

#: The report of a namespace that Nova assigns to a second server.
GIVEN_AWAY = (r'a namespace in use was wiped or given away: ns_[01] \(/dev/dax\d+\.\d+\) on .+, '
              'during create of server2')


class DataSafetyTest(CloudTestCase):

    def start_cloud(self, hosts=1, pmem=PMEM, **options):
        super().start_cloud(hosts, pmem, **options)
        self.audit = self.useFixture(DataSafetyAudit(self.cloud))
        return self.cloud

    def boot_and_stop(self):
        """Return a stopped server with data in its namespace, and its host."""
        server = self.start_cloud().boot(pmem='SMALL').stop()
        return server, self.cloud.host(server.host)

    def wipe(self, host, server):
        [namespace] = server.namespaces
        host.run('daxio', '-z', '-o', namespace.devpath)

    def ndctl(self, verb, host, server, *options):
        [device] = server.namespaces
        [namespace] = [each for each in host.namespaces if each.name == device.name]
        self.assertEqual(0, host.run('ndctl', verb, *options, namespace.dev).returncode)

    @property
    def unsafe(self):
        return [f'{report.operation}: {report.kind.name}' for report in self.audit.reports]

    @defect_of_nova('confirm-keeps-data', MismatchError, UNSAFE_STEPS)
    def test_a_whole_lifetime(self):
        """The audit reports each unsafe step of a server's lifetime, and no other."""
        cloud = self.start_cloud(hosts=2)
        server = cloud.boot(pmem='SMALL', host=cloud.hosts[0])
        server.stop().start()
        server.reboot()
        server.reboot(hard=True)
        server.pause().unpause()
        server.suspend().resume()
        server.rescue().unrescue()
        server.rebuild()
        server.shelve().unshelve(cloud.hosts[0])
        server.live_migrate(cloud.hosts[1]).live_migrate(cloud.hosts[0])
        server.resize(pmem='LARGE').revert_resize()
        server.resize(pmem='LARGE').confirm_resize()
        # Takes both namespaces of the label, including the one that the first server had.
        cloud.boot(pmem='SMALL,SMALL', host=cloud.hosts[0]).delete()
        server.delete()
        self.assertEqual([], self.unsafe)

    def test_a_namespace_destroyed_under_a_stopped_server(self):
        """The audit reports it, although nobody has the data."""
        server, host = self.boot_and_stop()
        self.ndctl('destroy-namespace', host, server, '-f')
        self.assertEqual([Kind.LOST], [report.kind for report in self.audit.reports])

    def test_a_namespace_disabled_under_a_stopped_server(self):
        """A disabled namespace keeps its data."""
        server, host = self.boot_and_stop()
        self.ndctl('disable-namespace', host, server)
        self.audit.assertSafe()

    def test_a_wipe_of_a_stopped_server(self):
        """The audit reports a wipe immediately, not only when the server starts again."""
        server, host = self.boot_and_stop()
        with self.audit.during('an error of an operator'):
            self.wipe(host, server)
        self.assertEqual(['an error of an operator: LOST'], self.unsafe)

    def test_a_wipe_is_reported_once(self):
        """The start of a server that has lost its data adds no second report."""
        server, host = self.boot_and_stop()
        self.wipe(host, server)
        told = self.unsafe
        server.start()
        self.assertEqual(told, self.unsafe)

    def test_a_write_to_the_namespace_of_a_stopped_server(self):
        """A foreign write is reported twice: as leaked data and as a taken namespace."""
        server, host = self.boot_and_stop()
        [namespace] = server.namespaces
        host.pmem.write(namespace.devpath, 'somebody')
        self.assertEqual(
            ['stop of server1: LEAKED', 'stop of server1: TAKEN'],
            [line for line in self.unsafe if not line.endswith('LEFT')])

    @defect_of_nova('relabelled-namespace', AssertionError, GIVEN_AWAY)
    def test_a_claimed_namespace_without_data_is_not_shared(self):
        """A server moved while stopped owns its new namespaces before it has written to them."""
        cloud = self.start_cloud(hosts=2)
        source, destination = cloud.hosts
        server = cloud.boot(pmem='SMALL', host=source).stop()
        [namespace] = server.migrate(destination).confirm_resize().namespaces
        self.assertWiped(destination, [namespace])
        [other] = {'ns_0', 'ns_1'} - {namespace.name}
        cloud.compute(destination).restart(
            pmem_namespaces=[f'LARGE:{namespace.name}', f'SMALL:{other}'])
        cloud.boot(pmem='LARGE', host=destination, expect=None)
        cloud.settle()
        self.audit.assertNoNamespaceShared()

    def test_a_request_permits_data_loss_only_until_it_ends(self):
        """A wipe is reported after a rebuild has ended, and not during it."""
        server, host = self.boot_and_stop()
        server.rebuild()
        self.assertEqual([], self.unsafe)
        self.wipe(host, server)
        self.assertEqual(['rebuild of server1: LOST'], self.unsafe)

    def test_a_finished_operation_is_not_blamed(self):
        """A manual wipe is reported as after the last operation, not during it."""
        cloud = self.start_cloud()
        server = cloud.boot(pmem='SMALL')
        cloud.settle()
        self.wipe(cloud.host(server.host), server)
        reports = self.audit.reports
        self.assertNotEqual([], reports)
        for report in reports:
            self.assertTrue(report.over)
            self.assertThat(str(report), EndsWith(', after create of server1'))

    def test_an_operation_in_progress_is_named(self):
        """A wipe while a pause hangs is reported as during the pause."""
        server = self.start_cloud().boot(pmem='SMALL')
        host = self.cloud.host(server.host)
        with host.faults.hanging('domainSuspend') as hang:
            server.pause(expect=None)
            hang.wait_until_reached()
            self.wipe(host, server)
        server.wait_for('PAUSED')
        self.assertEqual({('pause of server1', False)}, {
            (report.operation, report.over) for report in self.audit.reports})

    def test_a_finished_service_start_is_not_blamed(self):
        """A foreign write after a service start is reported as after it."""
        server, host = self.boot_and_stop()
        self.cloud.compute(host).restart()
        self.cloud.settle()
        host.pmem.write(server.namespaces[0].devpath, 'somebody')
        self.assertEqual(
            {True}, {report.over for report in self.audit.reports if report.kind != Kind.LEFT})

    def test_a_refused_request_permits_no_data_loss(self):
        """A refused request does not give up the server's data."""
        server, host = self.boot_and_stop()
        self.assertRaises(errors.NovaException, server.confirm_resize)
        self.wipe(host, server)
        self.assertEqual(['stop of server1: LOST'], self.unsafe)

    def test_a_refused_request_does_not_revoke_an_earlier_one(self):
        """A rebuild in progress may lose data although another request was refused meanwhile."""
        server, host = self.boot_and_stop()
        with host.faults.tool_hanging('daxio') as hang:
            server.rebuild(wait=False)
            hang.wait_until_reached()
            self.assertRaises(errors.NovaException, server.pause)
        server.wait_for('SHUTOFF')
        self.assertEqual([], self.unsafe)

    def test_an_unconfirmed_resize_keeps_the_old_data(self):
        """A wipe of the old namespace before the resize is confirmed is reported as a loss."""
        cloud = self.start_cloud(hosts=2)
        server = cloud.boot(pmem='SMALL')
        source, old = cloud.host(server.host), server.namespaces[0]
        server.resize(pmem='LARGE')
        source.run('daxio', '-z', '-o', old.devpath)
        server.revert_resize()
        self.assertEqual(['resize of server1: LOST'], self.unsafe)

    def test_an_audit_of_two_clouds(self):
        """An audit of two clouds attributes a namespace to the right cloud's server."""
        cloud = self.useFixture(CloudFixture(hosts=1, pmem=PMEM))
        audit = self.useFixture(
            DataSafetyAudit(cloud, self.useFixture(CloudFixture(hosts=1, pmem=PMEM))))
        server = cloud.boot(pmem='SMALL').stop()
        self.wipe(cloud.hosts[0], server)
        self.assertEqual([Kind.LOST], [report.kind for report in audit.reports])

    def test_each_loss_is_reported(self):
        """A second loss of the same namespace in the same operation is reported again."""
        server, host = self.boot_and_stop()
        for _ in range(2):
            with self.audit.during('an error of an operator'):
                self.wipe(host, server)
            host.pmem.write(server.namespaces[0].devpath, server.id)
        self.assertEqual(2 * ['an error of an operator: LOST'], self.unsafe)

    def test_a_service_that_starts_is_named(self):
        """A loss after a service restart is attributed to the restart."""
        server, host = self.boot_and_stop()
        self.cloud.compute(host).restart()
        self.wipe(host, server)
        self.assertEqual([f'start of the service on {host.name}: LOST'], self.unsafe)

    def test_a_rebuild_that_fails(self):
        """A failed rebuild loses no data that its user had not already given up."""
        self.start_cloud()
        server = self.cloud.boot(pmem='SMALL')
        host = self.cloud.host(server.host)
        with host.faults.failing('domainCreateWithFlags'):
            server.rebuild(expect='ERROR')
        self.assertEqual([], self.unsafe)
