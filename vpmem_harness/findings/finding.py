"""A finding, and how to run it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vpmem_harness.cloud.nova.series import TESTED
from vpmem_harness.fixtures.audit import DataSafetyAudit
from vpmem_harness.fixtures.cloud import CloudFixture


@dataclass(frozen=True)
class Finding:
    """A known defect, and the scenario that shows it.

    ``suffering`` describes the effect on tenants or operators, ``cause`` the cause. ``scenario``
    gets a cloud and its audit, and returns evidence, or None if the compute service is correct.
    ``series`` are the tested series of Nova that have the defect.
    """

    name: str
    title: str
    suffering: str
    cause: str
    scenario: Callable[[CloudFixture, DataSafetyAudit], str | None]
    hosts: int = 1
    pmem: str = 'SMALL:2x4GiB,LARGE:1x16GiB'
    allow_resize_to_same_host: bool = False
    series: tuple[str, ...] = tuple(TESTED)


@dataclass(frozen=True)
class Outcome:
    """Result of a scenario; ``evidence`` is None if the defect is absent."""

    finding: Finding
    evidence: str | None

    @property
    def affected(self) -> bool:
        """Whether the defect is present."""
        return self.evidence is not None

    def __str__(self) -> str:
        state = 'AFFECTED' if self.affected else 'not affected'
        return f'{state}: {self.finding.name}: {self.finding.title}'


def run(finding: Finding, backend: str = 'nova', seed: int | None = None) -> Outcome:
    """Run the scenario of a finding on a new cloud."""
    cloud = CloudFixture(
        hosts=finding.hosts, pmem=finding.pmem, backend=backend, seed=seed,
        allow_resize_to_same_host=finding.allow_resize_to_same_host)
    with cloud, DataSafetyAudit(cloud) as audit:
        return Outcome(finding, finding.scenario(cloud, audit))
