"""Inventories and allocations, with the semantics of Placement.

Names, generations, order of checks and messages follow Placement 16 at microversion 1.38, without
nested providers, traits and aggregates, which a compute host with persistent memory does not need.
"""

from __future__ import annotations

import bisect
import operator
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from vpmem_harness.cloud.api import Inventory
from vpmem_harness.cloud.stub import placement_errors as errors

Resources = Mapping[str, int]

_NUMBER = operator.attrgetter('number')


@dataclass
class ResourceProvider:
    """The resource provider of one host."""

    uuid: str
    name: str
    number: int = 0
    generation: int = 0
    inventories: dict[str, Inventory] = field(default_factory=dict)
    usages: dict[str, int] = field(default_factory=dict)
    consumers: dict[str, Consumer] = field(default_factory=dict)
    #: Inventories and usages; providers with the same ones are equal for the scheduler.
    state: tuple[object, ...] = ()

    def free(self, name: str) -> float:
        """Return the free amount of a class; 0 without an inventory of it."""
        inventory = self.inventories.get(name)
        return 0.0 if inventory is None else (
            inventory.exact_capacity - self.usages.get(name, 0))

    def fits(self, name: str, amount: int) -> bool:
        """Whether an amount of a class is free and allowed."""
        inventory = self.inventories.get(name)
        return (
            inventory is not None and inventory.allows(amount)
            and self.usages.get(name, 0) + amount <= inventory.exact_capacity)


