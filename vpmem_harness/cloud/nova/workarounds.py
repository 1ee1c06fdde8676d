"""Everything that stands between an installed Nova and a process of ours, each with its reason.

There are four kinds. What a process is made ready with: environment, interpreter, libraries below
Nova. What nova-compute's own main function sets. The seams at which Nova's own fixtures put
something in place of the services around it: message broker, Placement, Neutron, Glance, Keystone.
And what Nova knows and has no public word for, which is read, or put back to where it began.

Nothing replaces a line of the driver, the compute manager, the resource tracker or privsep, and
nothing outside of this module reaches into Nova: tests/unit/cloud/nova/test_workarounds.py looks.
"""

from __future__ import annotations

import contextlib
import gc
import importlib.metadata
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from typing import Any

# Nova is imported where it is needed: before_import comes first.

_uname = os.uname


# What a process is made ready with

def before_import() -> None:
    """Choose native threading before anything of Nova is imported.

    ``nova.monkey_patch`` refuses when eventlet has been imported already, and parses
    ``sys.argv`` for configuration files.
    """
    os.environ['OS_NOVA_DISABLE_EVENTLET_PATCHING'] = 'true'
    sys.argv = ['nova']
    from nova import monkey_patch
    monkey_patch.patch(backend='threading')


def after_import() -> None:
    """Do once what every process would do again after its fork."""
    import os_vif
    from nova import objects

    objects.register_all()
    # nova.cmd.compute does it; without it any NIC fails for want of os_vif.objects.network.
    os_vif.initialize()
    # A wheel has no ``$pybasedir/etc``.
    paste_configuration()


def paste_configuration() -> str:
    """The path of api-paste.ini, which a wheel installs outside of the package."""
    for file in importlib.metadata.files('nova') or ():
        if file.name == 'api-paste.ini':
            return os.path.realpath(str(file.locate()))
    raise FileNotFoundError('api-paste.ini of the installed nova')


def in_child(directory: str) -> None:
    """Settle what is global in a process that has just been forked."""
    tempfile.tempdir = directory
    # Worker threads hand the interpreter over sooner: a round trip between two threads waits
    # for this interval (seconds) when a third one computes.
    sys.setswitchinterval(0.0005)
    # The process is short-lived and what it inherits is frozen: fewer collections, 5 % less work.
    gc.set_threshold(50_000, 20, 100)


def pool_connections(engine: Any) -> None:
    """Keep connections to a database file open.

    oslo.db gives SQLite files no pool, and opening one anew for every transaction, which reads
    its whole schema, took a quarter of the control process's time.
    """
    import sqlalchemy.pool
    old = engine.pool
    if isinstance(old, sqlalchemy.pool.NullPool):
        engine.pool = sqlalchemy.pool.QueuePool(
            old._creator, pool_size=64, max_overflow=-1, dialect=engine.dialect,
            _dispatch=old.dispatch)


def run_limited_commands_without_a_python(stand_in: str) -> None:
    """Let oslo.concurrency start a shell script where it starts a Python to set limits.

    It does so for each ``qemu-img info``, five times in a boot, for a tenth of a second each.
    """
    os.environ['VPMEM_HARNESS_PYTHON'] = sys.executable
    sys.executable = stand_in


def run_privileged_calls_in_process() -> None:
    """Let privsep functions run in the caller's process: the host's tools act as root anyway."""
    import nova.privsep
    nova.privsep.sys_admin_pctxt.set_client_mode(False)


# What nova-compute's own main function sets

def become_nova_compute() -> None:
    """Take no way to a database: what a compute wants of one it asks the conductor for.

    Source: nova/cmd/compute.py, main, whose assignments these are, under the same names.
    """
    import nova.conf
    import nova.db.main.api
    import nova.objects
    from nova.conductor import rpcapi
    from nova.objects import base

    # A compute's nova.conf names no API database, and Nova takes another path for it.
    nova.conf.CONF.set_override('connection', None, 'api_database')
    nova.db.main.api.DISABLE_DB_ACCESS = True
    base.NovaObject.indirection_api = rpcapi.ConductorAPI()
    nova.objects.Service.enable_min_version_cache()


# The services around Nova, at the seams of Nova's own fixtures

def use_broker(fixture: Any, transport: Callable[[], Any]) -> None:
    """Let Nova's messages go by a transport of ours, whatever the URL of their broker says.

    Source: nova_fixtures.RPCFixture, which replaces the same name to put every URL on one broker
    in memory. The replacement is in force until ``fixture`` is cleaned up.
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
    """Let a nova-compute reach Placement, Neutron and Glance in another process than its own.

    Source: functional_fixtures.PlacementFixture, nova_fixtures.NeutronFixture and GlanceFixture,
    which replace the same names by what runs in their process.

    :param placement: gives what makes a request to Placement, by its verb.
    :param neutron: gives Neutron's client, for an administrator or not.
    :param images: Glance, as its fixture is.
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
    """Let requests to the API come without a token; their headers say who asks.

    Source: nova_fixtures.OSAPIFixture, whose own way would also make contexts of its own, which
    lose the id of the request.
    """
    import fixtures
    fixture.useFixture(fixtures.MockPatch(
        'keystonemiddleware.auth_token.filter_factory',
        return_value=lambda application: application))


