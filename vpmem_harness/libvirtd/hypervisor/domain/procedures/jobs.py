"""Procedures that report and abort a domain's job.

Source: libvirt 9.0.0, src/qemu/qemu_driver.c.
"""

from __future__ import annotations

import libvirt

from vpmem_harness.libvirtd.errors import invalid
from vpmem_harness.libvirtd.hypervisor.domain.backups import start as backups
from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
from vpmem_harness.libvirtd.hypervisor.domain.qemu_process import check_active
from vpmem_harness.libvirtd.hypervisor.driver_checks import check_flags
from vpmem_harness.libvirtd.hypervisor.procedure_group import ProcedureGroup, procedure
from vpmem_harness.libvirtd.values import DomainHandle, TypedParameter

_COMPLETED = libvirt.VIR_DOMAIN_JOB_STATS_COMPLETED
_KEEP = libvirt.VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED


class JobProcedures(ProcedureGroup):
    """Procedures that report and abort a domain's job."""

    @procedure
    def domain_get_job_info(self, handle: DomainHandle) -> tuple[int, ...]:
        """Return the progress of a domain's job."""
        domain = self.domain(handle)
        check_active(domain)
        if domain.job is None:
            return (int(libvirt.VIR_DOMAIN_JOB_NONE),) + (0,) * 11
        return domain.job.info(self.hypervisor.clock.now())

    @procedure
    def domain_get_job_stats(self, handle: DomainHandle,
                             flags: int) -> tuple[int, list[TypedParameter]]:
        """Return the statistics of a domain's current or last job."""
        check_flags('qemuDomainGetJobStats', flags, _COMPLETED | _KEEP)
        domain = self.domain(handle)
        if not flags & _COMPLETED:
            check_active(domain)
        job = domain.last_job if flags & _COMPLETED else domain.job
        if job is None:
            return int(libvirt.VIR_DOMAIN_JOB_NONE), []
        if flags & _COMPLETED and not flags & _KEEP:
            domain.last_job = None
        return job.type, job.stats(self.hypervisor.clock.now())

    @procedure
    def domain_abort_job(self, handle: DomainHandle) -> None:
        """Abort a domain's job and undo its effects."""
        self._abort(self.domain(handle))

    @procedure
    def domain_abort_job_flags(self, handle: DomainHandle, flags: int) -> None:
        """Abort a domain's job; one in post-copy only if the flags ask for that."""
        check_flags('qemuDomainAbortJobFlags', flags, libvirt.VIR_DOMAIN_ABORT_JOB_POSTCOPY)
        domain = self.domain(handle)
        if flags:
            check_active(domain)
            if domain.outgoing is None or not domain.outgoing.post_copy:
                raise invalid('current job is not outgoing migration in post-copy mode')
            domain.outgoing.fail_post_copy()
            return
        self._abort(domain)

    def _abort(self, domain: Domain) -> None:
        check_active(domain)
        if domain.job is None:
            raise invalid('no job is active on the domain')
        if domain.outgoing is not None and domain.outgoing.post_copy:
            raise invalid('cannot abort migration in post-copy mode')
        if domain.backup is not None:
            backups.cancel(self.hypervisor, domain)
            return
        self.hypervisor.jobs.end(domain, libvirt.VIR_DOMAIN_JOB_CANCELLED)
