"""Hanging calls, dropped connections and compute services killed during a request."""

from __future__ import annotations

import threading
import time

from testtools.matchers import MismatchError

from tests import base
from tests.functional.nova_defects import defect_of_nova
from vpmem_harness.fixtures.cloud import CloudFixture

#: Timeout in seconds for a call to reach the host.
SOON = 30


class InterruptionsTestCase(base.VPMEMTestCase):

    def start_cloud(self, hosts=1):
        self.cloud = self.useFixture(CloudFixture(hosts=hosts, pmem='SMALL:2x4GiB'))
        return self.cloud


class HangTest(InterruptionsTestCase):

    def test_a_hanging_call_does_not_block_the_cloud(self):
        """Other servers of the host boot while a call hangs, and its own boots when it resumes."""
        cloud = self.start_cloud()
        with cloud.hosts[0].faults.hanging('domainCreateWithFlags', times=1) as hang:
            hung = cloud.boot(pmem='SMALL', expect=None)
            hang.wait_until_reached(SOON)
            self.assertEqual('ACTIVE', cloud.boot(pmem='SMALL').status)
            self.assertEqual('spawning', hung.task_state)
        self.assertEqual('ACTIVE', hung.wait_for('ACTIVE').status)
        self.assertConsistent(cloud)

    def test_a_cloud_is_cleaned_up_although_a_call_hangs(self):
        """The cleanup ends within its timeout and leaves no thread."""
        before = set(threading.enumerate())
        with CloudFixture(hosts=1, pmem='SMALL:1x4GiB') as cloud:
            hang = cloud.hosts[0].faults.hanging('domainCreateWithFlags')
            cloud.boot(pmem='SMALL', expect=None)
            hang.wait_until_reached(SOON)
            began = time.monotonic()
        self.assertLess(time.monotonic() - began, 5)
        self.assertEqual(set(), set(threading.enumerate()) - before)

    def test_a_cloud_is_cleaned_up_although_a_command_hangs(self):
        """The cleanup kills the hanging command."""
        with CloudFixture(hosts=1, pmem='SMALL:1x4GiB') as cloud:
            server = cloud.boot(pmem='SMALL')
            hang = cloud.hosts[0].faults.tool_hanging('daxio')
            server.delete(expect=None)
            hang.wait_until_reached(SOON)
            start = time.monotonic()
        self.assertLess(time.monotonic() - start, 5)


class ConnectionTest(InterruptionsTestCase):

    def test_a_dropped_connection_is_reopened(self):
        """The interrupted request fails, and the next one succeeds on a new connection."""
        cloud = self.start_cloud()
        server = cloud.boot(pmem='SMALL')
        with cloud.hosts[0].faults.dropping('domainSuspend'):
            server.pause(expect=None)
            cloud.settle()
        self.assertEqual('ACTIVE', server.status)
        self.assertEqual('PAUSED', server.pause().status)

    def test_a_connection_dropped_while_idle_is_reopened_silently(self):
        """A request succeeds after the daemon was restarted between two requests."""
        cloud = self.start_cloud()
        server = cloud.boot(pmem='SMALL')
        cloud.hosts[0].faults.kill_daemon()
        cloud.hosts[0].faults.start_daemon()
        self.assertEqual('PAUSED', server.pause().status)

    def test_a_host_without_its_daemon_is_not_scheduled_to(self):
        """The host takes servers again when the daemon is back and the service has noticed."""
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
        """Kill a host's service during a request, and start it again."""
        [host] = self.cloud.hosts
        with host.faults.hanging(procedure) as hang:
            server = request()
            hang.wait_until_reached(SOON)
            self.cloud.compute(host).kill()
        self.cloud.compute(host).start()
        self.cloud.settle()
        return server

    def test_during_a_boot(self):
        """The server is in ERROR when the service is back, and can be deleted."""
        cloud = self.start_cloud()
        server = self.interrupt(
            'domainCreateWithFlags', lambda: cloud.boot(pmem='SMALL', expect=None))
        self.assertEqual('ERROR', server.wait_for('ERROR').status)
        self.assertIsNone(server.fault_or_none)
        self.assertConsistent(cloud)
        server.delete()
        self.assertNamespacesFree(cloud, cloud.hosts[0])

    def test_during_a_stop(self):
        """The stop is repeated when the service is back."""
        server = self.start_cloud().boot(pmem='SMALL')
        self.interrupt('domainShutdown', lambda: server.stop(expect=None))
        self.assertEqual('SHUTOFF', server.wait_for('SHUTOFF').status)

    def test_during_a_delete(self):
        """The delete is repeated when the service is back, and the namespace is wiped."""
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
        r"\{'CUSTOM_PMEM_NAMESPACE_SMALL': 1\} != \{\}: allocations of server1 on \S+ in Placement")
    def test_during_a_cold_migration(self):
        """The server is on its source with its old allocation when the service is back."""
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
        """Return a server whose live migration to another host hangs in libvirt."""
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

    def test_other_servers_boot_on_the_destination_meanwhile(self):
        """Another server boots on the destination, and the migration completes when it resumes."""
        server = self.migrate()
        other = self.cloud.boot(pmem='SMALL', host=self.destination)
        self.assertEqual(('MIGRATING', 'ACTIVE'), (server.status, other.status))
        self.hang.release()
        self.assert_arrives(server)

    def test_the_destination_is_killed(self):
        """The server is on the destination when the service there is back."""
        server = self.migrate()
        self.cloud.compute(self.destination).kill()
        self.hang.release()
        self.cloud.compute(self.destination).start()
        self.assert_arrives(server)

    @defect_of_nova(
        'abandoned-live-migration', MismatchError,
        r"\('(?P<other>\S+)', 'ACTIVE'\) != \('(?!(?P=other)')\S+', 'ACTIVE'\)")
    def test_the_source_is_killed_after_the_guest_has_left(self):
        """The server is on the host of its guest when the service is back."""
        server = self.migrate(when='after')
        self.cloud.compute(self.source).kill()
        self.hang.release()
        self.cloud.compute(self.source).start()
        self.assert_arrives(server)
