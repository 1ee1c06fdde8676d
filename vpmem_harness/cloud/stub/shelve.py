"""Servers are put away and taken out again: shelve, offload, unshelve.

Source: nova/compute/manager.py, shelve_instance to unshelve_instance.
"""

from __future__ import annotations

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.states import TaskState, VMState
from vpmem_harness.cloud.stub.context import RequestContext
from vpmem_harness.cloud.stub.database import Instance
from vpmem_harness.cloud.stub.power import PowerOperations
from vpmem_harness.cloud.stub.request_steps import not_found, not_running, step


class ShelveOperations(PowerOperations):
    """Shelving. What is on the namespaces is not kept: an image holds the disk alone."""

    @step('compute_shelve_instance', here=not_running)
    def shelve_instance(self, context: RequestContext, instance: Instance) -> None:
        """Turn the server off and keep its disk as an image; then offload it at once.

        Nova offloads at once by default: ``shelved_offload_time`` is 0.
        """
        self.driver.power_off(instance.uuid)
        self.save(
            instance, (TaskState.SHELVING,), power_state=self.observe(instance),
            task_state=TaskState.SHELVING_IMAGE_PENDING_UPLOAD)
        self.save(
            instance, (TaskState.SHELVING_IMAGE_PENDING_UPLOAD,),
            task_state=TaskState.SHELVING_IMAGE_UPLOADING)
        if self.services.shelved_offload_time == 0:
            self.save(
                instance, (TaskState.SHELVING_IMAGE_UPLOADING,), vm_state=VMState.SHELVED,
                task_state=TaskState.SHELVING_OFFLOADING)
            self._offload(instance)
        else:
            self.save(
                instance, (TaskState.SHELVING_IMAGE_UPLOADING,), vm_state=VMState.SHELVED,
                task_state=None)

    @step('compute_shelve_offload_instance', here=not_found)
    def shelve_offload_instance(self, context: RequestContext, instance: Instance) -> None:
        """Remove a shelved server from its host."""
        self._offload(instance)

    def _offload(self, instance: Instance) -> None:
        resources = instance.resources
        self.abandon_move(instance)
        self.driver.power_off(instance.uuid)
        power_state = self.observe(instance)
        self.unspawn(instance, resources)
        self.tracker.release(instance, resources)
        self.release_allocations(instance.uuid)
        self.save(
            instance, (TaskState.SHELVING_OFFLOADING,), vm_state=VMState.SHELVED_OFFLOADED,
            task_state=None, host=None, resources=(), cell=None, power_state=power_state)

    @step('compute_unshelve_instance')
    def unshelve_instance(self, context: RequestContext, instance: Instance) -> None:
        """Build the server from its image on this host, on namespaces claimed anew."""
        try:
            self.save(instance, (TaskState.UNSHELVING,), task_state=TaskState.SPAWNING)
            self.make_way(instance)
            resources, cell = self.tracker.claim(
                instance, instance.flavor, self.allocated_here(instance.uuid))
        except Exception:
            self.check_alive()
            self.release_allocations(instance.uuid)
            raise
        try:
            self.save(instance, host=self.host, resources=resources, cell=cell)
            power_state = self.spawn(instance, resources)
        except Exception:
            self.check_alive()
            self.give_back(instance, resources)
            self.release_allocations(instance.uuid)
            if not instance.deleted:
                self.save(instance, host=None, resources=(), cell=None)
            raise
        try:
            self.save(
                instance, (TaskState.SPAWNING,), vm_state=VMState.ACTIVE, task_state=None,
                power_state=power_state, launched_at=self.services.now())
        except errors.UnexpectedDeletingTaskStateError:
            return  # the delete that waits removes what has been made
