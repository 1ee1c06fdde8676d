"""Procedures for block jobs, and for resizing disks.

Disks have no contents, so a job is complete or ready as soon as it starts.
Source: libvirt 9.0.0, src/qemu/qemu_driver.c (qemuDomainBlockCopy and others),
src/qemu/qemu_block.c.
"""

from __future__ import annotations

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, bad_argument
from vpmem_harness.libvirtd.hypervisor.domain import emulator
from vpmem_harness.libvirtd.hypervisor.domain.block_job import BlockJob
from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
from vpmem_harness.libvirtd.hypervisor.domain.images import transient
from vpmem_harness.libvirtd.hypervisor.domain.qemu_process import check_active
from vpmem_harness.libvirtd.hypervisor.driver_checks import check_flags, check_parameters
from vpmem_harness.libvirtd.hypervisor.procedure_group import ProcedureGroup, procedure
from vpmem_harness.libvirtd.values import DomainHandle, TypedParameter
from vpmem_harness.libvirtd.xml import etree, reading
from vpmem_harness.libvirtd.xml.devices import disks
from vpmem_harness.libvirtd.xml.etree import Element

_LLONG_MAX, _ULLONG_MAX = (1 << 63) - 1, (1 << 64) - 1
_COPY, _COMMIT = libvirt.VIR_DOMAIN_BLOCK_JOB_TYPE_COPY, libvirt.VIR_DOMAIN_BLOCK_JOB_TYPE_COMMIT
_ACTIVE_COMMIT = libvirt.VIR_DOMAIN_BLOCK_JOB_TYPE_ACTIVE_COMMIT
_PULL = libvirt.VIR_DOMAIN_BLOCK_JOB_TYPE_PULL
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
        disk = disks.named(domain.definition.devices, path)
        if disk is None:
            raise bad_argument(f"disk '{path}' not found in domain")
        return disk, disks.target(disk)[0]

    def _begin(self, domain: Domain, disk: Element, target: str, job: BlockJob) -> None:
        transient.check_block_job(disk)
        if target in domain.block_jobs:
            raise LibvirtError(libvirt.VIR_ERR_BLOCK_COPY_ACTIVE,
                               f"disk '{target}' already in active block job")
        copy = None if job.destination is None else self.hypervisor.disk_sources.path(
            job.destination)
        if copy is not None:
            self.hypervisor.disk_sources.make_copy(disk, copy)
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
        disk, target = self._disk_of(domain, path)
        destination = reading.parse(xml, root='disk', document='disk_definition')
        if destination.find('source') is None:
            raise LibvirtError(libvirt.VIR_ERR_NO_SOURCE, target, domain=libvirt.VIR_FROM_DOMAIN)
        self._begin(domain, disk, target, BlockJob(_COPY, destination=destination))

    @procedure
    def domain_block_rebase(self, handle: DomainHandle, path: str, base: str | None,
                            bandwidth: int, flags: int) -> None:
        """Pull a disk's backing chain into it, or copy it to the file ``base``."""
        check_flags('qemuDomainBlockRebase', flags, _REBASE_FLAGS)
        domain = self.domain(handle)
        disk, target = self._disk_of(domain, path)
        _check_bandwidth(bandwidth, flags & libvirt.VIR_DOMAIN_BLOCK_REBASE_BANDWIDTH_BYTES)
        if not flags & libvirt.VIR_DOMAIN_BLOCK_REBASE_COPY:
            self._begin(domain, disk, target, BlockJob(_PULL, bandwidth))
            return
        destination = etree.element('disk', type='file')
        etree.add(destination, 'source', file=base)
        self._begin(domain, disk, target, BlockJob(_COPY, bandwidth, destination))

    @procedure
    def domain_block_pull(self, handle: DomainHandle, path: str, bandwidth: int,
                          flags: int) -> None:
        """Pull a disk's backing chain into it."""
        check_flags('qemuDomainBlockPull', flags,
                    libvirt.VIR_DOMAIN_BLOCK_PULL_BANDWIDTH_BYTES)
        domain = self.domain(handle)
        disk, target = self._disk_of(domain, path)
        _check_bandwidth(bandwidth, flags)
        self._begin(domain, disk, target, BlockJob(_PULL, bandwidth))

    @procedure
    def domain_block_commit(self, handle: DomainHandle, path: str, base: str | None,
                            top: str | None, bandwidth: int, flags: int) -> None:
        """Commit a disk into its backing file."""
        check_flags('qemuDomainBlockCommit', flags, _COMMIT_FLAGS)
        domain = self.domain(handle)
        disk, target = self._disk_of(domain, path)
        _check_bandwidth(bandwidth, flags & libvirt.VIR_DOMAIN_BLOCK_COMMIT_BANDWIDTH_BYTES)
        active = flags & libvirt.VIR_DOMAIN_BLOCK_COMMIT_ACTIVE
        if not active and top in (None, disks.source_path(disk)):
            raise bad_argument(f"commit of '{target}' active layer requires active flag")
        self._begin(domain, disk, target,
                    BlockJob(_ACTIVE_COMMIT if active else _COMMIT, bandwidth))

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
        if pivot and job.destination is not None:
            etree.drop(disk, 'source')
            for source in job.destination.findall('source'):
                disk.append(etree.copy(source))
            kind = job.destination.get('type')
            if kind is not None:
                disk.set('type', kind)
        self._conclude(domain, disk, target, _DONE if pivot else _CANCELED)

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
        size = self.hypervisor.disk_size(disk)
        return 1, job.type, job.bandwidth, size, size

    @procedure
    def domain_block_job_set_speed(self, handle: DomainHandle, path: str, bandwidth: int,
                                   flags: int) -> None:
        """Set the bandwidth of a block job."""
        check_flags('qemuDomainBlockJobSetSpeed', flags,
                    libvirt.VIR_DOMAIN_BLOCK_JOB_SPEED_BANDWIDTH_BYTES)
        _check_bandwidth(bandwidth, flags)
        domain = self.domain(handle)
        _, target = self._disk_of(domain, path)
        job = domain.block_jobs.get(target)
        if job is None:
            raise bad_argument(f"disk {target} does not have an active block job")
        domain.block_jobs[target] = BlockJob(job.type, bandwidth, job.destination)

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
        if size > _LLONG_MAX:
            raise emulator.command_failed(
                'block_resize', "Invalid parameter type for 'size', expected: integer")
        if not self.hypervisor.disk_sources.resize(disk, size):
            self.hypervisor.resized[source] = size


def _check_bandwidth(bandwidth: int, in_bytes: int) -> None:
    """Refuse a bandwidth in MiB a second that overflows as a number of bytes."""
    if not in_bytes and bandwidth > _LLONG_MAX >> 20:
        raise LibvirtError(libvirt.VIR_ERR_OVERFLOW,
                           f'bandwidth must be less than {_LLONG_MAX >> 20}')
