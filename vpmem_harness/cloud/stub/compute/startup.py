"""Start of a compute service: work that its previous run did not finish.

Source: nova/compute/manager.py, init_host and _init_instance. Where Nova leaves a server in its
task state forever, the stub ends the task as a failure would.
"""

from __future__ import annotations

import libvirt
from oslo_log import log as logging

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.states import PowerState, TaskState, VMState
from vpmem_harness.cloud.stub.compute.operations import Operations
from vpmem_harness.cloud.stub.compute.power import HARD_REBOOT, SOFT_REBOOT
from vpmem_harness.cloud.stub.objects import Instance, Migration, Resource

LOG = logging.getLogger(__name__)

_BUILDING = (
    TaskState.SCHEDULING, TaskState.NETWORKING, TaskState.BLOCK_DEVICE_MAPPING,
    TaskState.SPAWNING)
_REBUILDING = (
    TaskState.REBUILDING, TaskState.REBUILD_BLOCK_DEVICE_MAPPING, TaskState.REBUILD_SPAWNING)
_FINISHING = (TaskState.RESIZE_MIGRATED, TaskState.RESIZE_FINISH)

#: Task states that Nova repeats or aborts at once, even if a request is queued.
_DONE_OVER = (
    TaskState.POWERING_OFF, TaskState.POWERING_ON, TaskState.UNPAUSING, *SOFT_REBOOT, *HARD_REBOOT,
    TaskState.RESIZE_PREP, TaskState.RESIZE_MIGRATING, TaskState.MIGRATING)


