"""One of the two clouds: takes steps and describes the observable state as text.

The description is valid on both sides: servers have the number of their boot, hosts their own
number, and namespaces their name, which is the same on hosts of one description.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import libvirt
from lxml import etree

from tests.functional.nova.agreement import faults
from tests.functional.nova.agreement.steps import HOSTS, PMEM, Configuration, Step
from vpmem_harness import safelog
from vpmem_harness.cloud import errors
from vpmem_harness.cloud.flavors import PMEM_CLASS
from vpmem_harness.cloud.server import Server
from vpmem_harness.cloud.waiting import UnexpectedStateError
from vpmem_harness.exceptions import WaitTimeoutError
from vpmem_harness.fixtures.cloud import CloudFixture
from vpmem_harness.fixtures.host import HostFixture
from vpmem_harness.host.machine import Host
from vpmem_harness.randomness import SEED_LIMIT, Randomness

#: The observable state: a value for each fact, by subject.
Look = dict[str, object]

#: Timeout of a request in seconds, after which it counts as hanging.
TIMEOUT = 40.0

_ASK: Mapping[str, Callable[[Server, str | None, str], object]] = {
    'delete': lambda server, host, labels: server.delete(),
    'stop': lambda server, host, labels: server.stop(),
    'start': lambda server, host, labels: server.start(),
    'reboot': lambda server, host, labels: server.reboot(),
    'hard-reboot': lambda server, host, labels: server.reboot(hard=True),
    'pause': lambda server, host, labels: server.pause(),
    'unpause': lambda server, host, labels: server.unpause(),
    'suspend': lambda server, host, labels: server.suspend(),
    'resume': lambda server, host, labels: server.resume(),
    'rescue': lambda server, host, labels: server.rescue(),
    'unrescue': lambda server, host, labels: server.unrescue(),
    'rebuild': lambda server, host, labels: server.rebuild(),
    'migrate': lambda server, host, labels: server.migrate(host),
    'confirm': lambda server, host, labels: server.confirm_resize(),
    'revert': lambda server, host, labels: server.revert_resize(),
    'shelve': lambda server, host, labels: server.shelve(expect=None),
    'shelve-offload': lambda server, host, labels: server.shelve_offload(),
    'unshelve': lambda server, host, labels: server.unshelve(host),
    'live-migrate': lambda server, host, labels: server.live_migrate(host),
    'evacuate': lambda server, host, labels: server.evacuate(host),
}

#: Requests queued for a stopped service, which are not awaited.
_WAITS: Mapping[str, Callable[[Server], object]] = {
    'stop': lambda server: server.stop(expect=None),
    'start': lambda server: server.start(expect=None),
    'reboot': lambda server: server.reboot(expect=None),
    'hard-reboot': lambda server: server.reboot(hard=True, expect=None),
    'pause': lambda server: server.pause(expect=None),
    'unpause': lambda server: server.unpause(expect=None),
    'suspend': lambda server: server.suspend(expect=None),
    'resume': lambda server: server.resume(expect=None),
    'rescue': lambda server: server.rescue(expect=None),
    'unrescue': lambda server: server.unrescue(expect=None),
    'rebuild': lambda server: server.rebuild(wait=False),
    'revert': lambda server: server.revert_resize(wait=False),
    'shelve': lambda server: server.shelve(expect=None),
    'shelve-offload': lambda server: server.shelve_offload(expect=None),
    'unshelve': lambda server: server.unshelve(expect=None),
}


def host_paths(host: Host) -> dict[str, str]:
    """Return the device of each namespace of a host by its name; here all have both."""
    return {str(namespace.name): str(namespace.path) for namespace in host.namespaces}


class _Deeds:
    """Record of the devices that daxio wipes, in place of the host's audit log."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wiped: list[str] = []

    def record(self, who: str, what: str, **details: Any) -> None:
        """Record an operation."""
        words = details['arguments']
        if what == 'daxio' and '-z' in words and details['outcome'] == 'ok':
            with self._lock:
                self._wiped.append(words[-1])

    def take(self) -> Sequence[str]:
        """Return the devices wiped since the last call."""
        with self._lock:
            wiped, self._wiped = self._wiped, []
        return wiped


class _WatchedHost(HostFixture):
    """A host that records the operations on it."""

    def _setUp(self) -> None:
        self.deeds = _Deeds()
        super()._setUp()

    def _audit_log(self) -> safelog.AuditLog:
        return cast(safelog.AuditLog, self.deeds)


