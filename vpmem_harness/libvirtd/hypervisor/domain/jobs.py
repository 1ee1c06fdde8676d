"""Jobs of domains, such as a migration, and their statistics.

Source: libvirt 9.0.0, src/qemu/qemu_domainjob.c, src/qemu/qemu_driver.c
(qemuDomainGetJobStats, qemuDomainAbortJobFlags).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, invalid
from vpmem_harness.libvirtd.values import TypedParameter
from vpmem_harness.serving.clock import Timer

# For annotations only: the hypervisor imports this module.
if TYPE_CHECKING:
    from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
    from vpmem_harness.libvirtd.hypervisor.hypervisor import Hypervisor

#: The default of the maximum downtime in a migration, in milliseconds.
DEFAULT_DOWNTIME = 300
PAGE = 4096

#: The types of block jobs that write to another image of the disk until they are pivoted.
_MIRRORS = (libvirt.VIR_DOMAIN_BLOCK_JOB_TYPE_COPY, libvirt.VIR_DOMAIN_BLOCK_JOB_TYPE_ACTIVE_COMMIT)


@dataclass(eq=False)
class Job:
    """A job of a domain, whose progress follows the clock.

    :param operation: VIR_DOMAIN_JOB_OPERATION_*.
    :param total: bytes to copy.
    :param seconds: how long copying takes.
    :param ended: called at the end with VIR_DOMAIN_JOB_COMPLETED, _FAILED or _CANCELLED.
    :param copied: the fraction that a held job has copied; None follows the clock.
    """

    operation: int
    started: float
    total: int
    seconds: float
    ended: Callable[[int], None]
    type: int = libvirt.VIR_DOMAIN_JOB_UNBOUNDED
    finished: float | None = None
    downtime: int = 0
    timer: Timer | None = None
    copied: float | None = None

    def elapsed(self, now: float) -> float:
        """Return the seconds since the start, or the duration of a finished job."""
        return (self.finished if self.finished is not None else now) - self.started

    def processed(self, now: float) -> int:
        """Return the bytes that are copied."""
        if self.type == libvirt.VIR_DOMAIN_JOB_COMPLETED:
            return self.total
        if self.copied is not None:
            return int(self.total * self.copied)
        if not self.seconds:
            return self.total
        return min(int(self.total * self.elapsed(now) / self.seconds), self.total)

    def info(self, now: float) -> tuple[int, ...]:
        """Return type, elapsed and remaining milliseconds, and bytes of data, memory and files."""
        done = self.processed(now)
        left = self.total - done
        milliseconds = int(self.elapsed(now) * 1000)
        return (self.type, milliseconds, 0, self.total, done, left, self.total, done, left,
                0, 0, 0)

    def stats(self, now: float) -> list[TypedParameter]:
        """Return the parameters of ``getJobStats``."""
        done = self.processed(now)
        elapsed = self.elapsed(now)
        speed = int(done / elapsed) if elapsed > 0 else 0
        left = self.total - done
        numbers = [
            ('time_elapsed', int(elapsed * 1000)), ('downtime', self.downtime),
            ('setup_time', 0), ('data_total', self.total), ('data_processed', done),
            ('data_remaining', left), ('memory_total', self.total), ('memory_processed', done),
            ('memory_remaining', left), ('memory_bps', speed), ('memory_constant', 0),
            ('memory_normal', done // PAGE), ('memory_normal_bytes', done),
            ('memory_dirty_rate', 0), ('memory_iteration', 1), ('memory_postcopy_requests', 0),
            ('memory_page_size', PAGE), ('disk_total', 0), ('disk_processed', 0),
            ('disk_remaining', 0)]
        return [TypedParameter.int_('operation', self.operation),
                *(TypedParameter.ullong(name, value) for name, value in numbers)]

    def guest_ended(self) -> int:
        """Return the job's result if the guest ends before it, VIR_DOMAIN_JOB_*."""
        return int(libvirt.VIR_DOMAIN_JOB_FAILED)

    def result(self, now: float) -> list[TypedParameter]:
        """Return the parameters of the event of the job's end."""
        return [*self.stats(now), TypedParameter.boolean(
            'success', self.type == libvirt.VIR_DOMAIN_JOB_COMPLETED)]


def check_no_backup(domain: Domain) -> None:
    """Refuse an operation that is a job of its own while a backup runs.

    libvirt waits 30 seconds for the end of the backup before it refuses.
    Recording: golden/libvirt/backups.json.
    """
    if domain.backup is not None:
        raise LibvirtError(libvirt.VIR_ERR_OPERATION_TIMEOUT, 'cannot acquire state change lock '
                           '(held by monitor=remoteDispatchDomainBackupBegin)',
                           domain=libvirt.VIR_FROM_NONE)


def check_no_block_jobs(domain: Domain) -> None:
    """Refuse an operation on a domain that has a block job."""
    if domain.block_jobs:
        raise invalid('domain has active block job')


def check_no_block_job(domain: Domain, target: str) -> None:
    """Refuse to use the disk with that target while it has a block job.

    Source: libvirt 9.0.0, src/qemu/qemu_domain.c (qemuDomainDiskBlockJobIsActive).
    """
    job = domain.block_jobs.get(target)
    if job is not None:
        code = (libvirt.VIR_ERR_BLOCK_COPY_ACTIVE if job.type in _MIRRORS
                else libvirt.VIR_ERR_OPERATION_UNSUPPORTED)
        raise LibvirtError(code, f"disk '{target}' already in active block job")


class Jobs:
    """The jobs of a hypervisor's domains."""

    def __init__(self, hypervisor: Hypervisor) -> None:
        self._hypervisor = hypervisor

    def begin(self, domain: Domain, job: Job, done: Callable[[], None]) -> None:
        """Start a job that calls ``done`` when its time has passed, unless it is held."""
        domain.job = job
        if job.copied is not None:
            return
        if job.seconds > 0:
            job.timer = self._hypervisor.clock.call_later(job.seconds, done)
        else:
            done()

    def end(self, domain: Domain, result: int) -> None:
        """End the domain's job, and publish its result."""
        job, domain.job = domain.job, None
        if job is None:
            return
        if job.timer is not None:
            job.timer.cancel()
        job.finished = self._hypervisor.clock.now()
        job.type = result
        domain.last_job = job
        self._hypervisor.events.publish(
            libvirt.VIR_DOMAIN_EVENT_ID_JOB_COMPLETED, domain, job.result(job.finished))
        job.ended(result)

    def iterations(self, domain: Domain, count: int = 2, *, first: int = 1) -> None:
        """Publish the iterations in which QEMU copies a guest's memory."""
        for number in range(first, first + count):
            self._hypervisor.events.publish(
                libvirt.VIR_DOMAIN_EVENT_ID_MIGRATION_ITERATION, domain, number)

    def saved(self, domain: Domain, operation: int) -> None:
        """Note that a guest's memory was written to a file, and publish that.

        :param operation: VIR_DOMAIN_JOB_OPERATION_*.
        """
        now = self._hypervisor.clock.now()
        job = Job(operation, now, domain.definition.memory_total * 1024, 0.0, lambda result: None,
                  type=libvirt.VIR_DOMAIN_JOB_COMPLETED, finished=now)
        domain.last_job = job
        self._hypervisor.events.publish(
            libvirt.VIR_DOMAIN_EVENT_ID_JOB_COMPLETED, domain,
            [value for value in job.stats(now) if not value.name.startswith('disk_')])
