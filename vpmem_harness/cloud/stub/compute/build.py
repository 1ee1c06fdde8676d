"""Build and terminate operations.

Source: nova/compute/manager.py, _do_build_and_run_instance and terminate_instance.
"""

from __future__ import annotations

from oslo_log import log as logging

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.states import PowerState, TaskState, VMState
from vpmem_harness.cloud.stub import placement_errors
from vpmem_harness.cloud.stub.compute.operations import Operations, step
from vpmem_harness.cloud.stub.context import RequestContext
from vpmem_harness.cloud.stub.objects import Instance, Resource

LOG = logging.getLogger(__name__)

GONE = (errors.InstanceNotFound, errors.UnexpectedDeletingTaskStateError)


class BuildOperations(Operations):
    """Building and deleting servers."""

    @step('compute__do_build_and_run_instance')
    def build_and_run_instance(self, context: RequestContext, instance: Instance) -> None:
        """Claim, spawn and activate a server, or reschedule it to the next host."""
        try:
            self.service.save(
                instance, (TaskState.SCHEDULING, None),
                vm_state=VMState.BUILDING, task_state=None)
        except (errors.InstanceNotFound, errors.UnexpectedTaskStateError) as error:
            LOG.debug('A build was aborted: %s', error)
            self.release_allocations(instance.uuid)
            return
        try:
            self._build_and_run_instance(instance)
        except GONE as error:
            LOG.debug('A server disappeared during its build: %s', error)
            self.release_allocations(instance.uuid)
        except Exception as error:
            self.service.check_alive()
            LOG.warning('A build failed and is rescheduled: %s', error)
            # Nova records str() of errors that are not its own.
            reason = error.message if isinstance(error, errors.NovaException) else str(error)
            with self.services.database.lock:
                self.release_allocations(instance.uuid)
                self.service.save(
                    instance, host=None, resources=(), cell=None, task_state=TaskState.SCHEDULING)
                self.services.conductor.reschedule_build(context, instance, reason)

    def _build_and_run_instance(self, instance: Instance) -> None:
        resources, cell = self.tracker.claim(
            instance, instance.flavor, self.service.allocated_here(instance.uuid))
        try:
            self.service.save(instance, host=self.host, resources=resources, cell=cell)
            self.service.save(instance, (None,), task_state=TaskState.NETWORKING)
            self.service.save(
                instance, (TaskState.NETWORKING,), task_state=TaskState.BLOCK_DEVICE_MAPPING)
            self.service.save(
                instance, (TaskState.BLOCK_DEVICE_MAPPING,), task_state=TaskState.SPAWNING)
            power_state = self.spawn(instance, resources)
            try:
                self.service.save(
                    instance, (TaskState.SPAWNING,), vm_state=VMState.ACTIVE, task_state=None,
                    power_state=power_state, launched_at=self.services.now())
            except GONE:
                self.unspawn(instance, resources)
                raise
        except Exception:
            self.service.check_alive()
            self.give_back(instance, resources)
            raise

    def spawn(self, instance: Instance, resources: tuple[Resource, ...]) -> PowerState:
        """Create the disk and the domain of a server; remove them if that fails."""
        try:
            self.driver.create_image(instance.uuid, instance.flavor)
            return self.driver.start(self.service.guest_xml(instance))
        except Exception:
            self.service.check_alive()
            try:
                self.unspawn(instance, resources)
            except Exception:
                self.service.check_alive()
                self.service.cleanup.leave_behind(instance, resources)
                raise
            raise

    def give_back(self, instance: Instance, resources: tuple[Resource, ...]) -> None:
        """Release claims after a failed build, except for what is left behind."""
        left = instance.left_behind.get(self.host, ())
        self.tracker.release(instance, [one for one in resources if one not in left])

    def unspawn(self, instance: Instance, resources: tuple[Resource, ...]) -> None:
        """Nova's driver.destroy: destroy the domain, wipe namespaces, undefine, remove the disk.

        If the wipe fails, the domain and the disk remain.
        """
        self.driver.destroy(instance.uuid)
        self.service.wipe(resources)
        self.driver.undefine(instance.uuid)
        self.driver.remove_image(instance.uuid)
        self.driver.remove_aside_image(instance.uuid)

    def release_allocations(self, consumer: str) -> None:
        """Delete the allocations of a consumer, if there are any."""
        try:
            self.services.ledger.delete_allocations(consumer)
        except placement_errors.NoAllocations:
            LOG.debug('The consumer has no allocations')

    @step('compute_terminate_instance')
    def terminate_instance(self, context: RequestContext, instance: Instance) -> None:
        """Delete a server and its resources; forward the request if it has moved."""
        host = instance.host
        if host is not None and host != self.host:
            if instance.task_state == TaskState.DELETING:
                elsewhere = self.services.compute(host)
                elsewhere.cast(elsewhere.build.terminate_instance, context, instance)
            return
        try:
            self._terminate_instance(instance)
        except errors.InstanceNotFound as error:
            LOG.debug('A server disappeared before its deletion: %s', error)
        except Exception:
            self.service.check_alive()
            self.service.save(instance, vm_state=VMState.ERROR, task_state=None)
            raise

    def _terminate_instance(self, instance: Instance) -> None:
        resources = self.service.cleanup.own(instance.resources)
        self.unspawn(instance, resources)
        self.tracker.release(instance, resources)
        with self.services.database.lock:
            # Read them only now: a move may have begun or ended while the guest was removed.
            if instance.host not in (None, self.host):
                self.services.compute(instance.host).cleanup.leave_host(instance)
            self.service.cleanup.leave_sides(instance, resources)
            self.release_allocations(instance.uuid)
            for migration in self.services.database.migrations(instance.uuid):
                self.release_allocations(migration.uuid)
            self.service.save(
                instance, vm_state=VMState.DELETED, task_state=None, resources=(),
                power_state=PowerState.NOSTATE, migration_context=None, deleted=True)
        for host in list(instance.left_behind):
            compute = self.services.compute(host)
            compute.cast(compute.cleanup.clean_up, instance)

    def make_way(self, instance: Instance) -> None:
        """Remove what a move that failed or was given up has left here, before the server comes.

        To do that later would remove the guest that has come meanwhile; and what is saved of the
        old guest must not be what is started.
        """
        self.service.cleanup.abandon_move(instance)
        if instance.host != self.host:
            self.service.cleanup.clean_up(instance)
