"""Calls that hang, connections that break, services that die in the middle."""

from __future__ import annotations

import threading
import time

from testtools.matchers import MismatchError

from tests import base
from tests.functional.nova_defects import defect_of_nova
from vpmem_harness.fixtures.cloud import CloudFixture

#: Seconds in which a call reaches the host.
SOON = 30


class InterruptionsTestCase(base.VPMEMTestCase):

    def start_cloud(self, hosts=1):
        self.cloud = self.useFixture(CloudFixture(hosts=hosts, pmem='SMALL:2x4GiB'))
        return self.cloud


class HangTest(InterruptionsTestCase):

    def test_a_call_that_hangs_does_not_stop_the_cloud(self):
        """Other servers of the same host boot meanwhile, and its own when it goes on."""
        cloud = self.start_cloud()
        with cloud.hosts[0].faults.hanging('domainCreateWithFlags', times=1) as hang:
            hung = cloud.boot(pmem='SMALL', expect=None)
            hang.wait_until_reached(SOON)
            self.assertEqual('ACTIVE', cloud.boot(pmem='SMALL').status)
            self.assertEqual('spawning', hung.task_state)
        self.assertEqual('ACTIVE', hung.wait_for('ACTIVE').status)
        self.assertConsistent(cloud)

    def test_a_cloud_is_cleaned_up_although_a_call_hangs(self):
        """In the time that its work is given, and with no thread left."""
        before = set(threading.enumerate())
        with CloudFixture(hosts=1, pmem='SMALL:1x4GiB') as cloud:
            hang = cloud.hosts[0].faults.hanging('domainCreateWithFlags')
            cloud.boot(pmem='SMALL', expect=None)
            hang.wait_until_reached(SOON)
            began = time.monotonic()
        self.assertLess(time.monotonic() - began, 5)
        self.assertEqual(set(), set(threading.enumerate()) - before)

    def test_a_cloud_is_cleaned_up_although_a_command_hangs(self):
        """The command is killed."""
        with CloudFixture(hosts=1, pmem='SMALL:1x4GiB') as cloud:
            server = cloud.boot(pmem='SMALL')
            hang = cloud.hosts[0].faults.tool_hanging('daxio')
            server.delete(expect=None)
            hang.wait_until_reached(SOON)
            start = time.monotonic()
        self.assertLess(time.monotonic() - start, 5)


class ConnectionTest(InterruptionsTestCase):

    def test_a_connection_that_breaks_is_made_anew(self):
        """The request in it fails; the next one does not."""
        cloud = self.start_cloud()
        server = cloud.boot(pmem='SMALL')
        with cloud.hosts[0].faults.dropping('domainSuspend'):
            server.pause(expect=None)
            cloud.settle()
        self.assertEqual('ACTIVE', server.status)
        self.assertEqual('PAUSED', server.pause().status)

    def test_a_connection_that_broke_at_rest_is_not_noticed(self):
        """As when the daemon has been restarted between two requests."""
        cloud = self.start_cloud()
        server = cloud.boot(pmem='SMALL')
        cloud.hosts[0].faults.kill_daemon()
        cloud.hosts[0].faults.start_daemon()
        self.assertEqual('PAUSED', server.pause().status)

    def test_a_host_without_its_daemon_gets_no_server(self):
        """Until the daemon is back, and the service has noticed."""
        cloud = self.start_cloud()
        [host] = cloud.hosts
        first = cloud.boot(pmem='SMALL')
        with host.faults.daemon_down():
            refused = cloud.boot(pmem='SMALL', expect='ERROR')
        cloud.compute(host).run_periodic_tasks()
        self.assertIsNone(refused.host)
        self.assertClaimed(cloud, host, {first.name: 1})
        self.assertEqual('ACTIVE', cloud.boot(pmem='SMALL').status)
        self.assertConsistent(cloud)


