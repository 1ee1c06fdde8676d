"""Procedures that start, pause and stop domains.

Source: libvirt 9.0.0, src/qemu/qemu_driver.c, src/qemu/qemu_process.c.
"""

from __future__ import annotations

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, invalid
from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
from vpmem_harness.libvirtd.hypervisor.domain.qemu_process import check_active
from vpmem_harness.libvirtd.hypervisor.driver_checks import check_flags
from vpmem_harness.libvirtd.hypervisor.procedure_group import ProcedureGroup, procedure
from vpmem_harness.libvirtd.values import DomainHandle
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.domain import parser as domain_xml

_CREATE_FLAGS = (libvirt.VIR_DOMAIN_START_PAUSED | libvirt.VIR_DOMAIN_START_AUTODESTROY
                 | libvirt.VIR_DOMAIN_START_VALIDATE | libvirt.VIR_DOMAIN_START_RESET_NVRAM)
_START_FLAGS = (libvirt.VIR_DOMAIN_START_PAUSED | libvirt.VIR_DOMAIN_START_AUTODESTROY
                | libvirt.VIR_DOMAIN_START_BYPASS_CACHE | libvirt.VIR_DOMAIN_START_FORCE_BOOT
                | libvirt.VIR_DOMAIN_START_RESET_NVRAM)
_DESTROY_FLAGS = libvirt.VIR_DOMAIN_DESTROY_GRACEFUL | libvirt.VIR_DOMAIN_DESTROY_REMOVE_LOGS
_AGENT, _ACPI = (libvirt.VIR_DOMAIN_SHUTDOWN_GUEST_AGENT,
                 libvirt.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN)


