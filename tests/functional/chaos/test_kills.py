"""Services killed between two changes: a killed service changes nothing, and nothing is lost."""

from __future__ import annotations

import contextlib
import threading
from unittest import mock

from tests import base
from vpmem_harness.chaos.invariants import Fleet
from vpmem_harness.cloud.states import TaskState, VMState
from vpmem_harness.fixtures.cloud import CloudFixture

#: Timeout in seconds for a step.
SOON = 30


class KillTest(base.VPMEMTestCase):

    def setUp(self):
        super().setUp()
        self.cloud = self.useFixture(CloudFixture(hosts=2, pmem='SMALL:2x1GiB', backend='stub'))
        self.fleet = Fleet(self.cloud, {host.name: host for host in self.cloud.hosts})
        self.services = self.cloud.backend.services
        self.server = self.cloud.boot(pmem='SMALL')
        self.instance = self.services.database.instance(self.server.id)
        self.here = self.cloud.compute(self.server.host)
        [self.there] = [self.cloud.compute(host) for host in self.cloud.hosts
                        if host.name != self.server.host]

    def service(self, compute):
        return self.services.compute(compute.name)

    def wait_for(self, found):
        self.assertTrue(self.cloud.backend.wait_for(lambda: found() or None, SOON))

    def assertNothingWrong(self):
        self.cloud.settle()
        self.assertEqual([], list(self.fleet.at_rest()))

    @contextlib.contextmanager
    def before(self, what, name, act, when):
        """Act once before the first call of a method that ``when`` accepts."""
        original = getattr(what, name)
        met = []

        def intercept(*args, **options):
            if not met and when(*args, **options):
                met.append(name)
                act()
            return original(*args, **options)
        with mock.patch.object(what, name, intercept):
            yield
        self.assertEqual([name], met)

    # Who works

    def test_only_services_with_work_are_asked(self):
        """A service counts while it works on a server, and while a request waits in its queue."""
        self.cloud.settle()
        self.assertEqual([], self.services.working())
        self.assertFalse(self.services.is_requested(self.instance))
        with self.here.host.faults.hanging('domainShutdown') as hang:
            self.server.stop(expect=None)
            hang.wait_until_reached()
            self.assertEqual([self.service(self.here)], self.services.working())
            self.assertTrue(self.services.is_requested(self.instance))
        self.cloud.settle()
        self.here.stop()
        self.server.start(expect=None)
        self.assertEqual([self.service(self.here)], self.services.working())
        self.assertTrue(self.services.is_requested(self.instance))
        self.assertTrue(self.cloud.backend.at_rest())

    # A killed service

    def test_it_changes_no_record(self):
        """A stop that is about to be recorded is repeated by the next run."""
        with self.before(self.services.database, 'save', self.here.kill,
                         lambda *_, **changes: changes.get('vm_state') == VMState.STOPPED):
            self.server.stop(expect=None)
            self.cloud.settle()
        self.assertEqual((VMState.ACTIVE, TaskState.POWERING_OFF),
                         (self.instance.vm_state, self.instance.task_state))
        self.here.start()
        self.assertNothingWrong()
        self.assertEqual('SHUTOFF', self.server.status)

    def test_it_releases_no_allocation(self):
        """A delete that is about to release the allocations is repeated by the next run."""
        with self.before(self.services.ledger, 'delete_allocations', self.here.kill,
                         lambda consumer: consumer == self.server.id):
            self.server.delete(expect=None)
            self.cloud.settle()
        self.assertNotEqual({}, self.cloud.allocations(self.server.id))
        self.here.start()
        self.assertNothingWrong()
        self.assertFalse(self.server.exists)

    def test_it_sends_no_request(self):
        """A destination that is about to ask the source ends the move when it is back."""
        with self.before(self.service(self.here), 'cast', self.there.kill,
                         lambda work, *_: work.__name__ == 'resize_instance'):
            self.server.migrate(expect=None)
            self.cloud.settle()
        self.assertEqual(TaskState.RESIZE_PREP, self.instance.task_state)
        self.there.start()
        self.assertNothingWrong()
        self.assertEqual((self.here.name, 'ACTIVE'), (self.server.host, self.server.status))

    # Changes in one piece

    def lock_is_free(self):
        """Whether another thread, such as one that kills a service, gets the lock."""
        free = []

        def take():
            if self.services.database.lock.acquire(blocking=False):
                self.services.database.lock.release()
                free.append(True)
        thread = threading.Thread(target=take)
        thread.start()
        thread.join()
        return bool(free)

    def assertInOnePiece(self, what, name, when, request):
        """Check that no kill is possible before a call of a method."""
        free = []
        with self.before(what, name, lambda: free.append(self.lock_is_free()), when):
            request()
            self.cloud.settle()
        self.assertEqual([False], free)

    def test_a_server_that_moves(self):
        """The request to the destination belongs to the record that the server is there."""
        self.assertInOnePiece(
            self.service(self.there), 'cast', lambda work, *_: work.__name__ == 'finish_resize',
            self.server.migrate)

    def test_a_move_that_is_confirmed(self):
        """The release of the old allocations belongs to the record of the confirmation."""
        self.server.migrate()
        self.assertInOnePiece(
            self.services.ledger, 'delete_allocations', lambda consumer: True,
            self.server.confirm_resize)

    def test_a_move_that_is_reverted(self):
        """The request to the source belongs to the record of the revert."""
        self.server.migrate()
        self.assertInOnePiece(
            self.service(self.here), 'cast',
            lambda work, *_: work.__name__ == 'finish_revert_resize', self.server.revert_resize)

    def test_a_guest_that_has_left(self):
        """The request to the destination belongs to the record that the server is there."""
        self.assertInOnePiece(
            self.service(self.there), 'cast',
            lambda work, *_: work.__name__ == 'post_live_migration_at_destination',
            self.server.live_migrate)

    def test_a_server_that_is_shelved(self):
        """The release of the allocations belongs to the record that the server has no host."""
        self.assertInOnePiece(
            self.services.ledger, 'delete_allocations', lambda consumer: True, self.server.shelve)

    # Moves and the other host

    def test_a_destination_restarted_before_the_source_begins(self):
        """The guest moves, because the source has the request already."""
        with self.service(self.here).instance_lock(self.instance):
            self.server.live_migrate(wait=False)
            self.wait_for(lambda: self.instance.migration_context is not None)
            self.there.restart()
        self.assertNothingWrong()
        self.assertEqual((self.there.name, 'ACTIVE'), (self.server.host, self.server.status))

    def test_a_destination_restarted_while_the_source_is_down(self):
        """The source gives the move up when it is back."""
        self.here.stop()
        with self.before(self.service(self.here), 'cast', lambda: None,
                         lambda work, *_: work.__name__ == 'resize_instance'):
            with mock.patch.object(type(self.service(self.here)), 'is_up', True):
                self.server.migrate(expect=None)
            self.cloud.settle()
        self.there.restart()
        self.assertEqual(TaskState.RESIZE_PREP, self.instance.task_state)
        self.here.start()
        self.assertNothingWrong()
        self.assertEqual((self.here.name, 'ACTIVE'), (self.server.host, self.server.status))

    def test_a_source_killed_before_the_destination_has_finished(self):
        """The source releases the allocations of the migration when it is back."""
        with self.there.host.faults.hanging('domainGetInfo', times=1):
            with self.before(self.services.ledger, 'delete_allocations', self.here.kill,
                             lambda consumer: True):
                self.server.live_migrate(wait=False)
                self.wait_for(lambda: not self.here.is_up)
            self.here.start()
        self.assertNothingWrong()
        self.assertEqual((self.there.name, 'ACTIVE'), (self.server.host, self.server.status))
