"""The way back from whatever a test did to a cloud to the cloud as it was started."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import libvirt

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.api import Inventory
from vpmem_harness.cloud.cloud import Cloud
from vpmem_harness.cloud.compute import Compute
from vpmem_harness.cloud.flavors import PMEM_CLASS
from vpmem_harness.cloud.stub.compute.pmem_namespaces import parse_option
from vpmem_harness.exceptions import HarnessError
from vpmem_harness.hardware import Hardware
from vpmem_harness.host.machine import Host
from vpmem_harness.pmem import Namespace
from vpmem_harness.randomness import Randomness

#: What clients can define on a host besides domains: the calls that list it and remove it.
_DEFINED: Mapping[str, tuple[Callable[[Any], Any], Callable[[Any], str], Sequence[str]]] = {
    'secret': (lambda one: one.listAllSecrets(), lambda one: one.UUIDString(), ('undefine',)),
    'network': (
        lambda one: one.listAllNetworks(), lambda one: one.name(), ('destroy', 'undefine')),
    'storage pool': (
        lambda one: one.listAllStoragePools(), lambda one: one.name(), ('destroy', 'undefine')),
}

_UNDEFINE = (
    libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM)


class ResetError(HarnessError):
    """A cloud could not be reset; the message says what is left. Clean it up, and start another."""


@dataclass
class _HostBaseline:
    """One host of a cloud at rest."""

    host: Host
    pmem: object
    namespaces: list[Namespace]
    pmem_namespaces: Sequence[str]
    inventories: dict[str, Inventory]
    defined: dict[str, set[str]]
    as_user: bool
    hardware: Hardware


class Baseline:
    """A cloud as it was started, and the way back to it.

    :param cloud: a cloud that was just started.
    """

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._timeout = cloud.timeout
        self._hosts = [
            _HostBaseline(
                host, host.pmem.save(), host.namespaces, parse_option(host.pmem_namespaces),
                cloud.inventories(host), _defined(host), host.as_user,
                host.hardware)
            for host in cloud.hosts if isinstance(host, Host)]
        self._forget_calls()

    def restore(self, randomness: Randomness) -> None:
        """Delete the servers, remove the faults, and bring every host and service back.

        :param randomness: what the cloud draws from after that.
        :raises ResetError: when something of the test is left.
        """
        self._cloud.timeout = self._timeout
        problems: list[Exception] = []
        # Nova disables the service of a host whose libvirt is down, and enables it when it starts.
        lost = {one.host.name for one in self._hosts if not one.host.daemon.running}
        for one in self._hosts:
            with _collected(problems):
                one.host.faults.clear()
            with _collected(problems):
                one.host.faults.start_daemon()
            one.host.as_user = one.as_user
        if problems:
            raise ResetError(f'a fault could not be removed: {problems[0]}') from problems[0]
        for one in self._hosts:
            if one.host.name in lost or not self._compute(one).is_up:
                self._restart(one)
        if not self._delete_servers():
            # A service that started with devices that the host no longer has cannot clean up.
            for one in self._hosts:
                self._restart(one)
            if not self._delete_servers():
                raise ResetError('servers could not be deleted: ' + self._cloud.transcript())
        self._cloud.settle()
        for one in self._hosts:
            self._restore_hardware(one)
            self._restore_host(one)
        self._check()
        self._cloud.forget(randomness)
        self._forget_calls()

    def _restore_hardware(self, one: _HostBaseline) -> None:
        if one.host.hardware != one.hardware:
            self._compute(one).stop()
            with one.host.faults.daemon_down():
                one.host.hardware = one.hardware
            self._start(one)

    def _compute(self, one: _HostBaseline) -> Compute:
        return self._cloud.compute(one.host)

    def _start(self, one: _HostBaseline) -> None:
        """Start the compute service of a host, with the namespaces of now if need be."""
        backend = self._cloud.backend
        backend.set_pmem_namespaces(one.host.name, one.pmem_namespaces)
        if one.host.namespaces != one.namespaces and not _runs_domains(one.host):
            one.host.pmem.restore(one.pmem)
        try:
            self._compute(one).start()
        except errors.NovaException as error:
            raise ResetError(
                f'the compute service of {one.host.name} does not start: {error}') from error

    def _restart(self, one: _HostBaseline) -> None:
        self._compute(one).stop()
        self._start(one)

    def _delete_servers(self) -> bool:
        """Delete every server, and return whether they are gone."""
        backend = self._cloud.backend
        with contextlib.suppress(HarnessError):
            self._cloud.settle()
        for server in self._cloud.servers:
            with contextlib.suppress(errors.NovaException):
                backend.request(server.id, 'delete')
        for server in self._cloud.servers:
            with contextlib.suppress(HarnessError, errors.NovaException):
                server._wait('DELETED', None)
        return not self._cloud.servers

    def _restore_host(self, one: _HostBaseline) -> None:
        host = one.host
        connection = libvirt.open(host.uri)
        try:
            for domain in connection.listAllDomains():
                if domain.isActive():
                    domain.destroy()
                if domain.isPersistent():
                    domain.undefineFlags(_UNDEFINE)
            self._undefine(one, connection)
        except libvirt.libvirtError as error:
            raise ResetError(f'{host.name} could not be cleaned up: {error}') from error
        finally:
            connection.close()
        changed = host.namespaces != one.namespaces
        host.pmem.restore(one.pmem)
        if not changed and not self._matches(one):
            # An audit frees the claims of deleted servers, and takes less time than a restart.
            self._compute(one).run_periodic_tasks()
            changed = not self._matches(one)
        if changed:
            self._restart(one)

    def _undefine(self, one: _HostBaseline, connection: libvirt.virConnect) -> None:
        for kind, (find, name, calls) in _DEFINED.items():
            for found in find(connection):
                if name(found) not in one.defined[kind]:
                    for call in calls:
                        if call != 'destroy' or found.isActive():
                            getattr(found, call)()

    def _matches(self, one: _HostBaseline) -> bool:
        """Return whether a compute service has claimed nothing and offers what it offered."""
        compute = self._compute(one)
        return (not compute.assigned_namespaces and compute.inventories == one.inventories)

    def _check(self) -> None:
        """Refuse to go on when something of the test is left."""
        left = []
        for one in self._hosts:
            compute, host = self._compute(one), one.host
            if compute.inventories != one.inventories:
                left.append(f'{host.name} offers {_shown(compute.inventories)}, '
                            f'not {_shown(one.inventories)}')
            if compute.assigned_namespaces:
                left.append(f'namespaces of {host.name} are claimed: '
                            f'{", ".join(sorted(compute.assigned_namespaces))}')
            if self._cloud.backend.consumers(host.name):
                left.append(f'allocations on {host.name} are left in Placement')
            if _defined(host) != one.defined:
                left.append(f'{host.name} lacks an object that it had in libvirt')
        if left:
            raise ResetError('the cloud could not be reset: ' + '; '.join(left))

    def _forget_calls(self) -> None:
        for one in self._hosts:
            one.host.faults.forget_calls()
            one.host.history.restart()


@contextlib.contextmanager
def _collected(problems: list[Exception]) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        problems.append(error)


def _defined(host: Host) -> dict[str, set[str]]:
    connection = libvirt.open(host.uri)
    try:
        return {kind: {name(found) for found in find(connection)}
                for kind, (find, name, _) in _DEFINED.items()}
    finally:
        connection.close()


def _runs_domains(host: Host) -> bool:
    with host.hypervisor.lock:
        return any(domain.active for domain in host.hypervisor.domains)


def _shown(inventories: Mapping[str, Inventory]) -> str:
    return ', '.join(f'{name.removeprefix(PMEM_CLASS)} {one.total}'
                     for name, one in sorted(inventories.items()))
