"""A cloud, as a test holds it."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Mapping, Sequence

import libvirt

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.api import Backend, ComputeHost, Inventory, SimulatedHost, host_name
from vpmem_harness.cloud.extra_specs import PMEM_EXTRA_SPEC
from vpmem_harness.cloud.flavors import PMEM_CLASS, Flavor, refuse_beside_flavor
from vpmem_harness.cloud.server import Server
from vpmem_harness.cloud.stub.pmem_namespaces import parse_option
from vpmem_harness.cloud.waiting import check_status
from vpmem_harness.exceptions import HarnessError, InvalidInputError, WaitTimeoutError
from vpmem_harness.randomness import Randomness

#: Seconds in which a server reaches the state that is waited for.
TIMEOUT = 60.0


class Compute:
    """The compute service of one host."""

    def __init__(self, cloud: Cloud, host: SimulatedHost) -> None:
        self._cloud = cloud
        self.host = host
        self.name = host.name

    def __repr__(self) -> str:
        return f'<Compute {self.name} {"up" if self.is_up else "down"}>'

    @property
    def _backend(self) -> Backend:
        return self._cloud.backend

    @property
    def is_up(self) -> bool:
        return self._backend.compute_is_up(self.name)

    def start(self) -> None:
        """Start it; its claims are those it had.

        :raises NovaException: what keeps it from starting, such as a configuration that does
            not fit the host.
        """
        self._backend.start_compute(self.name)

    def stop(self) -> None:
        """Stop it when what it is doing is done; its guests run on."""
        self._backend.stop_compute(self.name)

    def kill(self) -> None:
        """End it in the middle of what it is doing."""
        self._backend.kill_compute(self.name)

    def restart(self, pmem_namespaces: str | Iterable[str] | None = None) -> None:
        """Stop and start it, with another ``pmem_namespaces`` if one is given.

        :param pmem_namespaces: as nova.conf has it, ``'SMALL:ns_0|ns_1,LARGE:ns_2'``, or its
            items.
        """
        self.stop()
        if isinstance(pmem_namespaces, str):
            pmem_namespaces = parse_option(pmem_namespaces)
        if pmem_namespaces is not None:
            self._backend.set_pmem_namespaces(self.name, list(pmem_namespaces))
        self.start()

    def run_periodic_tasks(self, timeout: float = TIMEOUT) -> None:
        """Have it do now what it does from time to time, and wait until servers are at rest again.

        It audits its resources, cleans up, and synchronizes power states: a server whose guest
        has gone off by itself, as all have after a reboot of the host, is ACTIVE until then.
        Servers at which something is being done already are not waited for.

        :raises WaitTimeoutError: when a server is not at rest after ``timeout`` seconds.
        """
        backend = self._backend
        idle = [record for record in backend.servers()
                if record.host == self.name and record.task_state is None]
        backend.run_periodic_tasks(self.name)
        for record in idle:
            if not _comes_to_rest(backend, timeout, record.id):
                raise WaitTimeoutError(f'server {record.name!r} to be at rest', timeout, [])

    @property
    def inventories(self) -> dict[str, Inventory]:
        """What its host has, by resource class."""
        return self._backend.inventories(self.name)

    @property
    def usages(self) -> dict[str, int]:
        """How much of that is held."""
        return self._backend.usages(self.name)

    @property
    def assigned_namespaces(self) -> dict[str, str]:
        """The id of the server that each namespace is claimed for, by the namespace's name."""
        return self._backend.assigned_namespaces(self.name)


def _in_words(compute: Compute) -> str:
    """A compute service, and what of its host's persistent memory is free."""
    try:
        inventories, usages = compute.inventories, compute.usages
    except HarnessError:
        inventories, usages = {}, {}        # it has never come up
    offers = [f'{name.removeprefix(PMEM_CLASS)} {one.total - usages[name]} of {one.total} free'
              for name, one in sorted(inventories.items()) if name.startswith(PMEM_CLASS)]
    return ', '.join([f'{compute.name} {"up" if compute.is_up else "down"}',
                      *(offers or ['no persistent memory'])])


def _comes_to_rest(backend: Backend, seconds: float, server: str | None = None) -> bool:
    """Wait until nothing is done to a server, or at all; False when it still is after that."""
    return bool(backend.wait_for(lambda: backend.at_rest(server) or None, seconds))


