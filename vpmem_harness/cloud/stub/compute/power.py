"""Operations on the spot: stop, start, reboot, pause, suspend, rescue, rebuild.

Source: nova/compute/manager.py. Unlike Nova, start and hard reboot do not wipe namespaces,
because the user did not request an operation that loses data.
"""

from __future__ import annotations

import libvirt
from oslo_log import log as logging

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.states import PowerState, TaskState, VMState
from vpmem_harness.cloud.stub.compute.build import GONE
from vpmem_harness.cloud.stub.compute.operations import Operations, not_found, not_in, step
from vpmem_harness.cloud.stub.context import RequestContext
from vpmem_harness.cloud.stub.objects import Instance

LOG = logging.getLogger(__name__)

#: Task states of a reboot: requested, pending, started.
SOFT_REBOOT = (TaskState.REBOOTING, TaskState.REBOOT_PENDING, TaskState.REBOOT_STARTED)
HARD_REBOOT = (
    TaskState.REBOOTING_HARD, TaskState.REBOOT_PENDING_HARD, TaskState.REBOOT_STARTED_HARD)


def _not_rebooting(instance: Instance, reboot_type: str) -> errors.NovaException:
    return not_in(*(HARD_REBOOT if reboot_type == 'HARD' else SOFT_REBOOT))(instance)


