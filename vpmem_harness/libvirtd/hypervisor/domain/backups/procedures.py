"""Procedures for backups of domains.

Source: libvirt 9.0.0, src/qemu/qemu_driver.c, src/qemu/qemu_backup.c.
"""

from __future__ import annotations

from typing import Final

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.hypervisor.domain.backups import document, start
from vpmem_harness.libvirtd.hypervisor.domain.checkpoints import document as checkpoint_document
from vpmem_harness.libvirtd.hypervisor.domain.jobs import check_no_backup
from vpmem_harness.libvirtd.hypervisor.driver_checks import check_flags
from vpmem_harness.libvirtd.hypervisor.procedure_group import ProcedureGroup, procedure
from vpmem_harness.libvirtd.values import DomainHandle

_REUSE: Final = libvirt.VIR_DOMAIN_BACKUP_BEGIN_REUSE_EXTERNAL


class BackupProcedures(ProcedureGroup):
    """Procedures for backups."""

    @procedure
    def domain_backup_begin(self, handle: DomainHandle, backup_xml: str,
                            checkpoint_xml: str | None, flags: int) -> None:
        """Begin a backup of a running domain's disks."""
        domain = self.domain(handle)
        check_flags('qemuBackupBegin', flags, _REUSE)
        hypervisor = self.hypervisor
        backup = document.parse(backup_xml)
        checkpoint = None if checkpoint_xml is None else checkpoint_document.parse(
            checkpoint_xml, hypervisor.xml_host, int(hypervisor.clock.now()))
        check_no_backup(domain)
        if not domain.active:
            raise LibvirtError(libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
                               'cannot perform disk backup for inactive domain')
        start.begin(hypervisor, domain, backup, checkpoint, reuse=bool(flags & _REUSE))

    @procedure
    def domain_backup_get_xml_desc(self, handle: DomainHandle, flags: int) -> str:
        """Return the XML of a domain's running backup."""
        domain = self.domain(handle)
        check_flags('qemuBackupGetXMLDesc', flags, 0)
        if domain.backup is None:
            raise LibvirtError(libvirt.VIR_ERR_NO_DOMAIN_BACKUP, 'no domain backup job present')
        return document.serialize(domain.backup)
