"""Backend without OpenStack: Nova's behavior on simulated hosts."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

import libvirt
from oslo_log import log as logging

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.api import (
    ComputeHost,
    InstanceAction,
    Inventory,
    MigrationRecord,
    ServerRecord,
    ServerState,
    service_runs,
)
from vpmem_harness.cloud.flavors import Flavor
from vpmem_harness.cloud.stub.compute.guest import Owner
from vpmem_harness.cloud.stub.compute.libvirt_calls import report
from vpmem_harness.cloud.stub.compute.service import ComputeService
from vpmem_harness.cloud.stub.compute.service_run import CurrentRun
from vpmem_harness.cloud.stub.compute_api import API
from vpmem_harness.cloud.stub.conductor import Conductor
from vpmem_harness.cloud.stub.context import Services
from vpmem_harness.cloud.stub.database import Database
from vpmem_harness.cloud.stub.ledger import Ledger
from vpmem_harness.cloud.stub.scheduler import Scheduler
from vpmem_harness.cloud.stub.workers import Workers
from vpmem_harness.exceptions import HarnessError
from vpmem_harness.randomness import Randomness

LOG = logging.getLogger(__name__)

T = TypeVar('T')

#: Seconds in which work in progress may end when the cloud is stopped.
GRACE = 1.0

#: Seconds in which a compute service may finish its work when it is stopped, and in which a call
#: ends after its connection was dropped.
HANG = 10.0


class Identifiers:
    """Thread-safe source of UUIDs from one random stream."""

    def __init__(self, randomness: Randomness) -> None:
        self._randomness = randomness
        self._lock = threading.Lock()

    def uuid(self) -> str:
        with self._lock:
            return self._randomness.uuid()

    def draw_from(self, randomness: Randomness) -> None:
        """Draw from another stream."""
        with self._lock:
            self._randomness = randomness


class StubBackend:
    """A cloud on simulated hosts; see :class:`~vpmem_harness.cloud.api.Backend`.

    :param allow_resize_to_same_host: Nova's option of this name.
    :param disconnect: makes the hosts drop this program's connections; called if a call to a
        host hangs while the cloud is stopped.
    """

    name = 'stub'

    def __init__(
        self,
        hosts: Sequence[ComputeHost],
        randomness: Randomness,
        *,
        allow_resize_to_same_host: bool = False,
        shelved_offload_time: int = 0,
        disconnect: Callable[[], None] | None = None,
    ) -> None:
        identifiers = Identifiers(randomness.derive('identifiers'))
        self._disconnect = disconnect
        self._identifiers = identifiers
        current_run = CurrentRun()
        database = Database(current_run.check)
        # One lock, so that a service is not killed between a change of one and of the other.
        ledger = Ledger(database.lock, current_run.check)
        providers = {one.host.name: identifiers.uuid() for one in hosts}
        for name, uuid in providers.items():
            ledger.create_provider(uuid, name)
        self.services = Services(
            database, ledger, current_run, Workers('vpmem-cloud'), randomness,
            Owner(identifiers.uuid(), identifiers.uuid().replace('-', '')),
            lambda: datetime.datetime.now(datetime.UTC), identifiers.uuid, providers,
            shelved_offload_time=shelved_offload_time,
            allow_resize_to_same_host=allow_resize_to_same_host)
        self.services.conductor = Conductor(
            self.services, Scheduler(ledger, self.compute_is_up))
        self._api = API(self.services, image_id=identifiers.uuid())
        for one in hosts:
            self.services.computes[one.host.name] = ComputeService(
                one.host, self.services, one.pmem_namespaces)

    @property
    def ledger(self) -> Ledger:
        """The stub's Placement."""
        return self.services.ledger

    def start(self, hosts: Sequence[str] | None = None) -> None:
        """Start all compute services, or those of some hosts; if one fails, stop the others."""
        libvirt.registerErrorHandler(report, None)
        try:
            for host in self.services.computes if hosts is None else hosts:
                self.start_compute(host)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the services and join every thread.

        Work that does not end in time is aborted: its commands are killed, and the hosts drop the
        connections of this program, which ends hanging calls to libvirt.

        :raises HarnessError: if a thread still does not end.
        """
        workers = self.services.workers
        workers.close()
        ended = workers.join(GRACE)
        for compute in self.services.computes.values():
            compute.kill()
        if ended:
            return
        if self._disconnect is not None:
            self._disconnect()
        if not workers.join(HANG):
            raise HarnessError(
                'a call to a host hangs and cannot be ended; release the fault that holds it '
                'before the cloud is cleaned up')

    # Hosts

    def start_compute(self, host: str) -> None:
        compute = self.services.compute(host)
        if compute.runs:
            raise service_runs(host)
        try:
            compute.start()
        except errors.NovaException:
            raise
        except Exception as error:
            # An error that ends nova-compute, such as an invalid listing.
            raise errors.NovaException(f'{type(error).__name__}: {error}') from error

    def stop_compute(self, host: str) -> None:
        self.services.compute(host).stop(HANG)

    def kill_compute(self, host: str) -> None:
        self.services.compute(host).kill()

    def add_compute(self, one: ComputeHost) -> None:
        """Add a host to a cloud that runs, and start its compute service.

        :raises NovaException: when the service cannot start; the host is not added then.
        """
        name, services = one.host.name, self.services
        uuid = self._identifiers.uuid()
        services.ledger.create_provider(uuid, name)
        # New mappings, because other threads walk through the old ones.
        services.providers = {**services.providers, name: uuid}
        services.computes = {
            **services.computes, name: ComputeService(one.host, services, one.pmem_namespaces)}
        try:
            self.start_compute(name)
        except BaseException:
            self._drop_compute(name)
            raise

    def remove_compute(self, host: str) -> None:
        """Stop the compute service of a host without servers, and remove the host.

        Source: nova/api/openstack/compute/services.py, ServiceController.delete.

        :raises Conflict: when a server is on the host, or a move from or to it is not finished.
        """
        compute = self.services.compute(host)
        with self.services.database.lock:
            if any(one.host == host for one in self.services.database.instances()):
                raise errors.Conflict(
                    'Unable to delete compute service that is hosting instances. Migrate or '
                    'delete the instances first.')
            moves = [one.migration_context.migration for one in self.services.database.instances()
                     if one.migration_context is not None]
            if any(host in (one.source_compute, one.dest_compute) for one in moves):
                raise errors.Conflict(
                    'Unable to delete compute service that has in-progress migrations. Complete '
                    'the migrations or delete the instances first.')
        compute.stop(HANG)
        self._drop_compute(host)

    def _drop_compute(self, host: str) -> None:
        services, uuid = self.services, self.services.providers[host]
        for consumer in services.ledger.allocations_for_provider(uuid):
            services.ledger.delete_allocations(consumer)
        services.ledger.delete_provider(uuid)
        services.computes = {
            name: one for name, one in services.computes.items() if name != host}
        services.providers = {
            name: one for name, one in services.providers.items() if name != host}

    def compute_is_up(self, host: str) -> bool:
        compute = self.services.compute(host)
        return compute.is_up and not compute.disabled

    def set_pmem_namespaces(self, host: str, value: Sequence[str]) -> None:
        self.services.compute(host).pmem_namespaces = tuple(value)

    def run_periodic_tasks(self, host: str | None = None) -> None:
        computes = list(self.services.computes.values()) if host is None else [
            self.services.compute(host)]
        for compute in computes:
            compute.startup.run_periodic_tasks()

    def provider_uuid(self, host: str) -> str:
        return self.services.compute(host).provider_uuid

    def inventories(self, host: str) -> dict[str, Inventory]:
        return self.ledger.inventories(self.provider_uuid(host))

    def usages(self, host: str) -> dict[str, int]:
        return self.ledger.usages(self.provider_uuid(host))

    def allocations(self, consumer: str) -> dict[str, dict[str, int]]:
        return self.ledger.allocations_for_consumer(consumer).allocations

    def consumers(self, host: str) -> dict[str, dict[str, int]]:
        return self.ledger.allocations_for_provider(self.provider_uuid(host))

    def assigned_namespaces(self, host: str) -> dict[str, str]:
        return self.services.compute(host).assigned_namespaces()

    # Flavors and servers

    def create_flavor(self, flavor: Flavor) -> None:
        self._api.create_flavor(flavor)

    def create_server(self, name: str, flavor: Flavor, host: str | None) -> tuple[str, str]:
        return self._api.create_server(name, flavor, host)

    def request(self, server: str, action: str, **arguments: object) -> str:
        return self._api.request(server, action, **arguments)

    def server(self, server: str) -> ServerRecord:
        with self.services.database.lock:
            return self.services.database.instance(server).record()

    def state(self, server: str) -> ServerState:
        return self.services.database.instance(server)

    def servers(self) -> list[ServerRecord]:
        with self.services.database.lock:
            return [instance.record() for instance in self.services.database.instances()]

    def actions(self, server: str) -> list[InstanceAction]:
        with self.services.database.lock:
            instance = self.services.database.any_instance(server)
            return [action.record() for action in instance.actions]

    def migrations(self, server: str | None = None) -> list[MigrationRecord]:
        return [one.record() for one in self.services.database.migrations(server)]

    def at_rest(self, server: str | None = None) -> bool:
        return self.services.conductor.under_way.empty(server) and all(
            compute.at_rest(server) for compute in self.services.working())

    def log(self) -> str:
        return ''

    def reset(self, randomness: Randomness) -> None:
        self._api.forget_flavors()
        self.services.database.reset()
        self._identifiers.draw_from(randomness.derive('identifiers'))
        self.services.randomness = randomness
        for compute in self.services.computes.values():
            compute.draw_anew()

    def wait_for(self, found: Callable[[], T | None], seconds: float) -> T | None:
        return self.services.database.wait_for(found, seconds)
