"""The conductor: schedules builds and moves, and reschedules them if a host fails.

Source: nova/conductor/manager.py and nova/conductor/tasks/migrate.py.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Collection, Iterator

from oslo_log import log as logging

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.flavors import Flavor
from vpmem_harness.cloud.states import TaskState, VMState
from vpmem_harness.cloud.stub.context import RequestContext, Services
from vpmem_harness.cloud.stub.moves import Moves
from vpmem_harness.cloud.stub.objects import Instance, Migration, about
from vpmem_harness.cloud.stub.scheduler import MAX_ATTEMPTS, RequestSpec, Scheduler, Selection
from vpmem_harness.cloud.stub.workers import Tally

LOG = logging.getLogger(__name__)


def _count_attempt(context: RequestContext, instance: Instance, reason: object) -> None:
    context.attempts += 1
    if context.attempts > MAX_ATTEMPTS:
        raise errors.MaxRetriesExceeded(reason=(
            f'Exceeded max scheduling attempts {MAX_ATTEMPTS} for instance {instance.uuid}. '
            f'Last exception: {reason}'))


class Conductor:
    """Casts requests from the API to the compute services."""

    def __init__(self, services: Services, scheduler: Scheduler) -> None:
        self.services = services
        self.scheduler = scheduler
        self.under_way = Tally()
        self.moves = Moves(services)

    def cast(self, work: Callable[..., None], *args: object) -> None:
        """Queue work for a worker thread."""
        with self.services.database.lock:
            self.services.current_run.check()
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
        """Schedule a new server and cast its build."""
        try:
            selected = self.scheduler.select_destinations(
                self.spec(instance, instance.flavor, host))
        except errors.NoValidHost as error:
            # Nova records this event only for servers that it buries in cell0.
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
        """Try the next host after a failed build.

        :param reason: the error of the last host.
        """
        try:
            _count_attempt(context, instance, reason)
            selected = self.next_alternate(context, self.spec(instance, instance.flavor))
        except errors.NoValidHost as error:
            self._bury(instance, error)
            return
        self._cast_build(context, instance, selected)

    def next_alternate(self, context: RequestContext, spec: RequestSpec) -> list[Selection]:
        """Claim the next alternate with enough resources; return it and those after it.

        :raises MaxRetriesExceeded: if there is none.
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
            self.moves.release_allocations(instance.uuid)
            return
        compute.cast(compute.build.build_and_run_instance, context, instance)

    def _bury(self, instance: Instance, error: Exception) -> None:
        """Nova's set_vm_state_and_notify: set ERROR, then add the fault."""
        database = self.services.database
        with database.lock:
            if not instance.deleted and instance.task_state != TaskState.DELETING:
                database.save(instance, vm_state=VMState.ERROR, task_state=None)
                self.services.add_fault(instance, error)

    # Deletion

    def delete_local(self, instance: Instance) -> None:
        """Delete a server whose service is down; its host cleans up when it returns."""
        services = self.services
        with services.database.lock:
            if instance.deleted:
                return
            if instance.host is not None:
                services.compute(instance.host).cleanup.leave_deleted(instance)
            for migration in services.database.migrations(instance.uuid):
                self.moves.release_allocations(migration.uuid)
            self.moves.release_allocations(instance.uuid)
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
        """Schedule a resize or cold migration and cast its preparation.

        The migration gets the server's allocations first, so that both hosts are allocated.
        """
        with self._recorded(context, 'conductor_migrate_server', 'cold_migrate'):
            self.moves.check(context, instance, TaskState.RESIZE_PREP)
            kind = 'resize' if flavor != instance.flavor else 'migration'
            migration = self._migration(instance, kind, status='pre-migrating')
            try:
                selected = self._select_for_move(
                    instance, migration, self.spec(instance, flavor, host, ignore_hosts))
            except errors.NoValidHost as error:
                self.moves.fail(instance, migration, error)
                # The fault has the scheduler's reason, the event that of the request.
                what = 'resize' if kind == 'resize' else 'cold migrate'
                raise errors.NoValidHost(reason=f'No valid host found for {what}') from None
            except errors.NovaException as error:
                self.moves.fail(instance, migration, error)
                raise
            self._cast_prep_resize(context, instance, flavor, migration, selected)

    @contextlib.contextmanager
    def _recorded(self, context: RequestContext, *events: str) -> Iterator[None]:
        """Schedule a move in one step, and record its events with the error that ends it."""
        database = self.services.database
        begun = [database.start_event(context.action, event, None) for event in events]
        failure: errors.NovaException | None = None
        with database.lock:
            try:
                yield
            except errors.NovaException as error:
                failure = error
            for event in reversed(begun):
                database.finish_event(context.action, event, failure)

    def _select_for_move(
        self, instance: Instance, migration: Migration, spec: RequestSpec,
    ) -> list[Selection]:
        self.moves.move_allocations(instance.uuid, migration.uuid)
        try:
            return self.scheduler.select_destinations(spec)
        except errors.NoValidHost:
            self.moves.return_allocations(migration, instance)
            raise

    def reschedule_resize(
        self, context: RequestContext, instance: Instance, flavor: Flavor,
        migration: Migration, error: Exception,
    ) -> None:
        """Try the next host after a failed claim; the server has its allocations back.

        :raises MaxRetriesExceeded: if there is none.
        """
        _count_attempt(context, instance, error)
        self.moves.move_allocations(instance.uuid, migration.uuid)
        try:
            selected = self.next_alternate(context, self.spec(instance, flavor))
        except errors.MaxRetriesExceeded:
            self.moves.return_allocations(migration, instance)
            raise
        self._cast_prep_resize(context, instance, flavor, migration, selected)

    def _cast_prep_resize(
        self, context: RequestContext, instance: Instance, flavor: Flavor,
        migration: Migration, selected: list[Selection],
    ) -> None:
        context.alternates = selected[1:]
        compute = self.services.compute(selected[0].service_host)
        compute.cast(compute.resize.prep_resize, context, instance, flavor, migration)

    # Unshelving

    def unshelve_instance(
        self, context: RequestContext, instance: Instance, host: str | None,
    ) -> None:
        """Start a shelved server on its host, or schedule one that has no host."""
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
        """Cast a rebuild to the host of a server."""
        begun = self.services.database.start_event(context.action, 'rebuild_server', None)
        compute = self.services.compute(host)
        compute.cast(compute.power.rebuild_instance, context, instance)
        self.services.database.finish_event(context.action, begun)

    def live_migrate_instance(
        self, context: RequestContext, instance: Instance, host: str | None,
    ) -> None:
        """Schedule a live migration and cast its preparation."""
        with self._recorded(context, 'conductor_live_migrate_instance'):
            self.moves.check(context, instance, TaskState.MIGRATING)
            migration = self._migration(instance, 'live-migration')
            source = migration.source_compute
            try:
                if not self.services.compute(source).is_up:
                    raise errors.ComputeServiceUnavailable(host=source)
                selected = self._select_for_move(
                    instance, migration, self.spec(instance, instance.flavor, host, [source]))
            except errors.NovaException as error:
                self.moves.fail(instance, migration, error)
                raise
            compute = self.services.compute(selected[0].service_host)
            compute.cast(compute.live_migration.pre_live_migration, context, instance, migration)

    def evacuate_instance(
        self, context: RequestContext, instance: Instance, host: str | None,
    ) -> None:
        """Schedule an evacuation; the server keeps its allocations on the lost host."""
        with self._recorded(context, 'rebuild_server'):
            self.moves.check(context, instance, TaskState.REBUILDING)
            self.moves.end_for_evacuation(instance)
            migration = self._migration(instance, 'evacuation', host)
            try:
                selected = self.scheduler.select_destinations(
                    self.spec(instance, instance.flavor, host, [migration.source_compute]))
            except errors.NoValidHost as error:
                self.services.database.save_migration(migration, status='error')
                self._bury(instance, error)
                raise
            compute = self.services.compute(selected[0].service_host)
            compute.cast(compute.evacuation.evacuate_instance, context, instance, migration)

    def _migration(
        self, instance: Instance, kind: str, destination: str | None = None,
        status: str = 'accepted',
    ) -> Migration:
        assert instance.host is not None  # noqa: S101 - the API has seen to it
        migration = Migration(
            self.services.new_uuid(), instance.uuid, kind, instance.host, destination, status)
        self.services.database.add_migration(migration)
        return migration
