"""Backend with real Nova, which implements the protocol of ``cloud/api.py``."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from multiprocessing import connection
from pathlib import Path
from typing import Any, TypeVar

from vpmem_harness.cloud import api, errors
from vpmem_harness.cloud.flavors import Flavor
from vpmem_harness.cloud.nova import error_translation, logs
from vpmem_harness.cloud.nova.control_client import CachedAnswers, ControlClient
from vpmem_harness.cloud.nova.placement import Placement
from vpmem_harness.cloud.nova.processes import ForkedProcess, Zygote
from vpmem_harness.cloud.nova.request_bodies import BODIES
from vpmem_harness.host import directories
from vpmem_harness.host.tools import AS_USER
from vpmem_harness.randomness import Randomness

T = TypeVar('T')

#: Time limit for the start of a service, in seconds.
_START = 60.0

#: No quotas: Nova's defaults allow ten servers per project.
_NO_QUOTA = {'quota.instances': -1, 'quota.cores': -1, 'quota.ram': -1}

#: Programs that Nova and its stand-in tools run on a host besides ndctl and daxio.
_SYSTEM_TOOLS = (
    'cat', 'cp', 'env', 'mkdir', 'mv', 'rm', 'sh', 'stat', 'touch', 'truncate', 'uptime')


class NovaBackend:
    """API, conductor, scheduler and Placement in one process; each nova-compute in its own.

    :param hosts: the hosts of the nova-computes, with their libvirt and tools.
    :param disconnect: not used; a process that hangs in a call to a host can be killed.
    :param allow_resize_to_same_host: Nova's option of this name.
    :param shelved_offload_time: Nova's option of this name.
    :param options: other options of Nova, as ``debug`` or ``group.name``; options that the cloud
        needs for itself take precedence.
    """

    name = 'nova'

    def __init__(self, hosts: Sequence[api.ComputeHost], randomness: Randomness, *,
                 disconnect: Callable[[], None] | None = None,
                 allow_resize_to_same_host: bool = False, shelved_offload_time: int = 0,
                 options: Mapping[str, object] | None = None) -> None:
        self._options = {**(options or {}),
                         'allow_resize_to_same_host': allow_resize_to_same_host,
                         'shelved_offload_time': shelved_offload_time}
        self._hosts = {each.host.name: each for each in hosts}
        self._namespaces = {each.host.name: list(each.pmem_namespaces) for each in hosts}
        self._randomness = randomness.derive('nova')
        self._computes: dict[str, ForkedProcess] = {}
        self._client = ControlClient(lambda: logs.last_words(self.directory, 'control'))
        self._placement = Placement(self._client)
        self._control: ForkedProcess | None = None
        self._stack = contextlib.ExitStack()
        self._cache = CachedAnswers()
        self._flavors: list[str] = []
        #: State at the latest reset: sizes of the logs, and moves.
        self._old_logs: dict[str, int] = {}
        self._old_moves: set[str] = set()

    # The services

    def start(self) -> None:
        """Start the services, and a nova-compute for each host."""
        self.directory = directories.make('nova', tempfile.gettempdir())
        self._stack.callback(shutil.rmtree, self.directory, ignore_errors=True)
        self._zygote = Zygote.shared()
        for one in self._hosts.values():
            for other in self._hosts.values():
                one.host.introduce(other.host)
        (self.directory / 'instances').mkdir()
        ours, theirs = socket.socketpair()
        word = connection.Connection(ours.detach())
        self._stack.callback(word.close)
        with theirs:
            self._control = self._zygote.fork({
                **self._order('control'), 'role': 'control',
                'desk': str(self.directory / 'desk'), 'cell': self._randomness.uuid(),
                'options': {
                    **_NO_QUOTA, **self._options, 'host': 'control',
                    'api.response_validation': 'ignore',
                    'log_file': str(self.directory / 'control.log'),
                    'filter_scheduler.build_failure_weight_multiplier': 0.0,
                }}, [theirs.fileno()])
        self._stack.callback(self._control.kill)
        self._await_control(word)
        for host in self._hosts:
            self._fork_compute(host)
        self._await_control(word)
        self._client.open(str(self.directory / 'desk'))
        self._stack.callback(self._client.close)
        self._image = self._client.ask('image')
        for host in self._hosts:
            self._await_compute(host)

    def _await_control(self, word: connection.Connection) -> None:
        """Wait for the next message of the control process."""
        with contextlib.suppress(EOFError, OSError):
            if word.poll(_START):
                word.recv()
                return
        raise RuntimeError('Nova does not start: ' + logs.last_words(self.directory, 'control'))

    def stop(self) -> None:
        """End every process and remove its files."""
        for process in self._computes.values():
            process.kill()
        self._computes.clear()
        self._stack.close()

    def _order(self, name: str) -> dict[str, Any]:
        return {'directory': str(self.directory), 'state_path': str(self.directory / name),
                'log': str(self.directory / f'{name}.out'),
                'exchange': str(self.directory / 'exchange')}

    def start_compute(self, host: str) -> None:
        """Start the nova-compute of a host."""
        self._fork_compute(host)
        self._await_compute(host)
        self._force_down(host, False)

    def _force_down(self, host: str, down: bool) -> None:
        """Set forced_down, which Nova would detect after a minute without heartbeats."""
        services = self._request('GET', f'/os-services?host={host}&binary=nova-compute')[0]
        for service in services['services']:
            self._request('PUT', f'/os-services/{service["id"]}', {'forced_down': down})

    def _fork_compute(self, host: str) -> None:
        if self.compute_is_up(host):
            raise api.service_runs(host)
        simulated = self._host(host).host
        self._end(host)     # it may have ended by itself
        tools = Path(__file__).parent / 'tools'
        path = os.pathsep.join([str(simulated.bin_dir), str(tools), str(self._system_tools())])
        number = list(self._hosts).index(host) + 1
        self._computes[host] = self._zygote.fork({
            **self._order(host), 'role': 'compute', 'prlimit': str(tools / 'prlimit-python'),
            # A nova-compute runs the tools as root, whatever the variable says for the test.
            'environment': {**simulated.env, 'PATH': path, AS_USER: ''},
            'options': {
                **self._options, 'host': host, 'my_ip': f'192.0.2.{number}',
                'log_file': str(self.directory / f'{host}.log'),
                'compute_driver': 'libvirt.LibvirtDriver',
                'instances_path': str(self.directory / 'instances'),
                'use_cow_images': False, 'force_raw_images': False,
                'glance.api_servers': ['http://glance.invalid'],
                'initial_disk_allocation_ratio': 16.0,
                # Seconds: a simulated guest shuts down at once, or never.
                'shutdown_timeout': 1, 'libvirt.wait_soft_reboot_seconds': 1,
                'libvirt.connection_uri': simulated.uri, 'libvirt.virt_type': 'qemu',
                'libvirt.images_type': 'raw',
                'libvirt.pmem_namespaces': self._namespaces[host],
            }})

    def _system_tools(self) -> Path:
        """Create a directory with only those system programs that a nova-compute runs.

        It does not contain the system's ndctl, so that a host without ndctl has none.
        """
        directory = self.directory / 'bin'
        if not directory.exists():
            directory.mkdir()
            for name in _SYSTEM_TOOLS:
                found = shutil.which(name)
                if found is not None:
                    (directory / name).symlink_to(found)
        return directory

    def _await_compute(self, host: str) -> None:
        reason = self._client.ask('wait_compute', self._computes[host].number, _START)
        if reason is not None:
            self._end(host)
            raise error_translation.of_start(reason)

    def _end(self, host: str) -> bool:
        """Kill the nova-compute of a host, and wait until its last message is processed.

        :returns: whether there was one.
        """
        process = self._computes.pop(host, None)
        if process is None:
            return False
        process.kill()
        if not self._client.ask('wait_compute_gone', process.number, _START):
            raise RuntimeError(f'the nova-compute of {host} has ended, and its requests have not')
        return True

    def stop_compute(self, host: str) -> None:
        """Stop a nova-compute as SIGTERM does."""
        process = self._computes.get(host)
        if process is not None:
            with contextlib.suppress(RuntimeError):
                self._client.ask('ask_compute', host, 'stop')
            process.wait(_START)
            self._end(host)
            self._force_down(host, True)

    def kill_compute(self, host: str) -> None:
        """Kill a nova-compute as SIGKILL does."""
        if self._end(host):
            self._force_down(host, True)

    def compute_is_up(self, host: str) -> bool:
        """Whether the nova-compute of a host runs."""
        process = self._computes.get(host)
        return process is not None and process.alive

    def set_pmem_namespaces(self, host: str, value: Sequence[str]) -> None:
        """Set the option that a nova-compute reads when it starts."""
        self._host(host)
        self._namespaces[host] = list(value)

    def run_periodic_tasks(self, host: str | None = None) -> None:
        """Run the periodic tasks that audit resources and power states."""
        for each in [host] if host else list(self._computes):
            self._client.ask('ask_compute', each, 'run_periodic_tasks')

    def _host(self, name: str) -> api.ComputeHost:
        try:
            return self._hosts[name]
        except KeyError:
            raise errors.ComputeHostNotFound(host=name) from None

    # Placement

    def provider_uuid(self, host: str) -> str:
        """Return the resource provider of a host."""
        self._host(host)
        return self._placement.provider_uuid(host)

    def inventories(self, host: str) -> dict[str, api.Inventory]:
        """Return the inventory of a host by resource class."""
        return self._placement.inventories(self.provider_uuid(host))

    def usages(self, host: str) -> dict[str, int]:
        """Return the usage of a host by resource class."""
        return self._placement.usages(self.provider_uuid(host))

    def allocations(self, consumer: str) -> dict[str, dict[str, int]]:
        """Return the allocations of a server or migration by resource provider."""
        return self._placement.allocations(consumer)

    def consumers(self, host: str) -> dict[str, dict[str, int]]:
        """Return the allocations on a host by consumer."""
        return self._placement.consumers(self.provider_uuid(host))

    def assigned_namespaces(self, host: str) -> dict[str, str]:
        """Return the server for which each namespace is claimed, by name of the namespace."""
        self._host(host)
        assigned: dict[str, str] = self._client.ask('assigned', host)
        return assigned

    # Requests

    def create_flavor(self, flavor: Flavor) -> None:
        """Create a flavor."""
        self._request('POST', '/flavors', {'flavor': {
            'id': flavor.flavorid, 'name': flavor.name, 'vcpus': flavor.vcpus, 'ram': flavor.ram,
            'disk': flavor.disk, 'OS-FLV-EXT-DATA:ephemeral': flavor.ephemeral,
            'swap': flavor.swap}})
        if flavor.extra_specs:
            path = f'/flavors/{flavor.flavorid}'
            try:
                self._request('POST', f'{path}/os-extra_specs',
                              {'extra_specs': dict(flavor.extra_specs)})
            except errors.NovaException:
                self._request('DELETE', path)
                raise
        self._flavors.append(flavor.flavorid)

    def create_server(self, name: str, flavor: Flavor, host: str | None) -> tuple[str, str]:
        """Create a server; return its id and the request id."""
        server = {'name': name, 'flavorRef': flavor.flavorid, 'imageRef': self._image,
                  'networks': 'none', **({} if host is None else {'host': host})}
        body, request = self._request('POST', '/servers', {'server': server})
        return body['server']['id'], request

    def request(self, server: str, action: str, **arguments: object) -> str:
        """Request an action on a server; return the request id."""
        if action == 'delete':
            return self._request('DELETE', f'/servers/{server}')[1]
        if action == 'rebuild':
            arguments['image'] = self._image
        body = BODIES[action](arguments)
        return self._request('POST', f'/servers/{server}/action', body)[1]

    def _request(self, method: str, path: str, body: Any = None) -> tuple[Any, str]:
        status, content, request = self._client.ask('request', method, path, body)
        if status >= 400:
            raise error_translation.of_request(status, content)
        return content, request

    # State

    def server(self, server: str) -> api.ServerRecord:
        """Return the current state of a server."""
        record: api.ServerRecord | None = self._answer('server', server)
        if record is None:
            raise errors.InstanceNotFound(instance_id=server)
        return record

    state = server

    def servers(self) -> list[api.ServerRecord]:
        """Return the current states of all servers, oldest first."""
        records: list[api.ServerRecord] = self._client.ask('servers')
        return records

    def actions(self, server: str) -> list[api.InstanceAction]:
        """Return the requests for a server, oldest first."""
        actions: list[api.InstanceAction] = self._answer('actions', server)
        return actions

    def migrations(self, server: str | None = None) -> list[api.MigrationRecord]:
        """Return the moves of one server or of all, oldest first."""
        moves: list[api.MigrationRecord] = self._client.ask('migrations', server)
        return [move for move in moves if move.uuid not in self._old_moves]

    def log(self) -> str:
        """Return the last warnings and errors in the log of each process."""
        return logs.complaints(self.directory, self._old_logs)

    def reset(self, randomness: Randomness) -> None:
        """Delete the flavors, and hide the existing moves and log entries.

        ``randomness`` is not used: Nova's processes have their own.
        """
        for flavor in self._flavors:
            self._request('DELETE', f'/flavors/{flavor}')
        self._flavors.clear()
        self._old_moves.update(move.uuid for move in self.migrations())
        self._old_logs = logs.sizes(self.directory)

    def wait_for(self, found: Callable[[], T | None], seconds: float) -> T | None:
        """Wait until ``found`` does not return None, and its server is at rest.

        Nova changes the visible state of a server before it has finished its work. So this waits
        until no service works on the server and ``found`` still returns a value.
        """
        deadline = time.monotonic() + seconds
        cache = self._cache
        cache.answers, cache.deadline = {}, deadline
        try:
            seen, _answers = self._client.ask('wait_change', -1, 0, ())
            while True:
                value = self._find(found)
                left = deadline - time.monotonic()
                if value is not None or left <= 0:
                    return value
                seen, cache.answers = self._client.ask('wait_change', seen, left, [*cache.answers])
        finally:
            cache.answers, cache.deadline = None, 0.0

    def _find(self, found: Callable[[], T | None]) -> T | None:
        value = found()
        if value is None:
            return None
        for server in {server for _method, server in self._cache.answers or ()}:
            self.at_rest(server)
        return found()

    def at_rest(self, server: str | None = None) -> bool:
        """Whether no service works on a server, or at all; within a wait, wait for that.

        Answers from earlier in the wait are discarded then.
        """
        cache = self._cache
        left = max(0.0, cache.deadline - time.monotonic())
        at_rest: bool = self._client.ask('settle', server, left)
        if cache.answers is not None:
            cache.answers = {}
        return at_rest

    def _answer(self, method: str, server: str) -> Any:
        """Ask the control process about a server; a wait reuses answers since the last change."""
        answers = self._cache.answers
        if answers is None:
            return self._client.ask(method, server)
        key = method, server
        if key not in answers:
            answers[key] = self._client.ask(method, server)
        return answers[key]
