"""What a compute service finds when it starts: work that its last run did not finish.

Source: nova/compute/manager.py, init_host and _init_instance. Where Nova leaves a server in its
task for ever, the stub ends the task as a failure of it would.
"""

from __future__ import annotations

import libvirt
from oslo_log import log as logging

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.states import PowerState, TaskState, VMState
from vpmem_harness.cloud.stub.database import Instance, Migration, Resource
from vpmem_harness.cloud.stub.migration import MoveOperations
from vpmem_harness.cloud.stub.power import HARD_REBOOT, SOFT_REBOOT

LOG = logging.getLogger(__name__)

_BUILDING = (
    TaskState.SCHEDULING, TaskState.NETWORKING, TaskState.BLOCK_DEVICE_MAPPING,
    TaskState.SPAWNING)
_REBUILDING = (
    TaskState.REBUILDING, TaskState.REBUILD_BLOCK_DEVICE_MAPPING, TaskState.REBUILD_SPAWNING)
_FINISHING = (TaskState.RESIZE_MIGRATED, TaskState.RESIZE_FINISH)

#: What Nova does at once when it starts, or gives up, though the request may still wait.
_DONE_OVER = (
    TaskState.POWERING_OFF, TaskState.POWERING_ON, TaskState.UNPAUSING, *SOFT_REBOOT, *HARD_REBOOT,
    TaskState.RESIZE_PREP, TaskState.RESIZE_MIGRATING, TaskState.MIGRATING)


