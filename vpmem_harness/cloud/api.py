"""The interface of a cloud's backend, and the values that it exchanges with the cloud.

There are two backends: the compute-service stub (:mod:`vpmem_harness.cloud.stub`) and real Nova
with real Placement (:mod:`vpmem_harness.cloud.nova`). Tests use neither directly, but
:class:`~vpmem_harness.cloud.cloud.Cloud` and :class:`~vpmem_harness.cloud.server.Server`.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from vpmem_harness.cloud.flavors import Flavor
from vpmem_harness.cloud.states import PowerState, TaskState, VMState, status_from_state
from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.randomness import Randomness

T = TypeVar('T')

#: The largest number in Placement, and the default of ``max_unit``.
MAX_INT = 0x7FFFFFFF

#: The amounts that a consumer holds of one provider, by resource class.
Resources = Mapping[str, int]


@dataclass(frozen=True)
class Inventory:
    """The inventory of one resource class on one provider, with Placement's fields."""

    total: int
    reserved: int = 0
    min_unit: int = 1
    max_unit: int = MAX_INT
    step_size: int = 1
    allocation_ratio: float = 1.0

    @property
    def capacity(self) -> int:
        """The amount that can be allocated, in whole units."""
        return int(self.exact_capacity)

    @property
    def exact_capacity(self) -> float:
        """The amount that can be allocated, as Placement computes it."""
        return (self.total - self.reserved) * self.allocation_ratio

    def allows(self, amount: int) -> bool:
        """Whether one consumer may allocate ``amount`` if it is free."""
        return self.min_unit <= amount <= self.max_unit and amount % self.step_size == 0


@dataclass(frozen=True)
class VPMEMDevice:
    """One namespace as Nova claims it: sizes in bytes, ``devpath`` such as ``/dev/dax0.0``.

    Source: nova/objects/resource.py, LibvirtVPMEMDevice.
    """

    label: str
    name: str
    devpath: str
    size: int
    align: int


@dataclass(frozen=True)
class Fault:
    """Why a server went to ERROR, or a request to it failed.

    ``details`` holds a traceback when ``code`` is 500, as Nova's API gives it to an administrator.
    """

    message: str
    code: int
    details: str
    created: datetime.datetime


@dataclass(frozen=True)
class InstanceActionEvent:
    """One event of an instance action, such as ``compute_finish_resize``.

    ``result`` is None while the event is in progress, then ``'Success'`` or ``'Error'``;
    ``details`` is the error message, as in a fault, and ``traceback`` its traceback.
    """

    event: str
    host: str | None
    result: str | None = None
    traceback: str | None = None
    details: str | None = None
    start_time: datetime.datetime | None = field(default=None, compare=False)
    finish_time: datetime.datetime | None = field(default=None, compare=False)


@dataclass(frozen=True)
class InstanceAction:
    """One request to a server, such as ``resize``; ``message`` is ``'Error'`` if it failed."""

    action: str
    request_id: str
    message: str | None
    events: tuple[InstanceActionEvent, ...]
    start_time: datetime.datetime | None = field(default=None, compare=False)

    @property
    def finished(self) -> bool:
        """Whether there are events and all of them have ended."""
        return bool(self.events) and all(event.result is not None for event in self.events)

    @property
    def failed(self) -> bool:
        """Whether an event has failed."""
        return any(event.result == 'Error' for event in self.events)


@dataclass(frozen=True)
class MigrationRecord:
    """One migration of a server, with Nova's types and statuses.

    While the migration is in progress, ``uuid`` is the consumer of the allocations on the source.
    """

    uuid: str
    instance_uuid: str
    migration_type: str
    status: str
    source_compute: str
    dest_compute: str | None


@dataclass(frozen=True)
class ServerRecord:
    """The state of a server at one moment.

    ``namespaces`` are claimed on ``host``, in the order of ``hw:pmem``; ``old_namespaces`` are
    those on the source host that an unconfirmed migration still claims.
    """

    id: str
    name: str
    instance_name: str
    vm_state: VMState
    task_state: TaskState | None
    power_state: PowerState
    host: str | None
    flavor: Flavor
    fault: Fault | None = None
    namespaces: tuple[VPMEMDevice, ...] = ()
    old_namespaces: tuple[VPMEMDevice, ...] = ()
    created: datetime.datetime | None = None
    launched: datetime.datetime | None = None

    @property
    def status(self) -> str:
        """The status that Nova's API shows."""
        return status_from_state(self.vm_state, self.task_state)


class ServerState(Protocol):
    """The states of a server, which :class:`ServerRecord` has too."""

    @property
    def vm_state(self) -> VMState:
        """The state of the virtual machine."""

    @property
    def task_state(self) -> TaskState | None:
        """The current task; None at rest."""


class SimulatedHost(Protocol):
    """The part of :class:`vpmem_harness.host.machine.Host` that a backend needs."""

    name: str

    @property
    def uri(self) -> str:
        """The libvirt URI of the host."""

    @property
    def bin_dir(self) -> Path:
        """The directory of ndctl and daxio."""

    @property
    def env(self) -> Mapping[str, str]:
        """An environment in which programs find the host."""

    @property
    def instances_path(self) -> Path:
        """A directory for the servers' disks."""

    def introduce(self, other: Any) -> None:
        """Let guests migrate to another host."""


class Named(Protocol):
    """A host, a ``HostFixture`` or a ``Compute``: anything with the name of a host."""

    @property
    def name(self) -> str:
        """The name of the host."""


