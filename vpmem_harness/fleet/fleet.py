"""A running fleet: its hosts and the cloud on them."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vpmem_harness.cloud.api import ComputeHost
from vpmem_harness.cloud.cloud import Cloud
from vpmem_harness.cloud.stub import saved as stub_records
from vpmem_harness.cloud.stub.backend import StubBackend
from vpmem_harness.cloud.stub.compute.pmem_namespaces import parse_option
from vpmem_harness.exceptions import InvalidInputError, space_in
from vpmem_harness.fleet import graph, observe
from vpmem_harness.fleet.host_spec import HostSpec
from vpmem_harness.fleet.places import Places
from vpmem_harness.fleet.saved import SavedFleet
from vpmem_harness.fleet.saved_host import restore_host, save_host
from vpmem_harness.fleet.snapshot import CallState, FleetState
from vpmem_harness.fleet.spec import HOST_SCHEMA, HOSTS_LIMIT, FleetSpec, check_schema
from vpmem_harness.fleet.text_files import TextFiles
from vpmem_harness.host.garbage import collections_paused
from vpmem_harness.host.machine import Host
from vpmem_harness.libvirtd.peers.peers import Neighbour
from vpmem_harness.randomness import Randomness
from vpmem_harness.safelog import AuditLog

#: The file in the fleet's directory that lists its hosts.
HOSTS_FILE = 'hosts.json'


class Fleet:
    """Running hosts, and optionally a compute-service stub on them; thread-safe.

    :param places: existing directories for the hosts.
    :param audit: the audit log for what is done to the hosts.
    :param saved: the saved state with which the fleet starts.
    :param checkpoint: called between two hosts during the start; it may raise an error.
    """

    def __init__(self, spec: FleetSpec, places: Places, *, audit: AuditLog | None = None,
                 saved: SavedFleet | None = None,
                 checkpoint: Callable[[], object] = lambda: None) -> None:
        self.spec = spec
        self._saved = saved
        self._generation = 0 if saved is None else saved.generation + 1
        self.directory = places.hosts
        self._places = places
        self.randomness = Randomness(spec.seed)
        self.hosts: dict[str, Host] = {}
        self._neighbours: dict[str, Neighbour] = {}
        self.cloud: Cloud | None = None
        self._backend: StubBackend | None = None
        self._audit = audit
        self._checkpoint = checkpoint
        self._releases: dict[str, contextlib.ExitStack] = {}
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        return (f'<Fleet {self.spec.name or "without a name"}: '
                f'{", ".join(self.hosts) or "no hosts"}>')

    # Start and stop

    def start(self) -> None:
        """Start the hosts and the cloud; after an error everything is stopped."""
        try:
            self._places.note([HOSTS_FILE, *(spec.name for spec in self.spec.hosts)])
            with collections_paused():
                for spec in self.spec.hosts:
                    self._checkpoint()
                    self._start_host(spec)
                if self.spec.cloud:
                    self._start_cloud()
            self._write_hosts()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the cloud and the hosts, and remove what they have written."""
        with self._lock, contextlib.ExitStack() as stack:
            stack.callback(self._remove_hosts_file)
            for name in list(self._releases):
                stack.callback(self._stop_host, name)
            if self.cloud is not None:
                for host in self.hosts.values():
                    stack.callback(host.faults.clear)
                stack.callback(self.cloud.backend.stop)
                self.cloud = None

    def _start_host(self, spec: HostSpec) -> Host:
        host = spec.make(self.directory, self.randomness, self._audit, self._neighbours)
        with contextlib.ExitStack() as acquired:
            host.start()
            acquired.callback(host.stop)
            acquired.callback(host.faults.clear)
            if self._saved is not None and spec.name in self._saved.hosts:
                restore_host(host, self._saved.hosts[spec.name],
                             self._new_randomness().derive('host', spec.number))
            host.install_tools()
            self._releases[spec.name] = acquired.pop_all()
        self.hosts[spec.name] = host
        return host

    def _stop_host(self, name: str) -> None:
        del self.hosts[name]
        self._releases.pop(name).close()

    def _start_cloud(self) -> None:
        hosts = [self._compute_host(host) for host in self.hosts.values()]
        randomness = self.randomness.derive('cloud')
        self._backend = StubBackend(hosts, randomness, disconnect=self._disconnect)
        self.cloud = Cloud(self._backend, hosts, randomness)
        records = None if self._saved is None else self._saved.servers
        if records is None:
            self._backend.start()
        else:
            self._restore_cloud(self._backend, self.cloud, records)
        self._saved = None

    def _restore_cloud(self, backend: StubBackend, cloud: Cloud, records: Any) -> None:
        """Start the services that ran, with the records that they had."""
        saved = self._saved
        assert saved is not None  # noqa: S101 - the caller has its records
        roots = {f'{one.root}/': f'{self.hosts[name].layout.root}/'
                 for name, one in saved.hosts.items()}

        parents = {re.escape(os.path.dirname(one.root)) for one in saved.hosts.values()}
        root = re.compile(f'(?:{"|".join(sorted(parents))})/[^/]+/')

        def text(value: str) -> str:
            return root.sub(lambda found: roots.get(found[0], found[0]), value)

        restored = graph.decode(records, text)
        stub_records.restore(backend, restored, self._new_randomness().derive('cloud'))
        for flavor in restored.flavors.values():
            cloud.adopt_flavor(flavor)
        backend.start([name for name, one in restored.computes.items() if one.up])

    def _new_randomness(self) -> Randomness:
        """The random source of a loaded fleet, which must not draw the same UUIDs again."""
        return self.randomness.derive('generation', self._generation)

    def save(self) -> SavedFleet:
        """Return the state of the fleet, once no server has a task.

        :raises HarnessError: when a server keeps its task, or a domain has a job in progress.
        """
        with self._lock:
            servers = None
            if self.cloud is not None and self._backend is not None:
                self.cloud.settle()
                servers = graph.encode(stub_records.save(self._backend))
            hosts = {name: save_host(host) for name, host in self.hosts.items()}
            # The regions keep their numbers, and an upgraded host its release.
            specs = tuple(dataclasses.replace(
                spec, first_region=hosts[spec.name].first_region,
                release=hosts[spec.name].release) for spec in self.spec.hosts)
            return SavedFleet(dataclasses.replace(self.spec, hosts=specs), self._generation,
                              hosts, servers)

    @staticmethod
    def _compute_host(host: Host) -> ComputeHost:
        return ComputeHost(host, parse_option(host.pmem_namespaces))

    def _disconnect(self) -> None:
        for host in self.hosts.values():
            if host.daemon.running:
                host.daemon.drop_clients()

    # While it runs

    def host(self, name: str | None) -> Host:
        """The host of this name, or the first one.

        :raises InvalidInputError: when there is none.
        """
        with self._lock:
            if name is None and self.hosts:
                return next(iter(self.hosts.values()))
            found = self.hosts.get(name or '')
            if found is None:
                raise InvalidInputError(
                    'host', expected=f'one of {", ".join(self.hosts)}' if self.hosts else
                    'a host of the fleet, which has none',
                    got='the first one' if name is None else repr(name),
                    remedy='name a running host, or add one')
            return found

    def reboot(self, name: str | None = None, release: str | None = None) -> str:
        """Restart a machine, with another release if one is given, and return its name."""
        host = self.host(name)
        if release is None:
            host.reboot()
        else:
            host.upgrade(release)
        self._write_hosts()
        return host.name

    def state(self) -> FleetState:
        """The state of the hosts, the cloud and its servers."""
        with self._lock:
            hosts = list(self.hosts.values())
        return observe.fleet_state(
            hosts, self.cloud, name=self.spec.name, seed=self.spec.seed,
            directory=str(self.directory), pid=os.getpid())

    def calls_after(self, seen: dict[str, int], limit: int) -> Sequence[CallState]:
        """The latest calls to the hosts, oldest first.

        :param seen: the number of the last known call of a host, by name.
        :param limit: how many calls of a host are returned at most.
        """
        with self._lock:
            hosts = list(self.hosts.values())
        found = [observe.call_state(host.name, call) for host in hosts
                 for call in list(host.calls)[-limit:] if call.number > seen.get(host.name, 0)]
        return sorted(found, key=lambda call: (call.time, call.host, call.number))

    # For programs

    def _write_hosts(self) -> None:
        """Write the list of hosts for programs, and replace the previous one in one step."""
        with self._lock:
            hosts = [{'name': host.name, 'uri': host.uri,
                      'tcp_uri': host.daemon.remote.tcp_uri,
                      'tls_uri': host.daemon.remote.tls_uri,
                      'address': host.daemon.remote.address, 'tools': str(host.bin_dir),
                      'pmem_namespaces': host.pmem_namespaces, 'release': host.release.name}
                     for host in self.hosts.values()]
            path = self.directory / HOSTS_FILE
            draft = path.with_name(f'.{HOSTS_FILE}')
            with space_in(self.directory):
                draft.write_text(
                    json.dumps({'version': 1, 'hosts': hosts}, indent=1) + '\n', 'utf-8')
                draft.rename(path)

    def _remove_hosts_file(self) -> None:
        (self.directory / HOSTS_FILE).unlink(missing_ok=True)
        (self.directory / f'.{HOSTS_FILE}').unlink(missing_ok=True)

    # Hosts that come and go

    def next_spec(self, name: str | None, values: Mapping[str, Any], directory: Path,
                  files: TextFiles | None = None) -> HostSpec:
        """Return a host to be added.

        :param name: its name; the next one of the pattern if None.
        :param values: its properties, in the form of a fleet file.
        :param directory: what the paths in them are relative to.
        :param files: the files that the client has read.
        :raises InvalidInputError: when they cannot be used.
        """
        check_schema(dict(values), HOST_SCHEMA, 'host')
        with self._lock:
            number = max((one.number for one in self.spec.hosts), default=0) + 1
            while name is None:
                wanted = self.spec.pattern.replace('{}', str(self.spec.next_number))
                self.spec = dataclasses.replace(
                    self.spec, next_number=self.spec.next_number + 1)
                name = None if wanted in self.hosts else wanted
            return HostSpec.of(name, number, values, 'the command line', directory, files)

    def add_host(self, spec: HostSpec) -> None:
        """Start one more host.

        :raises InvalidInputError: when there is one of that name, or no room.
        """
        with self._lock:
            if spec.name in self.hosts:
                raise InvalidInputError(
                    'host', expected='a name that no host of the fleet has', got=repr(spec.name),
                    remedy='choose another')
            if len(self.hosts) >= HOSTS_LIMIT:
                raise InvalidInputError(
                    'number of hosts', expected=f'at most {HOSTS_LIMIT}', got='one more',
                    remedy='remove a host first')
            self._places.note([spec.name])
            host = self._start_host(spec)
            try:
                if self.cloud is not None and self._backend is not None:
                    compute = self._compute_host(host)
                    self._backend.add_compute(compute)
                    self.cloud.add_host(compute)
            except BaseException:
                self._stop_host(spec.name)
                raise
            self.spec = dataclasses.replace(self.spec, hosts=(*self.spec.hosts, spec))
            self._write_hosts()

    def remove_host(self, name: str) -> None:
        """Stop a host, and remove it from the fleet.

        :raises InvalidInputError: when there is none, or a server is on it.
        """
        with self._lock:
            self.host(name)     # raises an error if there is none
            if self.cloud is not None and self._backend is not None:
                self._backend.remove_compute(name)
                self.cloud.remove_host(name)
            self._stop_host(name)
            self.spec = dataclasses.replace(
                self.spec, hosts=tuple(one for one in self.spec.hosts if one.name != name))
            self._write_hosts()
