"""Control of the compute service of one host by a test."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from vpmem_harness.cloud.api import Backend, Inventory, SimulatedHost
from vpmem_harness.cloud.flavors import PMEM_CLASS
from vpmem_harness.cloud.public_calls import short_traceback
from vpmem_harness.cloud.stub.compute.pmem_namespaces import parse_option
from vpmem_harness.exceptions import HarnessError, WaitTimeoutError
from vpmem_harness.host.machine import Host

# For annotations only: a cloud has compute services.
if TYPE_CHECKING:
    from vpmem_harness.cloud.cloud import Cloud

#: How long to wait for a state by default, in seconds.
TIMEOUT = 60.0


class Compute:
    """The compute service of one host."""

    def __init__(self, cloud: Cloud, host: SimulatedHost) -> None:
        self._cloud = cloud
        # Only chaos has another kind of host, around a Host.
        self.host = cast(Host, host)
        self.name = host.name

    def __repr__(self) -> str:
        return f'<Compute {self.name} {"up" if self.is_up else "down"}>'

    @property
    def _backend(self) -> Backend:
        return self._cloud.backend

    @property
    def is_up(self) -> bool:
        """Whether the service is running."""
        return self._backend.compute_is_up(self.name)

    @short_traceback
    def start(self) -> None:
        """Start the service; it has the claims that it had before.

        :raises NovaException: when it cannot start, for example because its configuration does
            not match the host.
        """
        self._cloud.service_events.add(self.name, 'the compute service starts')
        self._backend.start_compute(self.name)

    @short_traceback
    def stop(self) -> None:
        """Stop the service when its current work is done; its guests keep running."""
        self._cloud.service_events.add(self.name, 'the compute service stops')
        self._backend.stop_compute(self.name)

    @short_traceback
    def kill(self) -> None:
        """Kill the service in the middle of its work."""
        self._cloud.service_events.add(self.name, 'the compute service is killed')
        self._backend.kill_compute(self.name)

    @short_traceback
    def restart(self, pmem_namespaces: str | Iterable[str] | None = None) -> None:
        """Stop and start the service, optionally with a new ``pmem_namespaces``.

        :param pmem_namespaces: the option as in nova.conf, ``'SMALL:ns_0|ns_1,LARGE:ns_2'``, or a
            list of its items.
        """
        self.stop()
        if isinstance(pmem_namespaces, str):
            pmem_namespaces = parse_option(pmem_namespaces)
        if pmem_namespaces is not None:
            self._backend.set_pmem_namespaces(self.name, list(pmem_namespaces))
        self.start()

    @short_traceback
    def run_periodic_tasks(self, timeout: float = TIMEOUT) -> None:
        """Run the service's periodic tasks now, and wait until they have affected the servers.

        They audit resources, clean up, and synchronize power states. A server whose guest went
        off by itself, as after a reboot of the host, stays ACTIVE until then. This does not wait
        for servers that already have a task.

        :raises WaitTimeoutError: when a server still has a task after ``timeout`` seconds.
        """
        backend = self._backend
        idle = [record for record in backend.servers()
                if record.host == self.name and record.task_state is None]
        backend.run_periodic_tasks(self.name)
        for record in idle:
            if not comes_to_rest(backend, timeout, record.id):
                raise WaitTimeoutError(f'server {record.name!r} to have no task', timeout, [])

    @property
    def inventories(self) -> dict[str, Inventory]:
        """The inventories of the host by resource class."""
        return self._backend.inventories(self.name)

    @property
    def usages(self) -> dict[str, int]:
        """The allocated amounts by resource class."""
        return self._backend.usages(self.name)

    @property
    def assigned_namespaces(self) -> dict[str, str]:
        """The id of the server that has claimed each namespace, by the namespace's name."""
        return self._backend.assigned_namespaces(self.name)


def in_words(compute: Compute, wanted: Mapping[str, int] = MappingProxyType({})) -> str:
    """Describe a compute service and the free persistent memory of its host.

    :param wanted: amounts by resource class. Classes of persistent memory that the host does not
        have are named, and other classes if there is less of them.
    """
    try:
        inventories, usages = compute.inventories, compute.usages
    except HarnessError:
        inventories, usages = {}, {}        # it has never started
    offers = [f'{name.removeprefix(PMEM_CLASS)} {one.total - usages[name]} of {one.total} free'
              for name, one in sorted(inventories.items()) if name.startswith(PMEM_CLASS)]
    absent = [f'no {name.removeprefix(PMEM_CLASS)}' for name in sorted(wanted)
              if name.startswith(PMEM_CLASS) and name not in inventories and inventories]
    lacking = [f'{name} {one.capacity - usages[name]} of {one.capacity} free'
               for name, one in sorted(inventories.items())
               if not name.startswith(PMEM_CLASS)
               and one.capacity - usages[name] < wanted.get(name, 0)]
    return ', '.join([f'{compute.name} {"up" if compute.is_up else "down"}',
                      *(offers or ['no persistent memory']), *absent, *lacking])


def comes_to_rest(backend: Backend, seconds: float, server: str | None = None) -> bool:
    """Wait until no service works on a server, or on any; False after ``seconds``."""
    return bool(backend.wait_for(lambda: backend.at_rest(server) or None, seconds))
