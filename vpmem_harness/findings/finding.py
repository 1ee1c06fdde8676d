"""What a finding is, and how one is run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vpmem_harness.fixtures.audit import DataSafetyAudit
from vpmem_harness.fixtures.cloud import CloudFixture


@dataclass(frozen=True)
class Finding:
    """A defect that is known, and the scenario that shows it.

    ``suffering`` says what a tenant or an operator would meet, ``cause`` where it comes from.
    ``scenario`` gets a cloud and an audit of it, and returns the evidence, or None when this
    compute service does right.
    """

    name: str
    title: str
    suffering: str
    cause: str
    scenario: Callable[[CloudFixture, DataSafetyAudit], str | None]
    hosts: int = 1
    pmem: str = 'SMALL:2x4GiB,LARGE:1x16GiB'
    allow_resize_to_same_host: bool = False


@dataclass(frozen=True)
class Outcome:
    """What a scenario came to; ``evidence`` is None when the defect is not there."""

    finding: Finding
    evidence: str | None

    @property
    def affected(self) -> bool:
        """Whether the defect is there."""
        return self.evidence is not None

    def __str__(self) -> str:
        state = 'AFFECTED' if self.affected else 'not affected'
        return f'{state}: {self.finding.name}: {self.finding.title}'


def run(finding: Finding, backend: str = 'nova', seed: int | None = None) -> Outcome:
    """Run one finding's scenario on a cloud of its own."""
    cloud = CloudFixture(
        hosts=finding.hosts, pmem=finding.pmem, backend=backend, seed=seed,
        allow_resize_to_same_host=finding.allow_resize_to_same_host)
    with cloud, DataSafetyAudit(cloud) as audit:
        return Outcome(finding, finding.scenario(cloud, audit))
