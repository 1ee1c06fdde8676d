"""What a backend keeps: the protocol of a cloud, and the values that cross it.

Two backends stand behind one test: the compute-service stub (:mod:`vpmem_harness.cloud.stub`) and
real Nova with real Placement (:mod:`vpmem_harness.cloud.nova`). A test does not meet a backend; it
meets :class:`~vpmem_harness.cloud.cloud.Cloud` and :class:`~vpmem_harness.cloud.server.Server`.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from vpmem_harness.cloud.flavors import Flavor
from vpmem_harness.cloud.states import PowerState, TaskState, VMState, status_from_state
from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.randomness import Randomness

T = TypeVar('T')

#: Placement's largest number, and the default of ``max_unit``.
MAX_INT = 0x7FFFFFFF

#: What a consumer holds of one provider, by resource class.
Resources = Mapping[str, int]


@dataclass(frozen=True)
class Inventory:
    """What one provider has of one resource class, with Placement's fields."""

    total: int
    reserved: int = 0
    min_unit: int = 1
    max_unit: int = MAX_INT
    step_size: int = 1
    allocation_ratio: float = 1.0

    @property
    def capacity(self) -> int:
        """How much can be held at once, in whole units."""
        return int(self.exact_capacity)

    @property
    def exact_capacity(self) -> float:
        """How much can be held at once, as Placement compares it."""
        return (self.total - self.reserved) * self.allocation_ratio

    def allows(self, amount: int) -> bool:
        """Whether ``amount`` may be held by one consumer, were it free."""
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
    """One step of a request, such as ``compute_finish_resize``.

    ``result`` is None while it goes on, then ``'Success'`` or ``'Error'``; ``details`` says what
    the error was, as the message of a fault does, and ``traceback`` where it came from.
    """

    event: str
    host: str | None
    result: str | None = None
    traceback: str | None = None
    details: str | None = None


@dataclass(frozen=True)
class InstanceAction:
    """One request to a server, such as ``resize``; ``message`` is ``'Error'`` when it failed."""

    action: str
    request_id: str
    message: str | None
    events: tuple[InstanceActionEvent, ...]

    @property
    def finished(self) -> bool:
        """Whether every step that began has ended, and at least one has."""
        return bool(self.events) and all(event.result is not None for event in self.events)

    @property
    def failed(self) -> bool:
        """Whether a step has failed."""
        return any(event.result == 'Error' for event in self.events)


@dataclass(frozen=True)
class MigrationRecord:
    """One move of a server, with Nova's types and statuses.

    While it goes on, ``uuid`` is the consumer that holds what the server had on its source.
    """

    uuid: str
    instance_uuid: str
    migration_type: str
    status: str
    source_compute: str
    dest_compute: str | None


