"""The control process: Nova's API, conductor and scheduler, and the services around it."""

from __future__ import annotations

import contextlib
import os
import threading
from multiprocessing import connection
from typing import Any

import fixtures

# Each start of a service would import its manager; this is before the fork.
import nova.conductor.manager
import nova.scheduler.manager  # noqa: F401
from nova import context as nova_context
from nova import objects, service
from nova.db.api import api as api_db_api
from nova.db.main import api as main_db_api
from nova.objects import host_mapping
from nova.tests import fixtures as nova_fixtures
from nova.tests.functional import fixtures as functional_fixtures
from oslo_serialization import jsonutils
from placement import db_api as placement_db_api

from vpmem_harness.cloud.nova import (
    exchange,
    link,
    messaging,
    settings,
    statements,
    workarounds,
)
from vpmem_harness.cloud.nova.commit_events import CommitEvents
from vpmem_harness.cloud.nova.control_server import RequestServer
from vpmem_harness.cloud.nova.file_databases import FileDatabases
from vpmem_harness.cloud.nova.fleet import Fleet


class Control:
    """The services of the control process."""

    def __init__(self, order: dict[str, Any]) -> None:
        self._order = order
        self.exchange = exchange.Exchange()
        self.fleet = Fleet()
        self.changes = CommitEvents()
        self.databases: list[str] = []
        self._ready = threading.Event()

    def start(self) -> None:
        """Start all services except the computes."""
        process = settings.NovaProcess(self._order, messaging.LocalPort(self.exchange))
        process.setUp()
        settings.use_api_configuration(self._order['directory'])
        use = process.useFixture
        self.admin = nova_context.get_admin_context()
        self._make_databases(use)
        use(nova_fixtures.OpenStackSDKFixture())
        use(functional_fixtures.PlacementFixture())
        _tune(placement_db_api.get_placement_engine())
        use(nova_fixtures.NeutronFixture(process.test))
        self.glance = use(nova_fixtures.GlanceFixture(process.test))
        for binary in ('conductor', 'scheduler'):
            service.Service.create(host=self._order['options']['host'], binary='nova-' + binary,
                                   topic=binary).start()
        workarounds.use_no_keystone(process)
        self.api = use(nova_fixtures.OSAPIFixture(stub_keystone=False)).admin_api
        self._tune_cells()
        self._ready.set()

    def listen(self) -> None:
        """Accept connections of computes; their requests wait until all services run."""
        self._listen('exchange', self._attach)

    def _make_databases(self, use: Any) -> None:
        use(FileDatabases())
        use(nova_fixtures.Database(database='api'))
        cell1 = use(nova_fixtures.Database(database='main'))
        path = os.path.join(self._order['directory'], 'cell0.sqlite')
        cell0 = use(nova_fixtures.Database(database='main', connection=f'sqlite:///{path}'))
        _tune(api_db_api.get_engine())
        _tune(cell1.get_engine())
        self.changes.watch()
        self._cells = [self._create_cell('cell1', self._order['cell'], cell1),
                       self._create_cell('cell0', objects.CellMapping.CELL0_UUID, cell0)]

    def _create_cell(self, name: str, uuid: str, database: Any) -> Any:
        url = database.get_engine().url
        cell = objects.CellMapping(
            self.admin, uuid=uuid, name=name,
            database_connection=url.render_as_string(hide_password=False),
            transport_url='none:///' if name == 'cell0' else 'fake:///')
        cell.create()
        self.databases.append(url.database)
        return cell

    def _tune_cells(self) -> None:
        """Tune the engines that Nova has for its cells; each start of a service discards them."""
        for cell in self._cells:
            with nova_context.target_cell(self.admin, cell) as targeted:
                _tune(main_db_api.get_context_manager(targeted).writer.get_engine())

    def _listen(self, socket_name: str, attach: Any) -> None:
        listener = connection.Listener(self._order[socket_name], 'AF_UNIX', backlog=64)

        def accept() -> None:
            while True:
                pipe = listener.accept()
                threading.Thread(target=serve, args=(pipe,), daemon=True).start()

        def serve(pipe: connection.Connection) -> None:
            # Report every error to the other end.
            with pipe:
                attach(pipe)

        threading.Thread(target=accept, daemon=True).start()

    def _attach(self, pipe: connection.Connection) -> None:
        _hello, host, number = pipe.recv()
        compute = link.ControlLink(pipe, self._serve, self.exchange)
        if self.fleet.attach(host, number, compute):
            try:
                compute.run()
            finally:
                self.fleet.detach(number)

    def _serve(self, name: str, method: str, args: tuple[Any, ...],
               kwargs: dict[str, Any]) -> Any:
        """Answer a compute's call to a service outside Nova."""
        if name == 'fleet':
            return getattr(self.fleet, method)(*args, **kwargs)
        self._ready.wait()
        if name == 'placement':
            response = workarounds.request_placement(method, *args, **kwargs)
            response.request = response.connection = response.raw = None
            return response
        if name == 'neutron':
            admin, *rest = args
            return getattr(workarounds.neutron_client(admin), method)(*rest, **kwargs)
        return getattr(self.glance, method)(*args, **kwargs)

    def request_api(self, method: str, path: str, body: Any) -> Any:
        """Send a request to Nova's API as an administrator, at the latest microversion."""
        headers = {'OpenStack-API-Version': 'compute latest', 'Accept': 'application/json',
                   'X-User-Id': self.api.auth_user, 'X-Project-Id': self.api.project_id,
                   'X-Roles': ','.join(self.api.roles)}
        return self.api.request(self.api.base_url + path, method=method, headers=headers,
                                body=None if body is None else jsonutils.dumps(body))

    def discover_hosts(self) -> None:
        """Map new computes to the cell, as ``nova-manage cell_v2 discover_hosts`` does."""
        host_mapping.discover_hosts(self.admin)

    def run(self, test: connection.Connection) -> None:
        """Serve the threads of the test until the test ends."""
        self._listen('desk', lambda pipe: RequestServer(self).run(pipe))
        test.send('started')
        with contextlib.suppress(EOFError, OSError):
            test.recv()


def prepare() -> None:
    """Do the work that all control processes share, before the forks.

    Create the schemas of the databases, and load the API with its imports.
    """
    with (fixtures.TempDir() as directory, fixtures.NestedTempfile(),
          nova_fixtures.ConfFixture(settings.CONF), FileDatabases()):
        settings.use_api_configuration(directory.path)
        with (nova_fixtures.Database(database='api'), nova_fixtures.Database(database='main'),
              nova_fixtures.RPCFixture(), nova_fixtures.OSAPIFixture(),
              functional_fixtures.PlacementFixture()):
            statements.share(api_db_api.get_engine())
            statements.share(main_db_api.get_engine())


def _tune(engine: Any) -> None:
    """Spare an engine what every transaction or every cloud would do again."""
    workarounds.pool_connections(engine)
    statements.share(engine)


def main(order: dict[str, Any], descriptors: list[int]) -> None:
    """Run the control process; the first descriptor is the connection to the test."""
    test = connection.Connection(descriptors[0])
    control = Control(order)
    control.listen()
    test.send('listening')
    control.start()
    control.run(test)
