"""The scenarios: each reads as what a user or an operator does, and asks the hosts what came of it.
"""

from __future__ import annotations

from collections.abc import Iterable

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.waiting import UnexpectedStateError
from vpmem_harness.findings.finding import Finding
from vpmem_harness.fixtures.audit import DataSafetyAudit
from vpmem_harness.fixtures.cloud import CloudFixture
from vpmem_harness.host.audit import Kind, Report


def _told(reports: Iterable[Report]) -> str | None:
    return '; '.join(dict.fromkeys(map(str, reports))) or None


def _confirm(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
    first = cloud.hosts[0].name
    server = cloud.boot(pmem='SMALL', host=first)
    server.resize(pmem='LARGE').confirm_resize()
    cloud.boot(pmem='SMALL', host=first)
    return _told(audit.of(Kind.LEFT, Kind.LEAKED))


def _hard_reboot(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
    cloud.boot(pmem='SMALL').reboot(hard=True)
    return _told(audit.of(Kind.LOST))


def _stop_and_start(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
    cloud.boot(pmem='SMALL').stop().start()
    return _told(audit.of(Kind.LOST))


def _label_case(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
    server = cloud.boot(pmem='SMALL', expect=None)
    try:
        server.wait_for('ACTIVE')
    except UnexpectedStateError:
        return None
    held = {name: amount for resources in server.allocations.values()
            for name, amount in resources.items() if name.startswith('CUSTOM_PMEM')}
    if not held or "model='nvdimm'" in server.domain_xml():
        return None
    return f'the server is ACTIVE and holds {held}, and its domain has no memory device'


def _removed_from_configuration(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
    host = cloud.hosts[0]
    server = cloud.boot(pmem='SMALL')
    [claimed] = server.namespaces
    kept = [name for name in ('ns_0', 'ns_1', 'ns_2') if name != claimed.name]
    cloud.compute(host).restart(pmem_namespaces=['SMALL:' + '|'.join(kept)])
    try:
        server.delete()
    except UnexpectedStateError as error:
        return str(error)
    return None


def _claims_outlive_the_server(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
    server = cloud.boot(pmem='SMALL', host=cloud.hosts[0])
    server.resize(pmem='LARGE').confirm_resize()
    host = server.host
    assert host is not None  # noqa: S101 - a server that is ACTIVE is on a host
    server.delete()
    left = cloud.compute(host).assigned_namespaces
    if not left:
        return None
    refused = cloud.boot(pmem='LARGE', host=host, expect=None)
    try:
        refused.wait_for('ACTIVE')
    except UnexpectedStateError as error:
        return f'{", ".join(left)} of no server is still claimed on {host}; {error}'
    return None


def _return_after_evacuation(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
    first, second = cloud.hosts
    cloud.compute(second).restart(pmem_namespaces=['SMALL:ns_1'])
    cloud.compute(first).restart(pmem_namespaces=['SMALL:ns_0'])
    server = cloud.boot(pmem='SMALL', host=first)
    cloud.compute(first).kill()
    server.evacuate()
    try:
        cloud.compute(first).start()
    except errors.NovaException as error:
        return f'nova-compute of {first.name} does not start: {error}'
    return None


FINDINGS = (
    Finding(
        'confirm-keeps-data', 'confirming a resize leaves the data in the old namespaces',
        suffering="The next tenant's guest boots on memory that holds this one's data.",
        cause="The namespaces to wipe are looked up under a name that nothing is stored under.",
        scenario=_confirm, hosts=2, pmem='SMALL:1x4GiB,LARGE:1x16GiB'),
    Finding(
        'hard-reboot-wipes', 'a hard reboot wipes the persistent memory of its server',
        suffering='A user who reboots a server that hangs loses what was meant to persist.',
        cause='A hard reboot destroys and cleans up the guest as a deletion does.',
        scenario=_hard_reboot),
    Finding(
        'start-wipes', 'starting a stopped server wipes its persistent memory',
        suffering='What is in persistent memory does not outlive a power cycle.',
        cause='To start is a hard reboot for the driver.',
        scenario=_stop_and_start),
    Finding(
        'label-case', 'a label in another case boots a server without its memory',
        suffering='A tenant pays for persistent memory that the guest does not have.',
        cause='Resource classes ignore case and punctuation of a label; the search for the '
              'device does not.',
        scenario=_label_case, pmem='Small:1x4GiB'),
    Finding(
        'removed-namespace', 'a server whose namespace left the configuration cannot be deleted',
        suffering='An operator who takes a namespace out of nova.conf has a server in ERROR that '
                  'nobody can delete.',
        cause='To wipe it the driver looks the namespace up among those configured now.',
        scenario=_removed_from_configuration, pmem='SMALL:3x4GiB'),
    Finding(
        'claims-outlive-server', 'deleting a server after its resize does not free its namespaces',
        suffering='Placement offers the namespace and the compute refuses it, until its next '
                  'audit: boots and unshelves fail for no visible reason.',
        cause='The resource tracker frees the claims only of servers that it tracks as its own, '
              'and the destination of a resize tracks a migration.',
        scenario=_claims_outlive_the_server, hosts=2, pmem='SMALL:1x4GiB,LARGE:1x16GiB'),
    Finding(
        'evacuated-host', 'a host that returns after an evacuation does not start its nova-compute',
        suffering='An operator has a host that is repaired and cannot be brought back.',
        cause="The source cleans up with the destination's namespaces, which it may not have.",
        scenario=_return_after_evacuation, hosts=2, pmem='SMALL:2x4GiB'),
)