def request_placement(verb: str, *args: Any, **kwargs: Any) -> Any:
    """A request to Placement where its fixture runs, which is no client's in particular."""
    from nova.scheduler.client import report
    return getattr(report.SchedulerReportClient, verb)(None, *args, **kwargs)


def neutron_client(admin: bool) -> Any:
    """Neutron's client where its fixture runs."""
    from nova import context
    from nova.network import neutron
    return neutron.get_client(context.RequestContext(is_admin=False), admin)


class TestCase:
    """What Nova's fixtures expect of the test that they are given."""

    def __init__(self, fixture: Any, conf: Any) -> None:
        self.useFixture = fixture.useFixture
        self._conf = conf

    def flags(self, group: str | None = None, **values: Any) -> None:
        """Override options."""
        for name, value in values.items():
            self._conf.set_override(name, value, group)

    def stub_out(self, old: str, new: Any) -> None:
        """Put something else in place of a name (the services around Nova)."""
        import fixtures
        self.useFixture(fixtures.MonkeyPatch(old, new))


# What Nova has no public word for

#: Tasks that stand for what a destination expects to be asked for, in Nova's tally: whoever asks
#: has one of its own, and they stay when nobody will.
_EXPECTED = frozenset({'prep_resize_at_dest', 'live_migration_at_dest'})


@contextlib.contextmanager
def tally_of_tasks(manager: Any) -> Iterator[tuple[threading.Condition, Callable[[Any], bool]]]:
    """The tasks that a compute manager counts for its graceful shutdown.

    Gives the condition that is notified when the last task ends, held within the block, and what
    says whether there is a task for a server, or for any (None). A synchronization of power states
    is one; what a destination only expects to be asked for is none.
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
    """The names of the namespaces that a compute manager's resource tracker holds as assigned."""
    return [resource.identifier
            for classes in manager.rt.assigned_resources.values()
            for resources in classes.values() for resource in resources]


def make_periodic_tasks_due(manager: Any) -> None:
    """Forget when each periodic task has run last, as if its interval had passed."""
    manager._periodic_last_run = dict.fromkeys(manager._periodic_last_run)


# For tests that stay with Nova's own base classes, whose computes share one process

def set_local_node(uuid: str | None = None) -> None:
    """Reset whose node this process is: the one of this UUID again, or a new one.

    Nova keeps it in a module; the file in ``state_path`` is mocked by ``nova.test.TestCase``.
    """
    from nova.virt import node
    node.LOCAL_NODE_UUID = uuid


def use_installed_paste_configuration() -> None:
    """Let Nova's API find its api-paste.ini where a wheel puts it, and not where ConfFixture looks.

    In a checkout of Nova it is where that looks, and stays.
    """
    import nova.conf
    with contextlib.suppress(importlib.metadata.PackageNotFoundError, FileNotFoundError):
        nova.conf.CONF.set_override('api_paste_config', paste_configuration(), 'wsgi')


def remember_driver() -> Callable[[], None]:
    """What the libvirt driver is made of, before a base class of Nova's tests is set up.

    Gives what puts it back: every name of the driver's modules and classes that was replaced in
    between. Of Nova's own test cases these are ``libvirt`` itself, ``Host._init_events``, which
    would end the process, and what ``nova/tests/functional/libvirt`` mocks of spawning, connecting,
    disks and sizes; what would plug interfaces stays as it is. Their clean-up sets the same once
    more.
    """
    from nova.virt.libvirt import driver

    package = driver.__package__
    modules = [module for name, module in sys.modules.items()
               if name.startswith(f'{package}.') and name != f'{package}.vif']
    owners = [*modules, *(value for module in modules for value in vars(module).values()
                          if isinstance(value, type) and value.__module__ == module.__name__)]
    remembered = [(owner, dict(vars(owner))) for owner in owners]

    def put_back() -> None:
        for owner, names in remembered:
            now = vars(owner)
            for name in [name for name in names if now.get(name) is not names[name]]:
                setattr(owner, name, names[name])

    return put_back


def use_this_machine(fixture: Any) -> None:
    """Allow what ``nova.test.TestCase`` forbids and a driver that is not mocked does.

    It asks what machine this is and which addresses it has, and runs tools by privsep.
    """
    import fixtures
    import os_vif
    from nova.tests import fixtures as nova_fixtures

    os_vif.initialize()
    fixture.useFixture(nova_fixtures.PrivsepFixture())
    fixture.useFixture(fixtures.MonkeyPatch('os.uname', lambda: _uname()))
    fixture.useFixture(fixtures.MonkeyPatch('psutil.net_if_addrs', dict))


def end_events() -> None:
    """End the threads in which drivers handle lost connections, which Nova never ends.

    An executor's shutdown would wait for them, and ``nova.test.TestCase`` waits for every
    executor's. Such a thread runs what it finds in its queue, and SystemExit is no Exception that
    it would log. A driver that failed to start has one as well, and nobody holds it: what the
    interpreter knows of is looked through.
    """
    from nova.virt.libvirt import host

    for each in gc.get_objects():
        if type(each) is host.Host:
            each._conn_event_handler_queue.put(sys.exit)