class DeathTest(InterruptionsTestCase):

    def interrupt(self, procedure, request):
        """Kill the service of a host in the middle of a request, and start it again."""
        [host] = self.cloud.hosts
        with host.faults.hanging(procedure) as hang:
            server = request()
            hang.wait_until_reached(SOON)
            self.cloud.compute(host).kill()
        self.cloud.compute(host).start()
        self.cloud.settle()
        return server

    def test_at_a_boot(self):
        """The server is in ERROR when the service is back, and can be deleted."""
        cloud = self.start_cloud()
        server = self.interrupt(
            'domainCreateWithFlags', lambda: cloud.boot(pmem='SMALL', expect=None))
        self.assertEqual('ERROR', server.wait_for('ERROR').status)
        self.assertIsNone(server.fault_or_none)
        self.assertConsistent(cloud)
        server.delete()
        self.assertNamespacesFree(cloud, cloud.hosts[0])

    def test_at_a_stop(self):
        """It is done over when the service is back."""
        server = self.start_cloud().boot(pmem='SMALL')
        self.interrupt('domainShutdown', lambda: server.stop(expect=None))
        self.assertEqual('SHUTOFF', server.wait_for('SHUTOFF').status)

    def test_at_a_delete(self):
        """It is done over when the service is back, and the namespace is wiped."""
        cloud = self.start_cloud()
        [host] = cloud.hosts
        server = cloud.boot(pmem='SMALL')
        namespaces = server.namespaces
        self.interrupt('domainDestroy', lambda: server.delete(expect=None))
        server.wait_until_deleted()
        self.assertWiped(host, namespaces)
        self.assertNamespacesFree(cloud, host)
        self.assertEqual({}, cloud.allocations(server.id))

    @defect_of_nova(
        'interrupted-move', MismatchError,
        r"\{'CUSTOM_PMEM_NAMESPACE_SMALL': 1\} != \{\}: what server1 holds of \S+ in Placement")
    def test_at_a_cold_migration(self):
        """The server is where it was when the service is back, and holds what it had."""
        cloud = self.start_cloud(hosts=2)
        server = cloud.boot(pmem='SMALL')
        source = cloud.host(server.host)
        with source.faults.hanging('domainShutdown') as hang:
            server.migrate(expect=None)
            hang.wait_until_reached(SOON)
            cloud.compute(source).kill()
        cloud.compute(source).start()
        cloud.settle()
        self.assertEqual((source.name, 'ACTIVE'), (server.host, server.status))
        self.assertAllocated(server, {'CUSTOM_PMEM_NAMESPACE_SMALL': 1}, host=source)
        self.assertConsistent(cloud)


class LiveMigrationTest(InterruptionsTestCase):

    def migrate(self, **which):
        """A server whose live migration to another host hangs in libvirt."""
        cloud = self.start_cloud(hosts=2)
        self.source, self.destination = cloud.hosts
        server = cloud.boot(pmem='SMALL', host=self.source)
        self.hang = self.source.faults.hanging('domainMigratePerform3Params', **which)
        server.live_migrate(wait=False)
        self.hang.wait_until_reached(SOON)
        return server

    def assert_arrives(self, server):
        self.cloud.settle()
        self.assertEqual((self.destination.name, 'ACTIVE'), (server.host, server.status))
        self.assertGuestHas(server)
        self.assertConsistent(self.cloud)

    def test_others_boot_on_the_destination_meanwhile(self):
        """And the server arrives when libvirt goes on."""
        server = self.migrate()
        other = self.cloud.boot(pmem='SMALL', host=self.destination)
        self.assertEqual(('MIGRATING', 'ACTIVE'), (server.status, other.status))
        self.hang.release()
        self.assert_arrives(server)

    def test_the_destination_dies(self):
        """The server has arrived when the service there is back."""
        server = self.migrate()
        self.cloud.compute(self.destination).kill()
        self.hang.release()
        self.cloud.compute(self.destination).start()
        self.assert_arrives(server)

    @defect_of_nova(
        'abandoned-live-migration', MismatchError,
        r"\('(?P<other>\S+)', 'ACTIVE'\) != \('(?!(?P=other)')\S+', 'ACTIVE'\)")
    def test_the_source_dies_when_the_guest_has_left(self):
        """The server is where its guest is when the service is back."""
        server = self.migrate(when='after')
        self.cloud.compute(self.source).kill()
        self.hang.release()
        self.cloud.compute(self.source).start()
        self.assert_arrives(server)
