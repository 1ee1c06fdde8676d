"""The state of a fleet at one moment, as plain values.

Everything that shows a fleet uses these classes: the tables of ``vpmem-harness show``, its JSON
output, and reports. Sizes and offsets are in bytes, times in seconds since the epoch.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cattrs import Converter

#: The version of the JSON form; it grows when a field changes its meaning or disappears.
VERSION = 1


@dataclass(frozen=True)
class NamespaceState:
    """One namespace.

    ``offset`` and ``raw_size`` are its range in the region, ``size`` is its usable size. ``label``
    is the label under which servers request it. ``holders`` are the domains that have its device
    open, ``claimed_by`` the servers that have claimed it, and ``writers`` the servers or domains
    whose data it contains: their names, or their UUIDs if they no longer exist.
    """

    dev: str
    name: str | None
    uuid: str | None
    mode: str
    state: str
    device: str | None
    offset: int
    raw_size: int
    size: int
    align: int | None
    label: str | None
    holders: tuple[str, ...] = ()
    claimed_by: tuple[str, ...] = ()
    writers: tuple[str, ...] = ()


@dataclass(frozen=True)
class RegionState:
    """One region; ``available_size`` is free."""

    dev: str
    numa_node: int
    dimms: tuple[str, ...]
    size: int
    available_size: int
    namespaces: tuple[NamespaceState, ...] = ()


@dataclass(frozen=True)
class DomainState:
    """One domain; ``state`` as virsh names it, ``devices`` are those that it has open.

    ``server`` is the name of the server whose domain it is.
    """

    name: str
    uuid: str
    state: str
    persistent: bool
    autostart: bool
    devices: tuple[str, ...] = ()
    server: str | None = None


@dataclass(frozen=True)
class FaultState:
    """One fault in force; ``number`` identifies it on its host."""

    number: int
    what: str
    struck: int
    holding: int


@dataclass(frozen=True)
class ResourceState:
    """The inventory and the usage of one resource class on a host, as in Placement."""

    resource_class: str
    total: int
    reserved: int
    allocation_ratio: float
    used: int


@dataclass(frozen=True)
class HostState:
    """One host.

    ``tools`` is the directory of its ndctl, daxctl and daxio. ``compute`` is ``up`` or ``down``;
    None without a cloud, and then there are no ``resources``. ``calls`` is the number of calls
    that have reached the host. ``tcp_uri`` and ``tls_uri`` are None unless libvirt listens there,
    ``address`` is the IP address in them.
    """

    name: str
    uri: str
    tools: str
    release: str
    libvirtd: str
    compute: str | None
    pmem_namespaces: str
    calls: int
    regions: tuple[RegionState, ...] = ()
    domains: tuple[DomainState, ...] = ()
    faults: tuple[FaultState, ...] = ()
    resources: tuple[ResourceState, ...] = ()
    tcp_uri: str | None = None
    tls_uri: str | None = None
    address: str | None = None

    @property
    def namespaces(self) -> tuple[NamespaceState, ...]:
        """The namespaces of all regions."""
        return tuple(one for region in self.regions for one in region.namespaces)


@dataclass(frozen=True)
class ServerState:
    """One server of the cloud; ``pmem`` are the labels that its flavor requests.

    ``namespaces`` are claimed on ``host``, ``old_namespaces`` on the source of an unconfirmed
    move. ``allocations`` are amounts by host and resource class.
    """

    id: str
    name: str
    instance_name: str
    status: str
    task_state: str | None
    power_state: str
    host: str | None
    flavor: str
    pmem: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    old_namespaces: tuple[str, ...] = ()
    allocations: dict[str, dict[str, int]] | None = None
    fault: str | None = None


@dataclass(frozen=True)
class FleetState:
    """A fleet; ``servers`` is None without a cloud.

    ``directory`` contains the hosts' directories and ``hosts.json``.
    """

    version: int
    name: str | None
    seed: int
    time: float
    directory: str
    pid: int
    hosts: tuple[HostState, ...] = ()
    servers: tuple[ServerState, ...] | None = None

    def host(self, name: str) -> HostState | None:
        """The host of this name; None if there is none."""
        return next((host for host in self.hosts if host.name == name), None)


@dataclass(frozen=True)
class CallState:
    """One call that reached a host; see :class:`~vpmem_harness.host.calls.record.Call`.

    ``kind`` is ``libvirt`` or ``command``. ``text`` is the call in one line, ``outcome`` its
    result, ``fault`` the fault that affected it, ``caller`` the process that made the call.
    """

    host: str
    number: int
    time: float
    ended: float | None
    kind: str
    name: str
    text: str
    outcome: str
    fault: str | None
    caller: str


def to_json(state: object) -> Any:
    """Return a state as values that ``json.dumps`` accepts."""
    return _converter().unstructure(state)


def fleet_from_json(values: Any) -> FleetState:
    """Return the fleet whose :func:`to_json` these values are."""
    fleet: FleetState = _converter().structure(values, FleetState)
    return fleet


def calls_from_json(values: Any) -> list[CallState]:
    """Return the calls whose :func:`to_json` these values are."""
    calls: list[CallState] = _converter().structure(values, list[CallState])
    return calls


@functools.cache
def _converter() -> Converter:
    # Imported when needed: most users of these classes stay in one process.
    from cattrs.preconf.json import make_converter

    return make_converter()
