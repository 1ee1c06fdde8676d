"""All adaptations of an installed Nova, each with its reason.

There are four kinds: the preparation of a process (environment, interpreter, libraries below
Nova); settings of nova-compute's own main function; replacements of the services around Nova
(message broker, Placement, Neutron, Glance, Keystone) where Nova's own fixtures replace them; and
internal state of Nova without a public interface, which is read or reset.

No code of the driver, the compute manager, the resource tracker or privsep is replaced. No other
module accesses Nova's internals; tests/unit/cloud/nova/test_workarounds.py checks this.
"""

from __future__ import annotations

import contextlib
import gc
import importlib.metadata
import importlib.util
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from typing import Any

# Functions import Nova themselves, because before_import must run first.

# Preparation of a process

def before_import() -> None:
    """Select native threading before Nova is imported.

    ``nova.monkey_patch`` fails if eventlet has been imported already, and parses ``sys.argv`` for
    configuration files.
    """
    os.environ['OS_NOVA_DISABLE_EVENTLET_PATCHING'] = 'true'
    sys.argv = ['nova']
    from nova import monkey_patch
    monkey_patch.patch(backend='threading')


def load_vif_plugins() -> None:
    """Load the plugins of os-vif, as nova.cmd.compute does.

    Without it every NIC fails: os_vif.objects.network is missing. os-vif looks for its importer
    among all imported modules, so it takes 0.1 seconds less before the import of Nova.
    """
    import os_vif

    os_vif.initialize()


def after_import() -> None:
    """Do the work that all processes share, after the import of Nova."""
    from nova import objects

    objects.register_all()
    end_idle_workers_at_once()


def paste_configuration() -> str:
    """Return the path of api-paste.ini: a wheel installs it outside the package.

    A checkout that is installed with ``pip install -e`` has it in ``etc/nova``.
    """
    for file in importlib.metadata.files('nova') or ():
        if file.name == 'api-paste.ini':
            return os.path.realpath(str(file.locate()))
    spec = importlib.util.find_spec('nova')
    for package in () if spec is None else spec.submodule_search_locations or ():
        path = os.path.join(os.path.dirname(package), 'etc', 'nova', 'api-paste.ini')
        if os.path.exists(path):
            return path
    raise FileNotFoundError('api-paste.ini of the installed nova')


def api_configuration() -> str:
    """Return the content of the installed api-paste.ini without the compatible API under /v2.

    The backend uses /v2.1 only. Each of the two has its own router and controllers, which take 0.2
    seconds of CPU time.
    """
    with open(paste_configuration(), encoding='utf-8') as file:
        return ''.join(line for line in file if not line.startswith('/v2/'))


class _NoWork:
    """Item in the queue of an executor that only wakes a thread."""

    def run(self) -> None:
        """Do nothing."""


def stop_and_wake(worker: Any) -> None:
    """Stop a thread of an executor of futurist, and wake it if it is idle."""
    worker.should_stop = True
    worker.work_queue.put(_NoWork())


def end_idle_workers_at_once() -> None:
    """Wake the idle threads of executors when they are stopped, so that they end at once.

    Otherwise an idle thread of futurist checks every second whether it was stopped, and a service
    that stops waits for it, once for each of its executors.
    """
    from futurist import _thread
    worker: Any = _thread.ThreadWorker
    worker.stop = stop_and_wake


def in_child(directory: str) -> None:
    """Initialize global state in a newly forked process."""
    tempfile.tempdir = directory
    # A shorter switch interval in seconds: a round trip between two threads waits for it while a
    # third thread computes.
    sys.setswitchinterval(0.0005)
    # The process is short-lived and its inherited objects are frozen: fewer collections save 5 %.
    gc.set_threshold(50_000, 20, 100)


def pool_connections(engine: Any) -> None:
    """Keep connections to a database file open.

    oslo.db uses no pool for SQLite files. Opening a file for every transaction reads its whole
    schema, which took a quarter of the control process's time.
    """
    import sqlalchemy.pool
    old = engine.pool
    if isinstance(old, sqlalchemy.pool.NullPool):
        engine.pool = sqlalchemy.pool.QueuePool(
            old._creator, pool_size=64, max_overflow=-1, dialect=engine.dialect,
            _dispatch=old.dispatch)


def run_limited_commands_without_a_python(stand_in: str) -> None:
    """Let oslo.concurrency set limits with a shell script instead of a Python process.

    It sets limits for each ``qemu-img info``, five times in a boot, for 0.1 seconds each.
    """
    os.environ['VPMEM_HARNESS_PYTHON'] = sys.executable
    sys.executable = stand_in


def run_privileged_calls_in_process() -> None:
    """Run privsep functions in the caller's process; the host's tools act as root anyway."""
    import nova.privsep
    nova.privsep.sys_admin_pctxt.set_client_mode(False)


# Settings of nova-compute's own main function

def become_nova_compute() -> None:
    """Disable direct database access; a compute uses the conductor.

    Source: nova/cmd/compute.py, main, whose assignments these are, under the same names.
    """
    import nova.conf
    import nova.db.main.api
    import nova.objects
    from nova.conductor import rpcapi
    from nova.objects import base

    # The nova.conf of a compute has no API database, and Nova behaves accordingly.
    nova.conf.CONF.set_override('connection', None, 'api_database')
    nova.db.main.api.DISABLE_DB_ACCESS = True
    base.NovaObject.indirection_api = rpcapi.ConductorAPI()
    nova.objects.Service.enable_min_version_cache()


#: The variable that makes computes require the versions that Nova announces for its next release.
NEXT_MINIMUM = 'VPMEM_HARNESS_NOVA_NEXT_MINIMUM'


