"""Request server of the control process: one worker thread per client connection."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from multiprocessing import connection
from typing import TYPE_CHECKING, Any

from nova import exception, objects

from vpmem_harness.cloud import api
from vpmem_harness.cloud.nova import workarounds
from vpmem_harness.cloud.nova.database_records import Records, flavor_of
from vpmem_harness.cloud.states import PowerState, TaskState, VMState

if TYPE_CHECKING:
    from vpmem_harness.cloud.nova.control import Control


class RequestServer:
    """Answers the requests of one connection; each public method is a request."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._records = Records(control.databases)

    def run(self, pipe: connection.Connection) -> None:
        """Serve requests until the client disconnects."""
        with contextlib.suppress(EOFError, OSError):
            while True:
                method, args = pipe.recv()
                try:
                    answer: tuple[bool, Any] = True, getattr(self, method)(*args)
                except Exception as error:
                    answer = False, f'{type(error).__name__}: {error}'
                pipe.send(answer)
        self._records.close()

    def request(self, method: str, path: str, body: Any = None) -> tuple[int, Any, str]:
        """Send a request to Nova's API; return status, decoded body and request id."""
        response = self._control.request_api(method, path, body)
        content = response.json() if response.content else None
        return response.status_code, content, response.headers.get('x-openstack-request-id', '')

    def placement(self, path: str) -> Any:
        """Send a GET request to Placement; return the decoded body."""
        response = workarounds.request_placement('get', path, version='1.39')
        return response.json() if response.status_code == 200 else None

    def image(self, properties: Mapping[str, str] | None = None) -> str:
        """Return an image of Nova's GlanceFixture; a new one if ``properties`` are given."""
        glance = self._control.glance
        if properties is None:
            return str(glance.image1['id'])
        image = {name: value for name, value in glance.image1.items() if name != 'id'}
        image['properties'] = {**image['properties'], **properties}
        return str(glance.create(None, image)['id'])

    def wait_compute(self, number: int, seconds: float) -> str | None:
        """Wait for the start of a compute and map it to the cell; return the error, or None."""
        reason = self._control.fleet.wait_started(number, seconds)
        if reason is None:
            self._control.discover_hosts()
        return reason

    def wait_compute_gone(self, number: int, seconds: float) -> bool:
        """Wait until the last message of a compute that has ended is processed."""
        return self._control.fleet.wait_gone(number, seconds)

    def ask_compute(self, host: str, method: str, *args: Any) -> Any:
        """Call a method in the process of a compute."""
        compute = self._control.fleet.links.get(host)
        return None if compute is None else compute.call('compute', method, *args)

    def assigned(self, host: str) -> dict[str, str]:
        """Return the server of each claimed namespace; '' if no record has it."""
        owners = self._records.owners(host)
        names = self.ask_compute(host, 'assigned')
        if names is None:
            return owners
        return {name: owners.get(name, '') for name in names}

    def server(self, server: str) -> api.ServerRecord | None:
        """Return the state of a server, from its cell or its build request."""
        record = self._records.server(server)
        if record is None and not self._records.is_deleted(server):
            record = self._requested(server) or self._records.server(server)
        return record

    def _requested(self, server: str) -> api.ServerRecord | None:
        try:
            request = objects.BuildRequest.get_by_instance_uuid(self._control.admin, server)
        except exception.BuildRequestNotFound:
            return None
        instance = request.instance
        return api.ServerRecord(
            id=server, name=instance.display_name, instance_name='',
            vm_state=VMState.BUILDING, task_state=TaskState.SCHEDULING,
            power_state=PowerState.NOSTATE, host=None,
            flavor=flavor_of(instance.flavor.obj_to_primitive()))

    def servers(self) -> list[api.ServerRecord]:
        """Return all servers, oldest first."""
        return self._records.servers()

    def actions(self, server: str) -> list[api.InstanceAction]:
        """Return the requests for a server."""
        return self._records.actions(server)

    def migrations(self, server: str | None) -> list[api.MigrationRecord]:
        """Return the moves of one server or of all."""
        return self._records.migrations(server)

    def wait_change(
        self, seen: int, seconds: float, questions: Sequence[tuple[str, str]],
    ) -> tuple[int, dict[tuple[str, str], Any]]:
        """Wait until the count of changes differs from ``seen``; return it, and answers.

        A question is the name of a method of this class and a server.
        """
        count = self._control.changes.wait(seen, seconds)
        return count, {(method, server): getattr(self, method)(server)
                       for method, server in questions}

    def settle(self, server: str | None, seconds: float) -> bool:
        """Wait until no service works on a server, or at all.

        Return False if a message or a task of a compute remains after some seconds.
        """
        deadline = time.monotonic() + seconds
        while True:
            before = self._control.exchange.published
            for host in list(self._control.fleet.links):
                with contextlib.suppress(EOFError):
                    if self.ask_compute(
                            host, 'settle', server, deadline - time.monotonic()) is False:
                        return False
            if not self._control.exchange.wait_idle(server or '', deadline - time.monotonic()):
                return False
            if self._control.exchange.published == before:
                return True
