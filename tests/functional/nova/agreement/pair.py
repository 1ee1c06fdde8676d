"""Two clouds that get the same requests: Nova goes first, and the stub follows its choices.

Where Nova has a choice, such as between equal hosts or free namespaces of a label, any choice is
valid. The stub gets Nova's choice, so that the results can be compared exactly.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from tests.functional.nova.agreement import known
from tests.functional.nova.agreement.side import Look, Side
from tests.functional.nova.agreement.steps import HOSTS, Configuration, Step
from vpmem_harness.cloud.stub.backend import StubBackend
from vpmem_harness.cloud.stub.objects import Resource
from vpmem_harness.cloud.stub.scheduler import RequestSpec


class Disagreement(AssertionError):
    """A difference between the two sides that no known finding explains."""

    def __init__(self, step: Step, differences: Sequence[str]) -> None:
        super().__init__('\n'.join((f'after {step}', *differences)))


class _Scheduler:
    """Wrapper of the stub's scheduler that takes Nova's host where several are possible."""

    def __init__(self, scheduler: Any) -> None:
        self._scheduler = scheduler
        self.host: str | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._scheduler, name)

    def select_destinations(self, spec: RequestSpec) -> Any:
        """Return the host for a request."""
        if spec.host is None:
            spec = dataclasses.replace(spec, host=self.host)
        return self._scheduler.select_destinations(spec)


class Pair:
    """A pair of clouds, Nova and the stub.

    :param seed: the seed of both.
    :param leader: the backend that goes first; ``'stub'`` compares two stubs.
    """

    def __init__(self, configuration: Configuration, seed: int, leader: str = 'nova') -> None:
        self.configuration = configuration
        self.nova = Side(leader, configuration, seed)
        try:
            self.stub = Side('stub', configuration, seed)
        except BaseException:
            self.nova.close()
            raise
        backend = self.stub.cloud.backend
        assert isinstance(backend, StubBackend)
        self._providers = [backend.provider_uuid(name) for name in self.stub.names]
        self._chosen: list[list[str]] = [[] for _host in self._providers]
        backend.services.choose = self._choose
        conductor: Any = backend.services.conductor
        self._scheduler = conductor.scheduler = _Scheduler(conductor.scheduler)
        self.seen = self.nova.look()
        self.stub.look()
        self.explained: list[str] = []
        self._held: dict[int, Any] = {}

    def close(self) -> None:
        """Close both clouds."""
        self.nova.close()
        self.stub.close()

    @property
    def booted(self) -> int:
        """Return the number of booted servers."""
        return len(self.nova.servers)

    @property
    def down(self) -> frozenset[int]:
        """Return the hosts whose compute service is down."""
        return frozenset(number for number in range(HOSTS)
                         if not self.seen[f'host {number}: service is up'])

    def statuses(self) -> dict[int, str]:
        """Return the statuses of the existing servers."""
        return {number: str(self.seen[f'server {number}: status'])
                for number in range(self.booted)
                if self.seen[f'server {number}: status'] != 'gone'}

    def host_of(self, server: int) -> object:
        """Return the number of a server's host."""
        return self.seen[f'server {server}: host']

    def task_of(self, server: int) -> object:
        """Return the current or pending task of a server; None for one at rest."""
        return self.seen[f'server {server}: task_state']

    def source_of(self, server: int) -> object:
        """Return the number of the source of a server's latest move; None without one."""
        move = self._latest_move(server)
        return move[2] if move else None

    def move_failed(self, server: int) -> bool:
        """Return whether a server's latest move was a failed cold migration."""
        return self._latest_move(server)[:2] in (('resize', 'error'), ('migration', 'error'))

    def _latest_move(self, server: int) -> tuple[object, ...]:
        """Return a server's latest move: type, status, source, destination; empty without one."""
        moves = self.seen[f'server {server}: moves']
        assert isinstance(moves, list)
        return tuple(moves[-1]) if moves else ()

    def take(self, step: Step) -> None:
        """Take a step on both sides.

        :raises Disagreement: if the sides then differ in something that is not known.
        """
        before = self.seen
        outcome = self.nova.take(step)
        nova = self.nova.look()
        self._follow(step, before, nova)
        other = self.stub.take(step)
        stub = self.stub.look()
        nova['outcome'], stub['outcome'] = outcome, other
        self.explained += known.explain(self.nova, step, before, nova, stub, self._held)
        self.seen = nova
        for server in self.statuses():
            self._held[server] = nova[f'server {server}: namespaces']
        differences = compare(stub, nova)
        if differences:
            raise Disagreement(step, differences)

    def _follow(self, step: Step, before: Look, nova: Look) -> None:
        for index, chosen in enumerate(self._chosen):
            chosen[:] = _new_claims(index, before, nova)
        number = self.booted - 1 if step.verb == 'boot' else step.number('server')
        moves, place = f'server {number}: moves', f'server {number}: host'
        made, host = nova.get(moves), nova.get(place)
        if isinstance(made, list) and made and made != before.get(moves):
            host = made[-1][-1]
        elif host == before.get(place):
            host = None
        self._scheduler.host = self.stub.names[host] if isinstance(host, int) else None

    def _choose(self, free: Sequence[Resource]) -> Resource:
        chosen = self._chosen[self._providers.index(free[0].provider_uuid)]
        by_name = {one.identifier: one for one in free}
        name = next((name for name in chosen if name in by_name), free[0].identifier)
        return by_name[name]

    def clear(self) -> None:
        """Start every service and delete every server, which leaves nothing on either side.

        :raises Disagreement: if something is left.
        """
        for host in sorted(self.down):
            self.take(Step('start-service', {'host': str(host)}))
        # A server whose deletion failed while its source was down is confirmed first.
        for number in (*self.statuses(), *self.statuses()):
            if number in self.statuses():
                self.take(Step('delete', {'server': str(number)}))
        for host in range(HOSTS):
            self.take(Step('audit', {'host': str(host)}))
        left = [f'{fact}: {value}' for fact, value in self.seen.items() if _is_left(fact, value)]
        if left:
            raise Disagreement(Step('everything is deleted'), left)
        self._held.clear()
        self.nova.forget()
        self.stub.forget()
        self.seen = {fact: value for fact, value in self.seen.items() if fact.startswith('host')}


