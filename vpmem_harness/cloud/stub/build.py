"""Servers come and go: the operations build and terminate of a compute service.

Source: nova/compute/manager.py, _do_build_and_run_instance and terminate_instance.
"""

from __future__ import annotations

from collections.abc import Iterable

from oslo_log import log as logging

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.states import PowerState, TaskState, VMState
from vpmem_harness.cloud.stub import placement_errors
from vpmem_harness.cloud.stub.compute import ComputeBase
from vpmem_harness.cloud.stub.context import RequestContext
from vpmem_harness.cloud.stub.database import Instance, Migration, Resource
from vpmem_harness.cloud.stub.request_steps import step

LOG = logging.getLogger(__name__)

GONE = (errors.InstanceNotFound, errors.UnexpectedDeletingTaskStateError)


class BuildOperations(ComputeBase):
    """Building and deleting servers."""

    @step('compute__do_build_and_run_instance')
    def build_and_run_instance(self, context: RequestContext, instance: Instance) -> None:
        """Claim, spawn, and show the server as active; or pass it on to the next host."""
        try:
            self.save(
                instance, (TaskState.SCHEDULING, None),
                vm_state=VMState.BUILDING, task_state=None)
        except (errors.InstanceNotFound, errors.UnexpectedTaskStateError) as error:
            LOG.debug('A build was given up: %s', error)
            self.release_allocations(instance.uuid)
            return
        try:
            self._build_and_run_instance(instance)
        except GONE as error:
            LOG.debug('A server disappeared during its build: %s', error)
            self.release_allocations(instance.uuid)
        except Exception as error:
            self.check_alive()
            LOG.warning('A build failed and is passed on: %s', error)
            # What Nova records of a foreign error is what str() says of it.
            reason = error.message if isinstance(error, errors.NovaException) else str(error)
            self.release_allocations(instance.uuid)
            self.save(
                instance, host=None, resources=(), cell=None, task_state=TaskState.SCHEDULING)
            self.services.conductor.reschedule_build(context, instance, reason)

    def _build_and_run_instance(self, instance: Instance) -> None:
        resources, cell = self.tracker.claim(
            instance, instance.flavor, self.allocated_here(instance.uuid))
        try:
            self.save(instance, host=self.host, resources=resources, cell=cell)
            self.save(instance, (None,), task_state=TaskState.NETWORKING)
            self.save(
                instance, (TaskState.NETWORKING,), task_state=TaskState.BLOCK_DEVICE_MAPPING)
            self.save(
                instance, (TaskState.BLOCK_DEVICE_MAPPING,), task_state=TaskState.SPAWNING)
            power_state = self.spawn(instance, resources)
            try:
                self.save(
                    instance, (TaskState.SPAWNING,), vm_state=VMState.ACTIVE, task_state=None,
                    power_state=power_state, launched_at=self.services.now())
            except GONE:
                self.unspawn(instance, resources)
                raise
        except Exception:
            self.check_alive()
            self.give_back(instance, resources)
            raise

    def spawn(self, instance: Instance, resources: tuple[Resource, ...]) -> PowerState:
        """Make the disk and the domain of a server; leave nothing when that fails."""
        try:
            self.driver.create_image(instance.uuid, instance.flavor)
            return self.driver.start(self.guest_xml(instance))
        except Exception:
            self.check_alive()
            try:
                self.unspawn(instance, resources)
            except Exception:
                self.check_alive()
                self.leave_behind(instance, resources)
                raise
            raise

    def give_back(self, instance: Instance, resources: tuple[Resource, ...]) -> None:
        """Give up claims after a build that failed, but for what has been left behind."""
        left = instance.left_behind.get(self.host, ())
        self.tracker.release(instance, [one for one in resources if one not in left])

    def unspawn(self, instance: Instance, resources: tuple[Resource, ...]) -> None:
        """Nova's driver.destroy: stop the domain, wipe its namespaces, forget it and its disk.

        The wipe comes before the rest, and when it fails the rest is left as it is.
        """
        self.driver.destroy(instance.uuid)
        self.wipe(resources)
        self.driver.undefine(instance.uuid)
        self.driver.remove_image(instance.uuid)
        self.driver.remove_aside_image(instance.uuid)

    def release_allocations(self, consumer: str) -> None:
        """Give back what a consumer holds in Placement, if it holds anything."""
        self.check_alive()
        try:
            self.services.ledger.delete_allocations(consumer)
        except placement_errors.NoAllocations:
            LOG.debug('There was nothing to give back')

    @step('compute_terminate_instance')
    def terminate_instance(self, context: RequestContext, instance: Instance) -> None:
        """Delete a server and everything of it on this host; one that has moved, on its own."""
        host = instance.host
        if host is not None and host != self.host:
            if instance.task_state == TaskState.DELETING:
                elsewhere = self.services.compute(host)
                elsewhere.cast(elsewhere.terminate_instance, context, instance)
            return
        try:
            self._terminate_instance(instance)
        except errors.InstanceNotFound as error:
            LOG.debug('A server to be deleted had gone: %s', error)
        except Exception:
            self.check_alive()
            self.save(instance, vm_state=VMState.ERROR, task_state=None)
            raise

    def _terminate_instance(self, instance: Instance) -> None:
        resources = self.own(instance.resources)
        self.unspawn(instance, resources)
        self.tracker.release(instance, resources)
        with self.services.database.lock:
            # Read only now: a move may have come on its way while the guest was removed.
            self.leave_sides(instance, resources)
            self.release_allocations(instance.uuid)
            for migration in self.services.database.migrations(instance.uuid):
                self.release_allocations(migration.uuid)
            self.save(
                instance, vm_state=VMState.DELETED, task_state=None, resources=(),
                power_state=PowerState.NOSTATE, migration_context=None, deleted=True)
        for host in list(instance.left_behind):
            compute = self.services.compute(host)
            compute.cast(compute.clean_up, instance)

    def own(self, resources: Iterable[Resource]) -> tuple[Resource, ...]:
        """The resources of this host: a server that has just come still has those of its source."""
        return tuple(one for one in resources if one.provider_uuid == self.provider_uuid)

    def leave_deleted(self, instance: Instance) -> None:
        """Note what a server that is deleted without this service has left here and elsewhere."""
        held = self.own(instance.resources)
        self.leave_behind(instance, held)
        self.leave_sides(instance, held)

    def leave_sides(self, instance: Instance, removed: Iterable[Resource]) -> None:
        """A server is deleted in the middle of a move: either side may hold something of it.

        :param removed: what is not held any more.
        """
        move = instance.migration_context
        if move is None:
            return
        self.services.database.save_migration(move.migration, status='error')
        sides = (
            (move.migration.source_compute, move.old_resources),
            (move.migration.dest_compute, move.new_resources))
        for host, resources in sides:
            rest = [one for one in resources if one not in removed]
            if host is not None and (rest or host != instance.host):
                self.services.compute(host).leave_behind(instance, rest)

    def abandon_move(self, instance: Instance) -> None:
        """Let a server go from where a move has left it that failed, and that it has survived.

        Without that the next move, or whatever else takes it from its host, would forget what is
        still held there.
        """
        move = instance.migration_context
        if move is None:
            return
        source = self.services.compute(move.migration.source_compute)
        # A revert that failed at its end has left the server with what it had before.
        source.leave_behind(
            instance, [one for one in move.old_resources if one not in instance.resources])
        self.release_allocations(move.migration.uuid)
        self.services.compute(self.require_destination(move.migration)).settle(instance, move)
        source.cast(source.clean_up, instance)

    def make_way(self, instance: Instance) -> None:
        """Remove what a move that failed or was given up has left here, before the server comes.

        To do that later would remove the guest that has come meanwhile; and what is saved of the
        old guest must not be what is started.
        """
        self.abandon_move(instance)
        if instance.host != self.host:
            self.clean_up(instance)

    @staticmethod
    def require_destination(migration: Migration) -> str:
        if migration.dest_compute is None:
            raise errors.MigrationError(reason='Migration has no destination')
        return migration.dest_compute
