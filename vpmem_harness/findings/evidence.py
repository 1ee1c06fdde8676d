"""Evidence of a defect, as the scenarios report it."""

from __future__ import annotations

from collections.abc import Iterable

from vpmem_harness.cloud.server import Server
from vpmem_harness.cloud.waiting import UnexpectedStateError
from vpmem_harness.fixtures.audit import DataSafetyAudit
from vpmem_harness.fixtures.cloud import CloudFixture
from vpmem_harness.host.audit import Kind, Report
from vpmem_harness.host.machine import Host

#: Half of twelve namespaces. Nova takes any namespaces that it considers free; in one of 924 cases
#: these are all really free.
HALF = ','.join(['SMALL'] * 6)


def told(reports: Iterable[Report]) -> str | None:
    """Summarize reports: what happened, when and where, with all namespaces."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for report in reports:
        namespaces = found.setdefault((report.kind, report.host, report.operation), [])
        if (namespace := f'{report.namespace} ({report.device})') not in namespaces:
            namespaces.append(namespace)
    return '; '.join(
        f'{kind}: {", ".join(namespaces)} on {host}, during {operation}'
        for (kind, host, operation), namespaces in found.items()) or None


def hosts_of(cloud: CloudFixture) -> list[Host]:
    """Return the simulated hosts of a cloud."""
    return [host for host in cloud.hosts if isinstance(host, Host)]


def given_away(
    cloud: CloudFixture, audit: DataSafetyAudit, pmem: str, host: Host | None = None,
) -> str | None:
    """Boot one more server, and return what it does to namespaces in use."""
    server = cloud.boot(pmem=pmem, host=host, expect=None)
    try:
        server.wait_for('ACTIVE')
    except UnexpectedStateError:
        return None
    return told(audit.of(Kind.SHARED, Kind.TAKEN))


def held_for_nobody(cloud: CloudFixture, server: Server) -> str | None:
    """Return the allocations that remain in Placement after the only server is deleted."""
    server.delete()
    booked: set[str] = set()
    for host in cloud.hosts:
        compute = cloud.compute(host)
        compute.run_periodic_tasks()
        booked |= {f'{amount} {name} of {host.name}' for name, amount in compute.usages.items()
                   if amount and name.startswith('CUSTOM_PMEM')}
    if not booked:
        return None
    return f'the server is gone, and {", ".join(sorted(booked))} is held for good'