class PowerOperations(Operations):
    """Operations on a server that stays on its host and keeps its namespaces."""

    @step('compute_stop_instance', here=not_found)
    def stop_instance(self, context: RequestContext, instance: Instance) -> None:
        """Shut the guest down, or power it off."""
        if self.service.superseded(instance, TaskState.POWERING_OFF):
            return
        self.driver.power_off(instance.uuid)
        self.service.save(
            instance, (TaskState.POWERING_OFF,), vm_state=VMState.STOPPED,
            task_state=None, power_state=self.service.observe(instance))

    @step('compute_start_instance', here=not_in(TaskState.POWERING_ON))
    def start_instance(self, context: RequestContext, instance: Instance) -> None:
        """Start the guest from a newly defined domain."""
        self.service.save(instance)     # fails if the server has been deleted
        power_state = self.restart_domain(instance)
        self.service.save(
            instance, (TaskState.POWERING_ON,), vm_state=VMState.ACTIVE, task_state=None,
            power_state=power_state)

    def restart_domain(self, instance: Instance) -> PowerState:
        """Nova's _hard_reboot without its wipe: destroy, undefine, define and start the domain."""
        self.driver.destroy(instance.uuid)
        self.driver.undefine(instance.uuid)
        self.driver.create_image(instance.uuid, instance.flavor)
        return self.service.start_guest(instance)

    @step('compute_reboot_instance', here=_not_rebooting)
    def reboot_instance(
        self, context: RequestContext, instance: Instance, reboot_type: str,
    ) -> None:
        """Reboot the guest by ACPI (SOFT) or by power (HARD).

        A guest that does not shut down or start in a soft reboot is rebooted hard. If the guest
        runs after a failed reboot, the server stays ACTIVE with a fault.
        """
        hard = reboot_type == 'HARD'
        _, pending, started = HARD_REBOOT if hard else SOFT_REBOOT
        self.service.save(instance, HARD_REBOOT if hard else SOFT_REBOOT, task_state=pending,
                          power_state=self.service.observe(instance))
        self.service.save(instance, (pending,), task_state=started)
        try:
            power_state = None if hard else self._soft_reboot(instance)
            if power_state is None:
                power_state = self.restart_domain(instance)
        except Exception as error:
            self.service.check_alive()
            power_state = self.service.observe(instance)
            if power_state != PowerState.RUNNING:
                self.service.error_out(instance)
                raise
            LOG.warning('A reboot failed, but the guest runs: %s', error)
            self.services.add_fault(instance, error)
        self.service.save(
            instance, (started,), vm_state=VMState.ACTIVE, task_state=None,
            power_state=power_state)

    def _soft_reboot(self, instance: Instance) -> PowerState | None:
        """Shut the guest down and start it; None if it did not shut down or was off."""
        domain = self.driver.require(instance.uuid)
        off = self.driver.power_state_of(domain) == PowerState.SHUTDOWN
        if off or not self.driver.shut_down(domain):
            LOG.warning('A guest did not shut down in a soft reboot; rebooting hard')
            return None
        try:
            domain.createWithFlags(0)
        except libvirt.libvirtError as error:
            LOG.warning('A guest did not start in a soft reboot; rebooting hard: %s', error)
            return None
        return self.driver.power_state_of(domain)

    @step('compute_pause_instance', here=not_found)
    def pause_instance(self, context: RequestContext, instance: Instance) -> None:
        self.driver.require(instance.uuid).suspend()
        self.service.save(
            instance, (TaskState.PAUSING,), vm_state=VMState.PAUSED, task_state=None,
            power_state=self.service.observe(instance))

    @step('compute_unpause_instance', here=not_found)
    def unpause_instance(self, context: RequestContext, instance: Instance) -> None:
        self.driver.require(instance.uuid).resume()
        self.service.save(
            instance, (TaskState.UNPAUSING,), vm_state=VMState.ACTIVE, task_state=None,
            power_state=self.service.observe(instance))

    @step('compute_suspend_instance', here=not_found)
    def suspend_instance(self, context: RequestContext, instance: Instance) -> None:
        """Save the guest's memory to disk and stop it."""
        try:
            self.driver.require(instance.uuid).managedSave(0)
        except Exception:
            self.service.check_alive()
            self.service.error_out(instance)
            raise
        self.service.save(
            instance, (TaskState.SUSPENDING,), vm_state=VMState.SUSPENDED, task_state=None,
            power_state=self.service.observe(instance))

    @step('compute_resume_instance', here=not_found)
    def resume_instance(self, context: RequestContext, instance: Instance) -> None:
        """Restore the guest from its saved memory; without a domain, define it and boot the guest.

        Nova restores it with its old device paths, which may belong to another server after a
        reboot of the host.
        """
        try:
            domain = self.driver.domain(instance.uuid)
            if domain is None:
                domain = self.driver.define(self.service.guest_xml(instance))
            else:
                self.driver.move_saved(domain, self.service.paths(instance, instance.resources))
            domain.createWithFlags(0)
        except Exception:
            self.service.check_alive()
            self.service.error_out(instance)
            raise
        self.service.save(
            instance, (TaskState.RESUMING,), vm_state=VMState.ACTIVE, task_state=None,
            power_state=self.driver.power_state_of(domain))

    @step('compute_rescue_instance', here=not_in(TaskState.RESCUING))
    def rescue_instance(self, context: RequestContext, instance: Instance) -> None:
        """Start the guest from a rescue image with its own namespaces.

        :raises InstanceNotRescuable: with the cause.
        """
        self.service.save(instance)
        try:
            self.driver.power_off(instance.uuid)
            self.driver.create_rescue_image(instance.uuid, instance.flavor)
            power_state = self.driver.start(self.service.guest_xml(instance, rescue=True))
        except Exception as error:
            self.service.check_alive()
            self.service.error_out(instance)
            raise errors.InstanceNotRescuable(
                instance_id=instance.uuid, reason=f'Driver Error: {error}') from error
        self.service.save(
            instance, (TaskState.RESCUING,), vm_state=VMState.RESCUED, task_state=None,
            power_state=power_state, launched_at=self.services.now())

    @step('compute_unrescue_instance', here=not_found)
    def unrescue_instance(self, context: RequestContext, instance: Instance) -> None:
        """Start the guest from its own disk."""
        self.service.save(instance)
        try:
            self.driver.destroy(instance.uuid)
            power_state = self.driver.start(self.service.guest_xml(instance))
            self.driver.remove_rescue_image(instance.uuid)
        except Exception:
            self.service.check_alive()
            self.service.error_out(instance)
            raise
        self.service.save(
            instance, (TaskState.UNRESCUING,), vm_state=VMState.ACTIVE, task_state=None,
            power_state=power_state)

    @step('compute_rebuild_instance', here=not_in(TaskState.REBUILDING))
    def rebuild_instance(self, context: RequestContext, instance: Instance) -> None:
        """Rebuild the server from its image on the same namespaces, which are wiped."""
        try:
            self._rebuild_instance(instance)
        except GONE as error:
            LOG.debug('A server disappeared during its rebuild: %s', error)

    def _rebuild_instance(self, instance: Instance) -> None:
        stopped = instance.vm_state == VMState.STOPPED
        try:
            # Fails, before anything is lost, if a restart has ended the request.
            self.service.save(instance, (TaskState.REBUILDING,))
            self.driver.destroy(instance.uuid)
            self.service.wipe(instance.resources)
            self.driver.undefine(instance.uuid)
            self.driver.remove_image(instance.uuid)
            self.service.save(
                instance, (TaskState.REBUILDING,),
                task_state=TaskState.REBUILD_BLOCK_DEVICE_MAPPING)
            self.service.save(
                instance, (TaskState.REBUILD_BLOCK_DEVICE_MAPPING,),
                task_state=TaskState.REBUILD_SPAWNING)
            self.driver.create_image(instance.uuid, instance.flavor)
            power_state = self.service.start_guest(instance)
        except GONE:
            raise
        except Exception:
            self.service.check_alive()
            self.service.error_out(instance)
            raise
        if stopped:
            # Nova starts a stopped server in a rebuild, and stops it again.
            self.driver.power_off(instance.uuid)
            power_state = self.service.observe(instance)
        self.service.save(
            instance, (TaskState.REBUILD_SPAWNING,), task_state=None, power_state=power_state,
            vm_state=VMState.STOPPED if stopped else VMState.ACTIVE,
            launched_at=self.services.now())

    def sync_power_states(self) -> None:
        """Compare power states with the hypervisor, and stop servers accordingly.

        Source: nova/compute/manager.py, _sync_power_states and _sync_instance_power_state.
        """
        for instance in self.services.database.instances():
            if instance.host == self.host and instance.task_state is None:
                try:
                    self._sync_power_state(instance)
                except (libvirt.libvirtError, errors.NovaException) as error:
                    LOG.warning('Cannot synchronize a power state: %s', error)

    def _sync_power_state(self, instance: Instance) -> None:
        power_state = self.driver.power_state(instance.uuid)
        with self.services.database.lock:
            if instance.host != self.host:
                return
            if instance.power_state != power_state:
                self.service.save(instance, (None,), power_state=power_state)
            stop = _is_to_be_stopped(instance.vm_state, power_state)
            if stop:
                self.service.save(instance, (None,), task_state=TaskState.POWERING_OFF)
        if stop:
            self.service.again(instance, 'stop', self.stop_instance)


def _is_to_be_stopped(vm_state: VMState, power_state: PowerState) -> bool:
    """Whether a guest stopped by itself, or runs although its server was stopped.

    Paused guests, and guests that the hypervisor does not know, are left alone.
    """
    off = power_state in (PowerState.SHUTDOWN, PowerState.CRASHED)
    if vm_state == VMState.ACTIVE:
        return off or power_state == PowerState.SUSPENDED
    if vm_state == VMState.STOPPED:
        return not off and power_state != PowerState.NOSTATE
    return vm_state == VMState.PAUSED and off
