"""Long-running work on a domain, such as a migration, and what it tells of itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vpmem_harness.libvirtd.hypervisor.domain import Domain
    from vpmem_harness.libvirtd.hypervisor.hypervisor import Hypervisor


@dataclass
class Job:
    """One piece of work: its VIR_DOMAIN_JOB_OPERATION_* and VIR_DOMAIN_JOB_* type."""

    operation: int
    type: int
    started: float


class Jobs:
    """The jobs of a hypervisor's domains."""

    def __init__(self, hypervisor: Hypervisor) -> None:
        self._hypervisor = hypervisor

    def end(self, domain: Domain, result: int) -> None:
        """The domain's job is over, with VIR_DOMAIN_JOB_COMPLETED, _FAILED or _CANCELLED."""
        job, domain.job = domain.job, None
        if job is not None:
            job.type = result
            domain.last_job = job
