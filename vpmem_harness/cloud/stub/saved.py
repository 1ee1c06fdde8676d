"""The records of an idle cloud, in a form that another process can restore."""

from __future__ import annotations

from dataclasses import dataclass

from vpmem_harness.cloud.api import Inventory
from vpmem_harness.cloud.flavors import Flavor
from vpmem_harness.cloud.stub.backend import StubBackend
from vpmem_harness.cloud.stub.compute.guest import Owner
from vpmem_harness.cloud.stub.ledger import AllocationRequest, ConsumerAllocations
from vpmem_harness.cloud.stub.objects import Instance, Migration
from vpmem_harness.randomness import Randomness


@dataclass
class SavedCompute:
    """One compute service: its configuration, and whether it runs."""

    pmem_namespaces: tuple[str, ...]
    up: bool
    disabled: bool


@dataclass
class SavedProvider:
    """The resource provider of a host."""

    name: str
    inventories: dict[str, Inventory]


@dataclass
class SavedRecords:
    """The records of a stub, including deleted instances that have left something.

    ``providers`` and ``consumers`` are by UUID.
    """

    owner: Owner
    image_id: str
    providers: dict[str, SavedProvider]
    consumers: dict[str, ConsumerAllocations]
    instances: list[Instance]
    migrations: list[Migration]
    numbered: int
    flavors: dict[str, Flavor]
    computes: dict[str, SavedCompute]


def save(backend: StubBackend) -> SavedRecords:
    """Return the records of a cloud in which no service works; they are not copies."""
    services = backend.services
    database, ledger = services.database, services.ledger
    database.archive()
    providers = ledger.provider_names()
    consumers = {consumer: None for uuid in providers
                 for consumer in ledger.allocations_for_provider(uuid)}
    return SavedRecords(
        owner=services.owner, image_id=backend._api._image_id,
        providers={uuid: SavedProvider(name, ledger.inventories(uuid))
                   for uuid, name in providers.items()},
        consumers={uuid: ledger.allocations_for_consumer(uuid) for uuid in consumers},
        instances=database.all_instances(), migrations=database.migrations(),
        numbered=database._numbered, flavors=dict(backend._api._flavors),
        computes={name: SavedCompute(one.pmem_namespaces, one.is_up, one.disabled)
                  for name, one in services.computes.items()})


def restore(backend: StubBackend, records: SavedRecords, randomness: Randomness) -> None:
    """Restore the records of a cloud in another one that has not started and has the same hosts.

    :param randomness: what it draws UUIDs from; it must not give those of the records again.
    """
    services = backend.services
    database, ledger = services.database, services.ledger
    services.owner = records.owner
    backend._api._image_id = records.image_id
    for flavor in records.flavors.values():
        backend.create_flavor(flavor)
    for uuid in ledger.provider_names():
        ledger.delete_provider(uuid)
    services.providers = {one.name: uuid for uuid, one in records.providers.items()}
    for uuid, provider in records.providers.items():
        ledger.create_provider(uuid, provider.name)
        ledger.set_inventories(uuid, ledger.provider_generation(uuid), provider.inventories)
    for uuid, held in records.consumers.items():
        ledger.set_allocations({uuid: AllocationRequest(
            held.allocations, None, held.project_id, held.user_id)})
    for instance in records.instances:
        database.add_instance(instance)
    for migration in records.migrations:
        database.add_migration(migration)
    database._numbered = records.numbered
    for name, saved in records.computes.items():
        services.computes[name].pmem_namespaces = saved.pmem_namespaces
        services.computes[name].disabled = saved.disabled
    backend._identifiers.draw_from(randomness.derive('identifiers'))
    services.randomness = randomness