class LifecycleProcedures(ProcedureGroup):
    """Procedures that start, pause and stop domains."""

    @procedure
    def domain_create_xml(self, xml: str, flags: int) -> Domain:
        """Start a domain from XML; it is transient unless it is already defined."""
        check_flags('qemuDomainCreateXML', flags, _CREATE_FLAGS)
        hypervisor = self.hypervisor
        definition = domain_xml.parse(
            xml, hypervisor.xml_host,
            validate_schema=bool(flags & libvirt.VIR_DOMAIN_START_VALIDATE))
        domain = hypervisor.domains.find(definition.name, definition.uuid, to_start=True)
        if domain is None:
            domain = Domain(definition.name, definition.uuid)
            hypervisor.domains.add(domain)
        try:
            self._start(domain, flags, source=definition)
        except LibvirtError:
            if not domain.persistent:
                hypervisor.domains.remove(domain)
            raise
        return domain

    @procedure
    def domain_create(self, handle: DomainHandle) -> None:
        """Start a domain."""
        self._create(handle, 0)

    @procedure
    def domain_create_with_flags(self, handle: DomainHandle, flags: int) -> Domain:
        """Start a domain, from its managed save image if it has one."""
        return self._create(handle, flags)

    def _create(self, handle: DomainHandle, flags: int) -> Domain:
        check_flags('qemuDomainCreateWithFlags', flags, _START_FLAGS)
        domain = self.domain(handle)
        if domain.active:
            raise invalid('domain is already running')
        if domain.managed_save is not None and flags & libvirt.VIR_DOMAIN_START_FORCE_BOOT:
            domain.managed_save = None
        if domain.managed_save is not None:
            self._restore(domain, domain.managed_save, flags)
        else:
            self._start(domain, flags)
        return domain

    def _start(self, domain: Domain, flags: int,
               source: Definition | None = None) -> None:
        hypervisor = self.hypervisor
        paused = bool(flags & libvirt.VIR_DOMAIN_START_PAUSED)
        hypervisor.processes.start(domain, paused=paused, source=source)
        if flags & libvirt.VIR_DOMAIN_START_AUTODESTROY:
            domain.autodestroy = self.connection
        if not paused:
            hypervisor.events.lifecycle(domain, libvirt.VIR_DOMAIN_EVENT_RESUMED,
                                        libvirt.VIR_DOMAIN_EVENT_RESUMED_UNPAUSED)
        hypervisor.events.lifecycle(domain, libvirt.VIR_DOMAIN_EVENT_STARTED,
                                    libvirt.VIR_DOMAIN_EVENT_STARTED_BOOTED)
        if paused:
            hypervisor.events.lifecycle(domain, libvirt.VIR_DOMAIN_EVENT_SUSPENDED,
                                        libvirt.VIR_DOMAIN_EVENT_SUSPENDED_PAUSED)
        hypervisor.agents.guest_started(domain)

    def _restore(self, domain: Domain, saved: Definition, flags: int) -> None:
        asked = bool(flags & libvirt.VIR_DOMAIN_START_PAUSED)
        self.connection.saving.start(
            domain, saved, paused=asked or domain.managed_save_paused,
            detail=(libvirt.VIR_DOMAIN_EVENT_SUSPENDED_PAUSED if asked
                    else libvirt.VIR_DOMAIN_EVENT_SUSPENDED_RESTORED))
        domain.managed_save = None

    @procedure
    def domain_destroy(self, handle: DomainHandle) -> None:
        """Destroy a domain."""
        self._destroy(self.domain(handle))

    @procedure
    def domain_destroy_flags(self, handle: DomainHandle, flags: int) -> None:
        """Destroy a domain; guests always end gracefully."""
        check_flags('qemuDomainDestroyFlags', flags, _DESTROY_FLAGS)
        self._destroy(self.domain(handle))

    def _destroy(self, domain: Domain) -> None:
        check_active(domain)
        self.hypervisor.events.lifecycle(domain, libvirt.VIR_DOMAIN_EVENT_SHUTDOWN,
                                         libvirt.VIR_DOMAIN_EVENT_SHUTDOWN_HOST)
        self.hypervisor.processes.stop(domain, libvirt.VIR_DOMAIN_SHUTOFF_DESTROYED,
                                     libvirt.VIR_DOMAIN_EVENT_STOPPED_DESTROYED)

    def autodestroy(self) -> None:
        """Destroy the domains that were started with autodestroy over this connection."""
        for domain in self.hypervisor.domains:
            if domain.active and domain.autodestroy is self.connection:
                self._destroy(domain)

    @procedure
    def domain_suspend(self, handle: DomainHandle) -> None:
        """Pause a domain's vCPUs."""
        domain = self.domain(handle)
        check_active(domain)
        if domain.state == libvirt.VIR_DOMAIN_PMSUSPENDED:
            raise invalid('domain is pmsuspended')
        self.hypervisor.processes.suspend(domain)

    @procedure
    def domain_resume(self, handle: DomainHandle) -> None:
        """Resume a domain's vCPUs."""
        domain = self.domain(handle)
        check_active(domain)
        if domain.state == libvirt.VIR_DOMAIN_PMSUSPENDED:
            raise invalid('domain is pmsuspended')
        if domain.state == libvirt.VIR_DOMAIN_RUNNING:
            raise invalid('domain is already running')
        self.hypervisor.processes.resume(domain)

    @procedure
    def domain_shutdown(self, handle: DomainHandle) -> None:
        """Ask the guest to shut down."""
        self._shut_down(self.domain(handle), 0)

    @procedure
    def domain_shutdown_flags(self, handle: DomainHandle, flags: int) -> None:
        """Ask the guest to shut down, by ACPI or through its agent."""
        check_flags('qemuDomainShutdownFlags', flags, _AGENT | _ACPI)
        self._shut_down(self.domain(handle), flags)

    def _shut_down(self, domain: Domain, flags: int) -> None:
        if domain.state != libvirt.VIR_DOMAIN_RUNNING:
            raise invalid('domain is not running')
        if flags & _AGENT and not flags & _ACPI:
            self.hypervisor.agents.of(domain).command('guest-shutdown')
            self.hypervisor.processes.shut_down(domain, libvirt.VIR_DOMAIN_EVENT_SHUTDOWN_GUEST)
            return
        self.hypervisor.processes.press_power_button(domain)

    @procedure
    def domain_reboot(self, handle: DomainHandle, flags: int) -> None:
        """Ask the guest to reboot."""
        check_flags('qemuDomainReboot', flags, _AGENT | _ACPI)
        domain = self.domain(handle)
        check_active(domain)
        if flags & _AGENT and not flags & _ACPI:
            self.hypervisor.agents.of(domain).command('guest-shutdown')
        self.hypervisor.processes.reboot(domain)

    @procedure
    def domain_reset(self, handle: DomainHandle, flags: int) -> None:
        """Reset a domain."""
        check_flags('qemuDomainReset', flags, 0)
        domain = self.domain(handle)
        check_active(domain)
        self.hypervisor.events.publish(libvirt.VIR_DOMAIN_EVENT_ID_REBOOT, domain)
