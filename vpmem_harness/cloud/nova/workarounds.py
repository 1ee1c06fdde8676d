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
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Set
from typing import Any

# Functions import Nova themselves, because before_import must run first.

_uname = os.uname


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


def after_import() -> None:
    """Do the work that all processes share, after the import of Nova."""
    import os_vif
    from nova import objects

    objects.register_all()
    # nova.cmd.compute does it. Without it every NIC fails: os_vif.objects.network is missing.
    os_vif.initialize()
    # A wheel has no ``$pybasedir/etc``.
    paste_configuration()


def paste_configuration() -> str:
    """Return the path of api-paste.ini, which a wheel installs outside the package."""
    for file in importlib.metadata.files('nova') or ():
        if file.name == 'api-paste.ini':
            return os.path.realpath(str(file.locate()))
    raise FileNotFoundError('api-paste.ini of the installed nova')


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


#: The variable that makes computes require what Nova announces for its next release.
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
    """
    def is_busy(server: str | None) -> bool:
        with manager.syncs_in_progress() as syncs:
            if syncs if server is None else server in syncs:
                return True
        return any(server in (None, task['instance_uuid']) and task['name'] not in _EXPECTED
                   for task in manager._in_progress_tasks.values())

    with manager._in_progress_task_cond:
        yield manager._in_progress_task_cond, is_busy


def assigned_namespaces(manager: Any) -> list[str]:
    """Return the namespaces that the resource tracker of a compute manager has assigned."""
    return [resource.identifier
            for classes in manager.rt.assigned_resources.values()
            for resources in classes.values() for resource in resources]


def make_periodic_tasks_due(manager: Any) -> None:
    """Reset the time of the last run of each periodic task."""
    manager._periodic_last_run = dict.fromkeys(manager._periodic_last_run)


# For tests on Nova's own base classes, whose computes share one process

def set_local_node(uuid: str | None = None) -> None:
    """Set the compute node of this process: an existing one by UUID, or a new one.

    Nova keeps it in a module; ``nova.test.TestCase`` mocks the file in ``state_path``.
    """
    from nova.virt import node
    node.LOCAL_NODE_UUID = uuid


def local_node() -> str | None:
    """Return the UUID of the compute node of this process."""
    from nova.virt import node
    uuid: str | None = node.LOCAL_NODE_UUID
    return uuid


def use_unicast_addresses(fixture: Any) -> None:
    """Make the MAC addresses in Nova's fixture of Neutron unicast; libvirt refuses the others.

    Source: nova/tests/functional/libvirt/base.py (LibvirtNeutronFixture), nova/tests/fixtures/
    neutron.py (NeutronFixture): the first byte of many addresses there is odd.
    """
    from nova.tests import fixtures as nova_fixtures
    from nova.tests.functional.libvirt import base

    for owner in (nova_fixtures.NeutronFixture, base.LibvirtNeutronFixture):
        for port in [value for value in vars(owner).values()
                     if isinstance(value, dict) and 'mac_address' in value]:
            address = port['mac_address']
            first = int(address[:2], 16)
            if first & 1:
                fixture.addCleanup(port.__setitem__, 'mac_address', address)
                port['mac_address'] = f'{first - 1:02x}{address[2:]}'


def use_installed_paste_configuration() -> None:
    """Set the path of api-paste.ini of a wheel, where ConfFixture does not find it.

    In a checkout of Nova, ConfFixture finds it, and nothing changes.
    """
    import nova.conf
    with contextlib.suppress(importlib.metadata.PackageNotFoundError, FileNotFoundError):
        nova.conf.CONF.set_override('api_paste_config', paste_configuration(), 'wsgi')


#: What Nova's test cases put between the driver and libvirt: the module itself, the connection,
#: the event thread, and the host's CPUs. Source: nova/tests/fixtures/libvirt.py (LibvirtFixture),
#: nova/tests/functional/libvirt/base.py (ServersTestBase).
LIBVIRT_NAMES = frozenset({
    'libvirt', 'get_connection', '_get_new_connection', '_init_events', 'get_online_cpus'})


def remember_driver() -> Callable[[Set[str] | None], None]:
    """Save the names of the libvirt driver before a base class of Nova's tests replaces them.

    Returns a function that restores every name of the driver's modules and classes that was
    replaced since, or only those names that it gets. Nova's test cases replace ``libvirt`` itself,
    ``Host._init_events``, which would end the process, and names for spawning, connections, disks
    and sizes. The replacement of interface plugging remains. The cleanup of the test case restores
    the same names again.
    """
    from nova.virt.libvirt import driver

    package = driver.__package__
    modules = [module for name, module in sys.modules.items()
               if name.startswith(f'{package}.') and name != f'{package}.vif']
    owners = [*modules, *(value for module in modules for value in vars(module).values()
                          if isinstance(value, type) and value.__module__ == module.__name__)]
    remembered = [(owner, dict(vars(owner))) for owner in owners]

    def put_back(only: Set[str] | None = None) -> None:
        for owner, names in remembered:
            now = vars(owner)
            for name in names if only is None else only & names.keys():
                if now.get(name) is not names[name]:
                    setattr(owner, name, names[name])

    return put_back


def use_this_machine(fixture: Any) -> None:
    """Allow calls that ``nova.test.TestCase`` forbids and an unmocked driver needs.

    The driver reads the machine's name and addresses, and runs tools with privsep.
    """
    import fixtures
    import os_vif
    from nova.tests import fixtures as nova_fixtures

    os_vif.initialize()
    fixture.useFixture(nova_fixtures.PrivsepFixture())
    fixture.useFixture(fixtures.MonkeyPatch('os.uname', lambda: _uname()))
    fixture.useFixture(fixtures.MonkeyPatch('psutil.net_if_addrs', dict))


def show_tests(compute: Any, view: Any) -> None:
    """Let tests get ``view`` from the driver's ``get_connection``, the driver its connection.

    ``ServersTestBase.start_compute`` replaces the same name of the same object.
    """
    from nova.virt.libvirt import driver

    host = compute.driver._host
    own = type(host).get_connection.__get__(host)

    def get_connection() -> Any:
        caller = sys._getframe(1).f_globals['__name__']
        return own() if caller.startswith(driver.__package__) else view

    host.get_connection = get_connection


def libvirt_connection(compute: Any) -> Any:
    """Return the connection of a compute's driver to libvirt."""
    host = compute.driver._host
    return type(host).get_connection(host)


