"""Scenarios: steps of a user or an operator, and checks of the hosts.

Each gets a cloud and its audit, and returns evidence, or None.
"""

from __future__ import annotations

from collections.abc import Callable

import libvirt

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.server import Server
from vpmem_harness.cloud.waiting import UnexpectedStateError
from vpmem_harness.findings.evidence import HALF, given_away, held_for_nobody, hosts_of, told
from vpmem_harness.fixtures.audit import DataSafetyAudit
from vpmem_harness.fixtures.cloud import CloudFixture
from vpmem_harness.host.audit import Kind
from vpmem_harness.host.machine import Host


def confirm(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
    first = cloud.hosts[0].name
    server = cloud.boot(pmem='SMALL', host=first)
    server.resize(pmem='LARGE').confirm_resize()
    cloud.boot(pmem='SMALL', host=first)
    return told(audit.of(Kind.LEFT, Kind.LEAKED))


def hard_reboot(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
    cloud.boot(pmem='SMALL').reboot(hard=True)
    return told(audit.of(Kind.LOST))


def stop_and_start(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
    cloud.boot(pmem='SMALL').stop().start()
    return told(audit.of(Kind.LOST))


def label_case(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
    server = cloud.boot(pmem='SMALL', expect=None)
    try:
        server.wait_for('ACTIVE')
    except UnexpectedStateError:
        return None
    return _without_memory(server)


def recovered_resize(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
    return _without_memory(_resize_without_a_start(cloud).reboot(hard=True))


def _resize_without_a_start(cloud: CloudFixture) -> Server:
    """Boot a server on the first host and resize it; the guest does not start on the other one."""
    source, destination = hosts_of(cloud)
    server = cloud.boot(pmem='SMALL', host=source)
    with destination.faults.failing('domainCreateWithFlags', libvirt.VIR_ERR_OPERATION_FAILED):
        server.resize(pmem='LARGE', expect='ERROR')
    cloud.settle()
    return server


def _without_memory(server: Server) -> str | None:
    held = {name: amount for resources in server.allocations.values()
            for name, amount in resources.items() if name.startswith('CUSTOM_PMEM')}
    if not held or "model='nvdimm'" in server.domain_xml():
        return None
    return f'the server is ACTIVE and holds {held}, and its domain has no memory device'


def removed_from_configuration(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
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


def claims_outlive_the_server(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
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


def return_after_evacuation(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
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


def wipes_another(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
    first, second = cloud.hosts
    server, neighbour = (cloud.boot(pmem='SMALL', host=first) for _ in range(2))
    [namespace] = neighbour.namespaces
    cloud.compute(second).restart(pmem_namespaces=[f'SMALL:{namespace.name}'])
    cloud.compute(first).kill()
    server.evacuate()
    cloud.compute(first).start()
    return told(audit.of(Kind.TAKEN, Kind.LEFT))


def allocation_of_a_lost_host(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
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


def deleted_while_down(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
    [host] = cloud.hosts
    server = cloud.boot(pmem='SMALL')
    compute = cloud.compute(host)
    compute.stop()
    server.delete()
    compute.start()
    cloud.boot(pmem='SMALL')
    compute.run_periodic_tasks()
    return told(audit.of(Kind.SHARED, Kind.TAKEN, Kind.LEAKED))


def label_in_use(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
    [host] = cloud.hosts
    cloud.boot(pmem='SMALL')
    try:
        cloud.compute(host).restart(pmem_namespaces=[])
    except errors.NovaException as error:
        return f'nova-compute of {host.name} does not start: {" ".join(str(error).split())}'
    return None


def relabelled(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
    [host] = cloud.hosts
    [claimed] = cloud.boot(pmem='SMALL').namespaces
    [other] = {'ns_0', 'ns_1'} - {claimed.name}
    cloud.compute(host).restart(pmem_namespaces=[f'LARGE:{claimed.name}', f'SMALL:{other}'])
    return given_away(cloud, audit, 'LARGE')


def renumbered(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
    [host] = hosts_of(cloud)
    server = cloud.boot(pmem=HALF)
    compute = cloud.compute(host)
    compute.stop()
    host.reboot()
    compute.start()
    compute.run_periodic_tasks()
    server.wait_for('SHUTOFF')
    server.start()
    return given_away(cloud, audit, HALF)


def resumed(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
    [host] = hosts_of(cloud)
    servers = [cloud.boot(pmem=HALF).suspend() for _ in range(2)]
    compute = cloud.compute(host)
    compute.stop()
    host.reboot()
    compute.start()
    for server in servers:
        server.resume()
    return told(audit.of(Kind.LEAKED, Kind.SHARED, Kind.TAKEN))


def refused_resize(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
    [host] = hosts_of(cloud)
    server = cloud.boot(flavor=cloud.flavor(HALF, ephemeral=1))
    server.resize(flavor=cloud.flavor('LARGE'), expect=None)
    cloud.settle()
    cloud.compute(host).run_periodic_tasks()
    return given_away(cloud, audit, HALF)


def rebuild_after_refused_resize(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
    source, _destination = hosts_of(cloud)
    server = cloud.boot(flavor=cloud.flavor(HALF, ephemeral=1), host=source)
    cloud.boot(pmem=HALF, host=source)
    server.resize(flavor=cloud.flavor(HALF), expect=None)
    cloud.settle()
    server.rebuild()
    return told(audit.of(Kind.LEAKED, Kind.SHARED, Kind.TAKEN))


def failed_resize(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
    source, _destination = hosts_of(cloud)
    _resize_without_a_start(cloud)
    cloud.compute(source).run_periodic_tasks()
    cloud.boot(pmem='SMALL', host=source)
    return told(audit.of(Kind.LEAKED))


def failed_resume(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
    [host] = hosts_of(cloud)
    server = cloud.boot(pmem='SMALL').suspend()
    [namespace] = server.namespaces
    with host.faults.failing('domainCreateWithFlags', libvirt.VIR_ERR_OPERATION_FAILED):
        server.resume(expect=None)
        cloud.settle()
    if server.id in host.pmem.contents(namespace.devpath).writers:
        return None
    return f'{namespace.name}, which is still of the server, has been wiped on {host.name}'


def failed_rebuild(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
    [host] = hosts_of(cloud)
    server = cloud.boot(pmem='SMALL')
    with host.faults.failing('domainCreateWithFlags', libvirt.VIR_ERR_OPERATION_FAILED):
        server.rebuild(expect='ERROR')
    cloud.settle()
    server.rebuild()
    if server.allocations:
        return None
    held = ', '.join(device.name for device in server.namespaces)
    return f'{server.name} is {server.status} on {held} of {host.name}, and holds nothing of it'


def failed_revert(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
    source, destination = hosts_of(cloud)
    server = cloud.boot(pmem='SMALL', host=source).resize(pmem='LARGE')
    with destination.faults.failing('domainDestroy', libvirt.VIR_ERR_OPERATION_FAILED):
        server.revert_resize(expect='ERROR')
    cloud.settle()
    return held_for_nobody(cloud, server)


def interrupted_move(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
    source, _destination = hosts_of(cloud)
    server = cloud.boot(pmem='SMALL', host=source)
    with source.faults.hanging('domainShutdown') as hang:
        server.migrate(expect=None)
        hang.wait_until_reached()
        cloud.compute(source).kill()
    cloud.compute(source).start()
    cloud.settle()
    return held_for_nobody(cloud, server)


def queued_start(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
    lost, _other = hosts_of(cloud)
    server = cloud.boot(pmem=HALF, host=lost).stop()
    _ask_of_lost(cloud, lost, server, lambda: server.start(expect=None), evacuated=True)
    return given_away(cloud, audit, HALF, lost)


def queued_stop(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
    lost, other = hosts_of(cloud)
    server = cloud.boot(pmem='SMALL', host=lost)
    _ask_of_lost(cloud, lost, server, lambda: server.stop(expect=None), evacuated=True)
    if server.status == 'ACTIVE':
        return None
    cloud.compute(other).run_periodic_tasks()
    cloud.settle()
    return (f'{server.name} was started on {other.name} by its user, and is {server.status}; its '
            f'guest is {server.power_state.name}')


def queued_rebuild(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
    [host] = hosts_of(cloud)
    server = cloud.boot(pmem='SMALL')
    _ask_of_lost(cloud, host, server, lambda: server.rebuild(wait=False))
    if server.allocations:
        return None
    return (f'the guest of {server.name} has {server.namespaces[0].name} of {host.name}, and the '
            f'server, which is {server.status}, holds nothing')


def _ask_of_lost(cloud: CloudFixture, host: Host, server: Server, ask: Callable[[], object],
                 evacuated: bool = False) -> None:
    """Send a request for a server while its service is down, then start the service."""
    compute = cloud.compute(host)
    compute.stop()
    ask()
    if evacuated:
        server.evacuate().start()
    compute.start()
    cloud.settle()
