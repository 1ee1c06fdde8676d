"""Services killed during a migration: nothing is left, lost or claimed twice afterwards."""

from __future__ import annotations

from tests import base
from vpmem_harness.chaos.invariants import Fleet
from vpmem_harness.fixtures.cloud import CloudFixture

#: Timeout in seconds for the cleanup of a host.
SOON = 30


class InterruptionsTest(base.VPMEMTestCase):

    def setUp(self):
        super().setUp()
        self.cloud = self.useFixture(CloudFixture(hosts=2, pmem='SMALL:3x1GiB', backend='stub'))
        self.fleet = Fleet(self.cloud, {host.name: host for host in self.cloud.hosts})
        self.server = self.cloud.boot(pmem='SMALL')
        self.source = self.cloud.host(self.server.host)
        [self.target] = [host for host in self.cloud.hosts if host is not self.source]

    def assertNothingWrong(self):
        self.cloud.settle()
        self.assertEqual([], list(self.fleet.at_rest()))

    def test_a_destination_killed_while_a_guest_arrives(self):
        """The guest is on its claimed namespaces when the service is back."""
        with self.source.faults.hanging('domainMigratePerform3Params') as hang:
            self.server.live_migrate(wait=False)
            hang.wait_until_reached()
            self.cloud.compute(self.target).kill()
        self.cloud.settle()
        self.cloud.compute(self.target).start()
        self.assertNothingWrong()
        self.assertEqual((self.target.name, 'ACTIVE'), (self.server.host, self.server.status))

    def test_a_destination_that_hangs_after_a_guest_has_arrived(self):
        """The namespaces that the guest has left are free meanwhile."""
        others = [self.cloud.boot(pmem='SMALL', host=self.source) for _ in range(2)]
        with self.target.faults.hanging('domainGetInfo') as hang:
            self.server.live_migrate(wait=False)
            hang.wait_until_reached()
            source = self.cloud.compute(self.source)
            self.cloud.backend.wait_for(
                lambda: source.usages['CUSTOM_PMEM_NAMESPACE_SMALL'] == len(others) or None,
                SOON)
            self.cloud.boot(pmem='SMALL', host=self.source)
            self.assertEqual([], list(self.fleet.always()))
        self.assertNothingWrong()

    def test_a_destination_that_is_down_during_a_revert(self):
        """The server is back exactly once when the service is back."""
        self.server.migrate()
        self.cloud.compute(self.target).kill()
        self.server.revert_resize(wait=False)
        self.cloud.compute(self.target).start()
        self.assertNothingWrong()
        self.assertEqual((self.source.name, 'ACTIVE'), (self.server.host, self.server.status))

    def test_a_server_shelved_after_a_failed_revert(self):
        """Neither host keeps a claim or an allocation."""
        self.server.migrate()
        with self.target.faults.tool_failing('daxio'):
            self.server.revert_resize(wait=False)
            self.cloud.settle()
        self.assertEqual('ERROR', self.server.status)
        self.server.rebuild().shelve()
        self.assertNothingWrong()
        self.assertEqual([{}, {}], [self.cloud.compute(host).assigned_namespaces
                                    for host in self.cloud.hosts])

    def test_a_server_that_returns_while_its_destination_deletes_it(self):
        """The host to which it has returned removes its guest."""
        server = self.cloud.boot(host=self.source)
        server.migrate()
        source = self.cloud.compute(self.source)
        source.kill()
        server.revert_resize(wait=False)
        self.cloud.settle()
        with self.target.faults.hanging('domainLookupByUUID') as hang:
            server.delete(expect=None)
            hang.wait_until_reached()
            source.start()
            self.cloud.backend.wait_for(lambda: server.host == self.source.name or None, SOON)
        self.assertNothingWrong()

    def test_a_source_killed_after_a_guest_has_left(self):
        """The server is on the host of its guest when the service is back."""
        compute = self.cloud.compute(self.source)
        with self.source.faults.at(
                'domainMigratePerform3Params', compute.kill, when='after') as fault:
            self.server.live_migrate(wait=False)
            fault.wait_until_reached()
            self.cloud.settle()
        compute.start()
        self.assertNothingWrong()
        self.assertEqual((self.target.name, 'ACTIVE'), (self.server.host, self.server.status))

    def test_a_connection_dropped_after_a_guest_has_left(self):
        """The source disregards the error, because the guest has moved."""
        with self.source.faults.dropping('domainMigratePerform3Params', when='after'):
            self.server.live_migrate()
        self.assertNothingWrong()
        self.assertEqual(self.target.name, self.server.host)

    def test_a_source_killed_during_a_confirm(self):
        """The migration is confirmed when the service is back."""
        self.server.migrate()
        compute = self.cloud.compute(self.source)
        with self.source.faults.at('domainUndefineFlags', compute.kill) as fault:
            self.server.confirm_resize(wait=False)
            fault.wait_until_reached()
            self.cloud.settle()
        compute.start()
        self.assertNothingWrong()
        self.assertEqual((self.target.name, 'ACTIVE'), (self.server.host, self.server.status))

    def test_a_source_killed_while_an_unconfirmed_server_is_deleted(self):
        """The server is deleted when the service is back."""
        self.server.migrate()
        compute = self.cloud.compute(self.source)
        with self.source.faults.at('domainUndefineFlags', compute.kill) as fault:
            self.server.delete(expect=None)
            fault.wait_until_reached()
            self.cloud.settle()
        compute.start()
        self.assertNothingWrong()
        self.assertFalse(self.server.exists)

    def test_a_host_killed_before_its_claim(self):
        """The new server is in ERROR without an allocation."""
        compute = self.cloud.compute(self.target)
        compute.restart()
        with self.target.faults.at('connectGetCapabilities', compute.kill) as fault:
            server = self.cloud.boot(pmem='SMALL', host=self.target, expect=None)
            fault.wait_until_reached()
            self.cloud.settle()
        compute.start()
        self.assertNothingWrong()
        self.assertEqual('ERROR', server.status)

    def test_a_destination_killed_before_its_claim(self):
        """The server stays on its host, without a claim or an allocation on the destination."""
        for request in (lambda: self.server.live_migrate(wait=False),
                        lambda: self.server.migrate(expect=None)):
            compute = self.cloud.compute(self.target)
            compute.restart()
            with self.target.faults.at('connectGetCapabilities', compute.kill) as fault:
                request()
                fault.wait_until_reached()
                self.cloud.settle()
            compute.start()
            self.assertNothingWrong()
            self.assertEqual((self.source.name, 'ACTIVE'),
                             (self.server.host, self.server.status))

    def test_a_destination_killed_before_a_guest_is_sent(self):
        """The guest moves nevertheless, and its claim is recorded when the service is back."""
        compute = self.cloud.compute(self.target)
        with self.source.faults.at('domainGetXMLDesc', compute.kill) as fault:
            self.server.live_migrate(wait=False)
            fault.wait_until_reached()
            self.cloud.settle()
        compute.start()
        self.assertNothingWrong()
        self.assertEqual(self.target.name, self.server.host)

    def test_a_failed_evacuation(self):
        """The failed host frees the server's claim when it returns."""
        self.cloud.compute(self.source).kill()
        with self.target.faults.failing('domainCreateWithFlags'):
            self.server.evacuate(expect='ERROR')
            self.cloud.settle()
        self.cloud.compute(self.source).start()
        self.assertNothingWrong()

    def test_a_failed_evacuation_with_leftovers(self):
        """The server keeps its claim on the leftovers, and no other server gets them."""
        self.cloud.compute(self.source).kill()
        with (self.target.faults.failing('domainCreateWithFlags'),
              self.target.faults.tool_failing('daxio')):
            self.server.evacuate(expect='ERROR')
            self.cloud.settle()
        self.cloud.compute(self.source).start()
        self.assertNothingWrong()

    def test_an_evacuation_whose_destination_is_killed(self):
        """The server is in ERROR on its host, whichever host returns first."""
        for first, second in ((self.source, self.target), (self.target, self.source)):
            self.cloud.compute(self.target).restart()
            self.cloud.compute(self.source).kill()
            kill = self.cloud.compute(self.target).kill
            with self.target.faults.at('connectGetCapabilities', kill) as fault:
                self.server.evacuate(expect=None)
                fault.wait_until_reached()
                self.cloud.settle()
            self.cloud.compute(first).start()
            self.cloud.compute(second).start()
            self.assertNothingWrong()
            self.assertEqual((self.source.name, 'ERROR'), (self.server.host, self.server.status))

    def lose(self, host, procedure, request, **which):
        """Kill a host's service during a request, and evacuate the server."""
        compute = self.cloud.compute(host)
        with host.faults.at(procedure, compute.kill, **which) as fault:
            request()
            fault.wait_until_reached()
            self.cloud.settle()
        self.server.evacuate()
        compute.start()
        self.assertNothingWrong()

    def test_an_evacuation_during_a_cold_migration(self):
        """The cold migration's claim is freed, and the evacuation's claim is made."""
        self.lose(self.source, 'domainShutdown', lambda: self.server.migrate(expect=None))
        self.assertEqual((self.target.name, 'SHUTOFF'), (self.server.host, self.server.status))

    def test_an_evacuation_during_a_live_migration(self):
        """The evacuation succeeds although the guest has already arrived."""
        self.lose(self.source, 'domainMigratePerform3Params',
                  lambda: self.server.live_migrate(wait=False), when='after')
        self.assertEqual((self.target.name, 'SHUTOFF'), (self.server.host, self.server.status))

    def test_an_evacuation_from_the_destination_of_a_cold_migration(self):
        """The evacuated server leaves nothing on either host of the cold migration."""
        self.lose(self.target, 'domainDefineXML', lambda: self.server.migrate(expect=None))
        self.assertEqual((self.source.name, 'SHUTOFF'), (self.server.host, self.server.status))

    def test_a_stop_queued_for_a_failed_host_is_not_carried_out(self):
        """The server keeps running elsewhere when the failed host is back."""
        compute = self.cloud.compute(self.source)
        compute.kill()
        self.server.stop(expect=None)
        self.server.evacuate().start()
        compute.start()
        self.assertNothingWrong()
        self.assertEqual('ACTIVE', self.server.status)

    def test_a_delete_started_on_a_failed_host_is_abandoned(self):
        """An evacuated server is not deleted by the returning host."""
        self.lose(self.source, 'domainDestroy', lambda: self.server.delete(expect=None))
        self.assertEqual('SHUTOFF', self.server.status)

    def test_a_hanging_call_ends_with_the_daemon(self):
        """The call has no effect after the daemon has ended."""
        with self.source.faults.hanging('domainShutdown') as hang:
            self.server.stop(expect=None)
            hang.wait_until_reached()
            self.source.faults.kill_daemon()
            self.source.faults.start_daemon()
        self.cloud.settle()
        [domain] = self.source.hypervisor.domains
        self.assertTrue(domain.active)

    def test_a_service_killed_during_a_reboot_of_a_stopped_guest(self):
        """The guest runs when the service is back, although its domain was undefined."""
        compute = self.cloud.compute(self.source)
        compute.kill()
        self.source.reboot()
        compute.start()
        self.source.faults.at('domainUndefineFlags', compute.kill, times=1)
        self.server.reboot(expect=None)
        self.cloud.settle()
        compute.start()
        self.assertNothingWrong()
        self.assertEqual('ACTIVE', self.server.status)

    def resumed(self):
        """Return servers that were resumed after a reboot of their host has renumbered devices."""
        others = [self.cloud.boot(pmem='SMALL', host=self.source) for _ in range(2)]
        servers = [self.server, *others]
        for server in servers:
            server.suspend()
        before = [server.namespaces for server in servers]
        for _ in range(10):
            self.source.reboot()
            self.cloud.compute(self.source).restart()
            if [server.namespaces for server in servers] != before:
                break
        self.assertNotEqual(before, [server.namespaces for server in servers])
        for server in servers:
            server.resume()
        return servers

    def test_a_guest_resumed_after_a_reboot_of_its_host(self):
        """A resumed guest has its own namespaces, whatever their new device numbers."""
        self.resumed()
        self.assertNothingWrong()

    def test_a_soft_reboot_of_a_guest_resumed_after_a_reboot_of_its_host(self):
        """A soft reboot starts the guest on the same namespaces again."""
        for server in self.resumed():
            server.reboot()
        self.assertNothingWrong()
