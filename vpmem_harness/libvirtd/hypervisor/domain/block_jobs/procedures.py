"""Procedures for block jobs, and for resizing disks.

A job is complete or ready as soon as it starts. The contents of images stay as they are.

Source: libvirt 9.0.0, src/qemu/qemu_driver.c (qemuDomainBlockCopyCommon and others),
src/qemu/qemu_block.c (qemuBlockCommit). Recording: golden/libvirt/block-jobs.json.
"""

from __future__ import annotations

import dataclasses
import errno
from collections.abc import Mapping

import libvirt

from vpmem_harness.libvirtd.errors import (
    LibvirtError,
    bad_argument,
    internal,
    invalid,
    system_error,
    unsupported,
)
from vpmem_harness.libvirtd.hypervisor.domain import emulator
from vpmem_harness.libvirtd.hypervisor.domain.backups import start as backups
from vpmem_harness.libvirtd.hypervisor.domain.block_jobs import chain
from vpmem_harness.libvirtd.hypervisor.domain.block_jobs.block_job import BlockJob
from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
from vpmem_harness.libvirtd.hypervisor.domain.images import transient
from vpmem_harness.libvirtd.hypervisor.domain.jobs import check_no_block_job
from vpmem_harness.libvirtd.hypervisor.domain.qemu_process import check_active
from vpmem_harness.libvirtd.hypervisor.driver_checks import check_flags, check_parameters
from vpmem_harness.libvirtd.hypervisor.procedure_group import ProcedureGroup, procedure
from vpmem_harness.libvirtd.values import DomainHandle, TypedParameter
from vpmem_harness.libvirtd.xml import etree, reading
from vpmem_harness.libvirtd.xml.devices import disk_chain, disk_validate, disks
from vpmem_harness.libvirtd.xml.etree import Element

_MIB = 1024**2
_LLONG_MAX, _ULLONG_MAX = (1 << 63) - 1, (1 << 64) - 1
_COPY, _COMMIT = libvirt.VIR_DOMAIN_BLOCK_JOB_TYPE_COPY, libvirt.VIR_DOMAIN_BLOCK_JOB_TYPE_COMMIT
_ACTIVE_COMMIT = libvirt.VIR_DOMAIN_BLOCK_JOB_TYPE_ACTIVE_COMMIT
_PULL = libvirt.VIR_DOMAIN_BLOCK_JOB_TYPE_PULL
_BACKUP = libvirt.VIR_DOMAIN_BLOCK_JOB_TYPE_BACKUP
_READY, _DONE = libvirt.VIR_DOMAIN_BLOCK_JOB_READY, libvirt.VIR_DOMAIN_BLOCK_JOB_COMPLETED
_CANCELED = libvirt.VIR_DOMAIN_BLOCK_JOB_CANCELED
_COPY_FLAGS = (libvirt.VIR_DOMAIN_BLOCK_COPY_SHALLOW | libvirt.VIR_DOMAIN_BLOCK_COPY_REUSE_EXT
               | libvirt.VIR_DOMAIN_BLOCK_COPY_TRANSIENT_JOB
               | libvirt.VIR_DOMAIN_BLOCK_COPY_SYNCHRONOUS_WRITES)
_COPY_PARAMETERS = {'bandwidth': libvirt.VIR_TYPED_PARAM_ULLONG,
                    'granularity': libvirt.VIR_TYPED_PARAM_UINT,
                    'buf-size': libvirt.VIR_TYPED_PARAM_ULLONG}
_REBASE_FLAGS = (libvirt.VIR_DOMAIN_BLOCK_REBASE_SHALLOW
                 | libvirt.VIR_DOMAIN_BLOCK_REBASE_REUSE_EXT
                 | libvirt.VIR_DOMAIN_BLOCK_REBASE_COPY
                 | libvirt.VIR_DOMAIN_BLOCK_REBASE_COPY_RAW
                 | libvirt.VIR_DOMAIN_BLOCK_REBASE_RELATIVE
                 | libvirt.VIR_DOMAIN_BLOCK_REBASE_COPY_DEV
                 | libvirt.VIR_DOMAIN_BLOCK_REBASE_BANDWIDTH_BYTES)
