"""Scenarios of live migrations that fail, or whose host changes meanwhile.

Each gets a cloud and its audit, and returns evidence, or None.
"""

from __future__ import annotations

import libvirt

from vpmem_harness.findings.evidence import HALF, given_away, held_for_nobody, hosts_of, told
from vpmem_harness.fixtures.audit import DataSafetyAudit
from vpmem_harness.fixtures.cloud import CloudFixture
from vpmem_harness.host.audit import Kind


def refused_live_migration(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
    source, _destination = hosts_of(cloud)
    server = cloud.boot(pmem='SMALL', host=source)
    with source.faults.failing('domainMigratePerform3Params', libvirt.VIR_ERR_OPERATION_FAILED):
        server.live_migrate(wait=False)
        cloud.settle()
    if server.status == 'ACTIVE':
        return None
    return (f'the guest of {server.name} runs on {server.host} as before, and the server is '
            f'{server.status} with {"a" if server.fault_or_none else "no"} fault')


def lost_live_migration(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
    source, _destination = hosts_of(cloud)
    server = cloud.boot(pmem='SMALL', host=source)
    with source.faults.dropping('domainMigratePerform3Params'):
        server.live_migrate(wait=False)
        cloud.settle()
    return held_for_nobody(cloud, server)


def abandoned_live_migration(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
    source, destination = hosts_of(cloud)
    server = cloud.boot(pmem=HALF, host=source)
    with source.faults.hanging('domainMigratePerform3Params', when='after') as hang:
        server.live_migrate(wait=False)
        hang.wait_until_reached()
        cloud.compute(source).kill()
    cloud.compute(source).start()
    cloud.settle()
    cloud.compute(destination).run_periodic_tasks()
    return given_away(cloud, audit, HALF, destination)


def queued_live_migration(cloud: CloudFixture, audit: DataSafetyAudit) -> str | None:
    source, destination = hosts_of(cloud)
    neighbor = cloud.boot(pmem=HALF, host=destination)
    first, server = cloud.boot(host=source), cloud.boot(pmem=HALF, host=source)
    with source.faults.hanging('domainMigratePerform3Params', domain=first.id) as hang:
        first.live_migrate(wait=False)
        hang.wait_until_reached()
        server.live_migrate(wait=False)
        # The stub has no queue.
        cloud.backend.wait_for(lambda: next(
            (True for move in server.migrations if move.status in ('queued', 'completed')), None),
            cloud.timeout)
        compute = cloud.compute(destination)
        compute.stop()
        destination.reboot()
        compute.start()
        compute.run_periodic_tasks()
        neighbor.wait_for('SHUTOFF').start()
    cloud.settle()
    return told(audit.of(Kind.LEAKED, Kind.SHARED, Kind.TAKEN))
