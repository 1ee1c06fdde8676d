"""Procedures that define, start, stop and forget domains."""

from __future__ import annotations

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, invalid
from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
from vpmem_harness.libvirtd.hypervisor.domain.process import check_active
from vpmem_harness.libvirtd.hypervisor.procedures import Procedures, check_flags, procedure
from vpmem_harness.libvirtd.values import DomainHandle
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.domain import parser as domain_xml

_CREATE_FLAGS = (libvirt.VIR_DOMAIN_START_PAUSED | libvirt.VIR_DOMAIN_START_AUTODESTROY
                 | libvirt.VIR_DOMAIN_START_VALIDATE | libvirt.VIR_DOMAIN_START_RESET_NVRAM)
_START_FLAGS = (libvirt.VIR_DOMAIN_START_PAUSED | libvirt.VIR_DOMAIN_START_AUTODESTROY
                | libvirt.VIR_DOMAIN_START_BYPASS_CACHE | libvirt.VIR_DOMAIN_START_FORCE_BOOT
                | libvirt.VIR_DOMAIN_START_RESET_NVRAM)
_UNDEFINE_FLAGS = (
    libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
    | libvirt.VIR_DOMAIN_UNDEFINE_KEEP_NVRAM | libvirt.VIR_DOMAIN_UNDEFINE_TPM
    | libvirt.VIR_DOMAIN_UNDEFINE_KEEP_TPM)
_DESTROY_FLAGS = libvirt.VIR_DOMAIN_DESTROY_GRACEFUL | libvirt.VIR_DOMAIN_DESTROY_REMOVE_LOGS
_AGENT, _ACPI = (libvirt.VIR_DOMAIN_SHUTDOWN_GUEST_AGENT,
                 libvirt.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN)


