"""The QEMU processes of guests: start, pause, shutdown and end.

Source: libvirt 9.0.0, src/qemu/qemu_process.c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, invalid
from vpmem_harness.libvirtd.hypervisor.domain import emulator
from vpmem_harness.libvirtd.hypervisor.domain.domain import COMPRESSION_CACHE, OFF, Domain
from vpmem_harness.libvirtd.hypervisor.domain.images import transient
from vpmem_harness.libvirtd.hypervisor.domain.images.locks import Conflict
from vpmem_harness.libvirtd.hypervisor.network import guests
from vpmem_harness.libvirtd.xml.devices import memory
from vpmem_harness.libvirtd.xml.domain import startup, validate, vcpu_checks
from vpmem_harness.libvirtd.xml.etree import copy

# For annotations only: the hypervisor imports this module.
if TYPE_CHECKING:
    from vpmem_harness.libvirtd.hypervisor.hypervisor import Hypervisor
    from vpmem_harness.libvirtd.xml.definition import Definition


def check_active(domain: Domain) -> None:
    """Refuse an operation that needs a running domain."""
    if not domain.active:
        raise invalid('domain is not running', domain=libvirt.VIR_FROM_DOMAIN)


class QemuProcesses:
    """The QEMU processes of a hypervisor; every method runs under the hypervisor's lock."""

    def __init__(self, hypervisor: Hypervisor) -> None:
        self._hypervisor = hypervisor
        self._next_id = 1

    def start(self, domain: Domain, *, paused: bool = False,
              reason: int = libvirt.VIR_DOMAIN_RUNNING_BOOTED,
              paused_reason: int = libvirt.VIR_DOMAIN_PAUSED_USER,
              source: Definition | None = None, copied: bool = False,
              restored: bool = False) -> None:
        """Start the guest: assign an ID, build the live definition, open its files.

        :param source: the definition to start in place of the configuration (a saved or migrated
            guest).
        :param copied: whether the guest is migrated: its images are on storage that hosts share,
            or are copied.
        :param restored: whether QEMU reads the guest's memory from a file; it locks the images
            when the vCPUs start.
        :raises LibvirtError: libvirt or QEMU refuses. The domain is unchanged but for its reason,
            VIR_DOMAIN_SHUTOFF_FAILED, and has used up an ID.
        """
        number = self._next_id
        self._next_id += 1
        hypervisor = self._hypervisor
        definition = (source or domain.next_definition()).copy()
        try:
            if source is None and not copied:
                # Changes of the configuration can have made a domain that cannot be defined.
                validate.definition(definition, hypervisor.hardware)
                vcpu_checks.check(definition.root)
            hypervisor.guest_files.select_firmware(definition, hypervisor.hardware)
            if not copied:
                hypervisor.disk_sources.prepare(definition)
            guests.check_floors(hypervisor.networks, definition.devices.findall('interface'),
                                hypervisor.domains.live_interfaces())
            with hypervisor.xml_host.reserving():
                startup.prepare(definition, hypervisor.xml_host, number)
                hypervisor.guest_files.prepare(definition, hypervisor.hardware,
                                               hypervisor.secrets)
                emulator.start(definition, hypervisor.backing, hypervisor.hardware,
                               hypervisor.domains, hypervisor.races)
                if not copied and not (restored and paused):
                    self._check_locks(definition, restored=restored)
                hypervisor.host_devices.take(definition.devices, domain)
                found = definition.devices.findall('disk')
                transient.make_overlays(found, domain.name, hypervisor.disk_sources,
                                        hypervisor.backing)
            startup.complete(definition)
        except LibvirtError:
            domain.state = libvirt.VIR_DOMAIN_SHUTOFF
            domain.reason = libvirt.VIR_DOMAIN_SHUTOFF_FAILED
            raise
        domain.live = definition
        asked_cpu = (source or domain.next_definition()).root.find('cpu')
        domain.asked_cpu = None if asked_cpu is None else copy(asked_cpu)
        domain.nvdimm_enabled = any(device.get('model') == 'nvdimm'
                                    for device in definition.memory_devices)
        domain.storage_ids = startup.storage_ids(definition)
        transient.switch(found, domain)
        domain.polling, domain.thresholds = {}, {}
        domain.dirty_rate, domain.compression_cache = None, COMPRESSION_CACHE
        domain.id = number
        domain.started = hypervisor.clock.now()
        domain.paused_at = None
        domain.paused_seconds = 0.0
        self._open(domain)
        hypervisor.image_locks.refresh(domain)
        interfaces = definition.devices.findall('interface')
        guests.plugged(hypervisor.networks, interfaces, hypervisor.clock.now())
        hypervisor.nwfilters.plugged(interfaces, domain.name, domain.uuid_text)
        hypervisor.agents.channel_ready(domain)
        if paused:
            self._set(domain, libvirt.VIR_DOMAIN_PAUSED, paused_reason)
        else:
            self._set(domain, libvirt.VIR_DOMAIN_RUNNING, reason)
            self.written(domain)

    def _check_locks(self, definition: Definition, *, restored: bool) -> None:
        hypervisor = self._hypervisor
        try:
            hypervisor.image_locks.check(definition)
        except Conflict as conflict:
            if restored:
                raise emulator.command_failed('cont', str(conflict)) from None
            raise emulator.ended(definition, conflict.message, hypervisor.races,
                                 late=False) from None

    def stop(self, domain: Domain, reason: int, detail: int | None = None) -> None:
        """End the guest: close its files, and remove a transient domain.

        :param reason: VIR_DOMAIN_SHUTOFF_*.
        :param detail: VIR_DOMAIN_EVENT_STOPPED_* of the event, or None for no event.
        """
        hypervisor = self._hypervisor
        self._close(domain)
        if domain.live is not None:
            interfaces = domain.live.devices.findall('interface')
            guests.unplugged(hypervisor.networks, interfaces, hypervisor.clock.now())
            hypervisor.nwfilters.unplugged(interfaces)
            startup.release(domain.live, hypervisor.xml_host)
            transient.remove_overlays(domain.live.devices.findall('disk'), domain.name,
                                      hypervisor.backing)
            hypervisor.host_devices.give_back(domain.live.devices)
        if domain.job is not None:
            hypervisor.jobs.end(domain, domain.job.guest_ended())
        self._set(domain, libvirt.VIR_DOMAIN_SHUTOFF, reason)
        domain.id = OFF
        domain.autodestroy = None
        domain.block_jobs.clear()
        domain.hang_up()
        hypervisor.image_locks.release(domain)
        if domain.persistent:
            domain.live = None
        else:
            if domain.live is not None:
                hypervisor.guest_files.end(domain.live)
            hypervisor.domains.remove(domain)
        if detail is not None:
            hypervisor.events.lifecycle(domain, libvirt.VIR_DOMAIN_EVENT_STOPPED, detail)

    def suspend(self, domain: Domain, reason: int = libvirt.VIR_DOMAIN_PAUSED_USER,
                detail: int = libvirt.VIR_DOMAIN_EVENT_SUSPENDED_PAUSED) -> None:
        """Pause the guest's vCPUs."""
        if domain.state == libvirt.VIR_DOMAIN_PAUSED:
            return
        self._set(domain, libvirt.VIR_DOMAIN_PAUSED, reason)
        self._hypervisor.events.lifecycle(domain, libvirt.VIR_DOMAIN_EVENT_SUSPENDED, detail)

    def resume(self, domain: Domain, reason: int = libvirt.VIR_DOMAIN_RUNNING_UNPAUSED,
               detail: int = libvirt.VIR_DOMAIN_EVENT_RESUMED_UNPAUSED) -> None:
        """Resume the guest's vCPUs."""
        self._set(domain, libvirt.VIR_DOMAIN_RUNNING, reason)
        self.written(domain)
        self._hypervisor.events.lifecycle(domain, libvirt.VIR_DOMAIN_EVENT_RESUMED, detail)

    def press_power_button(self, domain: Domain) -> None:
        """Ask the guest to shut down; :attr:`Hypervisor.guests` decides whether it obeys."""
        guests = self._hypervisor.guests
        number = domain.id
        if not guests.obeys_power_button or domain.state != libvirt.VIR_DOMAIN_RUNNING:
            return

        def shut_down() -> None:
            with self._hypervisor.lock:
                if domain.active and domain.id == number:
                    self.shut_down(domain, libvirt.VIR_DOMAIN_EVENT_SHUTDOWN_GUEST)
        self._hypervisor.after(guests.shutdown_seconds, shut_down)

    def shut_down(self, domain: Domain, detail: int) -> None:
        """End a guest that has powered itself off."""
        self._set(domain, libvirt.VIR_DOMAIN_SHUTDOWN, libvirt.VIR_DOMAIN_SHUTDOWN_UNKNOWN)
        self._hypervisor.events.lifecycle(domain, libvirt.VIR_DOMAIN_EVENT_SHUTDOWN, detail)
        self.stop(domain, libvirt.VIR_DOMAIN_SHUTOFF_SHUTDOWN,
                  libvirt.VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN)

    def reboot(self, domain: Domain) -> None:
        """Ask the guest to reboot; it obeys like a shutdown, and keeps its ID."""
        guests = self._hypervisor.guests
        number = domain.id
        if not guests.obeys_power_button or domain.state != libvirt.VIR_DOMAIN_RUNNING:
            return

        def again() -> None:
            with self._hypervisor.lock:
                if domain.active and domain.id == number:
                    self._hypervisor.events.publish(libvirt.VIR_DOMAIN_EVENT_ID_REBOOT, domain)
        self._hypervisor.after(guests.shutdown_seconds, again)

    def _set(self, domain: Domain, state: int, reason: int) -> None:
        now = self._hypervisor.clock.now()
        if domain.state == libvirt.VIR_DOMAIN_PAUSED and domain.paused_at is not None:
            domain.paused_seconds += now - domain.paused_at
        domain.paused_at = now if state == libvirt.VIR_DOMAIN_PAUSED else None
        domain.state, domain.reason = state, reason

    def _open(self, domain: Domain) -> None:
        if domain.live is None:
            return
        for device in domain.live.memory_devices:
            path = memory.path(device)
            if path:
                path = memory.real_path(path)
                self._hypervisor.backing.opened(path, domain.uuid_text)
                domain.open_paths.append(path)

    def written(self, domain: Domain) -> None:
        """Note that the memory devices of a running domain have new contents."""
        for path in domain.open_paths:
            self._hypervisor.backing.written(path, domain.uuid_text)

    def _close(self, domain: Domain) -> None:
        paths, domain.open_paths = domain.open_paths, []
        for path in paths:
            self._hypervisor.backing.closed(path, domain.uuid_text)