def fake_libvirt() -> Any:
    """Return Nova's fake of the module libvirt."""
    from nova.tests.fixtures import libvirt
    return libvirt


def mocked_namespaces() -> str | None:
    """Return what a test lets Nova read from ndctl; None unless the test replaces the function."""
    import nova.privsep.libvirt
    replaced = nova.privsep.libvirt.get_pmem_namespaces
    # Nova's mocks have the signature of what they replace, so they are functions.
    return str(replaced()) if hasattr(replaced, 'return_value') else None


def host_name() -> str:
    """Return the name of this process's host in Nova's configuration."""
    import nova.conf
    name: str = nova.conf.CONF.host
    return name


def configured(name: str, group: str | None = None) -> bool:
    """Whether a test class has chosen a value of one of Nova's options."""
    import nova.conf
    conf = nova.conf.CONF
    options = conf._groups[group]._opts if group else conf._opts
    return 'override' in options[name]


def end_events() -> None:
    """End the threads in which drivers handle lost connections; Nova never ends them.

    The shutdown of an executor would wait for them, and ``nova.test.TestCase`` shuts down every
    executor. Such a thread calls the functions in its queue, and does not catch SystemExit. A
    driver that failed to start has such a thread as well, but no reference; so all objects of the
    interpreter are searched.
    """
    from nova.virt.libvirt import host

    for each in gc.get_objects():
        if type(each) is host.Host:
            each._conn_event_handler_queue.put(sys.exit)
