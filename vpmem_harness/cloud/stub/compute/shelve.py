"""Shelve, shelve-offload and unshelve.

Source: nova/compute/manager.py, shelve_instance to unshelve_instance.
"""

from __future__ import annotations

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.states import TaskState, VMState
from vpmem_harness.cloud.stub.compute.operations import Operations, not_found, not_running, step
from vpmem_harness.cloud.stub.context import RequestContext
from vpmem_harness.cloud.stub.objects import Instance


class ShelveOperations(Operations):
    """Shelving. Data on namespaces is lost, because the image contains only the disk."""

    @step('compute_shelve_instance', here=not_running)
    def shelve_instance(self, context: RequestContext, instance: Instance) -> None:
        """Power the server off, store its disk as an image, and offload it by default.

        Nova's default of ``shelved_offload_time`` is 0: offload immediately.
        """
        self.driver.power_off(instance.uuid)
        if self.driver.domain(instance.uuid) is None:
            raise not_running(instance)
        self.service.save(
            instance, (TaskState.SHELVING,), power_state=self.service.observe(instance),
            task_state=TaskState.SHELVING_IMAGE_PENDING_UPLOAD)
        self.service.save(
            instance, (TaskState.SHELVING_IMAGE_PENDING_UPLOAD,),
            task_state=TaskState.SHELVING_IMAGE_UPLOADING)
        if self.services.shelved_offload_time == 0:
            self.service.save(
                instance, (TaskState.SHELVING_IMAGE_UPLOADING,), vm_state=VMState.SHELVED,
                task_state=TaskState.SHELVING_OFFLOADING)
            self._offload(instance)
        else:
            self.service.save(
                instance, (TaskState.SHELVING_IMAGE_UPLOADING,), vm_state=VMState.SHELVED,
                task_state=None)

    @step('compute_shelve_offload_instance', here=not_found)
    def shelve_offload_instance(self, context: RequestContext, instance: Instance) -> None:
        """Remove a shelved server from its host."""
        self._offload(instance)

    def _offload(self, instance: Instance) -> None:
        resources = instance.resources
        self.service.cleanup.abandon_move(instance)
        self.driver.power_off(instance.uuid)
        power_state = self.service.observe(instance)
        self.service.build.unspawn(instance, resources)
        self.tracker.release(instance, resources)
        with self.services.database.lock:
            self.service.build.release_allocations(instance.uuid)
            self.service.save(
                instance, (TaskState.SHELVING_OFFLOADING,), vm_state=VMState.SHELVED_OFFLOADED,
                task_state=None, host=None, resources=(), cell=None, power_state=power_state)

    @step('compute_unshelve_instance')
    def unshelve_instance(self, context: RequestContext, instance: Instance) -> None:
        """Build the server from its image on this host, with newly claimed namespaces."""
        try:
            self.service.save(instance, (TaskState.UNSHELVING,), task_state=TaskState.SPAWNING)
            self.service.build.make_way(instance)
            resources, cell = self.tracker.claim(
                instance, instance.flavor, self.service.allocated_here(instance.uuid))
        except Exception:
            self.service.check_alive()
            self.service.build.release_allocations(instance.uuid)
            raise
        try:
            self.service.save(instance, host=self.host, resources=resources, cell=cell)
            power_state = self.service.build.spawn(instance, resources)
        except Exception:
            self.service.check_alive()
            self.service.build.give_back(instance, resources)
            with self.services.database.lock:
                self.service.build.release_allocations(instance.uuid)
                if not instance.deleted:
                    self.service.save(instance, host=None, resources=(), cell=None)
            raise
        try:
            self.service.save(
                instance, (TaskState.SPAWNING,), vm_state=VMState.ACTIVE, task_state=None,
                power_state=power_state, launched_at=self.services.now())
        except errors.UnexpectedDeletingTaskStateError:
            return  # the queued deletion removes the guest
