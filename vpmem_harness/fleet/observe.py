"""Reads the state of hosts and clouds."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from vpmem_harness.cloud.api import ServerRecord
from vpmem_harness.cloud.cloud import Cloud
from vpmem_harness.exceptions import HarnessError
from vpmem_harness.fleet.snapshot import (
    VERSION,
    CallState,
    DomainState,
    FaultState,
    FleetState,
    HostState,
    NamespaceState,
    RegionState,
    ResourceState,
    ServerState,
)
from vpmem_harness.host.calls import Call, LibvirtCall
from vpmem_harness.host.machine import Host
from vpmem_harness.libvirtd.hypervisor.domain.domain import STATE_NAMES, Domain
from vpmem_harness.pmem import Namespace
from vpmem_harness.pmem.kernel.regions import Region


def fleet_state(hosts: Iterable[Host], cloud: Cloud | None, *, name: str | None, seed: int,
                directory: str, pid: int) -> FleetState:
    """Return the state of hosts and of the cloud on them, each host at one moment."""
    servers = None if cloud is None else server_states(cloud)
    names = {} if servers is None else {one.id: one.name for one in servers}
    return FleetState(
        VERSION, name, seed, time.time(), directory, pid,
        tuple(host_state(host, cloud, names) for host in hosts), servers)


def host_state(host: Host, cloud: Cloud | None = None,
               servers: Mapping[str, str] | None = None) -> HostState:
    """Return the state of a host.

    :param cloud: the cloud that the host belongs to.
    :param servers: the names of servers by UUID, for domains and data.
    """
    names = dict(servers or {})
    # Before the locks: a service that makes a claim may wait for the hypervisor.
    claims = {} if cloud is None else _claims(cloud, host.name)
    with host.hypervisor.lock:
        domains = list(host.hypervisor.domains)
        states = tuple(_domain(domain, names) for domain in domains)
        with host.pmem.lock:
            reader = _MemoryReader(host, domains, names, claims)
            regions = tuple(map(reader.region, host.pmem.listed_regions))
    return HostState(
        name=host.name, uri=host.uri, tcp_uri=host.daemon.remote.tcp_uri,
        tls_uri=host.daemon.remote.tls_uri, address=host.daemon.remote.address,
        tools=str(host.layout.bin),
        release=host.release.name, libvirtd='running' if host.daemon.running else 'down',
        compute=None if cloud is None else ('up' if cloud.compute(host).is_up else 'down'),
        pmem_namespaces=host.pmem_namespaces, calls=len(host.calls) + host.calls.dropped,
        regions=regions, domains=states, faults=fault_states(host),
        resources=() if cloud is None else _resources(cloud, host.name))


def fault_states(host: Host) -> tuple[FaultState, ...]:
    """Return the faults of a host that are in force."""
    return tuple(FaultState(fault.number, fault.what, fault.struck, fault.holding)
                 for fault in host.faults.in_force)


def server_states(cloud: Cloud) -> tuple[ServerState, ...]:
    """Return the servers of a cloud, oldest first."""
    return tuple(server_state(cloud, record) for record in cloud.backend.servers())


def server_state(cloud: Cloud, record: ServerRecord) -> ServerState:
    """Return one server."""
    return ServerState(
        id=record.id, name=record.name, instance_name=record.instance_name, status=record.status,
        task_state=None if record.task_state is None else str(record.task_state),
        power_state=record.power_state.name, host=record.host, flavor=record.flavor.name,
        pmem=record.flavor.pmem,
        namespaces=tuple(device.name for device in record.namespaces),
        old_namespaces=tuple(device.name for device in record.old_namespaces),
        allocations=cloud.allocations(record.id),
        fault=None if record.fault is None else record.fault.message)


def call_state(host: str, call: Call) -> CallState:
    """Return one call to a host."""
    return CallState(
        host=host, number=call.number, time=call.time, ended=call.ended,
        kind='libvirt' if isinstance(call, LibvirtCall) else 'command', name=call.name,
        text=str(call), outcome=call.outcome, fault=call.fault, caller=str(call.caller))


class _MemoryReader:
    """Reads the regions of a host, under the locks of its hypervisor and its memory."""

    def __init__(self, host: Host, domains: Iterable[Domain], servers: Mapping[str, str],
                 claims: Mapping[str, str]) -> None:
        self._host = host
        self._domains = list(domains)
        self._names = {**{domain.uuid_text: domain.name for domain in self._domains}, **servers}
        self._claims = claims
        self._labels = {name: label for label, names in host.labels.items() for name in names}

    def region(self, region: Region) -> RegionState:
        pmem = self._host.pmem
        return RegionState(
            dev=region.dev, numa_node=region.numa_node,
            dimms=tuple(dimm.dev for dimm in region.dimms), size=region.size,
            available_size=region.available_size,
            namespaces=tuple(
                self._namespace(pmem.snapshot(region, device), region)
                for device in pmem.listed_devices(region) if device.size))

    def _namespace(self, one: Namespace, region: Region) -> NamespaceState:
        path, claimed = one.path, self._claims.get(one.name or '')
        return NamespaceState(
            dev=one.dev, name=one.name, uuid=one.uuid, mode=one.mode, state=one.state, device=path,
            offset=one.address - region.start, raw_size=one.raw_size, size=one.size,
            align=one.align, label=self._labels.get(one.name or ''),
            holders=tuple(domain.name for domain in self._domains if path in domain.open_paths),
            claimed_by=() if claimed is None else (self._names.get(claimed, claimed),),
            writers=self._writers(path))

    def _writers(self, path: str | None) -> tuple[str, ...]:
        if path is None or self._host.pmem.is_leftover(path):
            return ()
        writers = self._host.pmem.contents(path).writers
        return tuple(sorted(self._names.get(writer, writer) for writer in writers))


def _claims(cloud: Cloud, host: str) -> dict[str, str]:
    """The servers that have claimed namespaces, by the namespace's name.

    A service that is down has no claims; it restores them from the servers when it starts.
    """
    servers = {device.name: record.id for record in cloud.backend.servers()
               if record.host == host for device in record.namespaces}
    return {**servers, **cloud.backend.assigned_namespaces(host)}


def _domain(domain: Domain, servers: Mapping[str, str]) -> DomainState:
    return DomainState(
        name=domain.name, uuid=domain.uuid_text,
        state=STATE_NAMES.get(domain.state, str(domain.state)), persistent=domain.persistent,
        autostart=domain.autostart, devices=tuple(domain.open_paths),
        server=servers.get(domain.uuid_text))


def _resources(cloud: Cloud, host: str) -> tuple[ResourceState, ...]:
    try:
        inventories, usages = cloud.backend.inventories(host), cloud.backend.usages(host)
    except HarnessError:
        return ()       # the service has never started
    return tuple(
        ResourceState(name, one.total, one.reserved, one.allocation_ratio, usages.get(name, 0))
        for name, one in inventories.items())
