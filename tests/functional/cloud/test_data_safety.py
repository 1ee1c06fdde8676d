"""The audit of servers' data on a cloud: what it is not told it sees on the hosts."""

from __future__ import annotations

import re

from testtools.matchers import EndsWith, MismatchError

from tests import base
from tests.functional.nova_defects import defect_of_nova
from vpmem_harness.cloud import errors
from vpmem_harness.fixtures.audit import DataSafetyAudit
from vpmem_harness.fixtures.cloud import CloudFixture
from vpmem_harness.host.audit import Kind

PMEM = 'SMALL:2x4GiB,LARGE:1x4GiB'

#: The unsafe steps of a server's life on Nova, in place of none.
UNSAFE_STEPS = re.escape("""!=:
reference = []
actual    = ['start of server1: LOST',
 'reboot of server1: LOST',
 'confirmResize of server1: LEFT',
 'create of server2: LEAKED']
""")

#: What is told of a namespace that Nova gives to a second server.
GIVEN_AWAY = (r'a namespace in use was wiped or given away: ns_[01] \(/dev/dax\d+\.0\) on .+, '
              'during create of server2')


class DataSafetyTest(base.VPMEMTestCase):

    def start_cloud(self, hosts=1):
        self.cloud = self.useFixture(CloudFixture(hosts=hosts, pmem=PMEM))
        self.audit = self.useFixture(DataSafetyAudit(self.cloud))
        return self.cloud

    def boot_and_stop(self):
        """A server that is off, and whose data are in its namespace."""
        server = self.start_cloud().boot(pmem='SMALL').stop()
        return server, self.cloud.host(server.host)

    def wipe(self, host, server):
        [namespace] = server.namespaces
        host.run('daxio', '-z', '-o', namespace.devpath)

    @property
    def unsafe(self):
        return [f'{report.operation}: {report.kind.name}' for report in self.audit.reports]

    @defect_of_nova('confirm-keeps-data', MismatchError, UNSAFE_STEPS)
    def test_a_whole_life(self):
        """Each unsafe step of it is named, and no other."""
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
        # Both namespaces of the label, whichever the first server had.
        cloud.boot(pmem='SMALL,SMALL', host=cloud.hosts[0]).delete()
        server.delete()
        self.assertEqual([], self.unsafe)

    def test_a_wipe_of_a_server_that_is_off(self):
        """It is told at once, not when the server starts again."""
        server, host = self.boot_and_stop()
        with self.audit.during('an error of an operator'):
            self.wipe(host, server)
        self.assertEqual(['an error of an operator: LOST'], self.unsafe)

    def test_a_wipe_is_told_once(self):
        """And not again with the start of the server that has lost its data."""
        server, host = self.boot_and_stop()
        self.wipe(host, server)
        told = self.unsafe
        server.start()
        self.assertEqual(told, self.unsafe)

    def test_a_namespace_of_a_server_that_is_off_is_given_away(self):
        """Who writes there meets one server's data, and takes the namespace from it."""
        server, host = self.boot_and_stop()
        [namespace] = server.namespaces
        host.pmem.write(namespace.devpath, 'somebody')
        self.assertEqual(
            ['stop of server1: LEAKED', 'stop of server1: TAKEN'],
            [line for line in self.unsafe if not line.endswith('LEFT')])

    @defect_of_nova('relabelled-namespace', AssertionError, GIVEN_AWAY)
    def test_a_namespace_is_given_away_that_its_server_has_not_written_to(self):
        """A server that was moved while it was off owns what it will be started on."""
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

    def test_what_was_asked_for_excuses_until_it_is_done(self):
        """A server that was rebuilt has data again that nobody may wipe."""
        server, host = self.boot_and_stop()
        server.rebuild()
        self.assertEqual([], self.unsafe)
        self.wipe(host, server)
        self.assertEqual(['rebuild of server1: LOST'], self.unsafe)

    def test_an_operation_that_is_over_is_not_blamed(self):
        """A wipe by hand happens after the last operation, not during it."""
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
        """A wipe while a pause hangs happens during the pause."""
        server = self.start_cloud().boot(pmem='SMALL')
        host = self.cloud.host(server.host)
        with host.faults.hanging('domainSuspend') as hang:
            server.pause(expect=None)
            hang.wait_until_reached()
            self.wipe(host, server)
        server.wait_for('PAUSED')
        self.assertEqual({('pause of server1', False)}, {
            (report.operation, report.over) for report in self.audit.reports})

    def test_a_start_of_a_service_that_is_over_is_not_blamed(self):
        """A wipe by hand after it happens after it."""
        server, host = self.boot_and_stop()
        self.cloud.compute(host).restart()
        self.cloud.settle()
        host.pmem.write(server.namespaces[0].devpath, 'somebody')
        self.assertEqual(
            {True}, {report.over for report in self.audit.reports if report.kind != Kind.LEFT})

    def test_what_is_refused_excuses_nothing(self):
        """A request that was refused does not give up the server's data."""
        server, host = self.boot_and_stop()
        self.assertRaises(errors.NovaException, server.confirm_resize)
        self.wipe(host, server)
        self.assertEqual(['stop of server1: LOST'], self.unsafe)

    def test_a_refusal_leaves_what_was_asked_for_before(self):
        """A rebuild goes on, and may lose data, although another request was refused meanwhile."""
        server, host = self.boot_and_stop()
        with host.faults.tool_hanging('daxio') as hang:
            server.rebuild(wait=False)
            hang.wait_until_reached()
            self.assertRaises(errors.NovaException, server.pause)
        server.wait_for('SHUTOFF')
        self.assertEqual([], self.unsafe)

    def test_a_move_keeps_what_the_server_may_go_back_to(self):
        """What it had is nobody's to wipe until the move is confirmed."""
        cloud = self.start_cloud(hosts=2)
        server = cloud.boot(pmem='SMALL')
        source, old = cloud.host(server.host), server.namespaces[0]
        server.resize(pmem='LARGE')
        source.run('daxio', '-z', '-o', old.devpath)
        server.revert_resize()
        self.assertEqual(['resize of server1: LOST'], self.unsafe)

    def test_an_audit_of_two_clouds(self):
        """A server of the first is no stranger to it."""
        cloud = self.useFixture(CloudFixture(hosts=1, pmem=PMEM))
        audit = self.useFixture(
            DataSafetyAudit(cloud, self.useFixture(CloudFixture(hosts=1, pmem=PMEM))))
        server = cloud.boot(pmem='SMALL').stop()
        self.wipe(cloud.hosts[0], server)
        self.assertEqual([Kind.LOST], [report.kind for report in audit.reports])

    def test_each_loss_is_told(self):
        """Also of the same namespace, by the same server, at the same request."""
        server, host = self.boot_and_stop()
        for _ in range(2):
            with self.audit.during('an error of an operator'):
                self.wipe(host, server)
            host.pmem.write(server.namespaces[0].devpath, server.id)
        self.assertEqual(2 * ['an error of an operator: LOST'], self.unsafe)

    def test_a_service_that_starts_is_named(self):
        """What comes after it is not laid to the request before."""
        server, host = self.boot_and_stop()
        self.cloud.compute(host).restart()
        self.wipe(host, server)
        self.assertEqual([f'start of the service on {host.name}: LOST'], self.unsafe)

    def test_a_rebuild_that_fails(self):
        """Its user has given up the data: they are not lost."""
        self.start_cloud()
        server = self.cloud.boot(pmem='SMALL')
        host = self.cloud.host(server.host)
        with host.faults.failing('domainCreateWithFlags'):
            server.rebuild(expect='ERROR')
        self.assertEqual([], self.unsafe)
