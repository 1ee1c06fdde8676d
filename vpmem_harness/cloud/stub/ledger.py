"""What the hosts have and who holds it, with the semantics of Placement.

The words, the generations, the order of the checks and the messages are those of Placement 16
at microversion 1.38, without nested providers, traits and aggregates, which a compute host with
persistent memory does not need.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from vpmem_harness.cloud.api import Inventory
from vpmem_harness.cloud.stub import placement_errors as errors

Resources = Mapping[str, int]


@dataclass
class ResourceProvider:
    """One host, as Placement knows it."""

    uuid: str
    name: str
    generation: int = 0
    inventories: dict[str, Inventory] = field(default_factory=dict)
    usages: dict[str, int] = field(default_factory=dict)


@dataclass
class Consumer:
    """One server or migration that holds something."""

    uuid: str
    project_id: str
    user_id: str
    generation: int = 0
    allocations: dict[str, dict[str, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class ConsumerAllocations:
    """What one consumer holds, by provider; ``consumer_generation`` is None for an unknown one."""

    allocations: dict[str, dict[str, int]]
    consumer_generation: int | None = None
    project_id: str = ''
    user_id: str = ''


@dataclass(frozen=True)
class AllocationRequest:
    """What one consumer shall hold from now on, in place of what it held; may be nothing."""

    allocations: Mapping[str, Resources]
    consumer_generation: int | None
    project_id: str
    user_id: str


class Ledger:
    """Resource providers, their inventories, and the allocations of consumers. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._providers: dict[str, ResourceProvider] = {}
        self._consumers: dict[str, Consumer] = {}

    # Resource providers

    def create_provider(self, uuid: str, name: str) -> None:
        """Add a provider without inventory.

        :raises ResourceProviderExists: when its name or UUID is taken.
        """
        with self._lock:
            if uuid in self._providers:
                raise errors.ResourceProviderExists(duplicate=f'uuid: {uuid}')
            if any(provider.name == name for provider in self._providers.values()):
                raise errors.ResourceProviderExists(duplicate=f'name: {name}')
            self._providers[uuid] = ResourceProvider(uuid, name)

    def delete_provider(self, uuid: str) -> None:
        """Remove a provider that nobody holds anything of.

        :raises ResourceProviderInUse: when somebody does.
        """
        with self._lock:
            if any(self._provider(uuid).usages.values()):
                raise errors.ResourceProviderInUse()
            del self._providers[uuid]

    def provider_generation(self, uuid: str) -> int:
        """The number of the present view of a provider; it must be named to change it."""
        with self._lock:
            return self._provider(uuid).generation

    def provider_names(self) -> dict[str, str]:
        """The names of all providers by UUID, oldest first."""
        with self._lock:
            return {uuid: provider.name for uuid, provider in self._providers.items()}

    def inventories(self, uuid: str) -> dict[str, Inventory]:
        """What a provider has, by resource class."""
        with self._lock:
            return dict(self._provider(uuid).inventories)

    def usages(self, uuid: str) -> dict[str, int]:
        """How much of each class that a provider has is held, zeroes included."""
        with self._lock:
            provider = self._provider(uuid)
            return {name: provider.usages.get(name, 0) for name in provider.inventories}

    def free(self, uuids: Iterable[str], name: str) -> dict[str, float]:
        """How much of a class each provider has left; none for one that never had any."""
        with self._lock:
            left = {}
            for uuid in uuids:
                provider = self._provider(uuid)
                inventory = provider.inventories.get(name)
                left[uuid] = 0.0 if inventory is None else (
                    inventory.exact_capacity - provider.usages.get(name, 0))
            return left

    def set_inventories(
        self, uuid: str, generation: int, inventories: Mapping[str, Inventory],
    ) -> int:
        """Replace what a provider has; returns its new generation.

        Less than what is held may be set, and is: nothing new fits then until enough is freed.

        :raises ResourceProviderGenerationConflict: when somebody else changed the provider.
        :raises InvalidInventoryCapacity: when more is reserved than there is.
        :raises InventoryInUse: when a class that somebody holds would vanish.
        """
        with self._lock:
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
            provider.inventories = dict(inventories)
            provider.generation += 1
            return provider.generation

    # Allocations

    def allocations_for_consumer(self, uuid: str) -> ConsumerAllocations:
        """What a consumer holds; nothing, and no generation, for one that holds nothing."""
        with self._lock:
            consumer = self._consumers.get(uuid)
            if consumer is None or not consumer.allocations:
                return ConsumerAllocations({})
            held = {provider: dict(amounts) for provider, amounts in consumer.allocations.items()}
            return ConsumerAllocations(
                held, consumer.generation, consumer.project_id, consumer.user_id)

    def allocations_for_provider(self, uuid: str) -> dict[str, dict[str, int]]:
        """Who holds how much of a provider, by consumer."""
        with self._lock:
            self._provider(uuid)
            return {consumer.uuid: dict(consumer.allocations[uuid])
                    for consumer in self._consumers.values() if uuid in consumer.allocations}

    def set_allocations(self, requests: Mapping[str, AllocationRequest]) -> None:
        """Replace what the named consumers hold, all or nothing.

        :raises ConsumerGenerationConflict: when a consumer is not what the request takes it for.
        :raises ResourceProviderNotFound: when a provider is unknown.
        :raises InvalidInventory: when a provider has nothing of a class.
        :raises InvalidAllocationConstraintsViolated: when an amount is not one that may be held.
        :raises InvalidAllocationCapacityExceeded: when there is not enough.
        """
        with self._lock:
            for uuid, request in requests.items():
                self._check_consumer_generation(uuid, request)
            unknown = next((provider for request in requests.values()
                            for provider in request.allocations
                            if provider not in self._providers), None)
            if unknown is not None:
                # As Placement, which forgets new consumers for every refusal but this one.
                for uuid, request in requests.items():
                    self._consumer(uuid, request)
                raise errors.AllocationProviderNotFound(rp_uuid=unknown)
            released = self._released(requests)
            self._check_capacity(requests, released)
            self._replace(requests)

    def delete_allocations(self, uuid: str) -> None:
        """Take everything from a consumer; its providers' generations stay as they are.

        :raises NoAllocations: when it holds nothing.
        """
        with self._lock:
            consumer = self._consumers.get(uuid)
            if consumer is None or not consumer.allocations:
                raise errors.NoAllocations(consumer_uuid=uuid)
            self._release(consumer)
            del self._consumers[uuid]

    def allocation_candidates(
        self, resources: Resources, in_tree: str | None = None,
    ) -> list[str]:
        """The providers that could give all of ``resources`` now, oldest first.

        :param in_tree: look at this provider alone.
        """
        with self._lock:
            return [
                uuid for uuid, provider in self._providers.items()
                if in_tree in (None, uuid) and all(
                    self._fits(provider, name, amount) for name, amount in resources.items())]

    # What the above share

    def _provider(self, uuid: str) -> ResourceProvider:
        try:
            return self._providers[uuid]
        except KeyError:
            raise errors.ResourceProviderNotFound(rp_uuid=uuid) from None

    @staticmethod
    def _fits(provider: ResourceProvider, name: str, amount: int) -> bool:
        inventory = provider.inventories.get(name)
        return (
            inventory is not None and inventory.allows(amount)
            and provider.usages.get(name, 0) + amount <= inventory.exact_capacity)

    def _check_consumer_generation(self, uuid: str, request: AllocationRequest) -> None:
        consumer = self._consumers.get(uuid)
        expected = None if consumer is None else consumer.generation
        if request.consumer_generation != expected:
            raise errors.ConsumerGenerationConflict(
                expected_gen='null' if expected is None else expected,
                got_gen=request.consumer_generation)

    def _released(self, requests: Mapping[str, AllocationRequest]) -> dict[tuple[str, str], int]:
        """What the consumers hold before the requests, by provider and class."""
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

        A provider that is over its capacity lets a change through that does not make it worse.
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
        """Placement looks first for providers that have nothing of all that is asked for."""
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
                continue    # one that never held anything stays known, as it is
            # Placement visits a provider that is left only when its consumer is emptied.
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
        """The consumer of a request, which is known from then on."""
        return self._consumers.setdefault(
            uuid, Consumer(uuid, request.project_id, request.user_id))

    def _take(self, consumer: Consumer, request: AllocationRequest) -> None:
        for uuid, amounts in request.allocations.items():
            usages = self._providers[uuid].usages
            for name, amount in amounts.items():
                usages[name] = usages.get(name, 0) + amount
            consumer.allocations[uuid] = dict(amounts)

    def _release(self, consumer: Consumer) -> None:
        for uuid, amounts in consumer.allocations.items():
            usages = self._providers[uuid].usages
            for name, amount in amounts.items():
                usages[name] -= amount
        consumer.allocations = {}
