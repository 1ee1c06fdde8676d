"""Servers stay where they are: stop, start, reboot, pause, suspend, rescue, rebuild.

Source: nova/compute/manager.py. Unlike Nova, neither start nor a hard reboot wipes namespaces: the
user has asked for nothing that loses data.
"""

from __future__ import annotations

import libvirt
from oslo_log import log as logging

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.states import PowerState, TaskState, VMState
from vpmem_harness.cloud.stub.build import GONE, BuildOperations
from vpmem_harness.cloud.stub.context import RequestContext
from vpmem_harness.cloud.stub.database import Instance
from vpmem_harness.cloud.stub.request_steps import not_found, not_in, step

LOG = logging.getLogger(__name__)

#: The tasks in which a reboot can be found, and what they become.
SOFT_REBOOT = (TaskState.REBOOTING, TaskState.REBOOT_PENDING, TaskState.REBOOT_STARTED)
HARD_REBOOT = (
    TaskState.REBOOTING_HARD, TaskState.REBOOT_PENDING_HARD, TaskState.REBOOT_STARTED_HARD)


def _not_rebooting(instance: Instance, reboot_type: str) -> errors.NovaException:
    return not_in(*(HARD_REBOOT if reboot_type == 'HARD' else SOFT_REBOOT))(instance)


