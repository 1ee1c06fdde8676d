"""A cloud in the hands of a test: its hosts, flavors and servers."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence

import libvirt

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.api import (
    Backend,
    ComputeHost,
    Inventory,
    Named,
    host_name,
)
from vpmem_harness.cloud.compute import TIMEOUT, Compute, comes_to_rest, in_words
from vpmem_harness.cloud.extra_specs import PMEM_EXTRA_SPEC
from vpmem_harness.cloud.flavors import Flavor, refuse_beside_flavor
from vpmem_harness.cloud.public_calls import short_traceback
from vpmem_harness.cloud.server import Server
from vpmem_harness.cloud.service_events import ServiceEvents
from vpmem_harness.cloud.waiting import check_status
from vpmem_harness.exceptions import InvalidInputError, WaitTimeoutError
from vpmem_harness.host.machine import Host
from vpmem_harness.plurals import counted
from vpmem_harness.randomness import Randomness

#: How many hosts an error message describes.
_HOSTS_SHOWN = 8


class Cloud:
    """Hosts, each with a compute service, and servers on them.

    :param timeout: how long to wait for a state, in seconds.
    """

    def __init__(
        self, backend: Backend, hosts: Sequence[ComputeHost], randomness: Randomness,
        timeout: float = TIMEOUT,
    ) -> None:
        self.backend = backend
        self.timeout = timeout
        self._randomness = randomness
        self._computes = {one.host.name: Compute(self, one.host) for one in hosts}
        self._flavors: dict[str, Flavor] = {}
        self._made: dict[tuple[object, ...], Flavor] = {}
        self._booted = 0
        self._known: dict[str, str] = {}
        self.service_events = ServiceEvents()

    def __repr__(self) -> str:
        computes = ', '.join(
            f'{compute.name} {"up" if compute.is_up else "down"}'
            for compute in self._computes.values())
        servers = ', '.join(
            f'{record.name} {record.status}' for record in self.backend.servers())
        return (f'<{type(self).__name__} on {self.backend.name}: {computes or "no hosts"}; '
                f'{servers or "no servers"}>')

    # Hosts and servers

    @property
    def hosts(self) -> list[Host]:
        """The hosts, in the order in which they were given.

        Each has ``faults``, ``calls``, ``connection``, ``run``, ``reboot``, ``namespaces``,
        ``env`` and ``uri``: see :class:`~vpmem_harness.host.machine.Host`.
        """
        return [compute.host for compute in self._computes.values()]

    def host(self, name: str) -> Host:
        """The host of this name."""
        return self.compute(name).host

    def compute(self, host: str | Named) -> Compute:
        """The compute service of a host."""
        name = host_name(host)
        try:
            return self._computes[name]
        except KeyError:
            raise InvalidInputError(
                'name of a host', expected=f'one of {", ".join(self._computes)}',
                got=repr(name),
                remedy='name a host of this cloud') from None

    def add_host(self, host: ComputeHost) -> None:
        """Add a host that the backend has."""
        self._computes = {**self._computes, host.name: Compute(self, host.host)}

    def remove_host(self, name: str) -> None:
        """Remove a host that the backend no longer has."""
        self._computes = {key: one for key, one in self._computes.items() if key != name}

    @property
    def servers(self) -> list[Server]:
        """The servers, oldest first."""
        return [Server(self, record.id, record.name) for record in self.backend.servers()]

    def allocations(self, consumer: str | Server) -> dict[str, dict[str, int]]:
        """The allocations of a server or a migration in Placement, by host and resource class."""
        names = {self.backend.provider_uuid(name): name for name in self._computes}
        held = self.backend.allocations(consumer if isinstance(consumer, str) else consumer.id)
        return {names.get(uuid, uuid): resources for uuid, resources in held.items()}

    @short_traceback
    def domain_xml(self, server: Server, flags: int = 0) -> str:
        """The XML of a server's domain, from the hypervisor of its host.

        :param flags: the flags of virDomainGetXMLDesc.
        :raises libvirtError: when the server has no domain.
        """
        host = server.host
        if host is None:
            raise InvalidInputError(
                f'host of server {server.name!r}', expected='a host', got='none',
                remedy='get the domain while the server is on a host')
        connection = libvirt.open(self.host(host).uri)
        try:
            return str(connection.lookupByUUIDString(server.id).XMLDesc(flags))
        finally:
            connection.close()

    def inventories(self, host: str | Named) -> dict[str, Inventory]:
        """The inventories of a host by resource class."""
        return self.compute(host).inventories

    @short_traceback
    def settle(self, timeout: float | None = None) -> None:
        """Wait until no server has a task and every host has cleaned up.

        :raises WaitTimeoutError: after the timeout; it names the servers that still have a task.
        """
        seconds = self.timeout if timeout is None else timeout
        if not comes_to_rest(self.backend, seconds):
            raise WaitTimeoutError('the cloud to settle', seconds, [
                f'{record.name} is {record.status} ({record.task_state})'
                for record in self.backend.servers() if record.task_state is not None])

    def forget(self, randomness: Randomness) -> None:
        """Forget the flavors and the deleted servers; used between tests.

        :param randomness: what the cloud draws from after that.
        """
        self.backend.reset(randomness)
        self._randomness = randomness
        self._flavors.clear()
        self._made.clear()
        self._booted = 0
        self._known.clear()
        self.service_events.clear()

    # Flavors

    @short_traceback
    def flavor(
        self, pmem: str = '', *, name: str | None = None, vcpus: int = 1, ram: int = 512,
        disk: int = 1, ephemeral: int = 0, swap: int = 0,
        extra_specs: Mapping[str, str] | None = None,
    ) -> Flavor:
        """Create a flavor; the same arguments return the same flavor.

        :param pmem: labels, separated by commas, in the order of the guest's devices.
        """
        specs = {**({PMEM_EXTRA_SPEC: pmem} if pmem else {}), **(extra_specs or {})}
        if pmem and specs[PMEM_EXTRA_SPEC] != pmem:
            raise InvalidInputError(
                PMEM_EXTRA_SPEC, expected='labels in pmem or in extra_specs',
                got=f'{pmem!r} and {specs[PMEM_EXTRA_SPEC]!r}', remedy='leave one of them out')
        wanted = Flavor(name or '', '', vcpus, ram, disk, ephemeral, swap, specs)
        key = (name, vcpus, ram, disk, ephemeral, swap, tuple(sorted(specs.items())))
        if key not in self._made:
            number = next(
                number for number in map(str, itertools.count(len(self._flavors) + 1))
                if number not in self._flavors)
            self._made[key] = self.know_flavor(dataclasses.replace(
                wanted, name=name or f'flavor{number}', flavorid=number))
        return self._made[key]

    def flavor_like(
        self, flavor: Flavor, pmem: str | None, extra_specs: Mapping[str, str],
    ) -> Flavor:
        """Create a flavor like ``flavor`` with other labels, or other extra specs."""
        specs = {**flavor.extra_specs, **extra_specs}
        if pmem is not None:
            specs.pop(PMEM_EXTRA_SPEC, None)
        return self.flavor(
            pmem or '', vcpus=flavor.vcpus, ram=flavor.ram, disk=flavor.disk,
            ephemeral=flavor.ephemeral, swap=flavor.swap, extra_specs=specs)

    def know_flavor(self, flavor: Flavor) -> Flavor:
        """Register a flavor that was not made with :meth:`flavor`."""
        if not isinstance(flavor, Flavor):
            raise InvalidInputError(
                'flavor', expected='a Flavor', got=repr(flavor),
                remedy='make it with cloud.flavor(...), or find it with cloud.flavor_by_id(id)')
        if flavor.flavorid not in self._flavors:
            self.backend.create_flavor(flavor)
            self._flavors[flavor.flavorid] = flavor
        return flavor

    def adopt_flavor(self, flavor: Flavor) -> None:
        """Register a flavor that the backend knows already."""
        self._flavors[flavor.flavorid] = flavor

    def flavor_by_id(self, flavor_id: str) -> Flavor:
        """The flavor with this id.

        :raises FlavorNotFound: when there is none.
        """
        try:
            return self._flavors[flavor_id]
        except KeyError:
            raise errors.FlavorNotFound(flavor_id=flavor_id) from None

    # Servers

    @short_traceback
    def boot(
        self, pmem: str = '', name: str | None = None, *, expect: str | None = 'ACTIVE',
        host: str | Named | None = None, flavor: Flavor | None = None, vcpus: int = 1,
        ram: int = 512, disk: int = 1, extra_specs: Mapping[str, str] | None = None,
    ) -> Server:
        """Boot a server and wait until it has the expected status.

        :param pmem: labels, separated by commas: ``'SMALL'``, ``'LARGE,SMALL'``.
        :param expect: ``'ACTIVE'``, or ``'ERROR'``, which also waits for the fault; None does
            not wait.
        :param host: the host to boot on; None lets the scheduler choose.
        :param flavor: a flavor instead of the other arguments; not together with ``pmem`` or
            ``extra_specs``.
        :raises UnexpectedStateError: when the server reaches another status; the error has the
            fault.
        :raises WaitTimeoutError: when the server still has a task after the timeout.
        :raises InvalidInputError: when an argument cannot be used.
        """
        check_status(expect)
        if name is not None and not isinstance(name, str):
            raise InvalidInputError(
                'name of a server', expected='a text', got=repr(name), remedy='leave it out')
        if flavor is None:
            flavor = self.flavor(
                pmem, vcpus=vcpus, ram=ram, disk=disk, extra_specs=extra_specs)
        else:
            refuse_beside_flavor(pmem=pmem, extra_specs=extra_specs)
            self.know_flavor(flavor)
        self._booted += 1
        name = name or f'server{self._booted}'
        server_id, request_id = self.backend.create_server(
            name, flavor, None if host is None else host_name(host))
        self._known[server_id] = name
        server = Server(self, server_id, name)
        if expect is not None:
            server._wait(expect, request_id)
        return server

    # For reports

    @property
    def known_servers(self) -> Mapping[str, str]:
        """The names of the servers that were booted, deleted ones included, by id."""
        return {**self._known, **{one.id: one.name for one in self.backend.servers()}}

    def offers(self, server: str) -> str:
        """What the flavor of a server requests and what the hosts have, for an error message."""
        flavor = next((record.flavor for record in self.backend.servers()
                       if record.name == server), None)
        labels = ', '.join(flavor.pmem) if flavor else ''
        wanted = flavor.resources if flavor else {}
        hosts = '; '.join(in_words(compute, wanted)
                          for compute in list(self._computes.values())[:_HOSTS_SHOWN])
        more = len(self._computes) - _HOSTS_SHOWN
        others = f'; and {counted(more, "more host")}' if more > 0 else ''
        return f'its flavor has {labels or "no label"}; {hosts}{others}'

    def failed_calls(self, server: str) -> list[str]:
        """The first failed call about a server on each host, for an error message.

        :param server: its id.
        """
        found = [(host.name, host.calls.about(server).failed) for host in self.hosts]
        return [f'{name}: {failed[0].line}' for name, failed in found if failed]

    def transcript(self) -> str:
        """The hosts, the servers, and the requests to the servers with their results.

        It has a line for each host, with the free amounts, for each request, and for each server.
        """
        lines = [in_words(compute) for compute in self._computes.values()]
        for server in self.servers:
            for action in server.actions:
                steps = ', '.join(
                    f'{event.event} {event.result or "in progress"}' for event in action.events)
                lines.append(f'{server.name}: {action.action}: {steps}')
            record = server.record
            labels = ', '.join(record.flavor.pmem)
            lines.append(
                f'{server.name} is {record.status}'
                f'{f" ({record.task_state})" if record.task_state else ""} '
                f'on {record.host or "no host"} with '
                f'{", ".join(device.name for device in record.namespaces) or "no namespace"}'
                f'{f" for {labels}" if labels else ""}'
                f'{f": {record.fault.message}" if record.fault else ""}')
        return '\n'.join(lines)