class ComputeService(MoveOperations):
    """A compute service with all its operations."""

    def init_host(self) -> None:
        """Take up claims, clean up, report the inventory, and look after interrupted work."""
        self.audit()
        self.clean_up_all()
        for migration in self.services.database.migrations():
            if migration.source_compute == self.host and migration.status == 'completed':
                self.release_allocations(migration.uuid)
        self.destroy_evacuated_instances()
        for instance in self.services.database.instances():
            self._refresh(instance)
            try:
                self._confirm_again(instance)
                if instance.host == self.host or self._comes_back(instance):
                    self._init_instance(instance)
                elif instance.host is None:
                    self._give_up_claim(instance)
                elif self.allocated_here(instance.uuid):
                    self._give_up_coming(instance)
            except (errors.NovaException, libvirt.libvirtError) as error:
                LOG.warning('A server could not be brought in order: %s', error)

    def run_periodic_tasks(self) -> None:
        """The audit of resources, and looks at what is left behind and at power states."""
        if not self.is_up:
            return
        self.in_service(self.audit)
        self.in_service(self.clean_up_all)
        self.in_service(self.sync_power_states)

    def clean_up_all(self) -> None:
        """Remove what servers that have gone have left behind; what cannot be removed stays."""
        for instance, _resources in self.services.database.left_behind(self.host):
            try:
                self.clean_up(instance)
            except Exception as error:
                self.check_alive()
                LOG.error('What a server has left behind could not be cleaned up: %s', error)

    def _refresh(self, instance: Instance) -> None:
        """Note the devices that a reboot has given the claimed namespaces."""
        def present(resources: tuple[Resource, ...]) -> tuple[Resource, ...]:
            return tuple(self.tracker.present(one) or one for one in resources)

        with self.services.database.lock:
            if instance.host == self.host:
                self.save(instance, resources=present(instance.resources))
            move = instance.migration_context
            if move is not None and move.migration.source_compute == self.host:
                move.old_resources = present(move.old_resources)
            if move is not None and move.migration.dest_compute == self.host:
                move.new_resources = present(move.new_resources)

    def _init_instance(self, instance: Instance) -> None:
        task = instance.task_state
        if self.waits_for(instance) and task not in _DONE_OVER:
            return      # its request has not been taken yet, and is about to be
        arrived = self._arrived(instance)
        if arrived is not None:
            self.again(
                instance, 'live-migration', self.post_live_migration_at_destination, arrived)
        if instance.vm_state == VMState.BUILDING or task in _BUILDING or task in _REBUILDING:
            self.save(instance, vm_state=VMState.ERROR, task_state=None)
        elif task == TaskState.DELETING:
            self.again(instance, 'delete', self.terminate_instance)
        elif task == TaskState.POWERING_OFF:
            self.once_more(instance, self.stop_instance)
        elif task == TaskState.POWERING_ON:
            self.once_more(instance, self.start_instance)
        elif task in SOFT_REBOOT or task in HARD_REBOOT:
            self._reboot_again(instance)
        elif task == TaskState.PAUSING:
            self.once_more(instance, self.pause_instance)
        elif task == TaskState.UNPAUSING:
            self.once_more(instance, self.unpause_instance)
        elif task in (TaskState.RESIZE_PREP, TaskState.RESIZE_MIGRATING, TaskState.MIGRATING):
            if arrived is None:
                self._end_move(instance)
        elif task in _FINISHING:
            self._give_up_finish(instance)
        elif task == TaskState.RESIZE_REVERTING:
            migration = self.services.database.migration(instance.uuid, 'reverting', 'reverted')
            if migration.status == 'reverting':
                self.again(instance, 'revertResize', self.revert_resize, migration)
            elif migration.source_compute == self.host:
                self.again(instance, 'revertResize', self.finish_revert_resize, migration)
        elif task is not None and task != TaskState.UNSHELVING:
            self.save(instance, task_state=None)

    def _reboot_again(self, instance: Instance) -> None:
        """Reboot a guest that does not run by its power; one that runs has been rebooted."""
        running = self.observe(instance) == PowerState.RUNNING
        task = instance.task_state
        if running and task not in (TaskState.REBOOT_PENDING, TaskState.REBOOT_PENDING_HARD):
            self.save(instance, vm_state=VMState.ACTIVE, task_state=None)
            return
        hard = not running or task in HARD_REBOOT
        self.save(instance, task_state=TaskState.REBOOTING_HARD if hard else TaskState.REBOOTING)
        self.once_more(instance, self.reboot_instance, 'HARD' if hard else 'SOFT')

    def _confirm_again(self, instance: Instance) -> None:
        """A move from here was being confirmed, be it for its server to be deleted."""
        deleting = instance.task_state == TaskState.DELETING
        work = self.confirm_for_deleting if deleting else self.confirm_resize
        for migration in self.services.database.migrations(instance.uuid):
            if migration.source_compute == self.host and migration.status == 'confirming':
                self.again(instance, 'confirmResize', work, migration)

    def _give_up_claim(self, instance: Instance) -> None:
        """A server was on its way here, and had got no further than its booking.

        Its request may have been lost with the last run, which took it from its queue. Nova leaves
        such a server in its task, and its allocations in Placement.
        """
        if not self.allocated_here(instance.uuid) or self._is_still_to_come(instance):
            return
        if instance.vm_state == VMState.BUILDING and (
                instance.task_state in (None, TaskState.SCHEDULING)):
            self.release_allocations(instance.uuid)
            self.save(instance, vm_state=VMState.ERROR, task_state=None)
        elif instance.task_state in (TaskState.UNSHELVING, TaskState.SPAWNING):
            self.release_allocations(instance.uuid)
            self.save(instance, task_state=None)

    def _is_still_to_come(self, instance: Instance) -> bool:
        """Whether a request about an instance waits for this service, or is about to be sent."""
        services = self.services
        return (not services.conductor.under_way.empty(instance.uuid)
                or any(not compute.at_rest(instance.uuid)
                       for compute in services.computes.values())
                or self.waits_for(instance))

    def _comes_back(self, instance: Instance) -> bool:
        """Whether a server is on its way back here: its move is reverted, and left there."""
        move = instance.migration_context
        return (instance.task_state == TaskState.RESIZE_REVERTING and move is not None
                and move.migration.source_compute == self.host
                and move.migration.status == 'reverted')

    def _arrived(self, instance: Instance) -> Migration | None:
        """The move of a guest that has come while it ran, and of which that is not noted yet."""
        move = instance.migration_context
        if (move is not None and move.migration.status == 'running'
                and move.migration.dest_compute == self.host == instance.host):
            return move.migration
        return None

    def _end_move(self, instance: Instance) -> None:
        """Go on with a move if the guest has left, and otherwise give it up."""
        move = instance.migration_context
        if move is not None and move.migration.status == 'running' and self.has_left(instance):
            self.again(instance, 'live-migration', self.post_live_migration, move.migration)
        else:
            self._give_up_move(instance)

    def _give_up_coming(self, instance: Instance) -> None:
        """A server was to come here, and its own host had not begun to send it: it stays."""
        begun = [migration for migration in self.services.database.migrations(instance.uuid)
                 if migration.status in ('accepted', 'preparing', 'pre-migrating')]
        evacuation = next((one for one in begun if one.migration_type == 'evacuation'), None)
        if evacuation is not None:
            task = instance.task_state
            if task == TaskState.REBUILDING:
                self.give_up_evacuation(instance, evacuation)
                self.save(instance, task_state=None)
            else:       # its host has returned
                self.save_migration(evacuation, status='error')
                self.drop_provider(instance.uuid, self.provider_uuid)
        elif begun and instance.task_state in (TaskState.RESIZE_PREP, TaskState.MIGRATING):
            self.check_alive()
            self.services.conductor.give_up_moves(instance)
            self.save(instance, task_state=None)

    def _give_up_move(self, instance: Instance) -> None:
        """The server has not left: it stays, and what it was to get is freed."""
        self.check_alive()
        self.services.conductor.give_up_moves(instance)
        self.driver.bring_back_image(instance.uuid)
        try:
            if instance.vm_state == VMState.ACTIVE:
                domain = self.driver.domain(instance.uuid)
                if domain is not None and not domain.isActive():
                    self.restart_domain(instance)
        except (errors.NovaException, libvirt.libvirtError) as error:
            # Nova shows such a server as ACTIVE, although it has no guest.
            self.check_alive()
            LOG.warning('A server could not be started after its move: %s', error)
            self.add_fault(instance, error)
            self.error_out(instance)
        self.save(instance, task_state=None, power_state=self.observe(instance))

    def _give_up_finish(self, instance: Instance) -> None:
        """The server has come but was not started: Nova's finish_resize has failed."""
        self.save(instance, vm_state=VMState.ERROR, task_state=None)
        if instance.migration_context is not None:
            self.services.conductor.give_up_finish(instance, instance.migration_context)
