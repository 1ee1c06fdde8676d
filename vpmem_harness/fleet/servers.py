"""Requests to the cloud of a fleet, as from a command line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vpmem_harness.cloud.cloud import Cloud
from vpmem_harness.cloud.compute import Compute
from vpmem_harness.cloud.server import Server
from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.fleet import observe
from vpmem_harness.fleet.fleet import Fleet
from vpmem_harness.fleet.protocol import no_cloud
from vpmem_harness.fleet.snapshot import ServerState


class ServerRequests:
    """The servers of a fleet's cloud.

    Each request waits for the state that it leads to, unless ``wait`` is false.

    :raises FleetError: from every method, when the fleet has no cloud.
    :raises HarnessError: Nova's error, or the fault of a server that failed.
    """

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    @property
    def _cloud(self) -> Cloud:
        if self._fleet.cloud is None:
            raise no_cloud(self._fleet.spec.name)
        return self._fleet.cloud

    def boot(self, name: str | None, pmem: str, host: str | None, vcpus: int, ram: int, disk: int,
             wait: bool) -> ServerState:
        """Boot a server."""
        if host is not None:
            self._cloud.compute(host)       # says which hosts there are
        server = self._cloud.boot(
            pmem, name=name, host=host, vcpus=vcpus, ram=ram, disk=disk,
            expect='ACTIVE' if wait else None)
        return self._state(server)

    def request(self, server: str, action: str, wait: bool, **arguments: Any) -> ServerState | None:
        """Send a request to a server; None once it is deleted."""
        found = self._find(server)
        if arguments.get('host') is not None:
            self._cloud.compute(arguments['host'])
        actions: dict[str, Callable[..., Any]] = {
            'resize': found.resize, 'migrate': found.migrate, 'evacuate': found.evacuate,
            'live-migrate': found.live_migrate, 'confirm': found.confirm_resize,
            'revert': found.revert_resize, 'delete': found.delete, 'start': found.start,
            'stop': found.stop, 'reboot': found.reboot,
        }
        if action not in actions:
            raise InvalidInputError('action', expected=f'one of {", ".join(actions)}',
                                    got=repr(action), remedy='choose one of these')
        if not wait:
            # These know the state to wait for when they send the request.
            key = 'wait' if action in ('confirm', 'revert', 'live-migrate') else 'expect'
            arguments[key] = False if key == 'wait' else None
        actions[action](**arguments)
        return self._state(found) if found.exists else None

    def compute(self, host: str, action: str) -> None:
        """Start, stop or kill the compute service of a host."""
        compute: Compute = self._cloud.compute(host)
        {'start': compute.start, 'stop': compute.stop, 'kill': compute.kill}[action]()

    def state(self, server: str) -> ServerState:
        """The state of one server."""
        return self._state(self._find(server))

    def _state(self, server: Server) -> ServerState:
        return observe.server_state(self._cloud, server.record)

    def _find(self, name: str) -> Server:
        """The server with this name or id."""
        servers = self._cloud.servers
        found = [one for one in servers if name in (one.id, one.name)]
        if len(found) > 1:
            # An error does not show the ids: it is redacted.
            raise InvalidInputError(
                'server', expected='the name of a single server',
                got=f'{name!r}, the name of {len(found)} servers',
                remedy='give the id, which "vpmem-harness server list --json" prints')
        if not servers:
            raise InvalidInputError('server', expected='a server of the fleet, which has none',
                                    got=repr(name), remedy='boot one')
        if not found:
            names = ', '.join(dict.fromkeys(one.name for one in servers))
            raise InvalidInputError('server', expected=f'one of {names}', got=repr(name),
                                    remedy='name one of these')
        return found[0]
