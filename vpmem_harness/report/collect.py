"""Reads hosts and clouds for a report."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence

from vpmem_harness.cloud.cloud import Cloud
from vpmem_harness.cloud.compute import Compute
from vpmem_harness.cloud.errors import InstanceNotFound
from vpmem_harness.exceptions import HarnessError
from vpmem_harness.host import history
from vpmem_harness.host.machine import Host
from vpmem_harness.pmem.region_map import Extent, RegionMap, region_maps
from vpmem_harness.report import timeline
from vpmem_harness.report.model import (
    Allocation,
    HostEntry,
    Part,
    Region,
    Report,
    ServerEntry,
)

#: How many hosts a report shows; a page with more is of no use.
HOSTS_SHOWN = 100


def collect(hosts: Iterable[Host] = (), clouds: Iterable[Cloud] = (), *, title: str,
            failure: str = '', facts: Mapping[str, str] | None = None) -> Report:
    """Return a report of hosts and of clouds with their hosts.

    ``problems`` lists the parts that could not be read, for example because a backend has died.

    :param failure: what a failed test raised.
    :param facts: what else the top of the page shows, such as seeds, by name.
    """
    clouds = list(clouds)
    machines = list(dict.fromkeys([*(host for cloud in clouds for host in cloud.hosts), *hosts]))
    shown = [host for host in machines if isinstance(host, Host)][:HOSTS_SHOWN]
    problems = [] if len(shown) == len(machines) else [
        f'the report shows {len(shown)} of {len(machines)} hosts']
    reader = _Reader(clouds, problems)
    events, left_out = timeline.events(shown, clouds, problems)
    return Report(
        title=title, created=datetime.datetime.now(datetime.UTC), failure=failure,
        facts=dict(facts or {}), hosts=tuple(map(reader.host, shown)),
        servers=tuple(reader.servers()), allocations=tuple(reader.allocations()),
        events=events, left_out=left_out, problems=tuple(dict.fromkeys(problems)))


class _Reader:
    """Reads the state of hosts, with the names that clouds give to UUIDs."""

    def __init__(self, clouds: Sequence[Cloud], problems: list[str]) -> None:
        self._clouds = clouds
        self._problems = problems
        self._names: dict[str, str] = {}
        for cloud in clouds:
            with noted(problems, 'the servers'):
                self._names.update(cloud.known_servers)

    def host(self, host: Host) -> HostEntry:
        """Return the entry of one host."""
        with host.hypervisor.lock:
            domains = {domain.uuid_text: domain.name for domain in host.hypervisor.domains}
        names = {**domains, **self._names}
        compute = self._compute(host)
        claims: Mapping[str, str] = {}
        if compute is not None:
            with noted(self._problems, f'the claims on {host.name}'):
                claims = compute.assigned_namespaces
        facts = {'libvirtd': 'running' if host.daemon.running else 'down'}
        if compute is not None:
            facts['compute service'] = 'up' if compute.is_up else 'down'
        faults = [fault.what for fault in host.faults.in_force]
        facts['faults in force'] = '; '.join(faults) or 'none'
        facts['calls'] = str(len(host.calls) + host.calls.dropped)
        before = _regions(host.history.before, host.history.holders_before, {}, names)
        after = _regions(
            region_maps(host.pmem), history.holders(host.hypervisor), claims, names)
        return HostEntry(host.name, facts, before, after)

    def _compute(self, host: Host) -> Compute | None:
        for cloud in self._clouds:
            if host in cloud.hosts:
                return cloud.compute(host.name)
        return None

    def servers(self) -> Iterator[ServerEntry]:
        """Yield the servers of all clouds, deleted ones included."""
        for cloud in self._clouds:
            with noted(self._problems, 'the servers'):
                for server_id, name in cloud.known_servers.items():
                    yield _server(cloud, server_id, name)

    def allocations(self) -> Iterator[Allocation]:
        """Yield the allocations of servers and migrations on each host."""
        for cloud in self._clouds:
            moves: dict[str, str] = {}
            with noted(self._problems, 'the migrations'):
                moves = {one.uuid: f'{one.migration_type} of '
                         f'{self._names.get(one.instance_uuid, one.instance_uuid)}'
                         for one in cloud.backend.migrations()}
            for host in cloud.hosts:
                with noted(self._problems, f'the allocations on {host.name}'):
                    totals = {name: one.total
                              for name, one in cloud.backend.inventories(host.name).items()}
                    for consumer, held in cloud.backend.consumers(host.name).items():
                        name = self._names.get(consumer) or moves.get(consumer, consumer)
                        for resource, amount in sorted(held.items()):
                            yield Allocation(
                                name, host.name, resource, amount, totals.get(resource))


def _server(cloud: Cloud, server_id: str, name: str) -> ServerEntry:
    try:
        record = cloud.backend.server(server_id)
    except InstanceNotFound:
        return ServerEntry(name, server_id, 'DELETED')
    task = f' ({record.task_state})' if record.task_state else ''
    held = [device.name for device in record.namespaces]
    held += [f'{device.name} (old)' for device in record.old_namespaces]
    return ServerEntry(
        name, server_id, f'{record.status}{task}', record.host or '', record.instance_name,
        ', '.join(record.flavor.pmem), ', '.join(held),
        record.fault.message if record.fault is not None else '')


def _regions(maps: Iterable[RegionMap], users: Mapping[str, str], claims: Mapping[str, str],
             names: Mapping[str, str]) -> tuple[Region, ...]:
    return tuple(
        Region(one.dev, one.size, one.numa_node, one.enabled, tuple(
            _part(extent, users, claims, names) for extent in one.extents))
        for one in maps)


def _part(extent: Extent, users: Mapping[str, str], claims: Mapping[str, str],
          names: Mapping[str, str]) -> Part:
    namespace = extent.namespace
    if namespace is None:
        return Part(extent.offset, extent.size)
    path = namespace.path or ''
    holder = claims.get(namespace.name or '') or users.get(path, '')
    return Part(
        extent.offset, extent.size, namespace.name or namespace.dev, namespace.dev,
        namespace.mode, path, namespace.state, names.get(holder, holder),
        tuple(sorted(names.get(writer, writer) for writer in extent.writers)))


@contextlib.contextmanager
def noted(problems: list[str], what: str) -> Iterator[None]:
    """Note an error and continue, because a report of the rest is better than none."""
    try:
        yield
    except Exception as error:
        reason = str(error) if isinstance(error, HarnessError) else repr(error)
        problems.append(f'{what} could not be read: {reason}')


