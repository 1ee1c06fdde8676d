"""The smoke test: ten operations of a server with persistent memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tools.deployment import computes, processes
from tools.deployment.cloud import Cloud
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
        self._moves(lambda: self._compute.migrate_server(self._server), 'VERIFY_RESIZE')
        self._compute.confirm_server_resize(self._server)
        self._cloud.wait_for(self._server, 'ACTIVE')

    def live_migrate(self) -> None:
        """Migrate the running domain to another host."""
        self._moves(lambda: self._compute.live_migrate_server(
            self._server, host=None, block_migration='auto'), 'ACTIVE')

    def evacuate(self) -> None:
        """Kill the compute of the host, evacuate the server, and start the compute again."""
        host = self._host()
        processes.stop(self._settings.directory, seconds=0, matching=f'computes/{host}/nova.conf')
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

    def _moves(self, request: Callable[[], object], status: str) -> None:
        """Send a request after which the server is on another host and has a status."""
        before = self._host()
        request()
        processes.wait('the server moves', lambda: self._host() != before, 300)
        self._cloud.wait_for(self._server, status)


#: The names of the operations.
OPERATIONS = ('boot', 'show', 'stop_and_start', 'reboot', 'resize_and_confirm', 'cold_migrate',
              'live_migrate', 'evacuate', 'shelve_and_unshelve', 'delete')


def run(settings: Settings) -> int:
    """Run all operations and print each with its duration. Returns the number of failures.

    Operations after a failed one are not run.
    """
    smoke = Smoke(settings)
    begun = time.monotonic()
    for number, name in enumerate(OPERATIONS, 1):
        started = time.monotonic()
        try:
            getattr(smoke, name)()
        except processes.DeploymentError as error:
            print(f'{number:2}  {name:20} FAILED: {error}')
            return 1
        print(f'{number:2}  {name:20} {time.monotonic() - started:6.1f} s', flush=True)
    print(f'smoke test: {len(OPERATIONS)} passed in {time.monotonic() - begun:.1f} s')
    return 0


def _expect(true: bool, otherwise: str) -> None:
    if not true:
        raise processes.DeploymentError(otherwise)
