"""An audit of the data in a host's namespaces.

A namespace remembers who wrote to it last. So the audit needs only the host to find out what
happens to data: the contents of devices before and after a change, and the running domains. It
knows nothing about compute services and their defects.
"""

from __future__ import annotations

import enum
import threading
from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass, replace
from typing import NamedTuple

import libvirt

from vpmem_harness.host.machine import Host

#: The events after which a domain may use a namespace that it did not use before.
_GIVES_DEVICES = (libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_ADDED)


class Kind(enum.StrEnum):
    """What went wrong with the data of a server."""

    LEAKED = 'a guest started on data of another server'
    TAKEN = 'a namespace in use was wiped or given away'
    SHARED = 'two guests run on one namespace'
    LOST = 'data lost without a request that may lose them'
    LEFT = 'data left behind by a server that is gone'


@dataclass(frozen=True)
class Report:
    """One report of the audit.

    ``servers`` are UUIDs, that of the owner of the data first; ``device`` is a path.
    ``operation`` is the operation in progress, as far as it is known, such as
    ``'confirmResize of server1'``; or the last operation, if that was ``over`` at the time.
    """

    kind: Kind
    operation: str
    host: str
    namespace: str
    device: str
    servers: tuple[str, ...]
    over: bool = False

    def __str__(self) -> str:
        return (f'{self.kind}: {self.namespace} ({self.device}) on {self.host}, '
                f'{"after" if self.over else "during"} {self.operation}')


class Operation(NamedTuple):
    """An operation that is in progress, or the last one, if it is ``over``."""

    name: str
    over: bool = False


@dataclass(frozen=True)
class _State:
    dev: str
    name: str
    path: str
    writers: frozenset[str]


@dataclass(frozen=True)
class _Loss:
    """Data of a server that are gone; ``excused`` if there is nothing more to report about it."""

    kind: Kind
    state: _State
    server: str
    operation: Operation
    excused: bool


class HostAudit:
    """Audits one host, until :meth:`close`.

    :param report: called with each report, from any thread.
    :param operation: returns the operation in progress for some servers, or the last one.
    :param loses_data: returns whether the operation on a server (UUID) may lose its data in a
        namespace (name) of a host (name).
    """

    def __init__(self, host: Host, report: Callable[[Report], None], *,
                 operation: Callable[[Iterable[str]], Operation],
                 loses_data: Callable[[str, str, str], bool]) -> None:
        self._host = host
        self._report = report
        self._operation = operation
        self._loses_data = loses_data
        self._lock = threading.RLock()
        self._states = self._look()
        #: By namespace; reported if the server still owns it without a task, or starts on it.
        self._losses: dict[str, _Loss] = {}
        self._stop = (host.pmem.on_change(self._on_change),
                      host.hypervisor.on_event(self._on_event))

    def __repr__(self) -> str:
        return f'<HostAudit of {self._host.name}>'

    def close(self) -> None:
        """Stop the audit."""
        for stop in self._stop:
            stop()

    def _look(self) -> dict[str, _State]:
        states = {}
        for namespace in self._host.pmem.namespaces:
            path = namespace.path
            if path is not None:
                key = namespace.uuid or namespace.dev
                states[key] = _State(namespace.dev, namespace.name or namespace.dev, path,
                                     self._host.pmem.contents(path).writers)
        return states

    def _on_change(self) -> None:
        with self._lock:
            before, self._states = self._states, self._look()
            for key, now in self._states.items():
                then = before.get(key)
                if then is not None and then.writers != now.writers:
                    self._compare(key, then, now)
            gone = before.keys() - self._states.keys()
            disabled = gone and {each.dev for each in self._host.pmem.namespaces
                                 if each.state == 'disabled'}
            for key in gone:
                if before[key].dev in disabled:
                    # Nobody can see its data now, but it has them.
                    self._states[key] = before[key]
                else:
                    self._lose(key, before[key], before[key].writers)

    def _compare(self, key: str, then: _State, now: _State) -> None:
        gone, come = then.writers - now.writers, now.writers - then.writers
        loss = self._losses.pop(key, None) if come else None
        if loss is not None and loss.server in come and not (
                loss.excused or self._loses_data(loss.server, self._host.name, now.name)):
            self._tell(Kind.LOST, now, loss.server, operation=loss.operation)
        self._lose(key, now, gone, come)

    def _lose(self, key: str, state: _State, gone: Set[str], come: Set[str] = frozenset()) -> None:
        """Note that the data of some servers are gone, and perhaps those of others are there."""
        for server in sorted(gone):
            running = self._runs_on(server, state.path)
            if running:
                self._tell(Kind.TAKEN, state, server, *sorted(come))
            if come:
                self._tell(Kind.LEAKED, state, server, *sorted(come))
            self._losses[key] = _Loss(
                Kind.TAKEN if come else Kind.LOST, state, server, self._operation((server,)),
                running or self._loses_data(server, self._host.name, state.name))

    def _on_event(self, event: int, *_fields: object) -> None:
        if event not in _GIVES_DEVICES:
            return
        users: dict[str, list[str]] = {}
        for domain in self._host.hypervisor.domains:
            for path in domain.open_paths if domain.active else ():
                users.setdefault(path, []).append(domain.uuid_text)
        with self._lock:
            for state in self._states.values():
                if len(users.get(state.path, ())) > 1:
                    self._tell(Kind.SHARED, state, *sorted(users[state.path]))

    def _runs_on(self, server: str, path: str) -> bool:
        return any(domain.uuid_text == server and domain.active and path in domain.open_paths
                   for domain in self._host.hypervisor.domains)

    def look(self, owns: Callable[[str, str, str], bool | None]) -> None:
        """Report data that deleted servers left behind, and data that existing servers lost.

        A server whose domain still exists has not gone yet, whatever its user sees.

        :param owns: returns whether a server (UUID) still owns a namespace (name) of a host
            (name); None if that is unknown, as while the server has a task.
        """
        with self._lock:
            states, losses = dict(self._states), dict(self._losses)
        for state in states.values():
            for server in sorted(state.writers):
                if owns(server, self._host.name, state.name) is False and (
                        not self.has_domain(server)):
                    self._tell(Kind.LEFT, state, server)
        for key, loss in losses.items():
            if loss.excused:
                continue
            state = states.get(key, loss.state)
            owned = owns(loss.server, self._host.name, state.name)
            if owned:
                self._tell(loss.kind, state, loss.server, operation=loss.operation)
            if owned is not None:
                self._excuse(key, loss)

    def _excuse(self, key: str, loss: _Loss) -> None:
        with self._lock:
            if self._losses.get(key) is loss:
                self._losses[key] = replace(loss, excused=True)

    def has_domain(self, server: str) -> bool:
        """Whether the host has a domain with the server's UUID, running or not."""
        return any(domain.uuid_text == server for domain in self._host.hypervisor.domains)

    def _tell(self, kind: Kind, state: _State, *servers: str,
              operation: Operation | None = None) -> None:
        name, over = operation or self._operation(servers)
        self._report(Report(
            kind, name, self._host.name, state.name, state.path, servers, over))