class PowerOperations(BuildOperations):
    """Operations on a server that stays on its host, with its namespaces."""

    @step('compute_stop_instance', here=not_found)
    def stop_instance(self, context: RequestContext, instance: Instance) -> None:
        """Ask the guest to shut down, or turn it off."""
        if self.superseded(instance, TaskState.POWERING_OFF):
            return
        self.driver.power_off(instance.uuid)
        self.save(
            instance, (TaskState.POWERING_OFF,), vm_state=VMState.STOPPED,
            task_state=None, power_state=self.observe(instance))

    @step('compute_start_instance', here=not_in(TaskState.POWERING_ON))
    def start_instance(self, context: RequestContext, instance: Instance) -> None:
        """Start the guest, from a domain made anew."""
        self.save(instance)     # one that is gone by now is not brought back
        power_state = self.restart_domain(instance)
        self.save(
            instance, (TaskState.POWERING_ON,), vm_state=VMState.ACTIVE, task_state=None,
            power_state=power_state)

    def restart_domain(self, instance: Instance) -> PowerState:
        """Nova's _hard_reboot without its wipe: stop, forget, define and start the domain."""
        self.driver.destroy(instance.uuid)
        self.driver.undefine(instance.uuid)
        self.driver.create_image(instance.uuid, instance.flavor)
        return self.start_guest(instance)

    @step('compute_reboot_instance', here=_not_rebooting)
    def reboot_instance(
        self, context: RequestContext, instance: Instance, reboot_type: str,
    ) -> None:
        """Reboot the guest by its own means (SOFT), or by its power (HARD).

        A guest that does not shut down when asked, or does not start then, is rebooted by its
        power, too. One that runs after a reboot that failed is left in peace, with a fault.
        """
        hard = reboot_type == 'HARD'
        _, pending, started = HARD_REBOOT if hard else SOFT_REBOOT
        self.save(instance, HARD_REBOOT if hard else SOFT_REBOOT, task_state=pending)
        self.save(instance, (pending,), task_state=started)
        try:
            power_state = None if hard else self._soft_reboot(instance)
            if power_state is None:
                power_state = self.restart_domain(instance)
        except Exception as error:
            self.check_alive()
            power_state = self.observe(instance)
            if power_state != PowerState.RUNNING:
                self.error_out(instance)
                raise
            LOG.warning('A reboot failed, and the guest runs: %s', error)
            self.services.add_fault(instance, error)
        self.save(
            instance, (started,), vm_state=VMState.ACTIVE, task_state=None,
            power_state=power_state)

    def _soft_reboot(self, instance: Instance) -> PowerState | None:
        """Shut the guest down and start it; None when it did not follow, or was off already."""
        domain = self.driver.require(instance.uuid)
        off = self.driver.power_state_of(domain) == PowerState.SHUTDOWN
        if off or not self.driver.shut_down(domain):
            LOG.warning('A guest did not shut down for a soft reboot: it is rebooted hard')
            return None
        try:
            domain.createWithFlags(0)
        except libvirt.libvirtError as error:
            LOG.warning('A guest did not start in a soft reboot: it is rebooted hard: %s', error)
            return None
        return self.driver.power_state_of(domain)

    @step('compute_pause_instance', here=not_found)
    def pause_instance(self, context: RequestContext, instance: Instance) -> None:
        self.driver.require(instance.uuid).suspend()
        self.save(
            instance, (TaskState.PAUSING,), vm_state=VMState.PAUSED, task_state=None,
            power_state=self.observe(instance))

    @step('compute_unpause_instance', here=not_found)
    def unpause_instance(self, context: RequestContext, instance: Instance) -> None:
        self.driver.require(instance.uuid).resume()
        self.save(
            instance, (TaskState.UNPAUSING,), vm_state=VMState.ACTIVE, task_state=None,
            power_state=self.observe(instance))

    @step('compute_suspend_instance', here=not_found)
    def suspend_instance(self, context: RequestContext, instance: Instance) -> None:
        """Save the guest's memory to disk and stop it."""
        try:
            self.driver.require(instance.uuid).managedSave(0)
        except Exception:
            self.check_alive()
            self.error_out(instance)
            raise
        self.save(
            instance, (TaskState.SUSPENDING,), vm_state=VMState.SUSPENDED, task_state=None,
            power_state=self.observe(instance))

    @step('compute_resume_instance', here=not_found)
    def resume_instance(self, context: RequestContext, instance: Instance) -> None:
        """Start the guest where it was when it was suspended.

        Nova starts it on the devices of that time, which after a reboot of the host may be another
        server's.
        """
        try:
            domain = self.driver.require(instance.uuid)
            self.driver.move_saved(domain, self.paths(instance, instance.resources))
            domain.createWithFlags(0)
        except Exception:
            self.check_alive()
            self.error_out(instance)
            raise
        self.save(
            instance, (TaskState.RESUMING,), vm_state=VMState.ACTIVE, task_state=None,
            power_state=self.driver.power_state_of(domain))

    @step('compute_rescue_instance', here=not_in(TaskState.RESCUING))
    def rescue_instance(self, context: RequestContext, instance: Instance) -> None:
        """Start the guest from a rescue image, on its own namespaces.

        :raises InstanceNotRescuable: with what went wrong.
        """
        self.save(instance)
        try:
            self.driver.power_off(instance.uuid)
            self.driver.create_rescue_image(instance.uuid, instance.flavor)
            power_state = self.driver.start(self.guest_xml(instance, rescue=True))
        except Exception as error:
            self.check_alive()
            self.error_out(instance)
            raise errors.InstanceNotRescuable(
                instance_id=instance.uuid, reason=f'Driver Error: {error}') from error
        self.save(
            instance, (TaskState.RESCUING,), vm_state=VMState.RESCUED, task_state=None,
            power_state=power_state, launched_at=self.services.now())

    @step('compute_unrescue_instance', here=not_found)
    def unrescue_instance(self, context: RequestContext, instance: Instance) -> None:
        """Start the guest from its own disk again."""
        self.save(instance)
        try:
            self.driver.destroy(instance.uuid)
            power_state = self.driver.start(self.guest_xml(instance))
            self.driver.remove_rescue_image(instance.uuid)
        except Exception:
            self.check_alive()
            self.error_out(instance)
            raise
        self.save(
            instance, (TaskState.UNRESCUING,), vm_state=VMState.ACTIVE, task_state=None,
            power_state=power_state)

    @step('compute_rebuild_instance', here=not_in(TaskState.REBUILDING))
    def rebuild_instance(self, context: RequestContext, instance: Instance) -> None:
        """Start the server from its image again, on the same namespaces, wiped."""
        try:
            self._rebuild_instance(instance)
        except GONE as error:
            LOG.debug('A server disappeared during its rebuild: %s', error)

    def _rebuild_instance(self, instance: Instance) -> None:
        stopped = instance.vm_state == VMState.STOPPED
        self.save(instance)
        try:
            self.driver.destroy(instance.uuid)
            self.wipe(instance.resources)
            self.driver.undefine(instance.uuid)
            self.driver.remove_image(instance.uuid)
            self.save(
                instance, (TaskState.REBUILDING,),
                task_state=TaskState.REBUILD_BLOCK_DEVICE_MAPPING)
            self.save(
                instance, (TaskState.REBUILD_BLOCK_DEVICE_MAPPING,),
                task_state=TaskState.REBUILD_SPAWNING)
            self.driver.create_image(instance.uuid, instance.flavor)
            power_state = self.start_guest(instance)
        except Exception:
            self.check_alive()
            self.error_out(instance)
            raise
        if stopped:
            # Nova starts a stopped server for its rebuild, and stops it again.
            self.driver.power_off(instance.uuid)
            power_state = self.observe(instance)
        self.save(
            instance, (TaskState.REBUILD_SPAWNING,), task_state=None, power_state=power_state,
            vm_state=VMState.STOPPED if stopped else VMState.ACTIVE,
            launched_at=self.services.now())

    def sync_power_states(self) -> None:
        """See what has become of the guests without Nova's doing, and stop servers accordingly.

        Source: nova/compute/manager.py, _sync_power_states and _sync_instance_power_state.
        """
        for instance in self.services.database.instances():
            if instance.host == self.host and instance.task_state is None:
                try:
                    self._sync_power_state(instance)
                except (libvirt.libvirtError, errors.NovaException) as error:
                    LOG.warning('A power state could not be synchronized: %s', error)

    def _sync_power_state(self, instance: Instance) -> None:
        power_state = self.driver.power_state(instance.uuid)
        with self.services.database.lock:
            if instance.host != self.host:
                return
            if instance.power_state != power_state:
                self.save(instance, (None,), power_state=power_state)
            stop = _is_to_be_stopped(instance.vm_state, power_state)
            if stop:
                self.save(instance, (None,), task_state=TaskState.POWERING_OFF)
        if stop:
            self.again(instance, 'stop', self.stop_instance)


def _is_to_be_stopped(vm_state: VMState, power_state: PowerState) -> bool:
    """Whether a server's guest has gone off by itself, or has gone on though it was stopped.

    A guest that is paused, or that the hypervisor does not know, is left to whoever did that.
    """
    off = power_state in (PowerState.SHUTDOWN, PowerState.CRASHED)
    if vm_state == VMState.ACTIVE:
        return off or power_state == PowerState.SUSPENDED
    if vm_state == VMState.STOPPED:
        return not off and power_state != PowerState.NOSTATE
    return vm_state == VMState.PAUSED and off
