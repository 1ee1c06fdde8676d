"""Scenarios about namespaces that a host has, and that no server should get.

Each gets a cloud and its audit, and returns evidence, or None.
"""

from __future__ import annotations

from vpmem_harness.cloud.waiting import UnexpectedStateError
from vpmem_harness.fixtures.audit import DataSafetyAudit
from vpmem_harness.fixtures.cloud import CloudFixture
from vpmem_harness.host.machine import Host
from vpmem_harness.pmem.kernel.sizes import GIB

_CLASS = 'CUSTOM_PMEM_NAMESPACE_SMALL'


def _host(cloud: CloudFixture) -> Host:
    [host] = [host for host in cloud.hosts if isinstance(host, Host)]
    return host


def _offered(cloud: CloudFixture) -> int:
    """Restart the compute service, and return how many namespaces Placement offers then."""
    compute = cloud.compute(_host(cloud))
    compute.restart()
    found = compute.inventories.get(_CLASS)
    return found.capacity if found is not None else 0


def _boot_in_vain(cloud: CloudFixture, offered: int) -> str | None:
    """Boot a server on a namespace that Placement offers; the error is evidence."""
    server = cloud.boot(pmem='SMALL', expect=None)
    try:
        server.wait_for('ACTIVE')
    except UnexpectedStateError as error:
        return f'Placement offers {offered} of {_CLASS}; {error}'
    return None


def used_as_memory(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
    host = _host(cloud)
    [namespace] = host.namespaces
    host.run('daxctl', 'reconfigure-device', '-f', '-m', 'system-ram', namespace.chardev or '')
    offered = _offered(cloud)
    return _boot_in_vain(cloud, offered) if offered else None


def bad_blocks(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
    host = _host(cloud)
    [namespace] = host.namespaces
    host.pmem.learn_of_bad_blocks(namespace.dev, first=8, count=8)
    if not _offered(cloud):
        return None
    server = cloud.boot(pmem='SMALL')
    listing = host.run('ndctl', 'list', '-X').stdout
    if '"badblock_count":8' not in listing:
        return None
    [given] = server.namespaces
    return f'the server has {given.name}, of which 8 blocks are known to be bad'


def no_room_for_label(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
    host = _host(cloud)
    [namespace] = host.namespaces
    host.pmem.destroy_namespace(namespace.dev)
    host.pmem.create_namespace(size=2 * GIB, align=GIB, name=namespace.name)
    offered = _offered(cloud)
    return _boot_in_vain(cloud, offered) if offered else None
