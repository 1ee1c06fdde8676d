"""The conductor: schedules builds and moves, and passes them on when a host fails.

Source: nova/conductor/manager.py and nova/conductor/tasks/migrate.py.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection

from oslo_log import log as logging

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.flavors import Flavor
from vpmem_harness.cloud.states import TaskState, VMState
from vpmem_harness.cloud.stub import placement_errors
from vpmem_harness.cloud.stub.context import RequestContext, Services
from vpmem_harness.cloud.stub.database import Instance, Migration, MigrationContext, about
from vpmem_harness.cloud.stub.ledger import AllocationRequest
from vpmem_harness.cloud.stub.scheduler import MAX_ATTEMPTS, RequestSpec, Scheduler, Selection
from vpmem_harness.cloud.stub.workers import Tally

LOG = logging.getLogger(__name__)

#: What the status of a move is until its server has left its host.
_UNDER_WAY = ('accepted', 'preparing', 'pre-migrating', 'migrating', 'running')


def _count_attempt(context: RequestContext, instance: Instance, reason: object) -> None:
    context.attempts += 1
    if context.attempts > MAX_ATTEMPTS:
        raise errors.MaxRetriesExceeded(reason=(
            f'Exceeded max scheduling attempts {MAX_ATTEMPTS} for instance {instance.uuid}. '
            f'Last exception: {reason}'))


class Conductor:
    """Carries requests from the API to the compute services."""

    def __init__(self, services: Services, scheduler: Scheduler) -> None:
        self.services = services
        self.scheduler = scheduler
        self.under_way = Tally()

    def cast(self, work: Callable[..., None], *args: object) -> None:
        """Have work done soon."""
        self.under_way.begin(about(args))
        self.services.workers.submit(functools.partial(self._do, work, *args))

    def _do(self, work: Callable[..., None], *args: object) -> None:
        try:
            work(*args)
        finally:
            self.under_way.done(about(args))
            self.services.database.look()

    def spec(
        self, instance: Instance, flavor: Flavor, host: str | None = None,
        ignore_hosts: Collection[str] = (),
    ) -> RequestSpec:
        owner = self.services.owner
        return RequestSpec(
            instance.uuid, flavor.resources, owner.project_id, owner.user_id, host, ignore_hosts,
            flavor.traits)

    # Builds

    def build_instance(
        self, context: RequestContext, instance: Instance, host: str | None,
    ) -> None:
        """Find a host for a new server, and have it built there."""
        try:
            selected = self.scheduler.select_destinations(
                self.spec(instance, instance.flavor, host))
        except errors.NoValidHost as error:
            # Nova records this step for a server that it buries in cell0 alone.
            database = self.services.database
            begun = database.start_event(
                context.action, 'conductor_schedule_and_build_instances', None)
            self._bury(instance, error)
            database.finish_event(context.action, begun, error)
            return
        self._cast_build(context, instance, selected)

    def reschedule_build(
        self, context: RequestContext, instance: Instance, reason: str,
    ) -> None:
        """Try the next host after one has failed to build a server.

        :param reason: what the last host failed with.
        """
        try:
            _count_attempt(context, instance, reason)
            selected = self.next_alternate(context, self.spec(instance, instance.flavor))
        except errors.NoValidHost as error:
            self._bury(instance, error)
            return
        self._cast_build(context, instance, selected)

    def next_alternate(self, context: RequestContext, spec: RequestSpec) -> list[Selection]:
        """The next alternate that still has the room, claimed, and those after it.

        :raises MaxRetriesExceeded: when there is none.
        """
        for index, alternate in enumerate(context.alternates):
            if self.scheduler.claim(spec, alternate):
                return list(context.alternates[index:])
        raise errors.MaxRetriesExceeded(reason=(
            'Exhausted all hosts available for retrying build failures for instance '
            f'{spec.consumer}.'))

    def _cast_build(
        self, context: RequestContext, instance: Instance, selected: list[Selection],
    ) -> None:
        context.alternates = selected[1:]
        compute = self.services.compute(selected[0].service_host)
        if instance.deleted:
            self.release_allocations(instance.uuid)
            return
        compute.cast(compute.build.build_and_run_instance, context, instance)

    def _bury(self, instance: Instance, error: Exception) -> None:
        """Nova's set_vm_state_and_notify: ERROR, and then the fault."""
        database = self.services.database
        with database.lock:
            if not instance.deleted and instance.task_state != TaskState.DELETING:
                database.save(instance, vm_state=VMState.ERROR, task_state=None)
                self.services.add_fault(instance, error)

    def release_allocations(self, consumer: str) -> None:
        try:
            self.services.ledger.delete_allocations(consumer)
        except placement_errors.NoAllocations:
            LOG.debug('There was nothing to give back')

    # Deletion

    def delete_local(self, instance: Instance) -> None:
        """Delete a server that no service can be asked about; its host cleans up on return."""
        services = self.services
        with services.database.lock:
            if instance.deleted:
                return
            if instance.host is not None:
                services.compute(instance.host).cleanup.leave_deleted(instance)
            for migration in services.database.migrations(instance.uuid):
                self.release_allocations(migration.uuid)
            self.release_allocations(instance.uuid)
            services.database.save(
                instance, vm_state=VMState.DELETED, task_state=None, resources=(),
                migration_context=None, deleted=True)
        for host in list(instance.left_behind):
            compute = services.compute(host)
            compute.cast(compute.cleanup.clean_up, instance)

    # Cold moves

    def migrate_server(
        self, context: RequestContext, instance: Instance, flavor: Flavor,
        host: str | None, ignore_hosts: Collection[str],
    ) -> None:
        """Find a host for a server that is resized or migrated, and have it prepared there.

        What the server holds passes to the migration first, so that both sides are held.
        """
        database = self.services.database
        begun = [database.start_event(context.action, event, None)
                 for event in ('conductor_migrate_server', 'cold_migrate')]
        kind = 'resize' if flavor != instance.flavor else 'migration'
        assert instance.host is not None  # noqa: S101 - the API has seen to it
        migration = Migration(
            self.services.new_uuid(), instance.uuid, kind, source_compute=instance.host)
        database.add_migration(migration)
        failure: Exception | None = None
        try:
            self.move_allocations(instance.uuid, migration.uuid)
            try:
                selected = self.scheduler.select_destinations(
                    self.spec(instance, flavor, host, ignore_hosts))
            except errors.NoValidHost:
                self.return_allocations(migration, instance)
                raise
            self._cast_prep_resize(context, instance, flavor, migration, selected)
        except errors.NoValidHost as error:
            self.give_up_move(instance, migration, error)
            # The fault says what the scheduler did, the request what it was about.
            what = 'resize' if kind == 'resize' else 'cold migrate'
            failure = errors.NoValidHost(reason=f'No valid host found for {what}')
        except errors.NovaException as error:
            self.give_up_move(instance, migration, error)
            failure = error
        for event in reversed(begun):
            database.finish_event(context.action, event, failure)

    def give_up_move(
        self, instance: Instance, migration: Migration, error: errors.NovaException,
    ) -> None:
        """Leave a server as it is after its move has failed early."""
        database = self.services.database
        database.save_migration(migration, status='error')
        with database.lock:
            if not instance.deleted:
                self.services.add_fault(instance, error)
                database.save(instance, task_state=None)

    def reschedule_resize(
        self, context: RequestContext, instance: Instance, flavor: Flavor,
        migration: Migration, error: Exception,
    ) -> None:
        """Try the next host after one could not take a server; the server holds its own again.

        :raises MaxRetriesExceeded: when there is none.
        """
        _count_attempt(context, instance, error)
        self.move_allocations(instance.uuid, migration.uuid)
        try:
            selected = self.next_alternate(context, self.spec(instance, flavor))
        except errors.MaxRetriesExceeded:
            self.return_allocations(migration, instance)
            raise
        self._cast_prep_resize(context, instance, flavor, migration, selected)

    def _cast_prep_resize(
        self, context: RequestContext, instance: Instance, flavor: Flavor,
        migration: Migration, selected: list[Selection],
    ) -> None:
        context.alternates = selected[1:]
        compute = self.services.compute(selected[0].service_host)
        compute.cast(compute.resize.prep_resize, context, instance, flavor, migration)

    def give_up_moves(self, instance: Instance) -> None:
        """Free what a server was to get, by moves that have not taken it from its host."""
        database = self.services.database
        move = instance.migration_context
        for migration in database.migrations(instance.uuid):
            if migration.status in _UNDER_WAY:
                self.return_allocations(migration, instance)
                database.save_migration(migration, status='error')
        if move is not None and move.migration.dest_compute is not None:
            destination = self.services.compute(move.migration.dest_compute)
            destination.cleanup.leave_behind(instance, move.new_resources)
            database.save(instance, migration_context=None)
            destination.cast(destination.cleanup.clean_up, instance)

    def give_up_finish(self, instance: Instance, move: MigrationContext) -> None:
        """Leave a server where its move has brought it, though it was not started there."""
        database = self.services.database
        database.save(instance, resources=move.new_resources, cell=move.new_cell)
        database.save_migration(move.migration, status='error')
        self.release_allocations(move.migration.uuid)
        source = self.services.compute(move.migration.source_compute)
        source.cast(source.resize.leave_source, instance, move)

    # Unshelving

    def unshelve_instance(
        self, context: RequestContext, instance: Instance, host: str | None,
    ) -> None:
        """Start a shelved server where it is, or find a host for one that is on none."""
        database = self.services.database
        if instance.vm_state == VMState.SHELVED and instance.host is not None:
            database.save(
                instance, (TaskState.UNSHELVING,), task_state=TaskState.POWERING_ON)
            compute = self.services.compute(instance.host)
            compute.cast(compute.power.start_instance, context, instance)
            return
        database.finish_event(
            context.action, database.start_event(context.action, 'get_image_info', None))
        begun = database.start_event(context.action, 'schedule_instances', None)
        failure: Exception | None = None
        try:
            selected = self.scheduler.select_destinations(
                self.spec(instance, instance.flavor, host))
        except errors.NoValidHost as error:
            LOG.warning('No valid host found for unshelve instance')
            database.save(instance, task_state=None)
            failure = error
        else:
            compute = self.services.compute(selected[0].service_host)
            compute.cast(compute.shelve.unshelve_instance, context, instance)
        database.finish_event(context.action, begun, failure)

    # Rebuild, live migration and evacuation

    def rebuild_instance(self, context: RequestContext, instance: Instance, host: str) -> None:
        """Have a server built anew where it is."""
        begun = self.services.database.start_event(context.action, 'rebuild_server', None)
        compute = self.services.compute(host)
        compute.cast(compute.power.rebuild_instance, context, instance)
        self.services.database.finish_event(context.action, begun)

    def live_migrate_instance(
        self, context: RequestContext, instance: Instance, host: str | None,
    ) -> None:
        """Find a host for a running server, and have it prepared there."""
        assert instance.host is not None  # noqa: S101 - an active server has one
        migration = self._migration(instance, 'live-migration', instance.host)
        begun = self.services.database.start_event(
            context.action, 'conductor_live_migrate_instance', None)
        failure: Exception | None = None
        try:
            if not self.services.compute(instance.host).is_up:
                raise errors.ComputeServiceUnavailable(host=instance.host)
            self.move_allocations(instance.uuid, migration.uuid)
            try:
                selected = self.scheduler.select_destinations(
                    self.spec(instance, instance.flavor, host, [instance.host]))
            except errors.NoValidHost:
                self.return_allocations(migration, instance)
                raise
            compute = self.services.compute(selected[0].service_host)
            compute.cast(compute.live_migration.pre_live_migration, context, instance, migration)
        except errors.NovaException as error:
            self.give_up_move(instance, migration, error)
            failure = error
        self.services.database.finish_event(context.action, begun, failure)

    def evacuate_instance(
        self, context: RequestContext, instance: Instance, host: str | None,
    ) -> None:
        """Find a host for a server whose own is down; it holds what it had there, too."""
        assert instance.host is not None  # noqa: S101 - the API has seen to it
        self._give_up_move(instance, instance.host)
        migration = self._migration(instance, 'evacuation', instance.host, host)
        begun = self.services.database.start_event(context.action, 'rebuild_server', None)
        failure: Exception | None = None
        try:
            selected = self.scheduler.select_destinations(
                self.spec(instance, instance.flavor, host, [instance.host]))
            compute = self.services.compute(selected[0].service_host)
            compute.cast(compute.evacuation.evacuate_instance, context, instance, migration)
        except errors.NoValidHost as error:
            self.services.database.save_migration(migration, status='error')
            self._bury(instance, error)
            failure = error
        self.services.database.finish_event(context.action, begun, failure)

    def _give_up_move(self, instance: Instance, lost: str) -> None:
        """End a move that was under way when the server's host was lost.

        Nova leaves it as it was, with what it holds in Placement, for ever.
        """
        database = self.services.database
        move = instance.migration_context
        arrived = move is not None and move.migration.dest_compute == lost
        if move is not None and arrived and move.migration.status == 'post-migrating':
            self.give_up_finish(instance, move)
        elif move is not None and arrived and move.migration.status == 'running':
            database.save_migration(move.migration, status='completed')
        elif any(one.status in _UNDER_WAY and one.migration_type != 'evacuation'
                 for one in database.migrations(instance.uuid)):
            self.give_up_moves(instance)

    def _migration(
        self, instance: Instance, kind: str, source: str, destination: str | None = None,
    ) -> Migration:
        migration = Migration(
            self.services.new_uuid(), instance.uuid, kind, source, destination,
            status='accepted')
        self.services.database.add_migration(migration)
        return migration

    # Placement

    def return_allocations(self, migration: Migration, instance: Instance) -> None:
        """Give an instance back what its migration holds, in place of what it has got since.

        One that has been deleted meanwhile holds nothing any more.
        """
        with self.services.database.lock:
            if instance.deleted:
                self.release_allocations(migration.uuid)
                self.release_allocations(instance.uuid)
            else:
                self.move_allocations(migration.uuid, instance.uuid)

    def move_allocations(self, source: str, target: str) -> None:
        """Pass all that one consumer holds to another in one step.

        :raises AllocationMoveFailed: when either has changed meanwhile.
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
