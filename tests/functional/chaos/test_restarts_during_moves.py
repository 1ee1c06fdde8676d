"""Services that restart while the conductor schedules a move: nothing is left of the move."""

from __future__ import annotations

import contextlib
from unittest import mock

from tests import base
from vpmem_harness.chaos.invariants import Fleet
from vpmem_harness.fixtures.cloud import CloudFixture

#: Timeout in seconds for the work of the conductor and of the destination.
SOON = 30


class RestartDuringMoveTest(base.VPMEMTestCase):

    def setUp(self):
        super().setUp()
        self.cloud = self.useFixture(CloudFixture(hosts=2, pmem='SMALL:2x1GiB', backend='stub'))
        self.fleet = Fleet(self.cloud, {host.name: host for host in self.cloud.hosts})
        self.server = self.cloud.boot(pmem='SMALL')
        self.source = self.cloud.host(self.server.host)
        [self.target] = [host for host in self.cloud.hosts if host is not self.source]
        self.services = self.cloud.backend.services
        self.moves = (lambda: self.server.migrate(expect=None),
                      lambda: self.server.live_migrate(wait=False))

    def assertStayed(self):
        """Check that the server is as before its move, and that no migration is under way."""
        self.cloud.settle()
        self.assertEqual([], list(self.fleet.at_rest()))
        self.assertEqual((self.source.name, 'ACTIVE', None),
                         (self.server.host, self.server.status, self.server.task_state))
        self.assertLessEqual({one.status for one in self.server.migrations}, {'error'})

    @contextlib.contextmanager
    def late(self, service):
        """Hold the casts to a service; yields a function that passes them on."""
        held = []

        def deliver():
            while held:
                cast(*held.pop(0))
            self.assertTrue(self.services.conductor.under_way.rest(SOON))
            self.assertTrue(self.services.compute(self.target.name).current_run.under_way.rest(SOON))
        cast = service.cast
        with mock.patch.object(service, 'cast', lambda *args: held.append(args)):
            yield deliver

    def restart(self, operations=None, method=None, before=None):
        """Restart the service of the source; call ``before`` ahead of a method of its start."""
        calls = contextlib.nullcontext()
        if operations is not None:
            method_of_start = getattr(operations, method)
            calls = mock.patch.object(
                operations, method, lambda *args: (before(), method_of_start(*args))[1])
        with calls:
            self.cloud.compute(self.source).restart()

    def test_a_request_that_the_conductor_begins_after_the_restart(self):
        """The conductor does not begin it, as the restart has cleared the task state."""
        for move in self.moves:
            with self.late(self.services.conductor) as deliver:
                move()
                self.restart()
                deliver()
            self.assertStayed()

    def test_a_request_that_the_conductor_begins_during_the_restart(self):
        """The source ends it, whether it has been recorded already or not."""
        for move in self.moves:
            with self.late(self.services.conductor) as deliver:
                move()
                self.restart(self.services.compute(self.source.name).cleanup, 'clean_up_all',
                             deliver)
            self.assertStayed()

    def test_a_request_that_the_conductor_begins_while_a_guest_is_restarted(self):
        """The source ends it before it clears the task state."""
        for move in self.moves:
            with self.late(self.services.conductor) as deliver:
                move()
                self.source.faults.kill_daemon()
                self.source.faults.start_daemon(domains=False)
                self.restart(self.services.compute(self.source.name).power, 'restart_domain',
                             deliver)
            self.assertStayed()

    def test_a_preparation_that_begins_after_the_restart(self):
        """The destination claims nothing."""
        for move in self.moves:
            with self.late(self.services.compute(self.target.name)) as deliver:
                move()
                self.cloud.settle()
                self.restart()
                deliver()
            self.assertStayed()

    def test_a_step_of_the_source_that_begins_after_the_restart(self):
        """The destination releases its claim."""
        for move in self.moves:
            with self.late(self.services.compute(self.source.name)) as deliver:
                move()
                self.cloud.settle()
            self.restart()
            deliver()
            self.assertStayed()

    def test_a_request_that_begins_after_a_later_one(self):
        """Only the later request moves the server."""
        for move in self.moves:
            with self.late(self.services.conductor) as deliver:
                move()
                self.restart()
            self.server.migrate(expect=None)
            deliver()
            self.cloud.settle()
            self.assertEqual([], list(self.fleet.at_rest()))
            self.assertEqual('VERIFY_RESIZE', self.server.status)
            self.server.revert_resize()

    def test_an_evacuation_that_takes_a_server_while_its_host_returns(self):
        """The host that returns releases what the server holds there."""
        source = self.services.compute(self.source.name)
        destroy = source.evacuation.destroy_evacuated_instances
        self.cloud.compute(self.source).stop()
        with contextlib.ExitStack() as patches:
            deliver = patches.enter_context(self.late(self.services.compute(self.target.name)))

            def destroy_first():
                destroy()
                deliver()
            patches.enter_context(mock.patch.object(
                source.evacuation, 'destroy_evacuated_instances', destroy_first))
            self.server.evacuate(expect=None)
            self.assertTrue(self.services.conductor.under_way.rest(SOON))
            self.cloud.compute(self.source).start()
        self.cloud.backend.run_periodic_tasks()
        self.assertEqual([], list(self.fleet.at_rest()))
        self.assertEqual((self.target.name, 'SHUTOFF'), (self.server.host, self.server.status))

    def test_a_rebuild_that_begins_after_the_restart(self):
        """The rebuild fails before it touches the guest."""
        with self.late(self.services.conductor) as deliver:
            self.server.rebuild(wait=False)
            self.restart()
            deliver()
            self.cloud.settle()
        self.assertEqual([], list(self.fleet.at_rest()))
        self.assertEqual('ERROR', self.server.status)
        [domain] = self.source.hypervisor.domains
        self.assertTrue(domain.active)
