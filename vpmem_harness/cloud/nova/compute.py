"""One nova-compute with the libvirt driver, in a process of its own."""

from __future__ import annotations

import threading
import time
from multiprocessing import connection
from typing import Any

import fixtures
import nova.context
import nova.db.main.api
import nova.objects
import nova.virt.libvirt.driver
from nova import service
from nova.compute import rpcapi as compute_rpcapi
from nova.conductor import rpcapi as conductor_rpcapi
from nova.objects import base as objects_base
from nova.tests import fixtures as nova_fixtures

from vpmem_harness.cloud.nova import link, settings, workarounds


class Proxy:
    """A service of the control process: every method is a call over the link."""

    def __init__(self, control: link.Link, service_name: str, *prefix: Any) -> None:
        self._control = control
        self._service = service_name
        self._prefix = prefix

    def __getattr__(self, name: str) -> Any:
        def method(*args: Any, **kwargs: Any) -> Any:
            return self._control.call(self._service, name, *self._prefix, *args, **kwargs)
        return method


class _Images(Proxy):
    """Images, whose calls have a context first: it stays here."""

    def __getattr__(self, name: str) -> Any:
        def method(_context: Any, *args: Any, **kwargs: Any) -> Any:
            if kwargs.get('data') is not None:
                kwargs['data'] = None
            return self._control.call(self._service, name, None, *args, **kwargs)
        return method


class _Surroundings(fixtures.Fixture):
    """Placement, Neutron and Glance are the control process's, where Nova's fixtures run."""

    def __init__(self, control: link.Link) -> None:
        super().__init__()
        self._control = control

    def _setUp(self) -> None:
        self.useFixture(nova_fixtures.OpenStackSDKFixture())
        images = _Images(self._control, 'glance')
        placement = 'nova.scheduler.client.report.SchedulerReportClient.'
        for verb in ('get', 'put', 'post', 'delete'):
            self._replace(placement + verb, self._request(verb))
        self._replace('nova.network.neutron.get_client', self._network_client)
        self._replace('nova.image.glance.API.get_remote_image_service',
                      lambda _context, image: (images, image))
        self._replace('nova.image.glance.get_default_image_service', lambda: images)

    def _replace(self, name: str, replacement: Any) -> None:
        self.useFixture(fixtures.MonkeyPatch(name, replacement))

    def _request(self, verb: str) -> Any:
        def request(_client: Any, *args: Any, **kwargs: Any) -> Any:
            return self._control.call('placement', verb, *args, **kwargs)
        return request

    def _network_client(self, context: Any, admin: bool = False) -> Proxy:
        admin = admin or (context.is_admin and not context.auth_token)
        return Proxy(self._control, 'neutron', admin)


class Compute:
    """The service, as its own process's main function runs it."""

    def __init__(self, order: dict[str, Any]) -> None:
        self._order = order
        self._ended = threading.Event()
        self._service: Any = None
        pipe = connection.Client(order['exchange'], 'AF_UNIX')
        self._link = link.ComputeLink(pipe, self._serve)

    def run(self) -> None:
        """Start the service, report, and stay until the control process is gone or says so."""
        self._link.send('hello', self._order['options']['host'])
        reader = threading.Thread(target=self._read, daemon=True, name='link')
        reader.start()
        process = settings.NovaProcess(self._order, self._link)
        process.setUp()
        process.useFixture(_Surroundings(self._link))
        workarounds.run_privileged_calls_in_process()
        workarounds.run_limited_commands_without_a_python(self._order['prlimit'])
        # A compute's nova.conf names no API database, and Nova takes another path for it.
        settings.CONF.set_override('connection', None, 'api_database')
        nova.db.main.api.DISABLE_DB_ACCESS = True
        objects_base.NovaObject.indirection_api = conductor_rpcapi.ConductorAPI()
        nova.objects.Service.enable_min_version_cache()
        try:
            self._service = service.Service.create(
                binary='nova-compute', topic=compute_rpcapi.RPC_TOPIC,
                topic_alt=compute_rpcapi.RPC_TOPIC_ALT)
            self._service.start()
        except Exception as error:
            self._link.call('fleet', 'failed', self._order['options']['host'],
                            f'{type(error).__name__}: {error}')
            raise
        self._link.call('fleet', 'started', self._order['options']['host'])
        self._ended.wait()

    def _read(self) -> None:
        self._link.run()
        self._ended.set()

    def _serve(self, service_name: str, method: str, args: tuple[Any, ...],
               kwargs: dict[str, Any]) -> Any:
        return getattr(self, 'do_' + method)(*args, **kwargs)

    def do_settle(self, server: str | None, seconds: float) -> bool:
        """Wait until the service has no task for a server, or at all, by Nova's own tally.

        False when it has one after some seconds.
        """
        if self._service is None:
            return True
        manager = self._service.manager
        deadline = time.monotonic() + seconds
        with manager._in_progress_task_cond:
            while _is_busy(manager, server):
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                # Nova notifies when the last task ends, not when this one does.
                manager._in_progress_task_cond.wait(min(left, 0.005))
        return True

    def do_stop(self) -> None:
        """Stop listening to requests, as nova-compute does on SIGTERM, and end."""
        self._service.stop()
        self._ended.set()

    def do_assigned(self) -> list[str]:
        """The names of the namespaces that the resource tracker holds as assigned."""
        return [resource.identifier
                for classes in self._service.manager.rt.assigned_resources.values()
                for resources in classes.values() for resource in resources]

    def do_run_periodic_tasks(self) -> None:
        """Run every periodic task, as if its interval had passed.

        Nova's functional tests turn off the timer that would run them, and so does their
        configuration here.
        """
        manager = self._service.manager
        manager._periodic_last_run = dict.fromkeys(manager._periodic_last_run)
        manager.periodic_tasks(nova.context.get_admin_context())


def _is_busy(manager: Any, server: str | None) -> bool:
    """Whether a compute manager has a task for a server, or at all; its condition is held."""
    with manager.syncs_in_progress() as syncs:
        if syncs if server is None else server in syncs:
            return True
    return any(server in (None, task['instance_uuid'])
               for task in manager._in_progress_tasks.values())


def main(order: dict[str, Any], descriptors: list[int]) -> None:
    """Run a nova-compute."""
    Compute(order).run()