class LifecycleProcedures(Procedures):
    """Procedures that define, start, stop and forget domains."""

    @procedure
    def domain_define_xml(self, xml: str) -> Domain:
        """Define a persistent domain, or redefine one."""
        return self._define(xml, validate=False)

    @procedure
    def domain_define_xml_flags(self, xml: str, flags: int) -> Domain:
        """Define a persistent domain, checked against the schema if the client asks for it."""
        check_flags('qemuDomainDefineXMLFlags', flags, libvirt.VIR_DOMAIN_DEFINE_VALIDATE)
        return self._define(xml, validate=bool(flags & libvirt.VIR_DOMAIN_DEFINE_VALIDATE))

    def _define(self, xml: str, *, validate: bool) -> Domain:
        hypervisor = self.hypervisor
        definition = domain_xml.parse(xml, hypervisor.xml_host, validate_schema=validate)
        if '\n' in definition.name:
            raise LibvirtError(libvirt.VIR_ERR_XML_DETAIL,
                               'invalid char in name: \n', domain=libvirt.VIR_FROM_XML)
        domain = hypervisor.domains.find(definition.name, definition.uuid)
        detail = libvirt.VIR_DOMAIN_EVENT_DEFINED_UPDATED
        if domain is None:
            domain = Domain(definition.name, definition.uuid)
            hypervisor.domains.add(domain)
            detail = libvirt.VIR_DOMAIN_EVENT_DEFINED_ADDED
        domain.config = definition
        hypervisor.events.lifecycle(domain, libvirt.VIR_DOMAIN_EVENT_DEFINED, detail)
        return domain

    @procedure
    def domain_create_xml(self, xml: str, flags: int) -> Domain:
        """Start a domain from its XML; it is transient unless it was defined before."""
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
        """Start a domain, paused perhaps; from its managed save if it has one."""
        return self._create(handle, flags)

    def _create(self, handle: DomainHandle, flags: int) -> Domain:
        check_flags('qemuDomainCreateWithFlags', flags, _START_FLAGS)
        domain = self.domain(handle)
        if domain.active:
            raise invalid('domain is already running')
        if domain.managed_save is not None and flags & libvirt.VIR_DOMAIN_START_FORCE_BOOT:
            domain.managed_save = None
        if domain.managed_save is not None:
            self._restore(domain, flags)
        else:
            self._start(domain, flags)
        return domain

    def _start(self, domain: Domain, flags: int,
               source: Definition | None = None) -> None:
        hypervisor = self.hypervisor
        paused = bool(flags & libvirt.VIR_DOMAIN_START_PAUSED)
        hypervisor.machine.start(domain, paused=paused, source=source)
        if flags & libvirt.VIR_DOMAIN_START_AUTODESTROY:
            domain.autodestroy = self
        if not paused:
            hypervisor.events.lifecycle(domain, libvirt.VIR_DOMAIN_EVENT_RESUMED,
                                        libvirt.VIR_DOMAIN_EVENT_RESUMED_UNPAUSED)
        hypervisor.events.lifecycle(domain, libvirt.VIR_DOMAIN_EVENT_STARTED,
                                    libvirt.VIR_DOMAIN_EVENT_STARTED_BOOTED)
        if paused:
            hypervisor.events.lifecycle(domain, libvirt.VIR_DOMAIN_EVENT_SUSPENDED,
                                        libvirt.VIR_DOMAIN_EVENT_SUSPENDED_PAUSED)

    def _restore(self, domain: Domain, flags: int) -> None:
        hypervisor = self.hypervisor
        paused = bool(flags & libvirt.VIR_DOMAIN_START_PAUSED) or domain.managed_save_paused
        hypervisor.machine.start(domain, paused=paused, source=domain.managed_save,
                                 reason=libvirt.VIR_DOMAIN_RUNNING_RESTORED,
                                 paused_reason=libvirt.VIR_DOMAIN_PAUSED_MIGRATION)
        domain.managed_save = None
        hypervisor.events.lifecycle(domain, libvirt.VIR_DOMAIN_EVENT_STARTED,
                                    libvirt.VIR_DOMAIN_EVENT_STARTED_RESTORED)
        if paused:
            hypervisor.events.lifecycle(domain, libvirt.VIR_DOMAIN_EVENT_SUSPENDED,
                                        libvirt.VIR_DOMAIN_EVENT_SUSPENDED_RESTORED)

    @procedure
    def domain_destroy(self, handle: DomainHandle) -> None:
        """End a domain at once."""
        self._destroy(self.domain(handle))

    @procedure
    def domain_destroy_flags(self, handle: DomainHandle, flags: int) -> None:
        """End a domain, gracefully perhaps: the guests here always let go."""
        check_flags('qemuDomainDestroyFlags', flags, _DESTROY_FLAGS)
        self._destroy(self.domain(handle))

    def _destroy(self, domain: Domain) -> None:
        check_active(domain)
        self.hypervisor.events.lifecycle(domain, libvirt.VIR_DOMAIN_EVENT_SHUTDOWN,
                                         libvirt.VIR_DOMAIN_EVENT_SHUTDOWN_HOST)
        self.hypervisor.machine.stop(domain, libvirt.VIR_DOMAIN_SHUTOFF_DESTROYED,
                                     libvirt.VIR_DOMAIN_EVENT_STOPPED_DESTROYED)

    def _destroy_with_connection(self) -> None:
        for domain in self.hypervisor.domains:
            if domain.active and domain.autodestroy is self:
                self._destroy(domain)

    @procedure
    def domain_undefine(self, handle: DomainHandle) -> None:
        """Forget a domain's configuration; it goes on if it runs."""
        self._undefine(self.domain(handle), 0)

    @procedure
    def domain_undefine_flags(self, handle: DomainHandle, flags: int) -> None:
        """Forget a domain's configuration and what belongs to it."""
        check_flags('qemuDomainUndefineFlags', flags, _UNDEFINE_FLAGS)
        if (flags & libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
                and flags & libvirt.VIR_DOMAIN_UNDEFINE_KEEP_NVRAM):
            raise invalid('cannot both keep and delete nvram')
        if (flags & libvirt.VIR_DOMAIN_UNDEFINE_TPM
                and flags & libvirt.VIR_DOMAIN_UNDEFINE_KEEP_TPM):
            raise invalid('cannot both keep and delete TPM')
        self._undefine(self.domain(handle), flags)

    def _undefine(self, domain: Domain, flags: int) -> None:
        if not domain.persistent:
            raise invalid('cannot undefine transient domain')
        if not domain.active and domain.snapshots:
            if not flags & libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA:
                raise invalid(
                    f'cannot delete inactive domain with {len(domain.snapshots)} snapshots')
            domain.snapshots.clear()
        if domain.managed_save is not None:
            if not flags & libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE:
                raise invalid('Refusing to undefine while domain managed save image exists')
            domain.managed_save = None
        self.hypervisor.events.lifecycle(domain, libvirt.VIR_DOMAIN_EVENT_UNDEFINED,
                                         libvirt.VIR_DOMAIN_EVENT_UNDEFINED_REMOVED)
        domain.autostart = False
        if not domain.active:
            self.hypervisor.domains.remove(domain)
        else:
            domain.config = None

    @procedure
    def domain_suspend(self, handle: DomainHandle) -> None:
        """Stop a domain's CPUs."""
        domain = self.domain(handle)
        check_active(domain)
        if domain.state == libvirt.VIR_DOMAIN_PMSUSPENDED:
            raise invalid('domain is pmsuspended')
        self.hypervisor.machine.suspend(domain)

    @procedure
    def domain_resume(self, handle: DomainHandle) -> None:
        """Let a domain's CPUs run again."""
        domain = self.domain(handle)
        check_active(domain)
        if domain.state == libvirt.VIR_DOMAIN_PMSUSPENDED:
            raise invalid('domain is pmsuspended')
        if domain.state == libvirt.VIR_DOMAIN_RUNNING:
            raise invalid('domain is already running')
        self.hypervisor.machine.resume(domain)

    @procedure
    def domain_shutdown(self, handle: DomainHandle) -> None:
        """Ask a domain's guest to shut down."""
        self._shut_down(self.domain(handle), 0)

    @procedure
    def domain_shutdown_flags(self, handle: DomainHandle, flags: int) -> None:
        """Ask a domain's guest to shut down, by ACPI or through its agent."""
        check_flags('qemuDomainShutdownFlags', flags, _AGENT | _ACPI)
        self._shut_down(self.domain(handle), flags)

    def _shut_down(self, domain: Domain, flags: int) -> None:
        if domain.state != libvirt.VIR_DOMAIN_RUNNING:
            raise invalid('domain is not running')
        if flags & _AGENT and not flags & _ACPI:
            self.hypervisor.check_agent(domain)
        self.hypervisor.machine.press_power_button(domain)

    @procedure
    def domain_reboot(self, handle: DomainHandle, flags: int) -> None:
        """Ask a domain's guest to reboot."""
        check_flags('qemuDomainReboot', flags, _AGENT | _ACPI)
        domain = self.domain(handle)
        check_active(domain)
        if flags & _AGENT and not flags & _ACPI:
            self.hypervisor.check_agent(domain)
        self.hypervisor.machine.reboot(domain)

    @procedure
    def domain_reset(self, handle: DomainHandle, flags: int) -> None:
        """Press a domain's reset button."""
        check_flags('qemuDomainReset', flags, 0)
        domain = self.domain(handle)
        check_active(domain)
        self.hypervisor.events.publish(libvirt.VIR_DOMAIN_EVENT_ID_REBOOT, domain)

    @procedure
    def domain_get_autostart(self, handle: DomainHandle) -> int:
        """Whether the domain starts with the host."""
        return int(self.domain(handle).autostart)

    @procedure
    def domain_set_autostart(self, handle: DomainHandle, autostart: int) -> None:
        """Say whether the domain starts with the host."""
        domain = self.domain(handle)
        if not domain.persistent:
            raise invalid('cannot set autostart for transient domain')
        domain.autostart = bool(autostart)
