"""The contents of a report as plain values, so that rendering needs no live object."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field

#: The kinds of events, in the order of the page's legend.
KINDS = ('request', 'step', 'call', 'read', 'fault', 'reboot', 'state')

#: The lane of the requests to a cloud.
CLOUD = 'cloud'


@dataclass(frozen=True)
class Event:
    """One entry of the timeline.

    ``time`` is in seconds since the epoch, ``seconds`` how long it took, ``lane`` the name of a
    host or :data:`CLOUD`; ``count`` is for the same call made repeatedly.
    """

    time: float
    lane: str
    kind: str
    text: str
    detail: str = ''
    failed: bool = False
    count: int = 1
    seconds: float | None = None


@dataclass(frozen=True)
class Part:
    """A namespace in a region, or free space; ``offset`` and ``size`` in bytes.

    ``holder`` is the name of the server or domain that has the namespace; ``data_of`` names the
    servers and domains whose data it contains.
    """

    offset: int
    size: int
    name: str = ''
    dev: str = ''
    mode: str = ''
    path: str = ''
    state: str = ''
    holder: str = ''
    data_of: tuple[str, ...] = ()

    @property
    def free(self) -> bool:
        """Whether this is free space."""
        return not self.dev


@dataclass(frozen=True)
class Region:
    """A region with its parts by offset; sizes in bytes."""

    dev: str
    size: int
    numa_node: int
    enabled: bool
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class HostEntry:
    """One host: facts by name, and its regions at the start and now."""

    name: str
    facts: dict[str, str]
    before: tuple[Region, ...]
    after: tuple[Region, ...]


@dataclass(frozen=True)
class ServerEntry:
    """One server, also a deleted one."""

    name: str
    id: str
    status: str
    host: str = ''
    domain: str = ''
    labels: str = ''
    namespaces: str = ''
    fault: str = ''


@dataclass(frozen=True)
class Allocation:
    """An allocation: the amount of a resource class that a consumer has on a host, in Placement."""

    consumer: str
    host: str
    resource: str
    amount: int
    total: int | None = None


@dataclass(frozen=True)
class Report:
    """Everything on the page.

    ``failure`` is the error of a failed test, ``facts`` has seeds and options, ``problems`` names
    the parts that could not be read, and ``left_out`` counts the events that are not in the list.
    """

    title: str
    created: datetime.datetime
    failure: str = ''
    facts: dict[str, str] = field(default_factory=dict)
    hosts: tuple[HostEntry, ...] = ()
    servers: tuple[ServerEntry, ...] = ()
    allocations: tuple[Allocation, ...] = ()
    events: tuple[Event, ...] = ()
    left_out: int = 0
    problems: tuple[str, ...] = ()

    @property
    def lanes(self) -> list[str]:
        """The lanes of the timeline: the cloud if there is one, then the hosts."""
        cloud = [CLOUD] if any(event.lane == CLOUD for event in self.events) else []
        return [*cloud, *(host.name for host in self.hosts)]

    @property
    def holders(self) -> list[str]:
        """The names of all holders and writers of namespaces, in the order of the page."""
        parts = [part for host in self.hosts for regions in (host.before, host.after)
                 for region in regions for part in region.parts]
        names = [server.name for server in self.servers]
        names += [name for part in parts for name in (part.holder, *part.data_of) if name]
        held = {name for part in parts for name in (part.holder, *part.data_of)}
        return [name for name in dict.fromkeys(names) if name in held]
