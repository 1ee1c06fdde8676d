"""A handle on a server."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import libvirt

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.api import (
    Fault,
    InstanceAction,
    MigrationRecord,
    Named,
    ServerRecord,
    VPMEMDevice,
    host_name,
)
from vpmem_harness.cloud.flavors import Flavor, refuse_beside_flavor
from vpmem_harness.cloud.public_calls import short_traceback
from vpmem_harness.cloud.states import PowerState, TaskState, VMState
from vpmem_harness.cloud.waiting import DELETED, UnexpectedStateError, Wait, check_status
from vpmem_harness.exceptions import HarnessError, InvalidInputError

if TYPE_CHECKING:
    from vpmem_harness.cloud.cloud import Cloud


class NoFaultError(HarnessError):
    """A server has no fault."""


class Server:
    """A live handle on a server: its attributes read the current state.

    A method that makes a request waits for the state that the request leads to, and returns the
    server itself, so that you can chain calls::

        cloud.boot(pmem='SMALL').stop().start().delete()

    Pass ``expect`` to wait for another state, such as ``'ERROR'``, or None to not wait at all.

    :raises InstanceNotFound: from every attribute except ``id`` and ``name`` after a delete.
    """

    def __init__(self, cloud: Cloud, server_id: str, name: str) -> None:
        self._cloud = cloud
        self.id = server_id
        self.name = name

    def __repr__(self) -> str:
        try:
            record = self.record
        except errors.InstanceNotFound:
            return f'<Server {self.name} {DELETED}>'
        names = ', '.join(namespace.name for namespace in record.namespaces)
        return (f'<Server {self.name} {record.status}'
                f'{f" ({record.task_state})" if record.task_state else ""}'
                f'{f" on {record.host}" if record.host else ""}{f" with {names}" if names else ""}'
                f'{f": {record.fault.message}" if record.fault else ""}>')

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Server) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    # State

    @property
    def record(self) -> ServerRecord:
        """The whole state at one moment."""
        return self._cloud.backend.server(self.id)

    @property
    def exists(self) -> bool:
        """Whether the server has not been deleted."""
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
        """Nova's ``vm_state``."""
        return self.record.vm_state

    @property
    def task_state(self) -> TaskState | None:
        """Nova's ``task_state``; None when nothing is being done to the server."""
        return self.record.task_state

    @property
    def power_state(self) -> PowerState:
        """Nova's ``power_state``."""
        return self.record.power_state

    @property
    def host(self) -> str | None:
        """The name of the server's host; None while it is on no host."""
        return self.record.host

    @property
    def flavor(self) -> Flavor:
        """The server's flavor."""
        return self.record.flavor

    @property
    def fault(self) -> Fault:
        """Why the server is in ERROR.

        :raises NoFaultError: when it has no fault; ``fault_or_none`` is None then.
        """
        __tracebackhide__ = True
        record = self.record
        if record.fault is None:
            raise NoFaultError(
                f'server {self.name!r} is {record.status} and has no fault; '
                'use fault_or_none if it may have none')
        return record.fault

    @property
    def fault_or_none(self) -> Fault | None:
        """Why the server is in ERROR; None if it has no fault."""
        return self.record.fault

    @property
    def instance_name(self) -> str:
        """The name of the server's domain."""
        return self.record.instance_name

    @property
    def namespaces(self) -> tuple[VPMEMDevice, ...]:
        """The namespaces claimed on the server's host, in the order of the flavor's labels."""
        return self.record.namespaces

    @property
    def old_namespaces(self) -> tuple[VPMEMDevice, ...]:
        """The namespaces still claimed on the source host of an unconfirmed migration."""
        return self.record.old_namespaces

    @property
    def allocations(self) -> dict[str, dict[str, int]]:
        """The server's allocations in Placement, by host."""
        return self._cloud.allocations(self.id)

    def domain(self, connection: libvirt.virConnect) -> libvirt.virDomain:
        """The server's domain, through a connection to its host.

        :raises libvirtError: when the host does not have the domain.
        """
        return connection.lookupByUUIDString(self.id)

    def domain_xml(self, flags: int = 0) -> str:
        """The XML of the server's domain; ``flags`` are those of virDomainGetXMLDesc."""
        return self._cloud.domain_xml(self, flags)

    @property
    def actions(self) -> Sequence[InstanceAction]:
        """The requests to the server, oldest first."""
        return self._cloud.backend.actions(self.id)

    @property
    def migrations(self) -> Sequence[MigrationRecord]:
        """The server's migrations, oldest first."""
        return self._cloud.backend.migrations(self.id)

    # Waiting

    @short_traceback
    def wait_for(
        self, status: str, *, fault: bool = True, timeout: float | None = None,
    ) -> Server:
        """Wait until the server has a status and no task.

        :param fault: for ``'ERROR'``, also wait for the fault.
        :param timeout: in seconds; the cloud's timeout if None.
        :raises UnexpectedStateError: when the server goes to ERROR instead.
        :raises WaitTimeoutError: after the timeout; it lists the states seen.
        """
        self._wait(status, None, fault=fault, timeout=timeout)
        return self

    @short_traceback
    def wait_until_deleted(self, *, timeout: float | None = None) -> None:
        """Wait until the server is deleted."""
        self._wait(DELETED, None, timeout=timeout)

    def _wait(
        self, status: str, request_id: str | None, fault: bool = True,
        timeout: float | None = None, success: bool = False, action: str | None = None,
    ) -> None:
        seconds = self._cloud.timeout if timeout is None else timeout
        wait = Wait(self._cloud.backend, self.id, self.name, status, request_id, fault, success)
        try:
            wait.run(seconds)
        except UnexpectedStateError as error:
            if 'No valid host' in str(error):
                # Nova's message keeps the reason to itself.
                with contextlib.suppress(HarnessError):
                    error.add_note(self._cloud.offers(self.name))
                    if action in _MOVES and len(self._cloud.hosts) == 1:
                        error.add_note(_only_host(self._cloud.hosts[0].name, action))
            elif 'Exhausted all hosts' in str(error):
                for note in self._cloud.failed_calls(self.id):
                    error.add_note(note)
            raise

    def _request(self, action: str, expect: str | None, **arguments: object) -> Server:
        check_status(expect)
        request_id = self._cloud.backend.request(self.id, action, **arguments)
        if expect is not None:
            self._wait(expect, request_id, action=action)
        return self

    # Requests

    @short_traceback
    def delete(self, *, expect: str | None = DELETED) -> None:
        """Delete the server and wait until it is gone."""
        self._request('delete', expect)

    @short_traceback
    def resize(
        self, pmem: str | None = None, *, flavor: Flavor | None = None,
        extra_specs: Mapping[str, str] | None = None, expect: str | None = 'VERIFY_RESIZE',
    ) -> Server:
        """Resize the server to another flavor, on a host that the scheduler chooses.

        The labels in ``pmem`` replace those of the flavor, and everything else stays; or pass
        ``flavor`` alone. Unlike for a migration, Nova's API does not let you name the host.
        """
        if flavor is None:
            flavor = self._cloud.flavor_like(self.flavor, pmem, extra_specs or {})
        else:
            refuse_beside_flavor(pmem=pmem, extra_specs=extra_specs)
            self._cloud.know_flavor(flavor)
        return self._request('resize', expect, flavor=flavor)

    @short_traceback
    def migrate(
        self, host: str | Named | None = None, *, expect: str | None = 'VERIFY_RESIZE',
    ) -> Server:
        """Cold-migrate the server: move it to another host with its power off."""
        return self._request('migrate', expect, host=_name(host))

    @short_traceback
    def confirm_resize(self, *, expect: str | None = None, wait: bool = True) -> Server:
        """Confirm a resize or cold migration; the server is ACTIVE, or SHUTOFF if it was off."""
        return self._settle('confirmResize', expect, wait)

    @short_traceback
    def revert_resize(self, *, expect: str | None = None, wait: bool = True) -> Server:
        """Revert a resize or cold migration; the server is ACTIVE, or SHUTOFF if it was off."""
        return self._settle('revertResize', expect, wait)

    def _settle(self, action: str, expect: str | None, wait: bool) -> Server:
        off = self.power_state == PowerState.SHUTDOWN
        return self._request(
            action, (expect or ('SHUTOFF' if off else 'ACTIVE')) if wait else None)

    @short_traceback
    def stop(self, *, expect: str | None = 'SHUTOFF') -> Server:
        """Shut the guest down, and turn the server off."""
        return self._request('stop', expect)

    @short_traceback
    def start(self, *, expect: str | None = 'ACTIVE') -> Server:
        """Turn the server on."""
        return self._request('start', expect)

    @short_traceback
    def reboot(self, *, hard: bool = False, expect: str | None = 'ACTIVE') -> Server:
        """Reboot the guest, or turn the server off and on again if ``hard``."""
        return self._request('reboot', expect, type='HARD' if hard else 'SOFT')

    @short_traceback
    def pause(self, *, expect: str | None = 'PAUSED') -> Server:
        """Pause the guest in memory."""
        return self._request('pause', expect)

    @short_traceback
    def unpause(self, *, expect: str | None = 'ACTIVE') -> Server:
        """Continue a paused guest."""
        return self._request('unpause', expect)

    @short_traceback
    def suspend(self, *, expect: str | None = 'SUSPENDED') -> Server:
        """Save the guest's memory to disk."""
        return self._request('suspend', expect)

    @short_traceback
    def resume(self, *, expect: str | None = 'ACTIVE') -> Server:
        """Continue a suspended guest."""
        return self._request('resume', expect)

    @short_traceback
    def rescue(self, *, expect: str | None = 'RESCUE') -> Server:
        """Boot the server from a rescue image."""
        return self._request('rescue', expect)

    @short_traceback
    def unrescue(self, *, expect: str | None = 'ACTIVE') -> Server:
        """Boot the server from its own disk again."""
        return self._request('unrescue', expect)

    @short_traceback
    def rebuild(self, *, expect: str | None = None, wait: bool = True) -> Server:
        """Build the server from its image again; the contents of its namespaces are lost."""
        stopped = self.vm_state == VMState.STOPPED
        return self._request(
            'rebuild', (expect or ('SHUTOFF' if stopped else 'ACTIVE')) if wait else None)

    @short_traceback
    def shelve(self, *, expect: str | None = 'SHELVED_OFFLOADED') -> Server:
        """Store the server as an image and remove it from its host."""
        return self._request('shelve', expect)

    @short_traceback
    def shelve_offload(self, *, expect: str | None = 'SHELVED_OFFLOADED') -> Server:
        """Remove a shelved server from its host."""
        return self._request('shelveOffload', expect)

    @short_traceback
    def unshelve(
        self, host: str | Named | None = None, *, expect: str | None = 'ACTIVE',
    ) -> Server:
        """Build a shelved server from its image, on ``host`` or where the scheduler chooses."""
        return self._request('unshelve', expect, host=_name(host))

    @short_traceback
    def live_migrate(
        self, host: str | Named | None = None, *, expect: str | None = None,
        wait: bool = True,
    ) -> Server:
        """Live-migrate the server, to ``host`` or where the scheduler chooses.

        :raises UnexpectedStateError: when the migration fails, unless ``expect`` is given.
        """
        check_status(expect)
        status = self.status
        action = 'live-migration'
        request_id = self._cloud.backend.request(self.id, action, host=_name(host))
        if wait:
            self._wait(expect or status, request_id, success=expect is None, action=action)
        return self

    @short_traceback
    def evacuate(
        self, host: str | Named | None = None, *, expect: str | None = 'SHUTOFF',
    ) -> Server:
        """Rebuild the server on another host, while the service of its own host is down.

        The server is SHUTOFF afterwards, unless it was in ERROR: then it is started.
        """
        return self._request('evacuate', expect, host=_name(host))

    @short_traceback
    def reset_state(self, state: str) -> Server:
        """Set the state of the server to ``'active'`` or ``'error'``, as an administrator can.

        The guest and the claims of the server stay as they are, and its task ends.
        """
        if state not in ('active', 'error'):
            raise InvalidInputError(
                'state', expected="'active' or 'error'", got=repr(state), remedy='use one of these')
        self._cloud.backend.request(self.id, 'resetState', state=state)
        return self


#: The requests that move a server to another host.
_MOVES = ('evacuate', 'live-migration', 'migrate', 'resize')


def _only_host(name: str, action: str) -> str:
    """Return why a cloud with one host cannot move a server, and what to do."""
    exception = (', unless the cloud has the option allow_resize_to_same_host'
                 if action == 'resize' else '')
    return (f'{name} is the only host of the cloud, and the server needs another one{exception}; '
            'start two, with CloudFixture(hosts=2) or "vpmem-harness up --hosts 2 --cloud"')


def _name(host: str | Named | None) -> str | None:
    return None if host is None else host_name(host)
