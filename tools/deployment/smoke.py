"""The smoke test: operations of a server with persistent memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tools.deployment import computes, processes
from tools.deployment.cloud import PATIENCE, Cloud
from tools.deployment.settings import Settings


class Smoke:
    """The operations, in the order of their methods in ``OPERATIONS``."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._cloud = Cloud(settings)
        self._compute: Any = self._cloud.connection.compute
        self._server: Any = None

    def boot(self) -> None:
        """Boot a server with hw:pmem, an image and a port."""
        self._server = self._cloud.boot('smoke', 'pmem')

    def show(self) -> None:
        """The server has an address, and its port is ACTIVE and bound to its host."""
        server = self._compute.get_server(self._server.id)
        ports = list(self._cloud.connection.network.ports(device_id=server.id))
        states = [(port.status, port.binding_host_id) for port in ports]
        _expect(states == [('ACTIVE', server.compute_host)], f'ports are {states}')
        _expect(bool(server.addresses), 'the server has no address')

    def stop_and_start(self) -> None:
        """Stop the server and start it."""
        self._compute.stop_server(self._server)
        self._cloud.wait_for(self._server, 'SHUTOFF')
        self._compute.start_server(self._server)
        self._cloud.wait_for(self._server, 'ACTIVE')

    def reboot(self) -> None:
        """Reboot the server, hard."""
        self._compute.reboot_server(self._server, 'HARD')
        self._cloud.wait_for(self._server, 'ACTIVE')

    def resize_and_confirm(self) -> None:
        """Resize the server to a flavor with more persistent memory."""
        self._compute.resize_server(
            self._server, self._compute.find_flavor('pmem-large').id)
        self._cloud.wait_for(self._server, 'VERIFY_RESIZE')
        self._compute.confirm_server_resize(self._server)
        self._cloud.wait_for(self._server, 'ACTIVE')

    def cold_migrate(self) -> None:
        """Migrate the stopped domain to another host."""
        self._cold_migrate(None)

    def live_migrate(self) -> None:
        """Migrate the running domain to another host."""
        self._live_migrate(None)

    def cold_migrate_across(self) -> None:
        """Migrate the stopped domain to the other machine."""
        self._cold_migrate(self._other_machine())

    def live_migrate_across(self) -> None:
        """Migrate the running domain to the other machine."""
        self._live_migrate(self._other_machine())

    def evacuate(self) -> None:
        """Kill the compute of the host, evacuate the server, and start the compute again."""
        host = self._host()
        computes.stop_one(self._settings, host, seconds=0)
        self._cloud.force_down(host)
        # Since microversion 2.95, an evacuated server is stopped.
        self._moves(lambda: self._compute.evacuate_server(self._server), 'SHUTOFF')
        computes.start_one(self._settings, host)
        self._cloud.bring_up(host)
        self._compute.start_server(self._server)
        self._cloud.wait_for(self._server, 'ACTIVE')

    def shelve_and_unshelve(self) -> None:
        """Shelve the server, which frees its host, and unshelve it."""
        self._compute.shelve_server(self._server)
        self._cloud.wait_for(self._server, 'SHELVED_OFFLOADED')
        self._compute.unshelve_server(self._server)
        self._cloud.wait_for(self._server, 'ACTIVE')

    def delete(self) -> None:
        """Delete the server."""
        self._cloud.delete(self._server)

    def _host(self) -> str:
        return str(self._compute.get_server(self._server.id).compute_host)

    def _other_machine(self) -> str:
        """Return a host on the machine where the server is not."""
        second = computes.on_second(self._settings, self._host())
        return next(name for name in computes.names(self._settings)
                    if computes.on_second(self._settings, name) != second)

    def _cold_migrate(self, host: str | None) -> None:
        self._moves(lambda: self._compute.migrate_server(self._server, host=host),
                    'VERIFY_RESIZE', host)
        self._compute.confirm_server_resize(self._server)
        self._cloud.wait_for(self._server, 'ACTIVE')

    def _live_migrate(self, host: str | None) -> None:
        self._moves(lambda: self._compute.live_migrate_server(
            self._server, host=host, block_migration='auto'), 'ACTIVE', host)

    def _moves(self, request: Callable[[], object], status: str, host: str | None = None) -> None:
        """Send a request after which the server is on another host and has a status.

        :param host: the host that the server must be on, or None for any other one.
        """
        before = self._host()
        request()
        processes.wait('the server moves', lambda: self._host() != before, PATIENCE)
        self._cloud.wait_for(self._server, status)
        if host is not None:
            _expect(self._host() == host, f'the server is on {self._host()}, not on {host}')


#: The names of the operations.
OPERATIONS = ('boot', 'show', 'stop_and_start', 'reboot', 'resize_and_confirm', 'cold_migrate',
              'live_migrate', 'evacuate', 'shelve_and_unshelve', 'delete')

#: Operations with a second machine: there and back.
ACROSS = ('cold_migrate_across', 'cold_migrate_across', 'live_migrate_across',
          'live_migrate_across')


def operations(settings: Settings) -> list[str]:
    """Return the names of the operations for a deployment."""
    names = list(OPERATIONS)
    if settings.second:
        after = names.index('live_migrate') + 1
        names[after:after] = ACROSS
    return names


def run(settings: Settings) -> int:
    """Run all operations and print each with its duration. Returns the number of failures.

    Operations after a failed one are not run.
    """
    smoke = Smoke(settings)
    begun = time.monotonic()
    names = operations(settings)
    for number, name in enumerate(names, 1):
        started = time.monotonic()
        try:
            getattr(smoke, name)()
        except processes.DeploymentError as error:
            print(f'{number:2}  {name:20} FAILED: {error}')
            return 1
        print(f'{number:2}  {name:20} {time.monotonic() - started:6.1f} s', flush=True)
    print(f'smoke test: {len(names)} passed in {time.monotonic() - begun:.1f} s')
    return 0


def _expect(true: bool, otherwise: str) -> None:
    if not true:
        raise processes.DeploymentError(otherwise)