def require_next_versions() -> None:
    """Require the libvirt and QEMU of Nova's next release, if the environment asks for it.

    These assignments are what Nova does when it raises its minimum.
    """
    if os.environ.get(NEXT_MINIMUM):
        from nova.virt.libvirt import driver
        driver.MIN_LIBVIRT_VERSION = driver.NEXT_MIN_LIBVIRT_VERSION
        driver.MIN_QEMU_VERSION = driver.NEXT_MIN_QEMU_VERSION


# Services around Nova, replaced where Nova's own fixtures replace them

def use_broker(fixture: Any, transport: Callable[[], Any]) -> None:
    """Replace Nova's message transport, whatever the URL of the broker is.

    Source: nova_fixtures.RPCFixture, which replaces the same name to use one broker in memory
    for every URL. The replacement lasts until ``fixture`` is cleaned up.
    """
    import fixtures
    import nova.conf
    import oslo_messaging.conffixture
    from nova import rpc

    configuration = oslo_messaging.conffixture.ConfFixture(nova.conf.CONF)
    configuration.transport_url = 'fake:/'
    fixture.useFixture(configuration)
    fixture.useFixture(fixtures.MonkeyPatch('nova.rpc.create_transport', lambda url: transport()))
    rpc.init(nova.conf.CONF)


def use_services(fixture: Any, placement: Callable[[str], Any], neutron: Callable[[bool], Any],
                 images: Any) -> None:
    """Connect a nova-compute to Placement, Neutron and Glance in another process.

    Source: functional_fixtures.PlacementFixture, nova_fixtures.NeutronFixture and GlanceFixture,
    which replace the same names by objects in their process.

    :param placement: returns a function that sends a request to Placement, by HTTP method.
    :param neutron: returns Neutron's client, for an administrator or not.
    :param images: Glance, with the interface of its fixture.
    """
    import fixtures

    def replace(name: str, replacement: Any) -> None:
        fixture.useFixture(fixtures.MonkeyPatch(name, replacement))

    def client(context: Any, admin: bool = False) -> Any:
        return neutron(admin or (context.is_admin and not context.auth_token))

    for verb in ('get', 'put', 'post', 'delete'):
        replace(f'nova.scheduler.client.report.SchedulerReportClient.{verb}', placement(verb))
    replace('nova.network.neutron.get_client', client)
    replace('nova.image.glance.API.get_remote_image_service',
            lambda _context, image: (images, image))
    replace('nova.image.glance.get_default_image_service', lambda: images)


def use_no_keystone(fixture: Any) -> None:
    """Accept API requests without a token; headers identify the user.

    Source: nova_fixtures.OSAPIFixture, whose own replacement also creates contexts, which lose
    the request id.
    """
    import fixtures
    fixture.useFixture(fixtures.MockPatch(
        'keystonemiddleware.auth_token.filter_factory',
        return_value=lambda application: application))


def request_placement(verb: str, *args: Any, **kwargs: Any) -> Any:
    """Send a request to Placement in the process of its fixture."""
    from nova.scheduler.client import report
    return getattr(report.SchedulerReportClient, verb)(None, *args, **kwargs)


def neutron_client(admin: bool) -> Any:
    """Return Neutron's client in the process of its fixture."""
    from nova import context
    from nova.network import neutron
    return neutron.get_client(context.RequestContext(is_admin=False), admin)


class TestCase:
    """The part of a test case that Nova's fixtures use."""

    def __init__(self, fixture: Any, conf: Any) -> None:
        self.useFixture = fixture.useFixture
        self._conf = conf

    def flags(self, group: str | None = None, **values: Any) -> None:
        """Override options."""
        for name, value in values.items():
            self._conf.set_override(name, value, group)

    def stub_out(self, old: str, new: Any) -> None:
        """Replace a name (of the services around Nova)."""
        import fixtures
        self.useFixture(fixtures.MonkeyPatch(old, new))


# Internal state of Nova without a public interface

#: Tasks in Nova's count for requests that a destination expects. The requests have tasks of their
#: own, and these tasks remain if no request comes.
_EXPECTED = frozenset({'prep_resize_at_dest', 'live_migration_at_dest'})


@contextlib.contextmanager
def tally_of_tasks(manager: Any) -> Iterator[tuple[threading.Condition, Callable[[Any], bool]]]:
    """Give access to the tasks that a compute manager counts for its graceful shutdown.

    Yields the condition that is notified when the last task ends, which is held within the block,
    and a function that says whether there is a task for a server, or for any server (None).
    Synchronizations of power states count; requests that a destination only expects do not.
    Nova 33 counts no tasks. There, the executors for long tasks and for live migrations say whether
    they have work for any server.
    """
    counted = hasattr(manager, '_in_progress_tasks')
    queues = [] if counted else [
        executor._work_queue
        for executor in (manager._long_task_executor, manager._live_migration_executor)]

    def is_busy(server: str | None) -> bool:
        with manager.syncs_in_progress() as syncs:
            if syncs if server is None else server in syncs:
                return True
        if not counted:
            return any(queue.unfinished_tasks for queue in queues)
        return any(server in (None, task['instance_uuid']) and task['name'] not in _EXPECTED
                   for task in manager._in_progress_tasks.values())

    changed = manager._in_progress_task_cond if counted else threading.Condition()
    with changed:
        yield changed, is_busy


def assigned_namespaces(manager: Any) -> list[str]:
    """Return the namespaces that the resource tracker of a compute manager has assigned."""
    return [resource.identifier
            for classes in manager.rt.assigned_resources.values()
            for resources in classes.values() for resource in resources]


def make_periodic_tasks_due(manager: Any) -> None:
    """Reset the time of the last run of each periodic task."""
    manager._periodic_last_run = dict.fromkeys(manager._periodic_last_run)
