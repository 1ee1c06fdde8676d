"""The report of a fleet that runs."""

from __future__ import annotations

from vpmem_harness.fleet.fleet import Fleet


def report_page(fleet: Fleet) -> str:
    """Return an HTML page about the hosts of a fleet and the servers on them, redacted.

    :raises InvalidInputError: when Jinja is not installed.
    """
    # Imported here because few fleets write one.
    from vpmem_harness import report

    clouds = [] if fleet.cloud is None else [fleet.cloud]
    name = fleet.spec.name
    return report.page(report.collect(
        list(fleet.hosts.values()), clouds, title=f'fleet {name}' if name else 'fleet',
        facts={'seed': str(fleet.spec.seed)}))
