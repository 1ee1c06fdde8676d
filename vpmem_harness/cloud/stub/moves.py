"""Servers move while they run, or because their host is lost: live migration and evacuation.

Source: nova/compute/manager.py, live_migration, _post_live_migration, _rollback_live_migration,
rebuild_instance and _destroy_evacuated_instances; nova/virt/libvirt/migration.py.
"""

from __future__ import annotations

import dataclasses

import libvirt
from oslo_log import log as logging

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.states import TaskState, VMState
from vpmem_harness.cloud.stub.build import GONE
from vpmem_harness.cloud.stub.compute import ComputeBase
from vpmem_harness.cloud.stub.context import RequestContext
from vpmem_harness.cloud.stub.database import Instance, Migration, MigrationContext
from vpmem_harness.cloud.stub.driver import LibvirtDriver
from vpmem_harness.cloud.stub.guest import with_paths
from vpmem_harness.cloud.stub.ledger import AllocationRequest
from vpmem_harness.cloud.stub.resize import ResizeOperations
from vpmem_harness.cloud.stub.shelve import ShelveOperations
from vpmem_harness.cloud.stub.steps import not_found, step

LOG = logging.getLogger(__name__)


class MoveOperations(ResizeOperations, ShelveOperations):
    """Moving servers that run, and servers whose host is down."""

    # Live migration

    @step('compute_check_can_live_migrate_destination')
    def pre_live_migration(
        self, context: RequestContext, instance: Instance, migration: Migration,
    ) -> None:
        """On the destination: claim, and tell the source to begin."""
        if self.superseded(instance, TaskState.MIGRATING):
            return
        try:
            self.make_way(instance)
            resources, cell = self.tracker.claim(
                instance, instance.flavor, self.allocated_here(instance.uuid), side='new')
            try:
                self.note_claim(instance, migration, 'preparing', MigrationContext(
                    migration, instance.resources, resources, instance.cell, cell))
            except errors.UnexpectedTaskStateError:
                self.tracker.release(instance, resources, side='new')
                return      # it is evacuated: see note_claim
            self.driver.create_image(instance.uuid, instance.flavor)
        except Exception:
            self.check_alive()
            self.rollback_live_migration(context, instance, migration)
            raise
        source = self.services.compute(migration.source_compute)
        source.cast(source.live_migration, context, instance, migration)

    @step('compute_live_migration', here=not_found)
    def live_migration(
        self, context: RequestContext, instance: Instance, migration: Migration,
    ) -> None:
        """On the source: send the running guest, then remove what is left of it."""
        if self.superseded(instance, TaskState.MIGRATING):
            return
        move = instance.migration_context
        assert move is not None  # noqa: S101 - pre_live_migration has made it
        destination = self.services.compute(self.require_destination(migration))
        try:
            self.save_migration(migration, status='running')
            domain = self.driver.require(instance.uuid)
            flags = libvirt.VIR_DOMAIN_XML_MIGRATABLE | libvirt.VIR_DOMAIN_XML_SECURE
            xml = with_paths(
                domain.XMLDesc(flags), [one.device.devpath for one in instance.ordered(
                    move.new_resources, instance.flavor)])
            self._simulated.introduce(destination._simulated)
            try:
                self.driver.migrate(domain, destination.uri, xml)
            except libvirt.libvirtError as error:
                if not self._has_moved(instance, destination):
                    raise
                LOG.info('A migration succeeded although its call failed: %s', error)
        except Exception:
            self.check_alive()
            destination.rollback_live_migration(context, instance, migration)
            raise
        self._post_live_migration(context, instance, migration)

    def _has_moved(self, instance: Instance, destination: ComputeBase) -> bool:
        """Whether a guest is not here any more, or runs at the destination if nobody can tell here.

        Nova takes it for one that has not left then, and removes it at the destination.
        """
        try:
            return self.has_left(instance)
        except (errors.HypervisorUnavailable, libvirt.libvirtError) as error:
            LOG.warning('Whether a guest has left is asked at its destination: %s', error)
        return LibvirtDriver(destination._simulated).runs_guest(instance.uuid)

    def has_left(self, instance: Instance) -> bool:
        """Whether a guest is not here any more that was being sent: a migration ends with that.

        Source: nova/virt/libvirt/migration.py, find_job_type. It takes a guest that has ended here
        for one that has left, too.
        """
        return self.driver.domain(instance.uuid) is None

    @step('compute_live_migration')
    def post_live_migration(
        self, context: RequestContext, instance: Instance, migration: Migration,
    ) -> None:
        """On the source: a guest has left while the service was down."""
        if instance.host == self.host:
            self._post_live_migration(context, instance, migration)

    def _post_live_migration(
        self, context: RequestContext, instance: Instance, migration: Migration,
    ) -> None:
        move = instance.migration_context
        assert move is not None  # noqa: S101 - pre_live_migration has made it
        with self.services.database.lock:
            self.save(instance, host=migration.dest_compute, resources=move.new_resources,
                      cell=move.new_cell,
                      migration_context=dataclasses.replace(move, old_resources=()))
            self.leave_behind(instance, move.old_resources)
        destination = self.services.compute(self.require_destination(migration))
        destination.cast(
            destination.post_live_migration_at_destination, context, instance, migration)
        try:
            self.clean_up(instance)
        finally:
            # Whatever is left to be cleaned up here, the server is on the destination now.
            self.release_allocations(migration.uuid)

    @property
    def uri(self) -> str:
        return self._simulated.uri

    @step('compute_post_live_migration_at_destination')
    def post_live_migration_at_destination(
        self, context: RequestContext, instance: Instance, migration: Migration,
    ) -> None:
        """On the destination: the guest is here."""
        move = instance.migration_context
        if move is None or move.migration is not migration:
            return      # this is done over after a restart, and was done already
        power_state = self.observe(instance)
        self.settle(instance, move)
        self.save_migration(migration, status='completed')
        with self.services.database.lock:
            # A source that could not clean up has ended the task, and another may have begun.
            task = instance.task_state
            self.save(instance, power_state=power_state,
                      task_state=None if task == TaskState.MIGRATING else task)

    def rollback_live_migration(
        self, context: RequestContext, instance: Instance, migration: Migration,
    ) -> None:
        """Give a migration up; on the destination, what the guest was to have is wiped and freed.

        The request is not done before that is.
        """
        move = instance.migration_context
        database = self.services.database
        database.save_migration(migration, status='error')
        self.services.conductor.return_allocations(migration, instance)
        if move is not None:
            self.leave_behind(instance, move.new_resources)
            self.drop_new_context(instance)
            begun = database.start_event(
                context.action, 'compute_rollback_live_migration_at_destination', self.host)
            self.cast(self._clean_up_at_destination, context, instance, begun)

    def _clean_up_at_destination(
        self, context: RequestContext, instance: Instance, begun: str,
    ) -> None:
        failure: Exception | None = None
        try:
            self.clean_up(instance)
        except Exception as error:
            self.check_alive()
            failure = error
        self.services.database.finish_event(context.action, begun, failure)

    def drop_new_context(self, instance: Instance) -> None:
        """The server stays what it is."""
        database = self.services.database
        with database.lock:
            if not instance.deleted:
                database.save(instance, migration_context=None)

    # Evacuation

    @step('compute_rebuild_instance')
    def evacuate_instance(
        self, context: RequestContext, instance: Instance, migration: Migration,
    ) -> None:
        """On the destination: build a server anew whose host is down; it is left stopped.

        Left stopped since microversion 2.95, but for one in ERROR, which runs then. What it held on
        the lost host is wiped there when that host's service returns.
        """
        if self.superseded(instance, TaskState.REBUILDING):
            if instance.host != self.host:      # to which another evacuation has brought it
                self.drop_provider(instance.uuid, self.provider_uuid)
            return
        try:
            self.make_way(instance)
            resources, cell = self.tracker.claim(
                instance, instance.flavor, self.allocated_here(instance.uuid), side='new')
        except errors.ComputeResourcesUnavailable as error:
            self.give_up_evacuation(instance, migration)
            raise errors.BuildAbortException(
                instance_uuid=instance.uuid, reason=error.message) from error
        except Exception:
            self.check_alive()
            self.give_up_evacuation(instance, migration)
            raise
        source = self.services.compute(migration.source_compute)
        stopped = instance.vm_state != VMState.ERROR
        try:
            self.save_migration(migration, dest_compute=self.host, status='pre-migrating')
            left = instance.resources
            with self.services.database.lock:
                self.save(
                    instance, (TaskState.REBUILDING,), host=self.host, resources=resources,
                    cell=cell, task_state=TaskState.REBUILD_SPAWNING)
                source.leave_behind(instance, left)
            self.tracker.settle(instance)
            self.spawn(instance, resources)
            if stopped:
                self.driver.power_off(instance.uuid)
        except GONE:
            self.tracker.release(instance, resources, side='new')
            self.release_allocations(instance.uuid)
            raise
        except errors.UnexpectedTaskStateError:
            # Its host has returned meanwhile, and has given the request up.
            self.tracker.release(instance, resources, side='new')
            self.save_migration(migration, status='failed')
            self.drop_provider(instance.uuid, self.provider_uuid)
            raise
        except Exception:
            self.check_alive()
            self.end_evacuation(migration, 'failed')
            self.keep(instance, resources)
            self.error_out(instance)
            raise
        self.end_evacuation(migration, 'done')
        self.save(
            instance, (TaskState.REBUILD_SPAWNING,), task_state=None,
            vm_state=VMState.STOPPED if stopped else VMState.ACTIVE,
            power_state=self.observe(instance),
            launched_at=self.services.now())

    def end_evacuation(self, migration: Migration, status: str) -> None:
        """Note how it ended, unless the lost host has returned and has given up its side."""
        if migration.status != 'completed':
            self.save_migration(migration, status=status)

    def give_up_evacuation(self, instance: Instance, migration: Migration) -> None:
        """Leave the server where it was, in ERROR, with what it held there."""
        self.save_migration(migration, status='failed')
        self.drop_provider(instance.uuid, self.provider_uuid)
        self.error_out(instance)

    def drop_provider(self, consumer: str, provider: str) -> None:
        """Give back what a consumer holds of one provider and keep the rest."""
        ledger = self.services.ledger
        held = ledger.allocations_for_consumer(consumer)
        if provider in held.allocations:
            rest = {uuid: amounts for uuid, amounts in held.allocations.items()
                    if uuid != provider}
            ledger.set_allocations({consumer: AllocationRequest(
                rest, held.consumer_generation, held.project_id, held.user_id)})

    def destroy_evacuated_instances(self) -> None:
        """On a host that returns: remove the servers that were built elsewhere meanwhile."""
        database = self.services.database
        for migration in database.migrations():
            if (migration.migration_type != 'evacuation' or migration.source_compute != self.host
                    or migration.status in ('completed', 'error')):
                continue
            instance = database.any_instance(migration.instance_uuid)
            if instance.host != self.host:
                # What the server held here may be its migration's by now, if it has moved on.
                moves = database.migrations(instance.uuid)
                for consumer in (instance.uuid, *(move.uuid for move in moves)):
                    self.drop_provider(consumer, self.provider_uuid)
                self.save_migration(migration, status='completed')
            elif migration.status == 'failed':
                self.save_migration(migration, status='error')