def host_name(host: str | Named) -> str:
    """The name of a host, given as its name or as an object; raises InvalidInputError."""
    try:
        return host if isinstance(host, str) else host.name
    except AttributeError as error:
        raise InvalidInputError(
            'host', expected='a host that is set up, or its name', got=repr(host),
            remedy='take it from cloud.hosts') from error


def service_runs(host: str) -> InvalidInputError:
    """The error for starting a compute service that runs already."""
    return InvalidInputError(
        'compute service', expected='a host whose compute service does not run', got=host,
        remedy='stop it first')


@dataclass(frozen=True)
class ComputeHost:
    """A host of a cloud with its ``pmem_namespaces`` option.

    ``pmem_namespaces`` is a list of ``LABEL:NAME|NAME...`` as in nova.conf.
    """

    host: SimulatedHost
    pmem_namespaces: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.host.name


class Backend(Protocol):
    """The interface of both backends. Every method may be called from any thread.

    Requests return immediately, like those to Nova's API, and are carried out asynchronously;
    :meth:`wait_for` waits for a result. A request that Nova's API rejects raises the corresponding
    error of :mod:`vpmem_harness.cloud.errors`.
    """

    name: str

    def start(self) -> None:
        """Start the services; :meth:`stop` releases what this acquires."""

    def stop(self) -> None:
        """Stop everything and join every thread, even if a call to a host hangs."""

    # Hosts

    def start_compute(self, host: str) -> None:
        """Start the compute service of a host.

        :raises InvalidInputError: when it is running already.
        :raises NovaException: when it cannot start, for example
            :class:`~vpmem_harness.cloud.errors.PMEMNamespaceConfigInvalid`.
        """

    def stop_compute(self, host: str) -> None:
        """Stop a compute service when its current work is done; its guests keep running."""

    def kill_compute(self, host: str) -> None:
        """Kill a compute service in the middle of its work."""

    def compute_is_up(self, host: str) -> bool:
        """Whether the compute service of a host is running."""

    def set_pmem_namespaces(self, host: str, value: Sequence[str]) -> None:
        """Change a host's nova.conf; the compute service reads it when it starts."""

    def run_periodic_tasks(self, host: str | None = None) -> None:
        """Run the periodic tasks of a compute service now.

        They audit its resources, clean up after deleted servers, and synchronize power states;
        stops that the last one requests are carried out asynchronously.
        """

    def provider_uuid(self, host: str) -> str:
        """The UUID of a host's resource provider."""

    def inventories(self, host: str) -> dict[str, Inventory]:
        """A host's inventories by resource class."""

    def usages(self, host: str) -> dict[str, int]:
        """The allocated amounts of a host by resource class."""

    def allocations(self, consumer: str) -> dict[str, dict[str, int]]:
        """The allocations of a server or a migration by resource provider."""

    def consumers(self, host: str) -> dict[str, dict[str, int]]:
        """The allocations of servers and migrations on a host, by consumer."""

    def assigned_namespaces(self, host: str) -> dict[str, str]:
        """The server that each namespace is claimed for, by the namespace's name."""

    # Flavors and servers

    def create_flavor(self, flavor: Flavor) -> None:
        """Create a flavor.

        :raises ValidationError: when the API rejects its extra specs.
        """

    def create_server(self, name: str, flavor: Flavor, host: str | None) -> tuple[str, str]:
        """Request a server; returns its id and the id of the request.

        :param host: the host to boot on; None lets the scheduler choose.
        """

    def request(self, server: str, action: str, **arguments: object) -> str:
        """Request an action on a server; returns the id of the request.

        ``action`` is Nova's name for it: delete, resize (flavor), migrate (host), confirmResize,
        revertResize, stop, start, reboot (type), pause, unpause, suspend, resume, rebuild,
        shelve, shelveOffload, unshelve (host), rescue, unrescue, live-migration (host),
        evacuate (host), resetState (state).

        :raises InstanceInvalidState: when the server's state does not allow it.
        """

    def server(self, server: str) -> ServerRecord:
        """The current state of a server.

        :raises InstanceNotFound: when it has been deleted.
        """

    def state(self, server: str) -> ServerState:
        """The states of a server at a lower cost than :meth:`server`, or the whole record.

        :raises InstanceNotFound: when it has been deleted.
        """

    def servers(self) -> list[ServerRecord]:
        """The current states of all servers, oldest first."""

    def actions(self, server: str) -> list[InstanceAction]:
        """The requests to a server, oldest first; also for a deleted server."""

    def migrations(self, server: str | None = None) -> list[MigrationRecord]:
        """The migrations of one server or of all, oldest first."""

    def at_rest(self, server: str | None = None) -> bool:
        """Whether no service is working on a server, or on any server.

        Requests that wait for a service that is down do not count. Called from within
        :meth:`wait_for`, this may take until the end of the work, or of the wait.
        """

    def log(self) -> str:
        """Warnings and errors of services that do not log to this process."""

    def reset(self, randomness: Randomness) -> None:
        """Forget the flavors, the deleted servers, their moves, and the log.

        Every compute service runs, and there are no servers.

        :param randomness: what the backend draws from after that, if it draws at all.
        """

    def wait_for(
        self, found: Callable[[], T | None], seconds: float,
    ) -> T | None:
        """Wait until ``found`` returns something other than None, at most ``seconds``.

        ``found`` is called immediately and after every change of a server. It must be fast and
        may only read, through the other methods.
        """