@dataclass
class Consumer:
    """A server or migration with allocations."""

    uuid: str
    project_id: str
    user_id: str
    generation: int = 0
    allocations: dict[str, dict[str, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class ConsumerAllocations:
    """Allocations of a consumer by provider; the generation is None for an unknown consumer."""

    allocations: dict[str, dict[str, int]]
    consumer_generation: int | None = None
    project_id: str = ''
    user_id: str = ''


@dataclass(frozen=True)
class AllocationRequest:
    """New allocations of a consumer, which replace its current ones; may be empty."""

    allocations: Mapping[str, Resources]
    consumer_generation: int | None
    project_id: str
    user_id: str


class Ledger:
    """Resource providers, their inventories, and the allocations of consumers. Thread-safe.

    :param lock: protects the ledger; its own one if None.
    :param check: called under the lock before a change of allocations or inventories; an error
        prevents the change.
    """

    def __init__(
        self, lock: threading.RLock | None = None, check: Callable[[], None] = lambda: None,
    ) -> None:
        self._lock = threading.RLock() if lock is None else lock
        self._check = check
        self._providers: dict[str, ResourceProvider] = {}
        self._by_name: dict[str, ResourceProvider] = {}
        # The providers of each state, oldest first, and a number for each kind of inventories.
        self._by_state: dict[tuple[object, ...], list[ResourceProvider]] = {}
        self._kinds: dict[frozenset[tuple[str, Inventory]], int] = {}
        self._created = 0
        self._consumers: dict[str, Consumer] = {}

    # Resource providers

    def create_provider(self, uuid: str, name: str) -> None:
        """Create a provider without inventory.

        :raises ResourceProviderExists: if its name or UUID exists.
        """
        with self._lock:
            if uuid in self._providers:
                raise errors.ResourceProviderExists(duplicate=f'uuid: {uuid}')
            if name in self._by_name:
                raise errors.ResourceProviderExists(duplicate=f'name: {name}')
            self._created += 1
            provider = ResourceProvider(uuid, name, self._created)
            self._providers[uuid] = self._by_name[name] = provider
            self._group(provider)

    def delete_provider(self, uuid: str) -> None:
        """Delete a provider without allocations.

        :raises ResourceProviderInUse: if it has allocations.
        """
        with self._lock:
            provider = self._provider(uuid)
            if any(provider.usages.values()):
                raise errors.ResourceProviderInUse()
            self._ungroup(provider)
            del self._providers[uuid], self._by_name[provider.name]

    def provider_generation(self, uuid: str) -> int:
        """Return the generation of a provider, which changes must specify."""
        with self._lock:
            return self._provider(uuid).generation

    def provider_names(self) -> dict[str, str]:
        """Return the names of all providers by UUID, oldest first."""
        with self._lock:
            return {uuid: provider.name for uuid, provider in self._providers.items()}

    def inventories(self, uuid: str) -> dict[str, Inventory]:
        """Return a provider's inventory by resource class."""
        with self._lock:
            return dict(self._provider(uuid).inventories)

    def usages(self, uuid: str) -> dict[str, int]:
        """Return a provider's usage by resource class, including zeroes."""
        with self._lock:
            provider = self._provider(uuid)
            return {name: provider.usages.get(name, 0) for name in provider.inventories}

    def set_inventories(
        self, uuid: str, generation: int, inventories: Mapping[str, Inventory],
    ) -> int:
        """Replace a provider's inventory; return its new generation.

        The new inventory may be smaller than the allocations; new allocations fail then.

        :raises ResourceProviderGenerationConflict: if the generation is outdated.
        :raises InvalidInventoryCapacity: if more is reserved than the total.
        :raises InventoryInUse: if a class with allocations is missing.
        """
        with self._lock:
            self._check()
            provider = self._provider(uuid)
            if generation != provider.generation:
                raise errors.ResourceProviderGenerationConflict()
            for name, inventory in inventories.items():
                if inventory.capacity < 0:
                    raise errors.InvalidInventoryCapacity(
                        resource_class=name, resource_provider=uuid)
            held = [name for name in provider.inventories
                    if name not in inventories and provider.usages.get(name)]
            if held:
                raise errors.InventoryInUse(
                    resource_classes=', '.join(held), resource_provider=uuid)
            self._ungroup(provider)
            provider.inventories = dict(inventories)
            self._group(provider)
            provider.generation += 1
            return provider.generation

    # Allocations

    def allocations_for_consumer(self, uuid: str) -> ConsumerAllocations:
        """Return a consumer's allocations; empty, without generation, if it has none."""
        with self._lock:
            consumer = self._consumers.get(uuid)
            if consumer is None or not consumer.allocations:
                return ConsumerAllocations({})
            held = {provider: dict(amounts) for provider, amounts in consumer.allocations.items()}
            return ConsumerAllocations(
                held, consumer.generation, consumer.project_id, consumer.user_id)

    def allocations_for_provider(self, uuid: str) -> dict[str, dict[str, int]]:
        """Return a provider's allocations by consumer."""
        with self._lock:
            return {consumer.uuid: dict(consumer.allocations[uuid])
                    for consumer in self._provider(uuid).consumers.values()}

    def set_allocations(self, requests: Mapping[str, AllocationRequest]) -> None:
        """Replace the allocations of some consumers, all or none of them.

        :raises ConsumerGenerationConflict: if the generation of a consumer is outdated.
        :raises ResourceProviderNotFound: if a provider is unknown.
        :raises InvalidInventory: if a provider has no inventory of a class.
        :raises InvalidAllocationConstraintsViolated: if an amount violates unit or step size.
        :raises InvalidAllocationCapacityExceeded: if the capacity is exceeded.
        """
        with self._lock:
            self._check()
            for uuid, request in requests.items():
                self._check_consumer_generation(uuid, request)
            unknown = next((provider for request in requests.values()
                            for provider in request.allocations
                            if provider not in self._providers), None)
            if unknown is not None:
                # Placement discards new consumers after every error except this one.
                for uuid, request in requests.items():
                    self._consumer(uuid, request)
                raise errors.AllocationProviderNotFound(rp_uuid=unknown)
            released = self._released(requests)
            self._check_capacity(requests, released)
            self._replace(requests)

    def delete_allocations(self, uuid: str) -> None:
        """Delete the allocations of a consumer; the generations of providers do not change.

        :raises NoAllocations: if it has none.
        """
        with self._lock:
            self._check()
            consumer = self._consumers.get(uuid)
            if consumer is None or not consumer.allocations:
                raise errors.NoAllocations(consumer_uuid=uuid)
            self._release(consumer)
            del self._consumers[uuid]

    def allocation_candidates(
        self, resources: Resources, in_tree: str | None = None,
    ) -> list[str]:
        """Return the providers that have all of ``resources`` free, oldest first.

        :param in_tree: consider only this provider.
        """
        with self._lock:
            found = [provider for group in self.candidate_groups(resources, in_tree)
                     for provider in group]
            return [one.uuid for one in sorted(found, key=_NUMBER)]

    def candidate_groups(
        self, resources: Resources, in_tree: str | None = None,
    ) -> list[Sequence[ResourceProvider]]:
        """Return the candidates in groups with equal inventories and usages, each oldest first.

        The effort depends on the number of such groups, which is small in a large fleet.
        """
        with self._lock:
            groups = list(self._by_state.values())
            if in_tree is not None:
                groups = [[self._providers[in_tree]]] if in_tree in self._providers else []
            return [list(group) for group in groups if all(
                group[0].fits(name, amount) for name, amount in resources.items())]

    def uuid_of(self, name: str) -> str | None:
        """Return the UUID of the provider with a name; None if there is none."""
        with self._lock:
            provider = self._by_name.get(name)
            return None if provider is None else provider.uuid

    # Shared by the methods above

    def _provider(self, uuid: str) -> ResourceProvider:
        try:
            return self._providers[uuid]
        except KeyError:
            raise errors.ResourceProviderNotFound(rp_uuid=uuid) from None

    def _group(self, provider: ResourceProvider) -> None:
        """Put a provider into the group of its state, after its state was changed."""
        inventories = provider.inventories
        kind = self._kinds.setdefault(frozenset(inventories.items()), len(self._kinds))
        provider.state = (kind, *(provider.usages.get(name, 0) for name in sorted(inventories)))
        bisect.insort(self._by_state.setdefault(provider.state, []), provider, key=_NUMBER)

    def _ungroup(self, provider: ResourceProvider) -> None:
        """Remove a provider from its group, before its state changes."""
        group = self._by_state[provider.state]
        del group[bisect.bisect_left(group, provider.number, key=_NUMBER)]
        if not group:
            del self._by_state[provider.state]

    def _check_consumer_generation(self, uuid: str, request: AllocationRequest) -> None:
        consumer = self._consumers.get(uuid)
        expected = None if consumer is None else consumer.generation
        if request.consumer_generation != expected:
            raise errors.ConsumerGenerationConflict(
                expected_gen='null' if expected is None else expected,
                got_gen=request.consumer_generation)

    def _released(self, requests: Mapping[str, AllocationRequest]) -> dict[tuple[str, str], int]:
        """Return the current allocations of the consumers, by provider and class."""
        released: dict[tuple[str, str], int] = {}
        for uuid in requests:
            consumer = self._consumers.get(uuid)
            if consumer is not None:
                for provider, amounts in consumer.allocations.items():
                    for name, amount in amounts.items():
                        key = (provider, name)
                        released[key] = released.get(key, 0) + amount
        return released

    def _check_capacity(
        self,
        requests: Mapping[str, AllocationRequest],
        released: Mapping[tuple[str, str], int],
    ) -> None:
        """Placement: objects/allocation.py, _check_capacity_exceeded.

        A provider above its capacity accepts changes that do not increase the usage.
        """
        self._check_inventories(requests)
        needed: dict[tuple[str, str], int] = {}
        for request in requests.values():
            for uuid, amounts in request.allocations.items():
                provider = self._providers[uuid]
                for name, amount in amounts.items():
                    inventory = provider.inventories.get(name)
                    if inventory is None:
                        raise errors.InvalidInventory(
                            resource_class=name, resource_provider=uuid)
                    if not inventory.allows(amount):
                        raise errors.InvalidAllocationConstraintsViolated(
                            resource_class=name, resource_provider=uuid)
                    key = (uuid, name)
                    needed[key] = needed.get(key, 0) + amount
                    before = provider.usages.get(name, 0)
                    after = before - released.get(key, 0) + needed[key]
                    if after > inventory.exact_capacity and after > before:
                        raise errors.InvalidAllocationCapacityExceeded(
                            resource_class=name, resource_provider=uuid)

    def _check_inventories(self, requests: Mapping[str, AllocationRequest]) -> None:
        """Check first, as Placement does, for providers that have none of the classes."""
        wanted = [amounts for request in requests.values()
                  for amounts in request.allocations.values()]
        for uuid, request in requests.items():
            if not request.allocations and uuid in self._consumers:
                wanted += self._consumers[uuid].allocations.values()
        classes = {name for amounts in wanted for name in amounts}
        missing = {uuid: None for request in requests.values() for uuid in request.allocations
                   if not classes & self._providers[uuid].inventories.keys()}
        if missing:
            raise errors.InvalidInventory(
                resource_class=', '.join(sorted(classes)), resource_provider=', '.join(missing))

    def _replace(self, requests: Mapping[str, AllocationRequest]) -> None:
        touched: dict[str, None] = {}
        for uuid, request in requests.items():
            consumer = self._consumer(uuid, request)
            consumer.project_id, consumer.user_id = request.project_id, request.user_id
            if not request.allocations and not consumer.allocations:
                continue    # a consumer without allocations is not changed
            # Placement updates a provider that is left only if the consumer keeps nothing.
            if not request.allocations:
                touched.update(dict.fromkeys(consumer.allocations))
            self._release(consumer)
            touched.update(dict.fromkeys(request.allocations))
            self._take(consumer, request)
            consumer.generation += 1
            if not consumer.allocations:
                del self._consumers[uuid]
        for provider in touched:
            self._providers[provider].generation += 1

    def _consumer(self, uuid: str, request: AllocationRequest) -> Consumer:
        """Return the consumer of a request; create it if necessary."""
        return self._consumers.setdefault(
            uuid, Consumer(uuid, request.project_id, request.user_id))

    def _take(self, consumer: Consumer, request: AllocationRequest) -> None:
        for uuid, amounts in request.allocations.items():
            provider = self._providers[uuid]
            self._ungroup(provider)
            for name, amount in amounts.items():
                provider.usages[name] = provider.usages.get(name, 0) + amount
            self._group(provider)
            provider.consumers[consumer.uuid] = consumer
            consumer.allocations[uuid] = dict(amounts)

    def _release(self, consumer: Consumer) -> None:
        for uuid, amounts in consumer.allocations.items():
            provider = self._providers[uuid]
            self._ungroup(provider)
            for name, amount in amounts.items():
                provider.usages[name] -= amount
            self._group(provider)
            del provider.consumers[consumer.uuid]
        consumer.allocations = {}
