"""Procedures that return a domain's XML and state."""

from __future__ import annotations

import libvirt

from vpmem_harness.libvirtd.hypervisor.driver_checks import check_flags
from vpmem_harness.libvirtd.hypervisor.procedure_group import ProcedureGroup, procedure
from vpmem_harness.libvirtd.values import DomainHandle
from vpmem_harness.libvirtd.xml.domain import formatter

_XML_FLAGS = (libvirt.VIR_DOMAIN_XML_SECURE | libvirt.VIR_DOMAIN_XML_INACTIVE
              | libvirt.VIR_DOMAIN_XML_MIGRATABLE | libvirt.VIR_DOMAIN_XML_UPDATE_CPU)


class QueryProcedures(ProcedureGroup):
    """Procedures that return a domain's XML and state."""

    @procedure
    def domain_get_xml_desc(self, handle: DomainHandle, flags: int) -> str:
        """Return the domain's XML, live or of its next start."""
        check_flags('qemuDomainGetXMLDesc', flags, _XML_FLAGS)
        domain = self.domain(handle)
        inactive = bool(flags & libvirt.VIR_DOMAIN_XML_INACTIVE)
        definition = domain.next_definition() if inactive else domain.definition
        return formatter.domain(definition, inactive=inactive,
                             secure=bool(flags & libvirt.VIR_DOMAIN_XML_SECURE),
                             migratable=bool(flags & libvirt.VIR_DOMAIN_XML_MIGRATABLE),
                             asked_cpu=domain.asked_cpu)

    @procedure
    def domain_get_state(self, handle: DomainHandle, flags: int) -> tuple[int, int]:
        """Return state and reason."""
        check_flags('qemuDomainGetState', flags, 0)
        domain = self.domain(handle)
        return domain.state, domain.reason

    @procedure
    def domain_get_info(self, handle: DomainHandle) -> tuple[int, int, int, int, int]:
        """Return state, maximum memory and memory in KiB, vCPUs, CPU time in nanoseconds."""
        domain = self.domain(handle)
        definition = domain.definition
        return (domain.state, definition.memory_total, definition.current_memory,
                definition.vcpus, self.hypervisor.cpu_time(domain))

    @procedure
    def domain_is_active(self, handle: DomainHandle) -> int:
        """Return 1 if the domain is running."""
        return int(self.domain(handle).active)

    @procedure
    def domain_is_persistent(self, handle: DomainHandle) -> int:
        """Return 1 if the domain is persistent."""
        return int(self.domain(handle).persistent)

    @procedure
    def domain_is_updated(self, handle: DomainHandle) -> int:
        """Return 0, as libvirt's driver for QEMU always does."""
        self.domain(handle)
        return 0

    @procedure
    def domain_get_os_type(self, handle: DomainHandle) -> str:
        """Return the OS type: ``hvm``."""
        return self.domain(handle).definition.os_type

    @procedure
    def domain_get_max_memory(self, handle: DomainHandle) -> int:
        """Return the domain's memory including memory devices, in KiB."""
        return self.domain(handle).definition.memory_total
