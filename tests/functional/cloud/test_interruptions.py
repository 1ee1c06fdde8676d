"""Calls that hang, connections that break, services that die in the middle."""

from __future__ import annotations

import threading
import time

from tests import base
from vpmem_harness.fixtures.cloud import CloudFixture
from vpmem_harness.libvirtd.dispatch import DropConnection
from vpmem_harness.libvirtd.later import Later

#: Seconds in which a call reaches the host.
SOON = 30


class InterruptionsTest(base.VPMEMTestCase):

    def start_cloud(self, hosts=1):
        self.cloud = self.useFixture(CloudFixture(hosts=hosts, pmem='SMALL:2x4GiB'))
        return self.cloud

    def hang(self, host, procedure):
        """Have a procedure of a host hang; returns an event that tells when it does."""
        reached = threading.Event()

        def intercept(call, execute):
            if call.procedure.name != procedure:
                return execute()
            reached.set()
            return Later()
        host.daemon.intercept = intercept
        return reached

    def test_a_call_that_hangs_does_not_stop_the_cloud(self):
        """Other servers of the same host boot meanwhile."""
        cloud = self.start_cloud()
        [host] = cloud.hosts
        reached = self.hang(host, 'domain_create_with_flags')
        hung = cloud.boot(pmem='SMALL', expect=None)
        self.assertTrue(reached.wait(SOON))
        host.daemon.intercept = None
        self.assertEqual('ACTIVE', cloud.boot(pmem='SMALL').status)
        self.assertEqual('spawning', hung.task_state)

    def test_a_cloud_is_cleaned_up_although_a_call_hangs(self):
        """In the time that its work is given, and with no thread left."""
        before = set(threading.enumerate())
        with CloudFixture(hosts=1, pmem='SMALL:1x4GiB') as cloud:
            reached = self.hang(cloud.hosts[0], 'domain_create_with_flags')
            cloud.boot(pmem='SMALL', expect=None)
            self.assertTrue(reached.wait(SOON))
            began = time.monotonic()
        self.assertLess(time.monotonic() - began, 5)
        self.assertEqual(set(), set(threading.enumerate()) - before)

    def test_a_cloud_is_cleaned_up_although_a_command_hangs(self):
        """The command is killed."""
        with CloudFixture(hosts=1, pmem='SMALL:1x4GiB') as cloud:
            server = cloud.boot(pmem='SMALL')
            began, daxio = cloud.hosts[0].instances_path / 'began', (
                cloud.hosts[0].bin_dir / 'daxio')
            daxio.write_text(f'#!/bin/sh\n: > {began}\nexec sleep 1000\n')
            server.delete(expect=None)
            while not began.exists():
                threading.Event().wait(0.001)
            start = time.monotonic()
        self.assertLess(time.monotonic() - start, 5)

    def test_a_connection_that_breaks_is_made_anew(self):
        """The request in it fails; the next one does not."""
        cloud = self.start_cloud()
        [host] = cloud.hosts
        server = cloud.boot(pmem='SMALL')

        def intercept(call, execute):
            if call.procedure.name == 'domain_suspend':
                raise DropConnection
            return execute()
        host.daemon.intercept = intercept
        server.pause(expect=None)
        cloud.settle()
        self.assertEqual('ACTIVE', server.status)
        host.daemon.intercept = None
        self.assertEqual('PAUSED', server.pause().status)

    def test_a_connection_that_broke_at_rest_is_not_noticed(self):
        """As when the daemon has been restarted between two requests."""
        cloud = self.start_cloud()
        server = cloud.boot(pmem='SMALL')
        cloud.hosts[0].daemon.drop_clients()
        self.assertEqual('PAUSED', server.pause().status)

    def test_a_service_that_dies_while_it_boots_a_server(self):
        """The server is in ERROR when the service is back, and can be deleted."""
        cloud = self.start_cloud()
        [host] = cloud.hosts
        reached = self.hang(host, 'domain_create_with_flags')
        server = cloud.boot(pmem='SMALL', expect=None)
        self.assertTrue(reached.wait(SOON))
        compute = cloud.compute(host)
        compute.kill()
        host.daemon.intercept = None
        host.daemon.drop_clients()
        self.assertEqual('BUILD', server.status)
        compute.start()
        self.assertEqual('ERROR', server.status)
        self.assertConsistent(cloud)
        server.delete()
        self.assertNamespacesFree(cloud, host)

    def test_a_service_that_dies_while_it_sends_a_server(self):
        """The server is where it was when the service is back, and holds what it had."""
        cloud = self.start_cloud(hosts=2)
        server = cloud.boot(pmem='SMALL')
        source = cloud.host(server.host)
        reached = self.hang(source, 'domain_shutdown')
        server.migrate(expect=None)
        self.assertTrue(reached.wait(SOON))
        cloud.compute(source).kill()
        source.daemon.intercept = None
        source.daemon.drop_clients()
        cloud.compute(source).start()
        cloud.settle()
        self.assertEqual((source.name, 'ACTIVE'), (server.host, server.status))
        self.assertAllocated(server, {'CUSTOM_PMEM_NAMESPACE_SMALL': 1}, host=source)
        self.assertConsistent(cloud)