class Side:
    """Cloud of one of the two sides.

    :param backend: ``'stub'`` or ``'nova'``.
    """

    def __init__(self, backend: str, configuration: Configuration, seed: int) -> None:
        self.backend = backend
        self._stack = contextlib.ExitStack()
        random = Randomness(seed)
        self._fixtures = [
            self._stack.enter_context(
                _WatchedHost(pmem=PMEM, seed=random.derive('host', number).below(SEED_LIMIT)))
            for number in range(HOSTS)]
        try:
            self.cloud = self._stack.enter_context(CloudFixture(
                self._fixtures, backend=backend, seed=seed, timeout=TIMEOUT,
                allow_resize_to_same_host=configuration.allow_resize_to_same_host,
                shelved_offload_time=configuration.shelved_offload_time))
        except BaseException:
            self._stack.close()
            raise
        self.hosts: list[Host] = [fixture.host for fixture in self._fixtures]
        self.names = [host.name for host in self.hosts]
        self.servers: list[Server] = []

    def close(self) -> None:
        """Close the cloud."""
        self._stack.close()

    # Steps

    def take(self, step: Step) -> str:
        """Take a step and wait for its end; return its outcome in terms common to both sides."""
        fault = step.options.get('fault')
        with faults.begin(self.hosts, fault) if fault else contextlib.nullcontext():
            try:
                outcome = self._outcome(step)
                self.cloud.settle()
            except WaitTimeoutError as error:
                return self._neutral(f'no end in sight: {" -> ".join(error.seen)}')
        return outcome

    def _outcome(self, step: Step) -> str:
        try:
            self._take(step)
        except errors.NovaException as error:
            return f'{type(error).__name__} ({error.status}): {self._neutral(error.message)}'
        except UnexpectedStateError as error:
            why = error.fault.message if error.fault else error.reason
            return f'{error.expected} was due, {error.status} came: {self._neutral(why)}'
        return 'done'

    def _take(self, step: Step) -> None:
        host = step.number('host')
        where = None if host is None else self.names[host]
        labels = step.options.get('labels', '')
        number = step.number('server')
        if step.verb == 'boot':
            server = self.cloud.boot(labels, host=where, expect=None)
            self.servers.append(server)
            server.wait_for('ACTIVE')
        elif step.verb == 'resize':
            assert number is not None
            disk = step.number('disk') or 1
            self.servers[number].resize(flavor=self.cloud.flavor(labels, disk=disk))
        elif number is not None and step.verb in _WAITS and self._waits_for(number) is not None:
            _WAITS[step.verb](self.servers[number])
        elif step.verb == 'live-migrate' and 'fault' in step.options:
            assert number is not None
            try:
                self.servers[number].live_migrate(where)
            except UnexpectedStateError:
                # Nova's server is in ERROR (refused-live-migration): an operator resets its state.
                self.cloud.settle()
                self.servers[number].reset_state('active')
                raise
        elif number is not None:
            _ASK[step.verb](self.servers[number], where, labels)
        else:
            assert where is not None
            self._serve(step.verb, where)

    def _waits_for(self, number: int) -> str | None:
        """Return the host whose stopped service a request to a server would wait for, or None."""
        server = self.servers[number]
        if not server.exists:
            return None
        hosts = {server.host}
        if server.status == 'VERIFY_RESIZE':
            hosts.add(server.migrations[-1].source_compute)
        return next((name for name in self.names
                     if name in hosts and not self.cloud.compute(name).is_up), None)

    def _serve(self, verb: str, host: str) -> None:
        compute = self.cloud.compute(host)
        if verb in ('stop-service', 'restart-service'):
            compute.stop()
        if verb in ('start-service', 'restart-service'):
            compute.start()
            self.cloud.settle()     # queued requests are done now
        if verb != 'stop-service':
            # The service runs them soon after its start, and periodically.
            compute.run_periodic_tasks()

    # Observation

    def look(self) -> Look:
        """Return the observable state at rest, with the wipes since the last look."""
        seen: Look = {}
        for number, server in enumerate(self.servers):
            seen |= {f'server {number}: {name}': fact
                     for name, fact in self._server(server).items()}
        for number in range(len(self.hosts)):
            seen |= {f'host {number}: {name}': fact for name, fact in self._host(number).items()}
        return seen

    def _server(self, server: Server) -> Look:
        moves = self.cloud.backend.migrations(server.id)
        facts: Look = {
            'moves': [(move.migration_type, move.status, self._number(move.source_compute),
                       self._number(move.dest_compute)) for move in moves],
            'actions': [(action.action, action.message, action.finished,
                         [self._neutral(event.details) for event in action.events
                          if event.details]) for action in self.cloud.backend.actions(server.id)],
        }
        try:
            record = server.record
        except errors.InstanceNotFound:
            return {**facts, 'status': 'gone'}
        fault = record.fault
        host = self._number(record.host)
        return {
            **facts, 'status': record.status, 'vm_state': str(record.vm_state),
            'task_state': record.task_state and str(record.task_state),
            'power_state': record.power_state.name, 'host': host,
            'fault': fault and (fault.code, self._neutral(fault.message)),
            'labels': record.flavor.pmem,
            'namespaces': [device.name for device in record.namespaces],
            'old namespaces': sorted(device.name for device in record.old_namespaces),
        }

    def _host(self, number: int) -> Look:
        host, compute = self.hosts[number], self.cloud.compute(self.names[number])
        facts: Look = {'service is up': compute.is_up}
        for name, inventory in compute.inventories.items():
            if name.startswith(PMEM_CLASS):
                facts[f'inventory of {name}'] = inventory
        facts |= {f'usage of {name}': amount for name, amount in compute.usages.items()}
        consumers = self._consumers()
        for consumer, held in self.cloud.backend.consumers(host.name).items():
            facts[f'held by {consumers.get(consumer, "nobody that is known")}'] = dict(
                sorted(held.items()))
        wiped = self._fixtures[number].deeds.take()
        # A service that is down has no claims to read.
        claims = compute.assigned_namespaces if compute.is_up else {}
        for name, path in host_paths(host).items():
            facts[f'{name} is claimed for'] = self._whose(claims.get(name))
            facts[f'{name} was written by'] = sorted(
                map(self._whose, host.pmem.contents(path).writers), key=str)
            facts[f'{name} was wiped'] = path in wiped
        return facts | self._domains(host)

    def _domains(self, host: Host) -> Look:
        names = {path: name for name, path in host_paths(host).items()}
        connection = libvirt.open(host.uri)
        try:
            return {f'domain of {self._whose(domain.UUIDString())}': (
                domain.state()[0], bool(domain.isPersistent()),
                bool(domain.hasManagedSaveImage()),
                [names.get(str(path.text), path.text) for path in etree.fromstring(
                    domain.XMLDesc()).iterfind('./devices/memory/source/path')],
            ) for domain in connection.listAllDomains()}
        finally:
            connection.close()

    def _consumers(self) -> dict[str, str]:
        found = {server.id: f'server {number}' for number, server in enumerate(self.servers)}
        for server, name in list(found.items()):
            for number, move in enumerate(self.cloud.backend.migrations(server)):
                found[move.uuid] = f'move {number} of {name}'
        return found

    def _number(self, host: str | None) -> int | None:
        return None if host is None else self.names.index(host)

    def _whose(self, server: str | None) -> object:
        ids = [server.id for server in self.servers]
        return ids.index(server) if server in ids else server

    def _neutral(self, text: str) -> str:
        """Replace the names in a text that differ between the two sides."""
        for number, server in enumerate(self.servers):
            text = text.replace(server.id, f'<server {number}>')
        for number, host in enumerate(self.hosts):
            text = re.sub(rf'\b{re.escape(host.name)}\b', f'<host {number}>', text)
            for name, path in host_paths(host).items():
                text = re.sub(rf'{path}\b', f'<{name}>', text)
        return re.sub(r'\b(?:\w+\.)+(\w+?)(?:_Remote)?(?=: )', r'\1', text)

    # Access for the other side

    def statuses(self) -> dict[int, str]:
        """Return the statuses of the existing servers."""
        return {number: server.status for number, server in enumerate(self.servers)
                if server.exists}

    def host_of(self, number: int) -> int | None:
        """Return the number of a server's host."""
        server = self.servers[number]
        return self._number(server.host) if server.exists else None

    def forget(self) -> None:
        """Forget deleted servers, so that the next server is number 0 again."""
        self.servers.clear()
