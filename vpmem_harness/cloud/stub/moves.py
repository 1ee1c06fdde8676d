"""Moves between hosts: how they are aborted, and what they hold in Placement.

Source: nova/compute/manager.py, _resize_instance, _reset_live_migration, _revert_allocation.
"""

from __future__ import annotations

from oslo_log import log as logging

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.states import TaskState
from vpmem_harness.cloud.stub import placement_errors
from vpmem_harness.cloud.stub.context import RequestContext, Services
from vpmem_harness.cloud.stub.ledger import AllocationRequest
from vpmem_harness.cloud.stub.objects import Instance, Migration, MigrationContext, conflicting

LOG = logging.getLogger(__name__)

#: Statuses of a move whose server has not left its host.
_UNDER_WAY = ('accepted', 'preparing', 'pre-migrating', 'migrating', 'running')


class Moves:
    """Aborts moves, and moves allocations between a server and its migrations.

    A service that starts clears the task state of a move, while the conductor or another service
    may be working on it. In Nova the next step notices that and fails. Here it calls
    :meth:`superseded`, so that neither claims nor allocations remain.
    """

    def __init__(self, services: Services) -> None:
        self.services = services

    def check(self, context: RequestContext, instance: Instance, task: TaskState) -> None:
        """Check, before a move begins, that its request is still the server's current one.

        :raises UnexpectedTaskStateError: if a restart of a service has ended the request.
        """
        if instance.deleted or instance.task_state == TaskState.DELETING:
            return      # the next step notices that
        if instance.task_state != task or instance.actions[-1] is not context.action:
            raise conflicting(instance, (task,))

    def superseded(self, instance: Instance, migration: Migration, task: TaskState) -> bool:
        """Whether a restart or an evacuation has ended the request of a move; aborts it then."""
        with self.services.database.lock:
            if instance.deleted:
                return False
            late = migration.status not in _UNDER_WAY or (
                instance.task_state not in (task, TaskState.DELETING))
            if late:
                LOG.info('A step came too late: a restart has ended its request')
                self.abort(instance, migration)
            return late

    def check_under_way(self, instance: Instance, migration: Migration) -> None:
        """Check that a move has not been aborted.

        :raises UnexpectedTaskStateError: if it has been.
        """
        if migration.status not in _UNDER_WAY:
            raise errors.UnexpectedTaskStateError(
                instance_uuid=instance.uuid,
                expected={'status': list(_UNDER_WAY)}, actual={'status': migration.status})

    # Aborts

    def abort(self, instance: Instance, migration: Migration) -> None:
        """Abort a move that has not taken a server from its host; release its resources."""
        database = self.services.database
        with database.lock:
            if migration.status in _UNDER_WAY:
                self.return_allocations(migration, instance)
                database.save_migration(migration, status='error')
            move = instance.migration_context
            if move is None or move.migration is not migration or migration.dest_compute is None:
                return
            destination = self.services.compute(migration.dest_compute)
            destination.cleanup.leave_behind(instance, move.new_resources)
            database.save(instance, migration_context=None)
            destination.cast(destination.cleanup.clean_up, instance)

    def abort_all(self, instance: Instance) -> None:
        """Abort the moves that have not taken a server from its host; release their resources."""
        with self.services.database.lock:
            for migration in self.services.database.migrations(instance.uuid):
                if migration.status in _UNDER_WAY:
                    self.abort(instance, migration)

    def fail(self, instance: Instance, migration: Migration, error: errors.NovaException) -> None:
        """Reset a server after the scheduling of its move has failed."""
        database = self.services.database
        with database.lock:
            database.save_migration(migration, status='error')
            if not instance.deleted:
                self.services.add_fault(instance, error)
                database.save(instance, task_state=None)

    def fail_finish(self, instance: Instance, move: MigrationContext) -> None:
        """End a move whose server has arrived but was not started."""
        services = self.services
        with services.database.lock:
            services.database.save(instance, resources=move.new_resources, cell=move.new_cell)
            services.database.save_migration(move.migration, status='error')
            self.release_allocations(move.migration.uuid)
            source = services.compute(move.migration.source_compute)
            source.cast(source.resize.leave_source, instance, move)

    def end_for_evacuation(self, instance: Instance) -> None:
        """End a move that was in progress when the host of a server was lost.

        Nova never ends such a move, and keeps its allocations in Placement.
        """
        database = self.services.database
        move = instance.migration_context
        arrived = move is not None and move.migration.dest_compute == instance.host
        if move is not None and arrived and move.migration.status == 'post-migrating':
            self.fail_finish(instance, move)
        elif move is not None and arrived and move.migration.status == 'running':
            database.save_migration(move.migration, status='completed')
        elif any(one.status in _UNDER_WAY and one.migration_type != 'evacuation'
                 for one in database.migrations(instance.uuid)):
            self.abort_all(instance)

    # Placement

    def release_allocations(self, consumer: str) -> None:
        """Delete the allocations of a consumer, if there are any."""
        try:
            self.services.ledger.delete_allocations(consumer)
        except placement_errors.NoAllocations:
            LOG.debug('The consumer has no allocations')

    def return_allocations(self, migration: Migration, instance: Instance) -> None:
        """Return the allocations of a migration to its instance, replacing its current ones.

        An instance that was deleted meanwhile gets none.
        """
        with self.services.database.lock:
            if instance.deleted:
                self.release_allocations(migration.uuid)
                self.release_allocations(instance.uuid)
            else:
                self.move_allocations(migration.uuid, instance.uuid)

    def move_allocations(self, source: str, target: str) -> None:
        """Move all allocations of a consumer to another in one step.

        :raises AllocationMoveFailed: if one of them has changed meanwhile.
        """
        ledger = self.services.ledger
        held = ledger.allocations_for_consumer(source)
        replaced = ledger.allocations_for_consumer(target)
        if not held.allocations:
            return
        owner = self.services.owner
        try:
            ledger.set_allocations({
                source: AllocationRequest(
                    {}, held.consumer_generation, owner.project_id, owner.user_id),
                target: AllocationRequest(
                    held.allocations, replaced.consumer_generation,
                    owner.project_id, owner.user_id),
            })
        except placement_errors.ConcurrentUpdate as error:
            raise errors.AllocationMoveFailed(
                source_consumer=source, target_consumer=target, error=error) from error
