"""Services that die in the middle of a move: nothing is left, lost or held twice afterwards."""

from __future__ import annotations

from tests import base
from vpmem_harness.chaos.invariants import Fleet
from vpmem_harness.fixtures.cloud import CloudFixture

#: Seconds in which a host is cleaned up.
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

    def test_a_destination_that_dies_while_a_guest_comes(self):
        """The guest is there when the service is back, on what was claimed for it."""
        with self.source.faults.hanging('domainMigratePerform3Params') as hang:
            self.server.live_migrate(wait=False)
            hang.wait_until_reached()
            self.cloud.compute(self.target).kill()
        self.cloud.settle()
        self.cloud.compute(self.target).start()
        self.assertNothingWrong()
        self.assertEqual((self.target.name, 'ACTIVE'), (self.server.host, self.server.status))

    def test_a_destination_that_hangs_when_a_guest_has_come(self):
        """What the guest has left is free for others meanwhile."""
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

    def test_a_destination_that_is_down_when_a_move_is_reverted(self):
        """The server is back once, when the service is."""
        self.server.migrate()
        self.cloud.compute(self.target).kill()
        self.server.revert_resize(wait=False)
        self.cloud.compute(self.target).start()
        self.assertNothingWrong()
        self.assertEqual((self.source.name, 'ACTIVE'), (self.server.host, self.server.status))

    def test_a_server_that_is_shelved_after_a_revert_has_failed(self):
        """Neither side of the move holds anything of it."""
        self.server.migrate()
        with self.target.faults.tool_failing('daxio'):
            self.server.revert_resize(wait=False)
            self.cloud.settle()
        self.assertEqual('ERROR', self.server.status)
        self.server.rebuild().shelve()
        self.assertNothingWrong()
        self.assertEqual([{}, {}], [self.cloud.compute(host).assigned_namespaces
                                    for host in self.cloud.hosts])

    def test_a_source_that_dies_when_a_guest_has_gone(self):
        """The server is where its guest is, when the service is back."""
        compute = self.cloud.compute(self.source)
        with self.source.faults.at(
                'domainMigratePerform3Params', compute.kill, when='after') as fault:
            self.server.live_migrate(wait=False)
            fault.wait_until_reached()
            self.cloud.settle()
        compute.start()
        self.assertNothingWrong()
        self.assertEqual((self.target.name, 'ACTIVE'), (self.server.host, self.server.status))

    def test_a_connection_that_breaks_when_a_guest_has_gone(self):
        """Whoever sent it does not believe the error."""
        with self.source.faults.dropping('domainMigratePerform3Params', when='after'):
            self.server.live_migrate()
        self.assertNothingWrong()
        self.assertEqual(self.target.name, self.server.host)

    def test_a_source_that_dies_while_a_move_is_confirmed(self):
        """The move is confirmed when the service is back."""
        self.server.migrate()
        compute = self.cloud.compute(self.source)
        with self.source.faults.at('domainUndefineFlags', compute.kill) as fault:
            self.server.confirm_resize(wait=False)
            fault.wait_until_reached()
            self.cloud.settle()
        compute.start()
        self.assertNothingWrong()
        self.assertEqual((self.target.name, 'ACTIVE'), (self.server.host, self.server.status))

    def test_a_source_that_dies_while_an_unconfirmed_server_is_deleted(self):
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

    def test_a_host_that_dies_before_it_claims(self):
        """A server that was to be built is in ERROR, and books nothing."""
        compute = self.cloud.compute(self.target)
        compute.restart()
        with self.target.faults.at('connectGetCapabilities', compute.kill) as fault:
            server = self.cloud.boot(pmem='SMALL', host=self.target, expect=None)
            fault.wait_until_reached()
            self.cloud.settle()
        compute.start()
        self.assertNothingWrong()
        self.assertEqual('ERROR', server.status)

    def test_a_destination_that_dies_before_it_claims(self):
        """The server stays, and nothing is held for it there."""
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

    def test_a_destination_that_dies_before_a_guest_is_sent(self):
        """The guest goes all the same, and is noted when the service is back."""
        compute = self.cloud.compute(self.target)
        with self.source.faults.at('domainGetXMLDesc', compute.kill) as fault:
            self.server.live_migrate(wait=False)
            fault.wait_until_reached()
            self.cloud.settle()
        compute.start()
        self.assertNothingWrong()
        self.assertEqual(self.target.name, self.server.host)

    def test_an_evacuation_that_fails(self):
        """The lost host lets go of the server when it returns."""
        self.cloud.compute(self.source).kill()
        with self.target.faults.failing('domainCreateWithFlags'):
            self.server.evacuate(expect='ERROR')
            self.cloud.settle()
        self.cloud.compute(self.source).start()
        self.assertNothingWrong()

    def test_an_evacuation_that_fails_and_leaves_something(self):
        """The server stays with it, and nobody gets it."""
        self.cloud.compute(self.source).kill()
        with (self.target.faults.failing('domainCreateWithFlags'),
              self.target.faults.tool_failing('daxio')):
            self.server.evacuate(expect='ERROR')
            self.cloud.settle()
        self.cloud.compute(self.source).start()
        self.assertNothingWrong()

    def test_an_evacuation_whose_destination_dies(self):
        """The server is in ERROR where it was, whichever host returns first."""
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
        """Kill the service of a host in the middle of a request, and evacuate the server."""
        compute = self.cloud.compute(host)
        with host.faults.at(procedure, compute.kill, **which) as fault:
            request()
            fault.wait_until_reached()
            self.cloud.settle()
        self.server.evacuate()
        compute.start()
        self.assertNothingWrong()

    def test_a_server_that_is_evacuated_in_the_middle_of_a_cold_migration(self):
        """What it was to have on the other host is given up, and it gets what it needs there."""
        self.lose(self.source, 'domainShutdown', lambda: self.server.migrate(expect=None))
        self.assertEqual((self.target.name, 'SHUTOFF'), (self.server.host, self.server.status))

    def test_a_server_that_is_evacuated_in_the_middle_of_a_live_migration(self):
        """Though its guest is there already."""
        self.lose(self.source, 'domainMigratePerform3Params',
                  lambda: self.server.live_migrate(wait=False), when='after')
        self.assertEqual((self.target.name, 'SHUTOFF'), (self.server.host, self.server.status))

    def test_a_server_that_is_evacuated_from_where_it_was_to_be_started(self):
        """A cold migration had brought it there; nothing is left of it on either side of that."""
        self.lose(self.target, 'domainDefineXML', lambda: self.server.migrate(expect=None))
        self.assertEqual((self.source.name, 'SHUTOFF'), (self.server.host, self.server.status))

    def test_a_stop_that_waited_for_a_lost_host_is_not_done(self):
        """The server runs elsewhere when that host is back."""
        compute = self.cloud.compute(self.source)
        compute.kill()
        self.server.stop(expect=None)
        self.server.evacuate().start()
        compute.start()
        self.assertNothingWrong()
        self.assertEqual('ACTIVE', self.server.status)

    def test_a_delete_that_a_lost_host_had_begun_is_given_up(self):
        """Whoever has evacuated the server since wants to have it."""
        self.lose(self.source, 'domainDestroy', lambda: self.server.delete(expect=None))
        self.assertEqual('SHUTOFF', self.server.status)

    def test_a_call_that_hangs_is_lost_with_the_daemon(self):
        """It does not take effect when it would go on."""
        with self.source.faults.hanging('domainShutdown') as hang:
            self.server.stop(expect=None)
            hang.wait_until_reached()
            self.source.faults.kill_daemon()
            self.source.faults.start_daemon()
        self.cloud.settle()
        [domain] = self.source.hypervisor.domains
        self.assertTrue(domain.active)

    def test_a_service_that_dies_in_the_reboot_of_a_guest_that_is_off(self):
        """The guest runs when the service is back, although its domain had been forgotten."""
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
        """Servers that were resumed after a reboot of their host has numbered devices anew."""
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

    def test_a_guest_that_is_resumed_after_a_reboot_of_its_host(self):
        """Runs on its own namespaces, whatever their devices are numbered by then."""
        self.resumed()
        self.assertNothingWrong()

    def test_a_soft_reboot_of_a_guest_that_was_resumed_after_a_reboot_of_its_host(self):
        """Starts it on the same namespaces again."""
        for server in self.resumed():
            server.reboot()
        self.assertNothingWrong()
