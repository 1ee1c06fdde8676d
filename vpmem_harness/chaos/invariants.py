"""Invariants of a fleet: those that always hold, and those that hold at rest.

Each method returns one sentence per violation.
"""

from __future__ import annotations

import collections
from collections.abc import Iterator, Mapping, Sequence

from vpmem_harness.cloud.cloud import Cloud
from vpmem_harness.cloud.states import PowerState, VMState
from vpmem_harness.cloud.stub.backend import StubBackend
from vpmem_harness.cloud.stub.objects import Instance, Resource
from vpmem_harness.host.machine import Host
from vpmem_harness.plurals import counted

PMEM_CLASS = 'CUSTOM_PMEM_NAMESPACE_'


class Fleet:
    """A cloud and its hosts, with the invariants.

    :param hosts: the simulated hosts by name.
    """

    def __init__(self, cloud: Cloud, hosts: Mapping[str, Host]) -> None:
        self.cloud = cloud
        self.hosts = hosts
        backend = cloud.backend
        if not isinstance(backend, StubBackend):
            raise TypeError('the invariants need a cloud on the stub')
        self.backend = backend

    # Who is involved with whom

    def involved(self) -> dict[str, set[str]]:
        """Return the hosts involved with each instance, by UUID."""
        return {one.uuid: _hosts_of(one) for one in self.backend.services.database.instances()}

    def holds(self, uuid: str) -> set[tuple[str, str]]:
        """Return the hosts and namespaces of an instance; empty if it is deleted."""
        for one in self.backend.services.database.instances():
            if one.uuid == uuid and one.host is not None:
                return {(one.host, resource.identifier) for resource in one.resources}
        return set()

    def is_undefined(self, uuid: str) -> bool:
        """Whether the host of an instance has no domain of it."""
        return any(
            one.uuid == uuid and one.host is not None and uuid not in {
                domain.uuid_text for domain in list(self.hosts[one.host].hypervisor.domains)}
            for one in self.backend.services.database.instances())

    def troubled(self) -> set[str]:
        """Return the hosts with an active fault or a service that is down."""
        troubled = {name for name, host in self.hosts.items()
                    if host.faults.in_force or not self.cloud.compute(name).is_up}
        for one in self.backend.services.database.all_instances():
            troubled |= {*one.left_behind}
        return troubled

    # Always

    def always(self) -> Sequence[str]:
        """Check the invariants that hold even during an operation."""
        return [*self._claimed_twice(), *self._run_twice()]

    def _claimed_twice(self) -> Iterator[str]:
        owners: dict[tuple[str, str], str] = {}
        for instance in self.backend.services.database.instances():
            move = instance.migration_context
            held = {*instance.resources}
            if move is not None:
                held |= {*move.old_resources, *move.new_resources}
            for resource in held:
                key = resource.provider_uuid, resource.identifier
                other = owners.setdefault(key, instance.display_name)
                if other != instance.display_name:
                    yield (f'namespace {resource.identifier} is held by {other} and by '
                           f'{instance.display_name}')

    def _run_twice(self) -> Iterator[str]:
        for host in self.hosts.values():
            paths = collections.Counter(
                path for domain in list(host.hypervisor.domains) if domain.active
                for path in domain.open_paths if path.startswith('/dev/'))
            for path, times in paths.items():
                if times > 1:
                    yield f'{times} domains run on {path} of {host.name}'

    # At rest

    def at_rest(self, *, cleaned_up: bool = True) -> Sequence[str]:
        """Check the invariants of a fleet at rest, with all services up and no faults.

        :param cleaned_up: whether each service has started since the last failed request, and so
            has cleaned up its host.
        """
        instances = self.backend.services.database.instances()
        return [*self.always(), *self._unsettled(instances), *self._books(instances),
                *self.claims(), *self._guests(instances), *self._data(),
                *self._files(), *(self._left_behind() if cleaned_up else ())]

    @staticmethod
    def _unsettled(instances: Sequence[Instance]) -> Iterator[str]:
        for one in instances:
            if one.task_state is not None or one.vm_state == VMState.BUILDING:
                yield f'{one.display_name} is stuck: {one.vm_state}, {one.task_state}'

    def _left_behind(self) -> Iterator[str]:
        for name in self.hosts:
            for instance, resources in self.backend.services.database.left_behind(name):
                yield (f'{name} has not cleaned up what {instance.display_name} has left: '
                       f'{", ".join(one.identifier for one in resources) or "its domain"}')

    def _books(self, instances: Sequence[Instance]) -> Iterator[str]:
        """Placement has exactly the allocations that the servers need."""
        consumers = {one.uuid: one.display_name for one in instances}
        for one in instances:
            held = {host: dict(amounts)
                    for host, amounts in self.cloud.allocations(one.uuid).items()}
            wanted = {} if one.host is None else {one.host: dict(one.flavor.resources)}
            if held != wanted:
                yield (f'{one.display_name} ({one.vm_state}) holds {held} in Placement in place '
                       f'of {wanted}')
            move = one.migration_context
            if move is not None:
                consumers[move.migration.uuid] = f'the migration of {one.display_name}'
        for name in self.hosts:
            provider = self.backend.provider_uuid(name)
            for consumer in self.backend.ledger.allocations_for_provider(provider):
                if consumer not in consumers:
                    yield f'Placement has {name} hold something for {consumer}, which is gone'

    def _held(self, host: str) -> dict[str, tuple[Instance, Resource]]:
        """Return the claimed namespaces of a host, with instance and resource."""
        held: dict[str, tuple[Instance, Resource]] = {}
        for instance in self.backend.services.database.all_instances():
            resources = [*instance.left_behind.get(host, ())]
            if not instance.deleted:
                if instance.host == host:
                    resources += instance.resources
                move = instance.migration_context
                if move is not None and move.migration.source_compute == host:
                    resources += move.old_resources
                if move is not None and move.migration.dest_compute == host:
                    resources += move.new_resources
            held |= {one.identifier: (instance, one) for one in resources}
        return held

    def _here(self, host: str) -> set[str]:
        """Return the instances that may have a domain and files on a host."""
        return {one.uuid for one in self.backend.services.database.all_instances()
                if host in _hosts_of(one)}

    def claims(self) -> Iterator[str]:
        """The claims of a service match the resources of its servers and their allocations."""
        for name in self.hosts:
            held = self._held(name)
            wanted = {identifier: one.display_name for identifier, (one, _) in held.items()}
            names = {one.uuid: one.display_name for one, _ in held.values()}
            claimed = {identifier: names.get(owner, owner) for identifier, owner
                       in self.backend.assigned_namespaces(name).items()}
            if claimed != wanted:
                yield f'{name} has claimed {claimed} in place of {wanted}'
            booked = sum(amount for of_class, amount in self.backend.usages(name).items()
                         if of_class.startswith(PMEM_CLASS))
            left = {resource.identifier for one, resource in held.values()
                    if resource in one.left_behind.get(name, ())}
            if booked != len(held) - len(left):
                yield (f'Placement has {counted(booked, "namespace")} of {name} held, '
                       f'{len(held) - len(left)} are, by {", ".join(sorted({*wanted.values()}))}')

    def _guests(self, instances: Sequence[Instance]) -> Iterator[str]:
        """Every domain belongs to a server on this host, and uses the namespaces of that server."""
        by_id = {one.uuid: one for one in instances}
        running = set()
        for name, host in self.hosts.items():
            here = self._here(name)
            for domain in list(host.hypervisor.domains):
                if domain.uuid_text not in here:
                    yield f'{name} has the domain {domain.name}, and no server for it'
                    continue
                one = by_id.get(domain.uuid_text)
                if not domain.active or one is None:
                    continue
                if one.host != name:
                    if name not in one.left_behind:
                        yield f'{one.display_name} runs on {name}, which it has left'
                    continue
                running.add(one.uuid)
                paths = sorted(path for path in domain.open_paths if path.startswith('/dev/'))
                held = sorted(resource.device.devpath for resource in one.resources)
                if paths != held:
                    yield f'{one.display_name} runs on {paths}, and holds {held}'
        for one in instances:
            if one.vm_state == VMState.ACTIVE and one.uuid not in running:
                yield f'{one.display_name} is ACTIVE, and its domain does not run'
            if one.power_state == PowerState.SHUTDOWN and one.uuid in running:
                yield f'{one.display_name} is off, and its domain runs'

    def _data(self) -> Iterator[str]:
        """No server sees the data of another one, and free namespaces are empty."""
        for name, host in self.hosts.items():
            held = self._held(name)
            for namespace in host.namespaces:
                if namespace.path is None or namespace.name is None:
                    continue
                writers = host.pmem.contents(namespace.path).writers
                owner = held[namespace.name][0] if namespace.name in held else None
                if writers - {owner.uuid if owner else None}:
                    whose = f'held by {owner.display_name}' if owner else 'free'
                    yield (f'{namespace.name} of {name}, {whose}, has the data of '
                           f'{", ".join(sorted(writers))}')

    def _files(self) -> Iterator[str]:
        for name, host in self.hosts.items():
            here = self._here(name)
            for path in host.instances_path.iterdir():
                if path.name.removesuffix('_resize') not in here:
                    yield f'{name} has left the files {path.name}'


def _hosts_of(instance: Instance) -> set[str]:
    """Return the hosts of an instance; if it is deleted, those with leftovers."""
    hosts = {*instance.left_behind}
    if not instance.deleted:
        move = instance.migration_context
        hosts |= {host for host in (
            instance.host, *((move.migration.source_compute, move.migration.dest_compute)
                             if move is not None else ())) if host is not None}
    return hosts
