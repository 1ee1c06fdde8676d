"""Requests lost with a service or concurrent with a delete: nothing is left or claimed twice."""

from __future__ import annotations

import contextlib
from unittest import mock

from tests import base
from vpmem_harness.chaos.invariants import Fleet
from vpmem_harness.cloud.states import TaskState
from vpmem_harness.fixtures.cloud import CloudFixture


class LostRequestTest(base.VPMEMTestCase):

    def setUp(self):
        super().setUp()
        self.cloud = self.useFixture(CloudFixture(hosts=2, pmem='SMALL:2x1GiB', backend='stub'))
        self.fleet = Fleet(self.cloud, {host.name: host for host in self.cloud.hosts})
        self.here, self.there = self.cloud.hosts
        self.services = self.cloud.backend.services

    def assertNothingWrong(self):
        self.cloud.settle()
        self.assertEqual([], list(self.fleet.at_rest()))

    @contextlib.contextmanager
    def casts(self, host, step, instead=lambda: None):
        """Replace a cast to a service with a function, so that the request is lost."""
        service = self.services.compute(host.name)
        cast = service.cast

        def intercept(work, *args):
            if work.__name__ == step:
                instead()
            else:
                cast(work, *args)
        with mock.patch.object(service, 'cast', intercept):
            yield
            self.cloud.settle()

    # Killed services

    def test_a_build(self):
        """The server is in ERROR when the service is back, without an allocation in Placement."""
        compute = self.cloud.compute(self.here)
        with self.casts(self.here, 'build_and_run_instance', compute.kill):
            server = self.cloud.boot(pmem='SMALL', host=self.here, expect=None)
        compute.start()
        self.assertNothingWrong()
        self.assertEqual('ERROR', server.status)
        self.assertEqual({}, server.allocations)

    def test_a_queued_build(self):
        """A queued build runs when the service is back."""
        service, compute = self.services.compute(self.here.name), self.cloud.compute(self.here)
        cast = service.cast

        def kill_first(*args):
            compute.kill()
            cast(*args)
        with mock.patch.object(service, 'cast', kill_first):
            server = self.cloud.boot(pmem='SMALL', host=self.here, expect=None)
            self.cloud.settle()
        compute.start()
        self.assertNothingWrong()
        self.assertEqual('ACTIVE', server.status)

    def test_an_unshelve(self):
        """The server stays shelved, without an allocation in Placement."""
        server = self.cloud.boot(pmem='SMALL').shelve()
        compute = self.cloud.compute(self.here)
        with self.casts(self.here, 'unshelve_instance', compute.kill):
            server.unshelve(self.here, expect=None)
        compute.start()
        self.assertNothingWrong()
        self.assertEqual('SHELVED_OFFLOADED', server.status)

    # Deletes

    def test_a_delete_of_a_server_that_has_just_arrived(self):
        """A delete before the start on the destination frees the claims on both hosts."""
        for up in (True, False):
            server = self.cloud.boot(pmem='SMALL', host=self.here)
            compute = self.cloud.compute(self.there)
            kill = (lambda: None) if up else compute.kill
            with self.casts(self.there, 'finish_resize', kill):
                server.migrate(expect=None)
            server.delete(expect=None)
            self.cloud.settle()
            if not up:
                compute.start()
            self.assertNothingWrong()
            self.assertFalse(server.exists)
            for host in self.cloud.hosts:
                self.assertNamespacesFree(self.cloud, host)

    def unconfirmed(self):
        """Return a server in its deletion, its migration, and the service that is to confirm it."""
        server = self.cloud.boot(pmem='SMALL', host=self.here).migrate()
        instance = self.services.database.instance(server.id)
        instance.task_state = TaskState.DELETING
        return instance, self.services.database.migration(server.id, 'finished')

    def confirm_in_place(self, instance, migration):
        service = self.services.compute(self.here.name)
        service.again(instance, 'confirmResize', service.resize.confirm_in_place, migration)
        self.cloud.settle()

    def test_a_repeated_delete(self):
        """A repeated delete confirms the migration and ends the task."""
        instance, migration = self.unconfirmed()
        self.confirm_in_place(instance, migration)
        self.assertEqual(('active', None), (instance.vm_state, instance.task_state))

    def test_a_delete_repeated_during_the_confirm(self):
        """The repeated delete leaves the running confirm's task unchanged."""
        instance, migration = self.unconfirmed()
        self.services.database.save_migration(migration, status='confirmed')
        self.confirm_in_place(instance, migration)
        self.assertEqual(TaskState.DELETING, instance.task_state)
        instance.task_state = None

    def test_a_repeated_delete_that_fails(self):
        """The server is in ERROR without a task."""
        instance, migration = self.unconfirmed()
        with self.here.faults.tool_failing('daxio'):
            self.confirm_in_place(instance, migration)
        self.assertEqual(('error', None), (instance.vm_state, instance.task_state))

    # Claims

    def test_an_audit_while_a_claim_is_recorded(self):
        """The audit does not drop the claim."""
        service = self.services.compute(self.here.name)
        save, found = service.save, []

        def audit(*args, **changes):
            if 'resources' in changes:
                service.in_service(service.audit)
                found.append(service.assigned_namespaces())
            save(*args, **changes)
        with mock.patch.object(service, 'save', audit):
            server = self.cloud.boot(pmem='SMALL', host=self.here)
        self.assertEqual([server.id], list(found[0].values()))
        self.assertNothingWrong()

    def test_an_audit_while_a_claim_is_aborted(self):
        """The audit does not restore the claim."""
        server = self.cloud.boot(pmem='SMALL', host=self.here)
        there = self.services.compute(self.there.name)
        release = type(there.tracker).release

        def audit(tracker, instance, *args, **options):
            there.in_service(there.audit)
            release(tracker, instance, *args, **options)
            there.in_service(there.audit)
        with (mock.patch.object(type(there.tracker), 'release', audit),
              self.here.faults.failing('domainDestroy')):
            server.migrate(expect='ERROR')
            self.cloud.settle()
        self.assertEqual({}, there.assigned_namespaces())

    # Leftovers

    def test_a_live_migration_to_a_host_with_a_leftover_guest(self):
        """The leftover guest is removed before the migration, not during it."""
        server = self.cloud.boot(pmem='SMALL', host=self.here).migrate()
        with self.there.faults.failing('domainDestroy'):
            server.revert_resize(wait=False)
            self.cloud.settle()
        server.reboot(hard=True)
        with self.there.faults.hanging('domainMigratePerform3Params') as hang:
            server.live_migrate(wait=False)
            hang.wait_until_reached()
            self.assertEqual([], self.services.database.left_behind(self.here.name))
            self.assertEqual([], list(self.here.hypervisor.domains))
        self.assertNothingWrong()
        self.assertEqual((self.here.name, 'ACTIVE'), (server.host, server.status))

    # Daemons that die

    def test_a_daemon_that_dies_when_a_guest_has_left(self):
        """The guest is not removed where it has come."""
        server = self.cloud.boot(pmem='SMALL', host=self.here)
        with self.here.faults.at('domainMigratePerform3Params', self.here.faults.kill_daemon,
                                 when='after') as fault:
            server.live_migrate(wait=False)
            fault.wait_until_reached()
            self.cloud.settle()
        self.here.faults.start_daemon()
        self.cloud.backend.run_periodic_tasks()
        self.assertNothingWrong()
        self.assertEqual((self.there.name, 'ACTIVE'), (server.host, server.status))

    def test_a_daemon_that_dies_when_a_guest_is_to_leave(self):
        """The server stays where it is."""
        server = self.cloud.boot(pmem='SMALL', host=self.here)
        with self.here.faults.at('domainMigratePerform3Params', self.here.faults.kill_daemon,
                                 ) as fault:
            server.live_migrate(wait=False)
            fault.wait_until_reached()
            self.cloud.settle()
        self.here.faults.start_daemon()
        self.cloud.backend.run_periodic_tasks()
        self.assertNothingWrong()
