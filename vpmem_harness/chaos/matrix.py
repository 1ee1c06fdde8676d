"""The fault matrix: every procedure of every operation, with every kind of fault.

For each combination, a server goes through the operation, and the fault strikes the first call of
the procedure. The result has the final state of the server, and says whether anything is claimed
twice or left behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import libvirt

from vpmem_harness.chaos.invariants import Fleet
from vpmem_harness.cloud.cloud import Cloud
from vpmem_harness.cloud.server import Server
from vpmem_harness.host.calls import LibvirtCall
from vpmem_harness.host.faults.fault import Fault
from vpmem_harness.host.faults.filters import When
from vpmem_harness.host.faults.migration_faults import STEPS
from vpmem_harness.host.machine import Host

#: Seconds that a slow procedure takes.
SLOW = 0.01


@dataclass(frozen=True)
class Operation:
    """An operation: preparation of a server, and the request."""

    name: str
    prepare: Callable[[Cloud], Server]
    ask: Callable[[Cloud, Server], Server]


@dataclass(frozen=True)
class Kind:
    """One kind of fault."""

    name: str
    begin: Callable[[Host, str], Fault]


@dataclass(frozen=True)
class Outcome:
    """The result of one operation with one fault.

    :param role: the host with the fault: the server's host or the other one.
    :param procedure: the procedure, or the step of the connection between the hosts.
    :param state: the server's status, and its host if it has moved.
    :param wrong: what is claimed twice, stuck or left behind.
    """

    operation: str
    role: str
    procedure: str
    kind: str
    state: str
    wrong: tuple[str, ...]


def _error(host: Host, procedure: str) -> Fault:
    return host.faults.failing(
        procedure, libvirt.VIR_ERR_OPERATION_FAILED, 'by the fault matrix', times=1)


def _cut(host: Host, step: Any, when: When) -> Fault:
    return host.faults.migration_cut(step, when=when, times=1)


def _slow_step(host: Host, step: Any) -> Fault:
    return host.faults.migration_slow(SLOW, step, times=1)


KINDS = (
    Kind('error', _error),
    Kind('hang, then release', lambda host, name: host.faults.hanging(name, times=1)),
    Kind('drop before', lambda host, name: host.faults.dropping(name, times=1)),
    Kind('drop after', lambda host, name: host.faults.dropping(name, times=1, when='after')),
    Kind('slow', lambda host, name: host.faults.slow(name, SLOW, times=1)),
)


def _nobody(cloud: Cloud) -> Server:
    return Server(cloud, '', '')


def _small(cloud: Cloud) -> Server:
    return cloud.boot(pmem='SMALL', host=cloud.hosts[0])


def _resized(cloud: Cloud) -> Server:
    return _small(cloud).resize(pmem='LARGE')


LIVE_MIGRATION = Operation('live migration', _small,
                           lambda cloud, server: server.live_migrate(wait=False))

OPERATIONS = (
    Operation('boot', _nobody, lambda cloud, server: cloud.boot(pmem='SMALL', expect=None)),
    Operation('resize to another host', _small,
              lambda cloud, server: server.resize(pmem='LARGE', expect=None)),
    Operation('confirm', _resized, lambda cloud, server: server.confirm_resize(wait=False)),
    Operation('revert', _resized, lambda cloud, server: server.revert_resize(wait=False)),
    LIVE_MIGRATION,
    Operation('delete', _small, lambda cloud, server: _delete(server)),
)

#: The faults of the connection between the hosts in a live migration, by step.
CONNECTION = (
    ('connect', Kind('refused', lambda host, step: host.faults.migration_refused(times=1))),
    *((step, kind) for step in STEPS for kind in (
        Kind('cut before', lambda host, step: _cut(host, step, 'before')),
        Kind('cut after', lambda host, step: _cut(host, step, 'after')),
        Kind('slow', lambda host, step: _slow_step(host, step)))
      if (step, kind.name) != ('copy', 'cut after')),
)


def _delete(server: Server) -> Server:
    server.delete(expect=None)
    return server


class Matrix:
    """Runs operations on two hosts; servers boot on the first one if possible."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._cloud = fleet.cloud
        self._hosts = list(fleet.hosts.values())

    def run(self, operations: Iterable[str]) -> Iterator[Outcome]:
        """Run every procedure of some operations with every kind of fault, in order."""
        wanted = set(operations)
        for operation in (one for one in OPERATIONS if one.name in wanted):
            for host, procedure in self._procedures(operation):
                for kind in KINDS:
                    yield self._try(operation, host, procedure, kind)

    def run_connection(self) -> Iterator[Outcome]:
        """Run a live migration with every fault of the connection between the hosts."""
        for step, kind in CONNECTION:
            yield self._try(LIVE_MIGRATION, self._hosts[0], step, kind)

    def _procedures(self, operation: Operation) -> Sequence[tuple[Host, str]]:
        """Return the procedures of an operation with their hosts, in the order of first calls."""
        server = operation.prepare(self._cloud)
        self._reconnect()
        for host in self._hosts:
            host.calls.clear()
        server = operation.ask(self._cloud, server)
        self._cloud.settle()
        found: dict[tuple[str, str], tuple[Host, str]] = {}
        for host in self._hosts:
            for call in host.calls:
                if isinstance(call, LibvirtCall):
                    found.setdefault((host.name, call.name), (host, call.name))
        self._remove(server)
        return list(found.values())

    def _try(self, operation: Operation, host: Host, procedure: str, kind: Kind) -> Outcome:
        server = operation.prepare(self._cloud)
        home = server.host if server.id else self._hosts[0].name
        self._reconnect()
        with kind.begin(host, procedure) as fault:
            server = operation.ask(self._cloud, server)
            if kind.name.startswith('hang'):
                fault.wait_until_reached()
                fault.release()
            self._cloud.settle()
        state = self._state(server, home) if fault.struck else 'not reached'
        wrong = list(self._fleet.at_rest(cleaned_up=False))
        self._remove(server)
        wrong += [f'after its deletion {text}' for text in self._fleet.at_rest()]
        role = 'its host' if host.name == self._hosts[0].name else 'the other host'
        return Outcome(operation.name, role, procedure, kind.name, state, tuple(wrong))

    @staticmethod
    def _state(server: Server, home: str | None) -> str:
        if not server.exists:
            return 'deleted'
        if server.host is None:
            return f'{server.status}, on no host'
        return server.status if server.host == home else f'{server.status}, on the other host'

    def _reconnect(self) -> None:
        """Restart the services, so that they have no cached values and no connections."""
        for host in self._hosts:
            self._cloud.compute(host).restart()
            host.daemon.drop_clients()

    def _remove(self, server: Server) -> None:
        for host in self._hosts:
            if self._fleet.backend.services.database.left_behind(host.name):
                self._cloud.compute(host).restart()
        if server.exists:
            server.delete(expect=None)
        self._cloud.settle()
