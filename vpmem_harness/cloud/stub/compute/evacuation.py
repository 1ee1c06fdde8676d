"""Evacuation.

Source: nova/compute/manager.py, rebuild_instance and _destroy_evacuated_instances.
"""

from __future__ import annotations

from oslo_log import log as logging

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.states import TaskState, VMState
from vpmem_harness.cloud.stub.compute.build import GONE
from vpmem_harness.cloud.stub.compute.operations import Operations, step
from vpmem_harness.cloud.stub.context import RequestContext
from vpmem_harness.cloud.stub.ledger import AllocationRequest
from vpmem_harness.cloud.stub.objects import Instance, Migration

LOG = logging.getLogger(__name__)


class EvacuationOperations(Operations):
    """Rebuilding servers whose host is down."""

    @step('compute_rebuild_instance')
    def evacuate_instance(
        self, context: RequestContext, instance: Instance, migration: Migration,
    ) -> None:
        """On the destination: rebuild a server of a lost host, and leave it off.

        Since microversion 2.95 a server is left off, unless it was in ERROR. The lost host wipes
        the server's old namespaces when its service returns.
        """
        if self.service.superseded(instance, TaskState.REBUILDING):
            if instance.host != self.host:      # another evacuation has rebuilt it there
                self.drop_provider(instance.uuid, self.provider_uuid)
            return
        try:
            self.service.build.make_way(instance)
            resources, cell = self.tracker.claim(
                instance, instance.flavor, self.service.allocated_here(instance.uuid), side='new')
        except errors.ComputeResourcesUnavailable as error:
            self.give_up_evacuation(instance, migration)
            raise errors.BuildAbortException(
                instance_uuid=instance.uuid, reason=error.message) from error
        except Exception:
            self.service.check_alive()
            self.give_up_evacuation(instance, migration)
            raise
        source = self.services.compute(migration.source_compute)
        stopped = instance.vm_state != VMState.ERROR
        try:
            self.service.save_migration(migration, dest_compute=self.host, status='pre-migrating')
            left = instance.resources
            with self.services.database.lock:
                self.service.save(
                    instance, (TaskState.REBUILDING,), host=self.host, resources=resources,
                    cell=cell, task_state=TaskState.REBUILD_SPAWNING)
                source.cleanup.leave_behind(instance, left)
            self.tracker.settle(instance)
            self.service.build.spawn(instance, resources)
            if stopped:
                self.driver.power_off(instance.uuid)
        except GONE:
            self.tracker.release(instance, resources, side='new')
            self.service.build.release_allocations(instance.uuid)
            raise
        except errors.UnexpectedTaskStateError:
            # Its host has returned and has ended the request.
            self.tracker.release(instance, resources, side='new')
            self.service.save_migration(migration, status='failed')
            self.drop_provider(instance.uuid, self.provider_uuid)
            raise
        except Exception:
            self.service.check_alive()
            self.end_evacuation(migration, 'failed')
            self.service.cleanup.keep(instance, resources)
            self.service.error_out(instance)
            raise
        self.end_evacuation(migration, 'done')
        self.service.save(
            instance, (TaskState.REBUILD_SPAWNING,), task_state=None,
            vm_state=VMState.STOPPED if stopped else VMState.ACTIVE,
            power_state=self.service.observe(instance),
            launched_at=self.services.now())

    def end_evacuation(self, migration: Migration, status: str) -> None:
        """Record the result, unless the lost host has returned and cleaned up."""
        if migration.status != 'completed':
            self.service.save_migration(migration, status=status)

    def give_up_evacuation(self, instance: Instance, migration: Migration) -> None:
        """Leave the server on its host, in ERROR, with its resources there."""
        self.service.save_migration(migration, status='failed')
        self.drop_provider(instance.uuid, self.provider_uuid)
        self.service.error_out(instance)

    def drop_provider(self, consumer: str, provider: str) -> None:
        """Remove the allocations of a consumer on one provider."""
        ledger = self.services.ledger
        with self.services.database.lock:       # which is also the lock of the ledger
            held = ledger.allocations_for_consumer(consumer)
            if provider in held.allocations:
                rest = {uuid: amounts for uuid, amounts in held.allocations.items()
                        if uuid != provider}
                ledger.set_allocations({consumer: AllocationRequest(
                    rest, held.consumer_generation, held.project_id, held.user_id)})

    def destroy_evacuated_instances(self) -> None:
        """On a host that returns: remove the servers that were rebuilt elsewhere."""
        database = self.services.database
        for migration in database.migrations():
            if (migration.migration_type != 'evacuation' or migration.source_compute != self.host
                    or migration.status in ('completed', 'error')):
                continue
            instance = database.any_instance(migration.instance_uuid)
            if instance.host != self.host:
                # Its migration may hold the allocations here, if it has moved on.
                moves = database.migrations(instance.uuid)
                for consumer in (instance.uuid, *(move.uuid for move in moves)):
                    self.drop_provider(consumer, self.provider_uuid)
                self.service.save_migration(migration, status='completed')
            elif migration.status == 'failed':
                self.service.save_migration(migration, status='error')
