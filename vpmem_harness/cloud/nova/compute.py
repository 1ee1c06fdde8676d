"""A nova-compute process with the libvirt driver."""

from __future__ import annotations

import threading
import time
from multiprocessing import connection
from typing import Any

# Each start of a service would import the manager; this is before the fork.
import nova.compute.manager
import nova.context
import nova.virt.libvirt.driver
from nova import service
from nova.compute import rpcapi as compute_rpcapi
from nova.tests import fixtures as nova_fixtures

from vpmem_harness.cloud.nova import link, settings, workarounds


class Proxy:
    """Proxy of a service in the control process; every method is a call over the link."""

    def __init__(self, control: link.Link, service_name: str, *prefix: Any) -> None:
        self._control = control
        self._service = service_name
        self._prefix = prefix

    def __getattr__(self, name: str) -> Any:
        def method(*args: Any, **kwargs: Any) -> Any:
            return self._control.call(self._service, name, *self._prefix, *args, **kwargs)
        return method


class _Images(Proxy):
    """Proxy of the image service, which drops the context argument."""

    def __getattr__(self, name: str) -> Any:
        def method(_context: Any, *args: Any, **kwargs: Any) -> Any:
            if kwargs.get('data') is not None:
                kwargs['data'] = None
            return self._control.call(self._service, name, None, *args, **kwargs)
        return method


class Compute:
    """The nova-compute service of this process."""

    def __init__(self, order: dict[str, Any]) -> None:
        self._order = order
        self._ended = threading.Event()
        self._service: Any = None
        pipe = connection.Client(order['exchange'], 'AF_UNIX')
        self._link = link.ComputeLink(pipe, self._serve)

    def run(self) -> None:
        """Start the service, report the result, and run until the control process ends it."""
        self._link.send('hello', self._order['options']['host'], self._order['number'])
        reader = threading.Thread(target=self._read, daemon=True, name='link')
        reader.start()
        process = settings.NovaProcess(self._order, self._link)
        process.setUp()
        process.useFixture(nova_fixtures.OpenStackSDKFixture())
        workarounds.use_services(process, self._placement, self._neutron,
                                 _Images(self._link, 'glance'))
        workarounds.run_privileged_calls_in_process()
        workarounds.run_limited_commands_without_a_python(self._order['prlimit'])
        workarounds.become_nova_compute()
        workarounds.require_next_versions()
        try:
            self._service = service.Service.create(
                binary='nova-compute', topic=compute_rpcapi.RPC_TOPIC,
                topic_alt=compute_rpcapi.RPC_TOPIC_ALT)
            self._service.start()
        except (Exception, SystemExit) as error:
            # Nova exits if its driver fails; the cause is the exception that it handled.
            exits = isinstance(error, SystemExit) and error.__context__ is not None
            reason = error.__context__ if exits else error
            self._link.call('fleet', 'failed', self._order['number'],
                            f'{type(reason).__name__}: {reason}')
            raise
        self._link.call('fleet', 'started', self._order['number'])
        self._ended.wait()

    def _placement(self, verb: str) -> Any:
        def request(_client: Any, *args: Any, **kwargs: Any) -> Any:
            return self._link.call('placement', verb, *args, **kwargs)
        return request

    def _neutron(self, admin: bool) -> Proxy:
        return Proxy(self._link, 'neutron', admin)

    def _read(self) -> None:
        try:
            self._link.run()
        finally:
            self._ended.set()

    def _serve(self, service_name: str, method: str, args: tuple[Any, ...],
               kwargs: dict[str, Any]) -> Any:
        return getattr(self, 'do_' + method)(*args, **kwargs)

    def do_settle(self, server: str | None, seconds: float) -> bool:
        """Wait until the service has no task for a server, or at all, by Nova's own count.

        Return False if it still has one after some seconds.
        """
        if self._service is None:
            return True
        deadline = time.monotonic() + seconds
        with workarounds.tally_of_tasks(self._service.manager) as (changed, is_busy):
            while is_busy(server):
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                # Nova notifies when the last task ends, not when this one does.
                changed.wait(min(left, 0.005))
        return True

    def do_stop(self) -> None:
        """Stop as nova-compute does on SIGTERM."""
        self._service.stop()
        self._ended.set()

    def do_assigned(self) -> list[str]:
        """Return the names of the namespaces that the resource tracker has assigned."""
        return workarounds.assigned_namespaces(self._service.manager)

    def do_run_periodic_tasks(self) -> None:
        """Run every periodic task, as if its interval had passed.

        The configuration of Nova's functional tests, which this process uses, disables their
        timer.
        """
        manager = self._service.manager
        workarounds.make_periodic_tasks_due(manager)
        manager.periodic_tasks(nova.context.get_admin_context())


def main(order: dict[str, Any], descriptors: list[int]) -> None:
    """Run a nova-compute."""
    Compute(order).run()
