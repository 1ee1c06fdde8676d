"""The scenarios: each reads as what a user or an operator does, and asks the hosts what came of it.
"""

from __future__ import annotations

from collections.abc import Iterable

import libvirt

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.server import Server
from vpmem_harness.cloud.waiting import UnexpectedStateError
from vpmem_harness.findings.finding import Finding
from vpmem_harness.fixtures.audit import DataSafetyAudit
from vpmem_harness.fixtures.cloud import CloudFixture
from vpmem_harness.host.audit import Kind, Report
from vpmem_harness.host.machine import Host


def _told(reports: Iterable[Report]) -> str | None:
    return '; '.join(dict.fromkeys(map(str, reports))) or None


def _hosts(cloud: CloudFixture) -> list[Host]:
    return [host for host in cloud.hosts if isinstance(host, Host)]


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


def _wipes_another(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
    first, second = cloud.hosts
    server, neighbour = (cloud.boot(pmem='SMALL', host=first) for _ in range(2))
    [namespace] = neighbour.namespaces
    cloud.compute(second).restart(pmem_namespaces=[f'SMALL:{namespace.name}'])
    cloud.compute(first).kill()
    server.evacuate()
    cloud.compute(first).start()
    return _told(audit.of(Kind.TAKEN, Kind.LEFT))


def _allocation_of_a_lost_host(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
    first, second = cloud.hosts
    server = cloud.boot(pmem='SMALL', host=first)
    cloud.compute(first).kill()
    server.evacuate()
    server.resize(pmem='LARGE')
    cloud.compute(first).start()
    server.revert_resize()
    for host in cloud.hosts:
        cloud.compute(host).run_periodic_tasks()
    if first.name not in server.allocations:
        return None
    return f'the server is on {second.name}, and for good holds {server.allocations[first.name]}'


def _deleted_while_down(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
    [host] = cloud.hosts
    server = cloud.boot(pmem='SMALL')
    compute = cloud.compute(host)
    compute.stop()
    server.delete()
    compute.start()
    cloud.boot(pmem='SMALL')
    compute.run_periodic_tasks()
    return _told(audit.of(Kind.SHARED, Kind.TAKEN, Kind.LEAKED))


def _label_in_use(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
    [host] = cloud.hosts
    cloud.boot(pmem='SMALL')
    try:
        cloud.compute(host).restart(pmem_namespaces=[])
    except errors.NovaException as error:
        return f'nova-compute of {host.name} does not start: {" ".join(str(error).split())}'
    return None


def _relabelled(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
    [host] = cloud.hosts
    [claimed] = cloud.boot(pmem='SMALL').namespaces
    [other] = {'ns_0', 'ns_1'} - {claimed.name}
    cloud.compute(host).restart(pmem_namespaces=[f'LARGE:{claimed.name}', f'SMALL:{other}'])
    return _given_away(cloud, audit, 'LARGE')


def _renumbered(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
    [host] = _hosts(cloud)
    half = ','.join(['SMALL'] * 6)
    server = cloud.boot(pmem=half)
    compute = cloud.compute(host)
    compute.stop()
    host.reboot()
    compute.start()
    compute.run_periodic_tasks()
    server.wait_for('SHUTOFF')
    server.start()
    return _given_away(cloud, audit, half)


def _resumed(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
    [host] = _hosts(cloud)
    servers = [cloud.boot(pmem=','.join(['SMALL'] * 6)).suspend() for _ in range(2)]
    compute = cloud.compute(host)
    compute.stop()
    host.reboot()
    compute.start()
    for server in servers:
        server.resume()
    return _told(audit.of(Kind.LEAKED, Kind.SHARED, Kind.TAKEN))


def _given_away(cloud: CloudFixture, audit: DataSafetyAudit, pmem: str) -> str | None:
    server = cloud.boot(pmem=pmem, expect=None)
    try:
        server.wait_for('ACTIVE')
    except UnexpectedStateError:
        return None
    return _told(audit.of(Kind.SHARED, Kind.TAKEN))


def _failed_resize(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
    source, destination = _hosts(cloud)
    server = cloud.boot(pmem='SMALL', host=source)
    with destination.faults.failing('domainCreateWithFlags', libvirt.VIR_ERR_OPERATION_FAILED):
        server.resize(pmem='LARGE', expect='ERROR')
    cloud.settle()
    cloud.compute(source).run_periodic_tasks()
    cloud.boot(pmem='SMALL', host=source)
    return _told(audit.of(Kind.LEAKED))


def _failed_resume(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
    [host] = _hosts(cloud)
    server = cloud.boot(pmem='SMALL').suspend()
    [namespace] = server.namespaces
    with host.faults.failing('domainCreateWithFlags', libvirt.VIR_ERR_OPERATION_FAILED):
        server.resume(expect=None)
        cloud.settle()
    if server.id in host.pmem.contents(namespace.devpath).writers:
        return None
    return f'{namespace.name}, which is still of the server, has been wiped on {host.name}'


def _refused_live_migration(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
    source, _destination = _hosts(cloud)
    server = cloud.boot(pmem='SMALL', host=source)
    with source.faults.failing('domainMigratePerform3Params', libvirt.VIR_ERR_OPERATION_FAILED):
        server.live_migrate(wait=False)
        cloud.settle()
    if server.status == 'ACTIVE':
        return None
    return (f'the guest of {server.name} runs on {server.host} as before, and the server is '
            f'{server.status} with {"a" if server.fault else "no"} fault')


def _lost_live_migration(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
    source, _destination = _hosts(cloud)
    server = cloud.boot(pmem='SMALL', host=source)
    with source.faults.dropping('domainMigratePerform3Params'):
        server.live_migrate(wait=False)
        cloud.settle()
    return _booked_for_nobody(cloud, server)


def _interrupted_move(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
    source, _destination = _hosts(cloud)
    server = cloud.boot(pmem='SMALL', host=source)
    with source.faults.hanging('domainShutdown') as hang:
        server.migrate(expect=None)
        hang.wait_until_reached()
        cloud.compute(source).kill()
    cloud.compute(source).start()
    cloud.settle()
    return _booked_for_nobody(cloud, server)


def _booked_for_nobody(cloud: CloudFixture, server: Server) -> str | None:
    """What Placement has of the hosts of a cloud once its only server is deleted."""
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
        'failed-resume-wipes', 'resuming a server wipes its persistent memory if its guest does '
        'not start',
        suffering='A user whose suspended server could not be resumed has lost what was in its '
                  'persistent memory.',
        cause='A guest that does not start is cleaned up as one that never was, whichever '
              'operation was to start it.',
        scenario=_failed_resume),
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
    Finding(
        'evacuated-host-wipes',
        'a host that returns after an evacuation wipes the wrong namespaces',
        suffering="A neighbour's guest loses its persistent memory while it runs, and what the "
                  'evacuated server had stays for the next tenant.',
        cause="The source cleans up with the destination's namespaces, and finds its own of the "
              'same names.',
        scenario=_wipes_another, hosts=2, pmem='SMALL:2x4GiB'),
    Finding(
        'evacuated-allocation', 'a server that was evacuated and moved again keeps what it held '
        'of the lost host',
        suffering='An operator has a repaired host with a namespace that nobody can be given.',
        cause='The lost host frees what the server holds when it returns, and does not look at '
              'what an unfinished resize holds for the server.',
        scenario=_allocation_of_a_lost_host, hosts=2, allow_resize_to_same_host=True),
    Finding(
        'deleted-while-down', 'a server deleted while its compute was down shares its namespace '
        'with the next one',
        suffering="A tenant's guest runs on memory that another guest reads and writes, and then "
                  'has it wiped under its feet.',
        cause='The guest of a server that is gone runs on until the first periodic tasks, up to a '
              'minute after the start, and the claims are read from the servers that there are.',
        scenario=_deleted_while_down, pmem='SMALL:1x4GiB'),
    Finding(
        'label-in-use', 'a nova-compute whose configuration lost a label in use does not start',
        suffering='An operator has a host without a nova-compute, and an error about PCI devices.',
        cause='Placement does not let the inventory of a class in use be taken away, and at its '
              'start nova-compute takes any conflict for one about PCI devices.',
        scenario=_label_in_use, pmem='SMALL:1x4GiB'),
    Finding(
        'relabelled-namespace', 'a namespace in use that gets another label is given away',
        suffering='Two tenants have one namespace after an operator has edited nova.conf.',
        cause='What is free is what equals no claim, and claims are compared with their labels.',
        scenario=_relabelled, pmem='SMALL:2x4GiB'),
    Finding(
        'renumbered-namespace', 'a namespace in use that a reboot has renumbered is given away',
        suffering='Two tenants have one namespace after a host was rebooted.',
        cause='What is free is what equals no claim, and claims are compared with the numbers of '
              'their devices, which a reboot assigns anew.',
        # Nova takes any that it holds for free: with these, one in 924 times six that are.
        scenario=_renumbered, pmem='SMALL:12x256MiB'),
    Finding(
        'resumed-after-reboot', 'a server resumed after a reboot of its host gets the memory of '
        'others',
        suffering="A guest goes on in the middle of its work, on memory that holds another's data.",
        cause='A suspended guest is started from its old document, which names the devices by the '
              'numbers that they had then.',
        scenario=_resumed, pmem='SMALL:12x256MiB'),
    Finding(
        'failed-resize', 'a resize that fails on the destination leaves the data on the source',
        suffering="The next tenant's guest boots on memory that holds this one's data; the shut "
                  'off guest and its disk stay on the source, too.',
        cause='Nothing asks the source to clean up: the server counts as moved, and what it had '
              'there is free.',
        scenario=_failed_resize, hosts=2, pmem='SMALL:1x4GiB,LARGE:1x16GiB'),
    Finding(
        'refused-live-migration', 'a live migration that libvirt refuses leaves its server in '
        'ERROR',
        suffering='A guest that runs as before is shown in ERROR without a reason, and its user '
                  'can only delete it or reboot it hard, which wipes its persistent memory.',
        cause='When everything has been rolled back the error of the migration is raised once '
              'more, and taken for one that comes too late for that.',
        scenario=_refused_live_migration, hosts=2, pmem='SMALL:1x4GiB'),
    Finding(
        'lost-live-migration', 'a live migration whose libvirtd is lost holds its source for good',
        suffering='An operator has a namespace that is free on the host and that nobody can be '
                  'given.',
        cause='Nothing is rolled back then, and what the migration holds of the source is not '
              "given back with what is the server's.",
        scenario=_lost_live_migration, hosts=2, pmem='SMALL:1x4GiB'),
    Finding(
        'interrupted-move', 'a move whose source dies on the way holds the source for good',
        suffering='An operator has a namespace that is free on the host and that nobody can be '
                  'given; the guest is off, and its server ACTIVE.',
        cause='A nova-compute that finds a server on its way when it starts forgets the '
              'migration, and with it what it holds.',
        scenario=_interrupted_move, hosts=2, pmem='SMALL:1x4GiB'),
)