class Cloud:
    """Hosts with a compute service each, and servers on them.

    :param timeout: seconds in which a server reaches the state that is waited for.
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

    # What there is

    @property
    def hosts(self) -> list[SimulatedHost]:
        """The hosts, in the order that they were given in."""
        return [compute.host for compute in self._computes.values()]

    def host(self, name: str) -> SimulatedHost:
        """A host by its name."""
        return self.compute(name).host

    def compute(self, host: str | SimulatedHost) -> Compute:
        """The compute service of a host."""
        name = host_name(host)
        try:
            return self._computes[name]
        except KeyError:
            raise InvalidInputError(
                'name of a host', expected=f'one of {", ".join(self._computes)}', got=name,
                remedy='name a host of this cloud') from None

    @property
    def servers(self) -> list[Server]:
        """The servers that there are, oldest first."""
        return [Server(self, record.id, record.name) for record in self.backend.servers()]

    def allocations(self, consumer: str | Server) -> dict[str, dict[str, int]]:
        """What a server or a migration holds in Placement, by host and resource class."""
        names = {self.backend.provider_uuid(name): name for name in self._computes}
        held = self.backend.allocations(consumer if isinstance(consumer, str) else consumer.id)
        return {names.get(uuid, uuid): resources for uuid, resources in held.items()}

    def domain_xml(self, server: Server, flags: int = 0) -> str:
        """The domain of a server, as the hypervisor of its host has it.

        :param flags: of virDomainGetXMLDesc.
        :raises libvirtError: when it has none.
        """
        host = server.host
        if host is None:
            raise InvalidInputError(
                f'host of server {server.name!r}', expected='one', got='none',
                remedy='ask for the domain of a server that is on a host')
        connection = libvirt.open(self.host(host).uri)
        try:
            return str(connection.lookupByUUIDString(server.id).XMLDesc(flags))
        finally:
            connection.close()

    def inventories(self, host: str | SimulatedHost) -> dict[str, Inventory]:
        """What a host has, by resource class."""
        return self.compute(host).inventories

    def settle(self, timeout: float | None = None) -> None:
        """Wait until nothing is being done to any server, and every host has cleaned up.

        :raises WaitTimeoutError: when that has not come; it names the servers.
        """
        seconds = self.timeout if timeout is None else timeout
        if not _comes_to_rest(self.backend, seconds):
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

    # Flavors

    def flavor(
        self, pmem: str = '', *, name: str | None = None, vcpus: int = 1, ram: int = 512,
        disk: int = 1, ephemeral: int = 0, swap: int = 0,
        extra_specs: Mapping[str, str] | None = None,
    ) -> Flavor:
        """A flavor that the cloud knows; the same arguments give the same one.

        :param pmem: labels, separated by commas, in the order of the guest's devices.
        """
        specs = {**({PMEM_EXTRA_SPEC: pmem} if pmem else {}), **(extra_specs or {})}
        if pmem and specs[PMEM_EXTRA_SPEC] != pmem:
            raise InvalidInputError(
                PMEM_EXTRA_SPEC, expected='labels, said once',
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
        """``flavor`` with other labels, or other extra specs."""
        specs = {**flavor.extra_specs, **extra_specs}
        if pmem is not None:
            specs.pop(PMEM_EXTRA_SPEC, None)
        return self.flavor(
            pmem or '', vcpus=flavor.vcpus, ram=flavor.ram, disk=flavor.disk,
            ephemeral=flavor.ephemeral, swap=flavor.swap, extra_specs=specs)

    def know_flavor(self, flavor: Flavor) -> Flavor:
        """Make a flavor known that was made by hand."""
        if not isinstance(flavor, Flavor):
            raise InvalidInputError(
                'flavor', expected='a Flavor', got=repr(flavor),
                remedy='make it with cloud.flavor(...), or find it with cloud.flavor_by_id(id)')
        if flavor.flavorid not in self._flavors:
            self.backend.create_flavor(flavor)
            self._flavors[flavor.flavorid] = flavor
        return flavor

    def flavor_by_id(self, flavor_id: str) -> Flavor:
        """A flavor that is known.

        :raises FlavorNotFound: when it is not.
        """
        try:
            return self._flavors[flavor_id]
        except KeyError:
            raise errors.FlavorNotFound(flavor_id=flavor_id) from None

    # Servers

    def boot(
        self, pmem: str = '', name: str | None = None, *, expect: str | None = 'ACTIVE',
        host: str | SimulatedHost | None = None, flavor: Flavor | None = None, vcpus: int = 1,
        ram: int = 512, disk: int = 1, extra_specs: Mapping[str, str] | None = None,
    ) -> Server:
        """Boot a server and wait until it is what is expected.

        :param pmem: labels, separated by commas: ``'SMALL'``, ``'LARGE,SMALL'``.
        :param expect: ``'ACTIVE'``, or ``'ERROR'``, which waits for the fault, too; None does
            not wait.
        :param host: the only host that will do.
        :param flavor: in place of one made from the other arguments; not beside ``pmem`` or
            ``extra_specs``.
        :raises UnexpectedStateError: when the server comes to be something else; it has the
            fault.
        :raises WaitTimeoutError: when it does not come to rest.
        :raises InvalidInputError: when an argument is none that there can be.
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
        server = Server(self, server_id, name)
        if expect is not None:
            server._wait(expect, request_id)
        return server

    def transcript(self) -> str:
        """The hosts, and what was asked of the servers there are and what came of it.

        One line a host, with what is free, one a request and one a server.
        """
        lines = [_in_words(compute) for compute in self._computes.values()]
        for server in self.servers:
            for action in server.actions:
                steps = ', '.join(
                    f'{event.event} {event.result or "goes on"}' for event in action.events)
                lines.append(f'{server.name}: {action.action}: {steps}')
            record = server.record
            labels = ', '.join(record.flavor.pmem)
            lines.append(
                f'{server.name} is {record.status}'
                f'{f" ({record.task_state})" if record.task_state else ""} on {record.host} with '
                f'{", ".join(device.name for device in record.namespaces) or "no namespace"}'
                f'{f" for {labels}" if labels else ""}'
                f'{f": {record.fault.message}" if record.fault else ""}')
        return '\n'.join(lines)
