"""Begin and end backups of domains.

Disks have no contents, so a backup in push mode is complete as soon as it begins. A backup in
pull mode runs until a client aborts it; nothing listens at the address of its server.
Source: libvirt 9.0.0, src/qemu/qemu_backup.c.
"""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING, Final

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, internal, system_error, unsupported
from vpmem_harness.libvirtd.hypervisor.domain import emulator
from vpmem_harness.libvirtd.hypervisor.domain.backups import document
from vpmem_harness.libvirtd.hypervisor.domain.backups.backup import (
    Backup,
    BackupDisk,
    BackupJob,
)
from vpmem_harness.libvirtd.hypervisor.domain.block_jobs.block_job import BlockJob
from vpmem_harness.libvirtd.hypervisor.domain.checkpoints import creation
from vpmem_harness.libvirtd.hypervisor.domain.checkpoints.checkpoint import Checkpoint
from vpmem_harness.libvirtd.hypervisor.domain.images import transient
from vpmem_harness.libvirtd.xml.devices import disks
from vpmem_harness.libvirtd.xml.etree import Element, add, element

# For annotations only: the hypervisor imports domains, which have backups.
if TYPE_CHECKING:
    from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
    from vpmem_harness.libvirtd.hypervisor.hypervisor import Hypervisor

_BACKUP: Final = libvirt.VIR_DOMAIN_BLOCK_JOB_TYPE_BACKUP
_CREDENTIALS: Final = '/etc/pki/qemu/ca-cert.pem'


def begin(hypervisor: Hypervisor, domain: Domain, backup: Backup,
          checkpoint: Checkpoint | None, *, reuse: bool) -> None:
    """Begin a backup of a running domain, and create a checkpoint at the same moment.

    :param reuse: whether the files that QEMU writes to exist already.
    """
    now = hypervisor.clock.now()
    suffix = str(int(now)) if checkpoint is None else checkpoint.name
    document.align(backup, domain.definition, suffix, hypervisor.disk_sources.path)
    _check_server(backup)
    if checkpoint is not None:
        creation.prepare(hypervisor, domain, checkpoint)
    for wanted in backup.included:
        _prepare(hypervisor, domain, backup, wanted)
    if not backup.included:
        raise unsupported('no disks selected for backup')
    try:
        for wanted in backup.included:
            _make_file(hypervisor, domain, backup, wanted, reuse=reuse)
        if backup.server is not None and backup.server.get('tls') == 'yes':
            raise emulator.command_failed('object-add', 'Unable to access credentials '
                                          f'{_CREDENTIALS}: {os.strerror(errno.ENOENT)}')
        _check_port(hypervisor, backup)
        if checkpoint is not None:
            creation.add(hypervisor, domain, checkpoint)
        _check_exports(hypervisor, domain, backup)
    except LibvirtError:
        _remove_files(hypervisor, backup)
        raise
    _run(hypervisor, domain, backup, now)


def _check_server(backup: Backup) -> None:
    if not backup.pull:
        return
    if backup.server is None:
        backup.server = element('server', transport='tcp', name='localhost')
    if backup.server.get('transport') == 'tcp' and backup.server.get('port') is None:
        raise LibvirtError(libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
                           '<domainbackup> must specify TCP port for now')


def _disk(domain: Domain, wanted: BackupDisk) -> Element:
    disk = disks.by_target(domain.definition.devices, wanted.name)
    if disk is None:
        raise AssertionError('aligned backups have only disks of the domain')
    return disk


def _prepare(hypervisor: Hypervisor, domain: Domain, backup: Backup, wanted: BackupDisk) -> None:
    """Complete a disk of a backup, and refuse one that libvirt cannot copy."""
    disk = _disk(domain, wanted)
    transient.check_block_job(disk)
    wanted.format = wanted.format or 'qcow2'
    if backup.pull and wanted.format != 'qcow2':
        raise unsupported(f"pull mode backup for disk '{wanted.name}' requires qcow2 driver")
    wanted.index = domain.next_storage_id()
    if wanted.incremental is not None:
        if domain.checkpoints.get(wanted.incremental) is None:
            raise LibvirtError(
                libvirt.VIR_ERR_NO_DOMAIN_CHECKPOINT, f"Checkpoint '{wanted.incremental}' for "
                f"incremental backup of disk '{wanted.name}' not found")
        if not hypervisor.image_bitmaps.valid(disk, wanted.incremental):
            raise creation.inconsistent(wanted.incremental, disk)
        if backup.pull:
            wanted.export_bitmap = wanted.export_bitmap or f'backup-{wanted.name}'
    if backup.pull:
        wanted.export = wanted.export or wanted.name
    if wanted.name in domain.block_jobs:
        raise internal(f"disk '{wanted.name}' has a blockjob assigned")
    if wanted.path is None:
        # libvirt names a file for a disk only if the backup lists no disks.
        raise internal("argument key 'filename' must not have null value",
                       domain=libvirt.VIR_FROM_NONE)