_COPY_DEV = libvirt.VIR_DOMAIN_BLOCK_REBASE_COPY_DEV
_COMMIT_FLAGS = (libvirt.VIR_DOMAIN_BLOCK_COMMIT_SHALLOW | libvirt.VIR_DOMAIN_BLOCK_COMMIT_ACTIVE
                 | libvirt.VIR_DOMAIN_BLOCK_COMMIT_RELATIVE
                 | libvirt.VIR_DOMAIN_BLOCK_COMMIT_DELETE
                 | libvirt.VIR_DOMAIN_BLOCK_COMMIT_BANDWIDTH_BYTES)


class BlockJobProcedures(ProcedureGroup):
    """Procedures for block jobs, and for resizing disks."""

    def _disk_of(self, domain: Domain, path: str) -> tuple[Element, str]:
        """Return the disk of a running domain with that target or source, and its target.

        :raises LibvirtError: VIR_ERR_INVALID_ARG if there is none.
        """
        check_active(domain)
        return _disk(domain, path)

    def _begin(self, domain: Domain, disk: Element, job: BlockJob) -> None:
        """Start a job, which is ready or done at once."""
        target = disks.target(disk)[0]
        domain.block_jobs[target] = job
        self.hypervisor.image_locks.refresh(domain)
        if job.type in (_COPY, _ACTIVE_COMMIT):
            self.hypervisor.events.block_job(domain, disk, job.type, _READY)
        else:
            self._conclude(domain, disk, target, _DONE)

    def _conclude(self, domain: Domain, disk: Element, target: str, status: int) -> None:
        job = domain.block_jobs.pop(target)
        self.hypervisor.image_locks.refresh(domain)
        self.hypervisor.events.block_job(domain, disk, job.type, status)

    @procedure
    def domain_block_copy(self, handle: DomainHandle, path: str, xml: str,
                          params: list[TypedParameter], flags: int) -> None:
        """Copy a disk; the job is ready to pivot at once."""
        check_flags('qemuDomainBlockCopy', flags, _COPY_FLAGS)
        check_parameters(params, _COPY_PARAMETERS)
        domain = self.domain(handle)
        values = {param.name: int(param.value) for param in params}
        _check_copy(values)
        destination = reading.parse(xml, root='disk', document='disk_definition')
        disks.read(destination, checked=False)
        disk_validate.read(destination)
        if destination.find('source') is None:
            raise LibvirtError(libvirt.VIR_ERR_NO_SOURCE, domain=libvirt.VIR_FROM_DOMAIN)
        self._copy(domain, path, destination, values.get('bandwidth', 0), flags)

    def _copy(self, domain: Domain, path: str, destination: Element, bandwidth: int,
              flags: int) -> None:
        """Copy a disk.

        :param bandwidth: bytes a second.
        :param flags: VIR_DOMAIN_BLOCK_COPY_*.
        """
        name = disks.source_path(destination)
        if destination.get('type', 'file') in ('file', 'block') \
                and not (name or '').startswith('/'):
            raise bad_argument('absolute path must be used as block copy target')
        disk, target = self._disk_of(domain, path)
        check_no_block_job(domain, target)
        if domain.persistent and not flags & libvirt.VIR_DOMAIN_BLOCK_COPY_TRANSIENT_JOB:
            raise invalid('domain is not transient')
        reused = flags & libvirt.VIR_DOMAIN_BLOCK_COPY_REUSE_EXT
        self._check_destination(destination, target, reused)
        if disk.find('source') is None:
            raise internal("failed to update capacity data for block node '(null)'")
        transient.check_block_job(disk)
        form = disks.driver_format(destination, disks.driver_format(disk))
        shallow = flags & libvirt.VIR_DOMAIN_BLOCK_COPY_SHALLOW
        images = disk_chain.images(disk)
        below = images[1] if shallow and len(images) > 1 else None
        found = self.hypervisor.disk_sources.path(destination)
        if found is not None and not reused:
            self.hypervisor.disk_sources.make_copy(disk, found, form, below)
        disk.append(chain.mirror(destination, form, number=str(domain.next_storage_id()),
                                 job='copy', whole=below is None))
        self._begin(domain, disk, BlockJob(_COPY, bandwidth, destination))

    def _check_destination(self, destination: Element, target: str, reused: int) -> None:
        """Refuse the file of a copy that exists, or one that must exist and does not."""
        path, kind = disks.source_path(destination) or '', destination.get('type', 'file')
        if kind not in ('file', 'block'):
            return
        found = self.hypervisor.backing.stat(path)
        if found is None and (kind == 'block' or reused):
            raise system_error(errno.ENOENT, f'missing destination file for disk {target}: {path}')
        if found is not None and kind == 'file' and found.kind != 'block' and found.size \
                and not reused:
            raise unsupported(f'external destination file for disk {target} already exists and is '
                              f'not a block device: {path}')

    @procedure
    def domain_block_rebase(self, handle: DomainHandle, path: str, base: str | None,
                            bandwidth: int, flags: int) -> None:
        """Pull a disk's backing chain into it, or copy it to the file ``base``."""
        check_flags('qemuDomainBlockRebase', flags, _REBASE_FLAGS)
        domain = self.domain(handle)
        in_bytes = flags & libvirt.VIR_DOMAIN_BLOCK_REBASE_BANDWIDTH_BYTES
        if not flags & libvirt.VIR_DOMAIN_BLOCK_REBASE_COPY:
            if flags & libvirt.VIR_DOMAIN_BLOCK_REBASE_RELATIVE and base is None:
                raise bad_argument('flag VIR_DOMAIN_BLOCK_REBASE_RELATIVE is valid only with '
                                   'non-null base')
            self._pull(domain, path, base, bandwidth, in_bytes)
            return
        destination = etree.element('disk', type='block' if flags & _COPY_DEV else 'file')
        etree.add(destination, 'source', **{'dev' if flags & _COPY_DEV else 'file': base})
        if flags & libvirt.VIR_DOMAIN_BLOCK_REBASE_COPY_RAW:
            etree.add(destination, 'driver', type='raw')
        self._copy(domain, path, destination, _bytes(bandwidth, in_bytes),
                   flags & (libvirt.VIR_DOMAIN_BLOCK_COPY_SHALLOW
                            | libvirt.VIR_DOMAIN_BLOCK_COPY_REUSE_EXT))

    @procedure
    def domain_block_pull(self, handle: DomainHandle, path: str, bandwidth: int,
                          flags: int) -> None:
        """Pull a disk's backing chain into it."""
        check_flags('qemuDomainBlockPull', flags,
                    libvirt.VIR_DOMAIN_BLOCK_PULL_BANDWIDTH_BYTES)
        self._pull(self.domain(handle), path, None, bandwidth, flags)

    def _pull(self, domain: Domain, path: str, base: str | None, bandwidth: int,
              in_bytes: int) -> None:
        disk, target = self._disk_of(domain, path)
        check_no_block_job(domain, target)
        lower = None if base is None else chain.find(disk, base, beneath=disk)
        speed = _bytes(bandwidth, in_bytes)
        if disk.find('source') is None:
            raise internal("argument key 'device' must not have null value",
                           domain=libvirt.VIR_FROM_NONE)
        transient.check_block_job(disk)
        if disk_chain.images(disk)[1:] and disk_chain.images(disk)[1] is not lower:
            chain.join(disk, lower)
            self.hypervisor.disk_sources.set_backing(disk, lower)
        self._begin(domain, disk, BlockJob(_PULL, speed))

    @procedure
    def domain_block_commit(self, handle: DomainHandle, path: str, base: str | None,
                            top: str | None, bandwidth: int, flags: int) -> None:
        """Commit an image of a disk into one below it."""
        check_flags('qemuDomainBlockCommit', flags, _COMMIT_FLAGS)
        domain = self.domain(handle)
        speed = _bytes(bandwidth, flags & libvirt.VIR_DOMAIN_BLOCK_COMMIT_BANDWIDTH_BYTES)
        disk, target = _disk(domain, path)
        upper = disk if top in (None, target) else chain.find(disk, top)
        images = disk_chain.images(disk)
        shallow = flags & libvirt.VIR_DOMAIN_BLOCK_COMMIT_SHALLOW
        below = images[images.index(upper) + 1:]
        lower = (below[0] if base is None and shallow and below else
                 None if base is None and shallow else
                 chain.find(disk, base, beneath=upper))
        check_active(domain)
        check_no_block_job(domain, target)
        active = flags & libvirt.VIR_DOMAIN_BLOCK_COMMIT_ACTIVE
        if upper is disk and not active:
            raise bad_argument(f"commit of '{target}' active layer requires active flag")
        if upper is not disk and active:
            raise bad_argument(f"active commit requested but '{disks.source_path(upper)}' is not "
                               'active')
        if lower is None:
            raise bad_argument(f"top '{disks.source_path(upper)}' in chain for '{path}' has no "
                               'backing file')
        if shallow and lower is not below[0]:
            raise bad_argument(
                f"base '{disks.source_path(lower)}' is not immediately below "
                f"'{disks.source_path(upper)}' in chain for '{disks.source_path(disk)}'")
        transient.check_block_job(disk)
        if active:
            disk.append(chain.mirror(lower, disk_chain.image_format(lower),
                                     number=chain.index(lower), job='active-commit',
                                     whole=False))
            self._begin(domain, disk, BlockJob(_ACTIVE_COMMIT, speed,
                                               base=disks.source_path(lower)))
            return
        above = images[images.index(upper) - 1]
        chain.join(above, lower)
        self.hypervisor.disk_sources.set_backing(above, lower)
        self._begin(domain, disk, BlockJob(_COMMIT, speed))

    @procedure
    def domain_block_job_abort(self, handle: DomainHandle, path: str, flags: int) -> None:
        """End a block job: with the pivot flag switch to the copy, else discard it."""
        check_flags('qemuDomainBlockJobAbort', flags,
                    libvirt.VIR_DOMAIN_BLOCK_JOB_ABORT_ASYNC
                    | libvirt.VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT)
        domain = self.domain(handle)
        disk, target = self._disk_of(domain, path)
        job = domain.block_jobs.get(target)
        if job is None:
            raise bad_argument(f"disk {target} does not have an active block job")
        pivot = flags & libvirt.VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT
        if job.type == _BACKUP:
            if pivot:
                name = f'backup-{target}-libvirt-{chain.index(disk)}-format'
                raise LibvirtError(libvirt.VIR_ERR_BLOCK_COPY_ACTIVE,
                                   f"block job '{name}' not ready for pivot yet")
            backups.cancel(self.hypervisor, domain)
            return
        if pivot:
            before = self.hypervisor.disk_sources.path(disk)
            self._pivot(domain, disk, job)
            self.hypervisor.image_bitmaps.copy(before, self.hypervisor.disk_sources.path(disk))
        etree.drop(disk, 'mirror')
        self._conclude(domain, disk, target, _DONE if pivot else _CANCELED)

    @staticmethod
    def _pivot(domain: Domain, disk: Element, job: BlockJob) -> None:
        """Switch a disk to the image that its job has written, in the configuration too."""
        images, mirror = disk_chain.images(disk), disk.find('mirror')
        below: Element | None = None
        if job.type == _ACTIVE_COMMIT:
            names = [disks.source_path(image) for image in images]
            below = next(iter(images[names.index(job.base) + 1:]), None)
        elif mirror is not None and mirror.find('backingStore') is None:
            below = next(iter(images[1:]), None)
        whole = mirror is not None and mirror.find('backingStore') is not None
        before = disks.source_path(disk)
        chain.pivot(disk, below)
        configured = None if domain.config is None else disks.by_target(
            domain.config.devices, disks.target(disk)[0])
        if configured is not None and disks.source_path(configured) == before:
            chain.configure(configured, disk, whole=whole)

    @procedure
    def domain_get_block_job_info(self, handle: DomainHandle, path: str,
                                  flags: int) -> tuple[int, int, int, int, int]:
        """Return whether there is a job, its type and bandwidth, and its progress in bytes."""
        check_flags('qemuDomainGetBlockJobInfo', flags,
                    libvirt.VIR_DOMAIN_BLOCK_JOB_INFO_BANDWIDTH_BYTES)
        domain = self.domain(handle)
        disk, target = self._disk_of(domain, path)
        job = domain.block_jobs.get(target)
        if job is None:
            return 0, 0, 0, 0, 0
        bandwidth = job.bandwidth
        if not flags & libvirt.VIR_DOMAIN_BLOCK_JOB_INFO_BANDWIDTH_BYTES:
            bandwidth = -(-bandwidth // _MIB)
        # A guest has written nothing to commit, and libvirt shows the end of such a job as 1.
        size = self.hypervisor.disk_size(disk) if job.type in (_COPY, _BACKUP) else 1
        return 1, job.type, bandwidth, 0 if job.type == _BACKUP else size, size

    @procedure
    def domain_block_job_set_speed(self, handle: DomainHandle, path: str, bandwidth: int,
                                   flags: int) -> None:
        """Set the bandwidth of a block job."""
        check_flags('qemuDomainBlockJobSetSpeed', flags,
                    libvirt.VIR_DOMAIN_BLOCK_JOB_SPEED_BANDWIDTH_BYTES)
        speed = _bytes(bandwidth, flags)
        domain = self.domain(handle)
        _, target = self._disk_of(domain, path)
        job = domain.block_jobs.get(target)
        if job is None:
            raise bad_argument(f"disk {target} does not have an active block job")
        domain.block_jobs[target] = dataclasses.replace(job, bandwidth=speed)

    @procedure
    def domain_block_resize(self, handle: DomainHandle, path: str, size: int,
                            flags: int) -> None:
        """Resize a disk of a running domain, in KiB or, with the flag, in bytes."""
        check_flags('qemuDomainBlockResize', flags, libvirt.VIR_DOMAIN_BLOCK_RESIZE_BYTES)
        if not flags & libvirt.VIR_DOMAIN_BLOCK_RESIZE_BYTES:
            if size > _ULLONG_MAX // 1024:
                raise LibvirtError(libvirt.VIR_ERR_OVERFLOW,
                                   f'size must be less than {_ULLONG_MAX // 1024}')
            size *= 1024
        domain = self.domain(handle)
        check_active(domain)
        disk = disks.named(domain.definition.devices, path)
        if disk is None:
            raise bad_argument(f"disk '{path}' was not found in the domain config")
        source = disks.source_path(disk)
        if source is None or disk.find('readonly') is not None:
            raise LibvirtError(libvirt.VIR_ERR_OPERATION_UNSUPPORTED, "can't resize empty or "
                               f"readonly disk '{disks.target(disk)[0]}'")
        if disks.target(disk)[0] in domain.block_jobs:
            raise emulator.command_failed('block_resize', "Device '(null)' is in use")
        if size > _LLONG_MAX:
            raise emulator.command_failed(
                'block_resize', "Invalid parameter type for 'size', expected: integer")
        if not self.hypervisor.disk_sources.resize(disk, size):
            self.hypervisor.resized[source] = size


def _disk(domain: Domain, path: str) -> tuple[Element, str]:
    """Return the disk with that target or source, and its target."""
    disk = disks.named(domain.definition.devices, path)
    if disk is None:
        raise bad_argument(f"disk '{path}' not found in domain")
    return disk, disks.target(disk)[0]


def _check_copy(values: Mapping[str, int]) -> None:
    """Refuse parameters of a copy that libvirt or QEMU does not accept."""
    if values.get('bandwidth', 0) > _LLONG_MAX:
        raise bad_argument(f"bandwidth must be less than '{_LLONG_MAX}' bytes/s "
                           f'({_LLONG_MAX // _MIB} MiB/s)')
    granularity = values.get('granularity', 0)
    if granularity & (granularity - 1):
        raise bad_argument('granularity must be power of 2')
    if values.get('buf-size', 0) > _LLONG_MAX:
        raise emulator.command_failed('blockdev-mirror', "Invalid parameter 'buf-size'")


def _bytes(bandwidth: int, in_bytes: int) -> int:
    """Return a bandwidth in bytes a second; it is in MiB a second without the flag."""
    if in_bytes:
        return bandwidth
    if bandwidth > _LLONG_MAX >> 20:
        raise LibvirtError(libvirt.VIR_ERR_OVERFLOW,
                           f'bandwidth must be less than {_LLONG_MAX >> 20}')
    return bandwidth * _MIB