class StartupOperations(Operations):
    """Work at the start of a service, and its periodic tasks."""

    def init_host(self) -> None:
        """Restore claims, report the inventory, clean up, and finish interrupted work."""
        self.service.audit()
        self.service.cleanup.clean_up_all()
        for migration in self.services.database.migrations():
            if migration.source_compute == self.host and (
                    migration.status == 'completed' or self._has_left(migration)):
                self.service.build.release_allocations(migration.uuid)
        self.service.evacuation.destroy_evacuated_instances()
        for instance in self.services.database.instances():
            self._refresh(instance)
            try:
                self._confirm_again(instance)
                if instance.host == self.host or self._comes_back(instance):
                    self._init_instance(instance)
                elif instance.host is None:
                    self._give_up_claim(instance)
                elif self.service.allocated_here(instance.uuid):
                    self._give_up_coming(instance)
            except (errors.NovaException, libvirt.libvirtError) as error:
                LOG.warning('Cannot recover a server: %s', error)
        # Evacuations that have taken their server since then.
        self.service.evacuation.destroy_evacuated_instances()

    def run_periodic_tasks(self) -> None:
        """Run the periodic tasks: audit resources, clean up, synchronize power states."""
        if not self.service.is_up:
            return
        self.service.in_service(self.service.audit)
        self.service.in_service(self.service.cleanup.clean_up_all)
        self.service.in_service(self.service.power.sync_power_states)

    def _refresh(self, instance: Instance) -> None:
        """Update the devices of claimed namespaces after a reboot of the host."""
        def present(resources: tuple[Resource, ...]) -> tuple[Resource, ...]:
            return tuple(self.tracker.present(one) or one for one in resources)

        with self.services.database.lock:
            if instance.host == self.host:
                self.service.save(instance, resources=present(instance.resources))
            move = instance.migration_context
            if move is not None and move.migration.source_compute == self.host:
                move.old_resources = present(move.old_resources)
            if move is not None and move.migration.dest_compute == self.host:
                move.new_resources = present(move.new_resources)

    def _init_instance(self, instance: Instance) -> None:
        task = instance.task_state
        if self.service.waits_for(instance) and task not in _DONE_OVER:
            return      # its request is still queued
        arrived = self._arrived(instance)
        if arrived is not None:
            self.service.again(
                instance, 'live-migration',
                self.service.live_migration.post_live_migration_at_destination, arrived)
        if instance.vm_state == VMState.BUILDING or task in _BUILDING or task in _REBUILDING:
            self.service.save(instance, vm_state=VMState.ERROR, task_state=None)
        elif task == TaskState.DELETING:
            self.service.again(instance, 'delete', self.service.build.terminate_instance)
        elif task == TaskState.POWERING_OFF:
            self.service.once_more(instance, self.service.power.stop_instance)
        elif task == TaskState.POWERING_ON:
            self.service.once_more(instance, self.service.power.start_instance)
        elif task in SOFT_REBOOT or task in HARD_REBOOT:
            self._reboot_again(instance)
        elif task == TaskState.PAUSING:
            self.service.once_more(instance, self.service.power.pause_instance)
        elif task == TaskState.UNPAUSING:
            self.service.once_more(instance, self.service.power.unpause_instance)
        elif task in (TaskState.RESIZE_PREP, TaskState.RESIZE_MIGRATING, TaskState.MIGRATING):
            if arrived is None:
                self._end_move(instance)
        elif task in _FINISHING:
            self._give_up_finish(instance)
        elif task == TaskState.RESIZE_REVERTING:
            migration = self.services.database.migration(instance.uuid, 'reverting', 'reverted')
            if migration.status == 'reverting':
                self.service.again(
                    instance, 'revertResize', self.service.resize.revert_resize, migration)
            elif migration.source_compute == self.host:
                self.service.again(
                    instance, 'revertResize', self.service.resize.finish_revert_resize, migration)
        elif task is not None and task != TaskState.UNSHELVING:
            self.service.save(instance, task_state=None)

    def _reboot_again(self, instance: Instance) -> None:
        """Finish an interrupted reboot; a guest that runs has been rebooted."""
        running = self.service.observe(instance) == PowerState.RUNNING
        task = instance.task_state
        if running and task not in (TaskState.REBOOT_PENDING, TaskState.REBOOT_PENDING_HARD):
            self.service.save(instance, vm_state=VMState.ACTIVE, task_state=None)
            return
        hard = not running or task in HARD_REBOOT
        self.service.save(
            instance, task_state=TaskState.REBOOTING_HARD if hard else TaskState.REBOOTING)
        self.service.once_more(
            instance, self.service.power.reboot_instance, 'HARD' if hard else 'SOFT')

    def _has_left(self, migration: Migration) -> bool:
        """Whether the records of a server show it on the destination of its live migration."""
        return migration.migration_type == 'live-migration' and migration.status == 'running' and (
            self.services.database.any_instance(migration.instance_uuid).host
            == migration.dest_compute)

    def _confirm_again(self, instance: Instance) -> None:
        """Repeat interrupted confirmations of moves from this host."""
        deleting = instance.task_state == TaskState.DELETING
        resize = self.service.resize
        work = resize.confirm_for_deleting if deleting else resize.confirm_resize
        for migration in self.services.database.migrations(instance.uuid):
            if migration.source_compute == self.host and migration.status == 'confirming':
                self.service.again(instance, 'confirmResize', work, migration)

    def _give_up_claim(self, instance: Instance) -> None:
        """Release the allocations of a server that never arrived on this host.

        The previous run may have taken the request from the queue and lost it. Nova leaves such a
        server in its task state, and its allocations in Placement.
        """
        if not self.service.allocated_here(instance.uuid) or (
                self.services.is_requested(instance)):
            return
        if instance.vm_state == VMState.BUILDING and (
                instance.task_state in (None, TaskState.SCHEDULING)):
            self.service.build.release_allocations(instance.uuid)
            self.service.save(instance, vm_state=VMState.ERROR, task_state=None)
        elif instance.task_state in (TaskState.UNSHELVING, TaskState.SPAWNING):
            self.service.build.release_allocations(instance.uuid)
            self.service.save(instance, task_state=None)

    def _comes_back(self, instance: Instance) -> bool:
        """Whether a server is returning to this host, because its move is being reverted."""
        move = instance.migration_context
        return (instance.task_state == TaskState.RESIZE_REVERTING and move is not None
                and move.migration.source_compute == self.host
                and move.migration.status == 'reverted')

    def _arrived(self, instance: Instance) -> Migration | None:
        """Return the live migration of a guest that has arrived but is not recorded yet."""
        move = instance.migration_context
        if (move is not None and move.migration.status == 'running'
                and move.migration.dest_compute == self.host == instance.host):
            return move.migration
        return None

    def _end_move(self, instance: Instance) -> None:
        """Finish a move if the guest has left, and abort it otherwise."""
        move = instance.migration_context
        migration = self.service.live_migration
        if (move is not None and move.migration.status == 'running'
                and migration.has_left(instance)):
            self.service.again(
                instance, 'live-migration', migration.post_live_migration, move.migration)
        else:
            self._give_up_move(instance)

    def _give_up_coming(self, instance: Instance) -> None:
        """Abort moves to this host whose request was lost with the previous run.

        Once this host has claimed the resources, the request is queued for the source.
        """
        begun = [migration for migration in self.services.database.migrations(instance.uuid)
                 if migration.status in ('accepted', 'preparing', 'pre-migrating')]
        if not begun or self.services.is_requested(instance):
            return
        evacuation = next((one for one in begun if one.migration_type == 'evacuation'), None)
        if evacuation is not None:
            task = instance.task_state
            if task == TaskState.REBUILDING:
                self.service.evacuation.give_up_evacuation(instance, evacuation)
                self.service.save(instance, task_state=None)
            else:       # its host has returned
                self.service.save_migration(evacuation, status='error')
                self.service.evacuation.drop_provider(instance.uuid, self.provider_uuid)
            return
        with self.services.database.lock:
            if instance.task_state in (TaskState.RESIZE_PREP, TaskState.MIGRATING):
                self._abort_moves(instance, instance.power_state)

    def _give_up_move(self, instance: Instance) -> None:
        """Abort the move of a server that has not left, and release its new resources."""
        self.driver.bring_back_image(instance.uuid)
        try:
            if instance.vm_state == VMState.ACTIVE:
                domain = self.driver.domain(instance.uuid)
                if domain is not None and not domain.isActive():
                    self.service.power.restart_domain(instance)
        except (errors.NovaException, libvirt.libvirtError) as error:
            # Nova shows such a server as ACTIVE although it has no guest.
            self.service.check_alive()
            LOG.warning('Cannot start a server after its move: %s', error)
            self.service.add_fault(instance, error)
            self.service.error_out(instance)
        self._abort_moves(instance, self.service.observe(instance))

    def _abort_moves(self, instance: Instance, power_state: PowerState) -> None:
        """Abort moves and clear the task state in one step, so that no other move is aborted."""
        with self.services.database.lock:
            self.service.check_alive()
            self.services.conductor.moves.abort_all(instance)
            self.service.save(instance, task_state=None, power_state=power_state)

    def _give_up_finish(self, instance: Instance) -> None:
        """Fail a resize whose server has arrived but was not started."""
        self.service.save(instance, vm_state=VMState.ERROR, task_state=None)
        if instance.migration_context is not None:
            self.services.conductor.moves.fail_finish(instance, instance.migration_context)