def _new_claims(host: int, before: Look, now: Look) -> Sequence[str]:
    """Return the namespaces claimed on a host meanwhile, in the order of the guest's devices.

    Wiped namespaces come last: a failed boot has claimed those, too.
    """
    wiped = [fact.split()[2] for fact, value in now.items()
             if fact.startswith(f'host {host}: ') and fact.endswith(' was wiped') and value]
    claimed = [fact.split()[2] for fact, value in now.items()
               if fact.startswith(f'host {host}: ') and fact.endswith(' is claimed for')
               and value is not None and before.get(fact) != value]
    ordered: list[str] = []
    for fact, value in now.items():
        if fact.endswith(': namespaces') and isinstance(value, list) and (
                now[fact.replace('namespaces', 'host')] == host):
            ordered += [name for name in value if name in claimed]
    return list(dict.fromkeys((*ordered, *claimed, *wiped)))


def _is_left(fact: str, value: object) -> bool:
    if not fact.startswith('host') or 'inventory' in fact or fact.endswith(' is up'):
        return False
    return bool(value) if not fact.endswith('is claimed for') else value is not None


def compare(stub: Look, nova: Look) -> list[str]:
    """Return the differences of two sides, one for each fact."""
    return [f'{fact}:\n    stub {stub.get(fact, "nothing")}\n    nova {nova.get(fact, "nothing")}'
            for fact in sorted(stub.keys() | nova.keys())
            if stub.get(fact) != nova.get(fact)]