def _make_file(hypervisor: Hypervisor, domain: Domain, backup: Backup, wanted: BackupDisk, *,
               reuse: bool) -> None:
    storage, path = hypervisor.backing.storage, wanted.path or ''
    found = hypervisor.backing.stat(path)
    if reuse or wanted.type == 'block':
        if found is None:
            raise emulator.command_failed(
                'blockdev-add', f"Could not open '{path}': {os.strerror(errno.ENOENT)}")
        if wanted.type == 'block' and found.kind == 'regular':
            raise emulator.command_failed(
                'blockdev-add', f"'host_device' driver requires '{path}' to be either a "
                'character or block device')
        return
    if found is not None:
        raise LibvirtError(libvirt.VIR_ERR_INVALID_ARG,
                           f"store '{path}' for backup of '{wanted.name}' exists")
    disk = _disk(domain, wanted)
    capacity = hypervisor.disk_size(disk)
    # A full backup stands alone; what QEMU has not copied is read from the disk's image.
    below = (hypervisor.disk_sources.path(disk)
             if backup.pull or wanted.incremental is not None else None)
    try:
        storage.create(path, 0o600)
        wanted.created = True
        hypervisor.disk_sources.write_image(
            path, wanted.format, capacity, below,
            None if below is None else disks.driver_format(disk))
    except OSError as error:
        raise system_error(error.errno or 0,
                           f"failed to create image file '{path}'") from None


def _check_port(hypervisor: Hypervisor, backup: Backup) -> None:
    """Refuse a server on a port at which the backup of another domain listens."""
    port = None if backup.server is None else backup.server.get('port')
    for domain in hypervisor.domains:
        other = None if domain.backup is None else domain.backup.server
        if port is not None and other is not None and other.get('port') == port:
            raise emulator.command_failed('nbd-server-start', 'Failed to find an available port: '
                                          f'{os.strerror(errno.EADDRINUSE)}')


def _check_exports(hypervisor: Hypervisor, domain: Domain, backup: Backup) -> None:
    """Refuse two exports with one name, after QEMU has begun the block jobs."""
    names = [wanted.export for wanted in backup.included] if backup.pull else []
    for number, name in enumerate(names):
        if name in names[:number]:
            for wanted in backup.included:
                hypervisor.events.block_job(domain, _disk(domain, wanted), _BACKUP,
                                            libvirt.VIR_DOMAIN_BLOCK_JOB_CANCELED)
            raise emulator.command_failed('block-export-add', 'NBD server already has export '
                                          f"named '{name}'")


def _remove_files(hypervisor: Hypervisor, backup: Backup) -> None:
    for wanted in backup.included:
        if wanted.created and wanted.path is not None:
            with contextlib.suppress(OSError):
                hypervisor.backing.storage.remove(wanted.path)


def _run(hypervisor: Hypervisor, domain: Domain, backup: Backup, now: float) -> None:
    total = scratch = 0
    for wanted in backup.included:
        size = hypervisor.disk_size(_disk(domain, wanted))
        if backup.pull:
            scratch += size
        elif wanted.mode == 'full':     # guests write nothing, so a bitmap is empty
            total += size
        target = element('disk', type=wanted.type)
        add(target, 'source', file=wanted.path)
        domain.block_jobs[wanted.name] = BlockJob(_BACKUP, destination=target)
    domain.backup = backup
    domain.job = BackupJob(
        libvirt.VIR_DOMAIN_JOB_OPERATION_BACKUP, now, total, 0.0,
        lambda result: _ended(hypervisor, domain, backup, result), scratch=scratch)
    hypervisor.image_locks.refresh(domain)
    if not backup.pull:
        finish(hypervisor, domain, libvirt.VIR_DOMAIN_BLOCK_JOB_COMPLETED)


def cancel(hypervisor: Hypervisor, domain: Domain) -> None:
    """Cancel the block jobs of a running backup, which ends one in pull mode."""
    if isinstance(domain.job, BackupJob):
        domain.job.error = 'Operation canceled'
    finish(hypervisor, domain, libvirt.VIR_DOMAIN_BLOCK_JOB_CANCELED)


def finish(hypervisor: Hypervisor, domain: Domain, status: int) -> None:
    """End a backup whose block jobs have ended.

    libvirt ends the job before it publishes the end of the last block job.

    :param status: VIR_DOMAIN_BLOCK_JOB_COMPLETED or _CANCELED.
    """
    found = [] if domain.backup is None else [
        disk for wanted in domain.backup.included
        if (disk := disks.by_target(domain.definition.devices, wanted.name)) is not None]
    for number, disk in enumerate(found):
        if number == len(found) - 1:
            hypervisor.jobs.end(domain, libvirt.VIR_DOMAIN_JOB_COMPLETED)
        hypervisor.events.block_job(domain, disk, _BACKUP, status)


def _ended(hypervisor: Hypervisor, domain: Domain, backup: Backup, result: int) -> None:
    """Clean up after a backup; ``result`` is VIR_DOMAIN_JOB_COMPLETED or _FAILED."""
    if backup.pull or result != libvirt.VIR_DOMAIN_JOB_COMPLETED:
        _remove_files(hypervisor, backup)
    for wanted in backup.included:
        domain.block_jobs.pop(wanted.name, None)
    domain.backup = None
    hypervisor.image_locks.refresh(domain)
