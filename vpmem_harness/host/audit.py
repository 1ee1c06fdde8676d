"""What becomes of the data in a host's namespaces: who wrote them, who meets them, who loses them.

A namespace remembers who wrote to it last, so what happens to data can be told from the host alone:
its devices' contents before and after, and which domains run. Nothing here knows how a compute
service works or what is wrong with one.
"""

from __future__ import annotations

import enum
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import libvirt

from vpmem_harness.host.machine import Host


class Kind(enum.StrEnum):
    """What went wrong with somebody's data."""

    LEAKED = 'a guest started on data of another server'
    TAKEN = 'a namespace in use was wiped or given away'
    SHARED = 'two guests run on one namespace'
    LOST = 'data are lost that nothing asked to lose'
    LEFT = 'data are left behind by a server that is gone'


@dataclass(frozen=True)
class Report:
    """One thing that went wrong.

    ``servers`` are UUIDs, the sufferer first; ``operation`` is what was asked for at the time, as
    far as it is known, such as ``'confirmResize of server1'``; ``devices`` are paths.
    """

    kind: Kind
    operation: str
    host: str
    namespace: str
    device: str
    servers: tuple[str, ...]

    def __str__(self) -> str:
        return (f'{self.kind}: {self.namespace} ({self.device}) on {self.host}, '
                f'during {self.operation}')


@dataclass(frozen=True)
class _State:
    name: str
    path: str
    writers: frozenset[str]


class HostAudit:
    """Watches one host, from now until :meth:`close`.

    :param report: called with each report, in whatever thread it happens.
    :param operation: names what was asked for last for any of some servers.
    :param loses_data: whether what was asked for last for a server loses its data rightly.
    """

    def __init__(self, host: Host, report: Callable[[Report], None], *,
                 operation: Callable[[Iterable[str]], str],
                 loses_data: Callable[[str], bool]) -> None:
        self._host = host
        self._report = report
        self._operation = operation
        self._loses_data = loses_data
        self._lock = threading.RLock()
        self._open = True
        self._states = self._look()
        #: Who lost what was in a namespace, by the namespace: told if it starts on it again.
        self._wiped: dict[str, str] = {}
        host.pmem.on_change(self._on_change)
        host.hypervisor.on_event(self._on_event)

    def close(self) -> None:
        """Watch no more."""
        self._open = False

    def _look(self) -> dict[str, _State]:
        states = {}
        for namespace in self._host.pmem.namespaces:
            path = namespace.path
            if path is not None and namespace.mode == 'devdax':
                key = namespace.uuid or namespace.dev
                states[key] = _State(namespace.name or namespace.dev, path,
                                     self._host.pmem.contents(path).writers)
        return states

    def _on_change(self) -> None:
        if not self._open:
            return
        with self._lock:
            before, self._states = self._states, self._look()
            for key, now in self._states.items():
                then = before.get(key)
                if then is not None and then.writers != now.writers:
                    self._compare(key, then, now)

    def _compare(self, key: str, then: _State, now: _State) -> None:
        gone, come = then.writers - now.writers, now.writers - then.writers
        for server in sorted(gone):
            if self._runs_on(server, now.path):
                self._tell(Kind.TAKEN, now, server, *sorted(come))
            if come:
                self._tell(Kind.LEAKED, now, server, *sorted(come))
            else:
                self._wiped[key] = server
        for server in sorted(come):
            if self._wiped.pop(key, None) == server and not self._loses_data(server):
                self._tell(Kind.LOST, now, server)

    def _on_event(self, event: int, *_fields: object) -> None:
        if not self._open or event != libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE:
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

    def look_for_leftovers(self, owns: Callable[[str, str, str], bool]) -> None:
        """Report what servers have left behind; to be asked for when nothing is going on.

        A server whose domain is still there has not gone yet, whatever its user sees.

        :param owns: whether a server (UUID) still owns a namespace (name) of a host (name).
        """
        with self._lock:
            states = list(self._states.values())
        for state in states:
            for server in sorted(state.writers):
                if not owns(server, self._host.name, state.name) and not self.has_domain(server):
                    self._tell(Kind.LEFT, state, server)

    def has_domain(self, server: str) -> bool:
        """Whether the host knows a domain with the server's UUID, running or not."""
        return any(domain.uuid_text == server for domain in self._host.hypervisor.domains)

    def _tell(self, kind: Kind, state: _State, *servers: str) -> None:
        self._report(Report(kind, self._operation(servers), self._host.name, state.name,
                            state.path, servers))
