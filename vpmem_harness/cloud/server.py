"""A server, as a test holds it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import libvirt

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.api import (
    Fault,
    InstanceAction,
    MigrationRecord,
    ServerRecord,
    SimulatedHost,
    VPMEMDevice,
    host_name,
)
from vpmem_harness.cloud.flavors import Flavor, refuse_beside_flavor
from vpmem_harness.cloud.states import PowerState, TaskState, VMState
from vpmem_harness.cloud.waiting import DELETED, Wait, check_status

if TYPE_CHECKING:
    from vpmem_harness.cloud.cloud import Cloud


class Server:
    """A live handle on a server: its attributes read the present state.

    A method that asks for something waits for the state that it leads to, and returns the server
    itself, so that calls can be strung together::

        cloud.boot(pmem='SMALL').stop().start().delete()

    ``expect`` names another state to wait for, such as ``'ERROR'``; None does not wait at all.

    :raises InstanceNotFound: from every attribute but ``id`` and ``name`` once it is deleted.
    """

    def __init__(self, cloud: Cloud, server_id: str, name: str) -> None:
        self._cloud = cloud
        self.id = server_id
        self.name = name

    def __repr__(self) -> str:
        return f'<Server {self.name} {self.status if self.exists else DELETED}>'

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Server) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    # Its state

    @property
    def record(self) -> ServerRecord:
        """The whole state at one moment."""
        return self._cloud.backend.server(self.id)

    @property
    def exists(self) -> bool:
        """Whether it has not been deleted."""
        try:
            return bool(self.record)
        except errors.InstanceNotFound:
            return False

    @property
    def status(self) -> str:
        """The status that Nova's API shows, such as ``VERIFY_RESIZE``."""
        return self.record.status

    @property
    def vm_state(self) -> VMState:
        return self.record.vm_state

    @property
    def task_state(self) -> TaskState | None:
        return self.record.task_state

    @property
    def power_state(self) -> PowerState:
        return self.record.power_state

    @property
    def host(self) -> str | None:
        """The name of its host; None while it is on none."""
        return self.record.host

    @property
    def flavor(self) -> Flavor:
        return self.record.flavor

    @property
    def fault(self) -> Fault | None:
        """Why it is in ERROR."""
        return self.record.fault

    @property
    def instance_name(self) -> str:
        """The name of its domain."""
        return self.record.instance_name

    @property
    def namespaces(self) -> tuple[VPMEMDevice, ...]:
        """The namespaces that it holds on its host, in the order of its flavor's labels."""
        return self.record.namespaces

    @property
    def old_namespaces(self) -> tuple[VPMEMDevice, ...]:
        """Those that it still holds on the host that it came from, until the move is confirmed."""
        return self.record.old_namespaces

    @property
    def allocations(self) -> dict[str, dict[str, int]]:
        """What it holds in Placement, by host."""
        return self._cloud.allocations(self.id)

    def domain(self, connection: libvirt.virConnect) -> libvirt.virDomain:
        """Its domain, on a connection to the host that it is on.

        :raises libvirtError: when that host has none.
        """
        return connection.lookupByUUIDString(self.id)

    def domain_xml(self, flags: int = 0) -> str:
        """Its domain, as the hypervisor of its host has it; ``flags`` of virDomainGetXMLDesc."""
        return self._cloud.domain_xml(self, flags)

    @property
    def actions(self) -> Sequence[InstanceAction]:
        """The requests to it, oldest first."""
        return self._cloud.backend.actions(self.id)

    @property
    def migrations(self) -> Sequence[MigrationRecord]:
        """Its moves, oldest first."""
        return self._cloud.backend.migrations(self.id)

    # Waiting

    def wait_for(
        self, status: str, *, fault: bool = True, timeout: float | None = None,
    ) -> Server:
        """Wait until it has a status and nothing is being done to it.

        :param fault: with ``'ERROR'``, wait for the fault as well.
        :param timeout: seconds, in place of the cloud's.
        :raises UnexpectedStateError: when it goes to ERROR instead.
        :raises WaitTimeoutError: when the deadline passes; it names the states seen.
        """
        self._wait(status, None, fault=fault, timeout=timeout)
        return self

    def wait_until_deleted(self, *, timeout: float | None = None) -> None:
        """Wait until it is gone."""
        self._wait(DELETED, None, timeout=timeout)

    def _wait(
        self, status: str, request_id: str | None, fault: bool = True,
        timeout: float | None = None, success: bool = False,
    ) -> None:
        seconds = self._cloud.timeout if timeout is None else timeout
        Wait(self._cloud.backend, self.id, self.name, status, request_id, fault, success).run(
            seconds)

    def _request(self, action: str, expect: str | None, **arguments: object) -> Server:
        check_status(expect)
        request_id = self._cloud.backend.request(self.id, action, **arguments)
        if expect is not None:
            self._wait(expect, request_id)
        return self

    # What can be asked of it

    def delete(self, *, expect: str | None = DELETED) -> None:
        """Delete it and wait until it is gone."""
        self._request('delete', expect)

    def resize(
        self, pmem: str | None = None, *, flavor: Flavor | None = None,
        extra_specs: Mapping[str, str] | None = None, expect: str | None = 'VERIFY_RESIZE',
    ) -> Server:
        """Give it another flavor, on whatever host the scheduler chooses.

        The labels in ``pmem`` replace those of its flavor, and all else stays; or ``flavor`` is
        given alone. Nova's API has no way to name a host for a resize, as it has for a migration.
        """
        if flavor is None:
            flavor = self._cloud.flavor_like(self.flavor, pmem, extra_specs or {})
        else:
            refuse_beside_flavor(pmem=pmem, extra_specs=extra_specs)
            self._cloud.know_flavor(flavor)
        return self._request('resize', expect, flavor=flavor)

    def migrate(
        self, host: str | SimulatedHost | None = None, *, expect: str | None = 'VERIFY_RESIZE',
    ) -> Server:
        """Move it to another host with its power off (a cold migration)."""
        return self._request('migrate', expect, host=_name(host))

    def confirm_resize(self, *, expect: str | None = None, wait: bool = True) -> Server:
        """Keep what a resize or migration has made of it: ACTIVE, or SHUTOFF if it was so."""
        return self._settle('confirmResize', expect, wait)

    def revert_resize(self, *, expect: str | None = None, wait: bool = True) -> Server:
        """Take back a resize or migration: ACTIVE, or SHUTOFF if it was so before."""
        return self._settle('revertResize', expect, wait)

    def _settle(self, action: str, expect: str | None, wait: bool) -> Server:
        off = self.power_state == PowerState.SHUTDOWN
        return self._request(
            action, (expect or ('SHUTOFF' if off else 'ACTIVE')) if wait else None)

    def stop(self, *, expect: str | None = 'SHUTOFF') -> Server:
        """Ask its guest to shut down, and turn it off."""
        return self._request('stop', expect)

    def start(self, *, expect: str | None = 'ACTIVE') -> Server:
        """Turn it on."""
        return self._request('start', expect)

    def reboot(self, *, hard: bool = False, expect: str | None = 'ACTIVE') -> Server:
        """Reboot its guest, or turn it off and on again when ``hard``."""
        return self._request('reboot', expect, type='HARD' if hard else 'SOFT')

    def pause(self, *, expect: str | None = 'PAUSED') -> Server:
        """Hold its guest in memory."""
        return self._request('pause', expect)

    def unpause(self, *, expect: str | None = 'ACTIVE') -> Server:
        """Let its guest go on."""
        return self._request('unpause', expect)

    def suspend(self, *, expect: str | None = 'SUSPENDED') -> Server:
        """Save its guest's memory to disk."""
        return self._request('suspend', expect)

    def resume(self, *, expect: str | None = 'ACTIVE') -> Server:
        """Start its guest where it was suspended."""
        return self._request('resume', expect)

    def rescue(self, *, expect: str | None = 'RESCUE') -> Server:
        """Start it from a rescue image."""
        return self._request('rescue', expect)

    def unrescue(self, *, expect: str | None = 'ACTIVE') -> Server:
        """Start it from its own disk again."""
        return self._request('unrescue', expect)

    def rebuild(self, *, expect: str | None = None, wait: bool = True) -> Server:
        """Start it from its image again; what was on its namespaces is gone."""
        stopped = self.vm_state == VMState.STOPPED
        return self._request(
            'rebuild', (expect or ('SHUTOFF' if stopped else 'ACTIVE')) if wait else None)

    def shelve(self, *, expect: str | None = 'SHELVED_OFFLOADED') -> Server:
        """Keep it as an image, on no host."""
        return self._request('shelve', expect)

    def shelve_offload(self, *, expect: str | None = 'SHELVED_OFFLOADED') -> Server:
        """Take it off its host, when it is shelved there."""
        return self._request('shelveOffload', expect)

    def unshelve(
        self, host: str | SimulatedHost | None = None, *, expect: str | None = 'ACTIVE',
    ) -> Server:
        """Build it from its image, on whatever host has the room, or on ``host``."""
        return self._request('unshelve', expect, host=_name(host))

    def live_migrate(
        self, host: str | SimulatedHost | None = None, *, expect: str | None = None,
        wait: bool = True,
    ) -> Server:
        """Move it while it runs, to whatever host has the room, or to ``host``.

        :raises UnexpectedStateError: when it stays, unless ``expect`` says what it is to be.
        """
        check_status(expect)
        status = self.status
        request_id = self._cloud.backend.request(self.id, 'live-migration', host=_name(host))
        if wait:
            self._wait(expect or status, request_id, success=expect is None)
        return self

    def evacuate(
        self, host: str | SimulatedHost | None = None, *, expect: str | None = 'SHUTOFF',
    ) -> Server:
        """Build it anew on another host, when the service of its own is down.

        It is left off there, unless it was in ERROR: then it runs.
        """
        return self._request('evacuate', expect, host=_name(host))


def _name(host: str | SimulatedHost | None) -> str | None:
    return None if host is None else host_name(host)