@dataclass(frozen=True)
class ServerRecord:
    """A server at one moment.

    ``namespaces`` are those that its instance holds on ``host``, in the order of ``hw:pmem``;
    ``old_namespaces`` those on its source that an unconfirmed move still holds.
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


class SimulatedHost(Protocol):
    """What a backend needs of a host; :class:`vpmem_harness.host.machine.Host` is one."""

    name: str

    @property
    def uri(self) -> str:
        """Where libvirt is reached."""

    @property
    def bin_dir(self) -> Path:
        """The directory of ndctl and daxio."""

    @property
    def env(self) -> Mapping[str, str]:
        """The environment in which programs find the host."""

    @property
    def instances_path(self) -> Path:
        """A directory for the disks of the servers."""

    def introduce(self, other: Any) -> None:
        """Let its guests migrate to another host."""


def host_name(host: str | SimulatedHost) -> str:
    """The name of a host, which may be given by it; raises InvalidInputError."""
    try:
        return host if isinstance(host, str) else host.name
    except AttributeError as error:
        raise InvalidInputError(
            'host', expected='a host that is up, or its name', got=repr(host),
            remedy='take it from cloud.hosts') from error


def service_runs(host: str) -> InvalidInputError:
    """What is raised when a compute service is to be started where one runs."""
    return InvalidInputError(
        'compute service', expected='a host whose compute service does not run', got=host,
        remedy='stop it first')


@dataclass(frozen=True)
class ComputeHost:
    """A host of a cloud, with the value of its ``pmem_namespaces`` option.

    ``pmem_namespaces`` is a list of ``LABEL:NAME|NAME...`` as nova.conf has it.
    """

    host: SimulatedHost
    pmem_namespaces: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.host.name


class Backend(Protocol):
    """A cloud as both backends keep it. Every method may be called from any thread.

    Requests return at once, as those to Nova's API do; what they begin goes on by itself, and
    :meth:`wait_for` waits for where it leads. A request that Nova's API refuses raises the
    error of :mod:`vpmem_harness.cloud.errors` that Nova refuses it with.
    """

    name: str

    def start(self) -> None:
        """Start the services; what was acquired is released by :meth:`stop`."""

    def stop(self) -> None:
        """Stop everything, joining every thread, also when a call to a host hangs."""

    # Hosts

    def start_compute(self, host: str) -> None:
        """Start the compute service of a host that has none running.

        :raises InvalidInputError: when it has.
        :raises NovaException: what keeps the service from starting, such as
            :class:`~vpmem_harness.cloud.errors.PMEMNamespaceConfigInvalid`.
        """

    def stop_compute(self, host: str) -> None:
        """Stop a compute service once what it is doing is done; its guests run on."""

    def kill_compute(self, host: str) -> None:
        """End a compute service on the spot, in the middle of what it is doing."""

    def compute_is_up(self, host: str) -> bool:
        """Whether the compute service of a host runs."""

    def set_pmem_namespaces(self, host: str, value: Sequence[str]) -> None:
        """Change a host's nova.conf; its compute service reads it when it starts."""

    def run_periodic_tasks(self, host: str | None = None) -> None:
        """Have a compute service do now what it does from time to time.

        It audits its resources, removes what deleted servers have left, and synchronizes power
        states; the stops that it asks for thereby go on by themselves.
        """

    def provider_uuid(self, host: str) -> str:
        """The resource provider of a host."""

    def inventories(self, host: str) -> dict[str, Inventory]:
        """What a host has, by resource class."""

    def usages(self, host: str) -> dict[str, int]:
        """How much of it is held."""

    def allocations(self, consumer: str) -> dict[str, dict[str, int]]:
        """What a server or a migration holds, by resource provider."""

    def consumers(self, host: str) -> dict[str, dict[str, int]]:
        """What servers and migrations hold of a host, by consumer."""

    def assigned_namespaces(self, host: str) -> dict[str, str]:
        """Which server a compute service has claimed each namespace for, by its name."""

    # Flavors and servers

    def create_flavor(self, flavor: Flavor) -> None:
        """Make a flavor known.

        :raises ValidationError: when the API refuses its extra specs.
        """

    def create_server(self, name: str, flavor: Flavor, host: str | None) -> tuple[str, str]:
        """Ask for a server; returns its id and the id of the request.

        :param host: the only host that will do; None lets the scheduler choose.
        """

    def request(self, server: str, action: str, **arguments: object) -> str:
        """Ask for an action on a server; returns the id of the request.

        ``action`` is Nova's name: delete, resize (flavor), migrate (host), confirmResize,
        revertResize, stop, start, reboot (type), pause, unpause, suspend, resume, rebuild,
        shelve, shelveOffload, unshelve (host), rescue, unrescue, live-migration (host),
        evacuate (host).

        :raises InstanceInvalidState: when the server's state does not allow it.
        """

    def server(self, server: str) -> ServerRecord:
        """The present state of a server.

        :raises InstanceNotFound: when it is gone.
        """

    def servers(self) -> list[ServerRecord]:
        """The present states of all servers, oldest first."""

    def actions(self, server: str) -> list[InstanceAction]:
        """The requests to a server, oldest first; those to a deleted one too."""

    def migrations(self, server: str | None = None) -> list[MigrationRecord]:
        """The moves of one server or of all, oldest first."""

    def at_rest(self, server: str | None = None) -> bool:
        """Whether no service has work under way about a server, or at all.

        What a service that is down was asked to do waits for it, and does not count. Asked from
        within :meth:`wait_for` it may take until the end of the work, or of the wait.
        """

    def log(self) -> str:
        """What its services have complained of, where they do not log to this program."""

    def reset(self, randomness: Randomness) -> None:
        """Forget the flavors, the deleted servers, their moves, and the log.

        Every compute service runs, and there are no servers.

        :param randomness: what the backend draws from after that, if it draws at all.
        """

    def wait_for(
        self, found: Callable[[], T | None], seconds: float,
    ) -> T | None:
        """Wait until ``found`` gives something else than None, or for ``seconds``.

        ``found`` is called at once and after every change of a server; it reads through the
        other methods, quickly, and changes nothing.
        """
