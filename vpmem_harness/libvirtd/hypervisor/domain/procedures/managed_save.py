"""Procedures for managed save images.

Source: libvirt 9.0.0, src/qemu/qemu_driver.c, src/qemu/qemu_saveimage.c.
"""

from __future__ import annotations

import errno

import libvirt

from vpmem_harness.libvirtd.errors import invalid, system_error
from vpmem_harness.libvirtd.hypervisor.domain import save_image
from vpmem_harness.libvirtd.hypervisor.domain.images import transient
from vpmem_harness.libvirtd.hypervisor.domain.jobs import check_no_backup, check_no_block_jobs
from vpmem_harness.libvirtd.hypervisor.domain.qemu_process import check_active
from vpmem_harness.libvirtd.hypervisor.driver_checks import check_flags
from vpmem_harness.libvirtd.hypervisor.procedure_group import ProcedureGroup, procedure
from vpmem_harness.libvirtd.values import DomainHandle
from vpmem_harness.libvirtd.xml.domain import formatter

_SAVE_FLAGS = (libvirt.VIR_DOMAIN_SAVE_BYPASS_CACHE | libvirt.VIR_DOMAIN_SAVE_RUNNING
               | libvirt.VIR_DOMAIN_SAVE_PAUSED)


class ManagedSaveProcedures(ProcedureGroup):
    """Procedures for managed save images."""

    @procedure
    def domain_managed_save(self, handle: DomainHandle, flags: int) -> None:
        """Save a domain and stop it; the next start resumes from there."""
        check_flags('qemuDomainManagedSave', flags, _SAVE_FLAGS)
        domain = self.domain(handle)
        check_no_backup(domain)
        check_active(domain)
        if not domain.persistent:
            raise invalid('cannot do managed save for transient domain')
        transient.check_migration(domain)
        check_no_block_jobs(domain)
        if domain.live is None:
            raise AssertionError('an active domain has a live definition')
        domain.managed_save = self.connection.saving.image_of(domain)
        domain.managed_save_paused = not save_image.runs(
            flags, domain.state != libvirt.VIR_DOMAIN_PAUSED)
        if domain.state == libvirt.VIR_DOMAIN_RUNNING:
            self.hypervisor.processes.suspend(domain, libvirt.VIR_DOMAIN_PAUSED_SAVE)
        self.hypervisor.jobs.iterations(domain)
        self.hypervisor.jobs.saved(domain, libvirt.VIR_DOMAIN_JOB_OPERATION_SAVE)
        self.hypervisor.processes.stop(domain, libvirt.VIR_DOMAIN_SHUTOFF_SAVED,
                                     libvirt.VIR_DOMAIN_EVENT_STOPPED_SAVED)

    @procedure
    def domain_has_managed_save_image(self, handle: DomainHandle, flags: int) -> int:
        """Return 1 if the domain has a managed save image."""
        check_flags('qemuDomainHasManagedSaveImage', flags, 0)
        return int(self.domain(handle).managed_save is not None)

    @procedure
    def domain_managed_save_remove(self, handle: DomainHandle, flags: int) -> None:
        """Remove the managed save image."""
        check_flags('qemuDomainManagedSaveRemove', flags, 0)
        domain = self.domain(handle)
        if domain.managed_save is None:
            raise system_error(
                errno.ENOENT, 'Failed to remove managed save file '
                f"'/var/lib/libvirt/qemu/save/{domain.name}.save'")
        domain.managed_save = None

    @procedure
    def domain_managed_save_get_xml_desc(self, handle: DomainHandle, flags: int) -> str:
        """Return the XML of the managed save image."""
        check_flags('qemuDomainManagedSaveGetXMLDesc', flags,
                    libvirt.VIR_DOMAIN_SAVE_IMAGE_XML_SECURE)
        domain = self.domain(handle)
        if domain.managed_save is None:
            raise invalid('domain does not have managed save image')
        secure = bool(flags & libvirt.VIR_DOMAIN_SAVE_IMAGE_XML_SECURE)
        return formatter.domain(domain.managed_save, inactive=True, secure=secure)

    @procedure
    def domain_managed_save_define_xml(
        self, handle: DomainHandle, xml: str | None, flags: int,
    ) -> None:
        """Replace the XML of the managed save image, such as paths of devices.

        Source: libvirt 9.0.0, src/qemu/qemu_driver.c (qemuDomainSaveImageDefineXML).
        """
        domain = self.domain(handle)
        if domain.managed_save is None:
            raise invalid('domain does not have managed save image')
        check_flags('qemuDomainSaveImageDefineXML', flags,
                    libvirt.VIR_DOMAIN_SAVE_RUNNING | libvirt.VIR_DOMAIN_SAVE_PAUSED)
        domain.managed_save = self.connection.saving.changed(xml or '', domain.managed_save)
        domain.managed_save_paused = not save_image.runs(flags, not domain.managed_save_paused)
