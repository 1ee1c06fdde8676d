"""The running backup of a domain."""

from __future__ import annotations

from dataclasses import dataclass, field

import libvirt

from vpmem_harness.libvirtd.hypervisor.domain.jobs import Job
from vpmem_harness.libvirtd.values import TypedParameter
from vpmem_harness.libvirtd.xml.etree import Element


@dataclass
class BackupDisk:
    """A disk of a backup.

    :param name: the disk's target.
    :param included: whether the backup includes it; nothing below counts if not.
    :param type: ``file`` or ``block``.
    :param path: the file or device that QEMU writes to; None if a client did not name it.
    :param format: the format of that file; empty until it is decided.
    :param mode: ``full`` or ``incremental``; empty until it is decided.
    :param incremental: the name of the checkpoint since which an incremental backup is.
    :param export: the name of the export of a backup in pull mode, and that of its bitmap.
    :param index: the index of its storage source in the running domain.
    :param source: the client's ``<target>`` or ``<scratch>``.
    :param created: whether the file is deleted when the backup fails.
    """

    name: str
    included: bool = True
    type: str = 'file'
    path: str | None = None
    format: str = ''
    mode: str = ''
    incremental: str | None = None
    export: str | None = None
    export_bitmap: str | None = None
    index: int = 0
    source: Element | None = None
    created: bool = False


@dataclass(eq=False)
class Backup:
    """A backup of a domain, as its document describes it.

    :param mode: ``push`` or ``pull``.
    :param incremental: the name of the checkpoint since which the disks are copied.
    :param server: the client's ``<server>``, for the pull mode.
    """

    mode: str
    incremental: str | None = None
    server: Element | None = None
    disks: list[BackupDisk] = field(default_factory=list)

    @property
    def pull(self) -> bool:
        """Whether a client reads the backup from QEMU, which else writes it to files."""
        return self.mode == 'pull'

    @property
    def included(self) -> list[BackupDisk]:
        """The disks that the backup includes."""
        return [disk for disk in self.disks if disk.included]


@dataclass(eq=False)
class BackupJob(Job):
    """The job of a running backup, or of the last one.

    ``total`` has the bytes that are copied in push mode.

    :param scratch: the bytes that the guest could overwrite in pull mode.
    :param error: why QEMU has ended its block jobs.

    Source: libvirt 9.0.0, src/qemu/qemu_domainjob.c (qemuDomainBackupJobInfoToParams).
    """

    scratch: int = 0
    error: str | None = None

    def info(self, now: float) -> tuple[int, ...]:
        """Return type and elapsed milliseconds, and bytes of files."""
        files = (self.total, self.total, 0)
        return (self.type, int(self.elapsed(now) * 1000), 0, *files, 0, 0, 0, *files)

    def stats(self, now: float) -> list[TypedParameter]:
        """Return the parameters of ``getJobStats``."""
        numbers = [('time_elapsed', int(self.elapsed(now) * 1000))]
        if self.total:
            numbers += [('disk_total', self.total), ('disk_processed', self.total),
                        ('disk_remaining', 0)]
        if self.scratch:
            numbers += [('disk_temp_used', 0), ('disk_temp_total', self.scratch)]
        found = [TypedParameter.int_('operation', self.operation),
                 *(TypedParameter.ullong(name, value) for name, value in numbers)]
        if self.finished is not None:
            found.append(TypedParameter.boolean(
                'success', self.type == libvirt.VIR_DOMAIN_JOB_COMPLETED))
        if self.error is not None:
            found.append(TypedParameter.string('errmsg', self.error))
        return found

    def guest_ended(self) -> int:
        """Forget the numbers of bytes, which libvirt adds up when block jobs end."""
        self.total = self.scratch = 0
        return int(libvirt.VIR_DOMAIN_JOB_CANCELLED)

    def result(self, now: float) -> list[TypedParameter]:
        """Return the parameters of the event of the job's end."""
        return self.stats(now)
