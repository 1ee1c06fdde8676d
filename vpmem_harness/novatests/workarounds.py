"""All adaptations of Nova's own tests, each with its reason.

The computes of such a test share one process. The module replaces what Nova's test cases put
between the driver and libvirt, allows what they forbid, and ends threads that Nova leaves behind.
``vpmem_harness/cloud/nova/workarounds.py`` has the other adaptations of Nova. No other module
accesses Nova's internals; tests/unit/cloud/nova/test_workarounds.py checks this.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import sys
import threading
from collections.abc import Callable, Iterator, Set
from typing import Any

import libvirt

from vpmem_harness.cloud.nova.workarounds import (
    before_import,
    paste_configuration,
    stop_and_wake,
)

__all__ = ['before_import']

# Functions import Nova themselves, because before_import must run first.

_uname = os.uname


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
    """Make the MAC addresses of ports in Nova's tests unicast; libvirt refuses the others.

    Source: nova/tests/functional/libvirt/base.py (LibvirtNeutronFixture), nova/tests/fixtures/
    neutron.py (NeutronFixture): the first byte of many addresses there is odd.
    """
    import fixtures
    from nova.tests import fixtures as nova_fixtures
    from nova.tests.functional.libvirt import base

    for owner in (nova_fixtures.NeutronFixture, base.LibvirtNeutronFixture):
        for port in [value for value in vars(owner).values()
                     if isinstance(value, dict) and 'mac_address' in value]:
            fixture.addCleanup(port.__setitem__, 'mac_address', port['mac_address'])
            _make_unicast(port)
        fixture.useFixture(fixtures.MonkeyPatch(
            f'nova.tests.{_path(owner)}.create_port', _creates_unicast(owner.create_port)))


def _path(owner: type[Any]) -> str:
    return f'{owner.__module__}.{owner.__qualname__}'.removeprefix('nova.tests.')


def _make_unicast(port: dict[str, Any]) -> None:
    address = port.get('mac_address')
    if address and int(address[:2], 16) & 1:
        port['mac_address'] = f'{int(address[:2], 16) - 1:02x}{address[2:]}'


def _creates_unicast(create_port: Callable[..., Any]) -> Callable[..., Any]:
    def create(self: Any, body: Any = None) -> Any:
        if body is not None:
            _make_unicast(body['port'])
        return create_port(self, body)
    return create


def use_installed_paste_configuration() -> None:
    """Set the path of api-paste.ini of a wheel, where ConfFixture does not find it.

    In a checkout of Nova, ConfFixture finds it, and nothing changes.
    """
    import nova.conf
    with contextlib.suppress(importlib.metadata.PackageNotFoundError, FileNotFoundError):
        nova.conf.CONF.set_override('api_paste_config', paste_configuration(), 'wsgi')


def use_threads_in_tests(fixture: Any) -> None:
    """Let the test cases of Nova 33 run on native threads, as those of Nova 34 do.

    Those of Nova 33 keep databases in memory, where each thread sees its own, and search the
    greenlets around a notification for the test that it belongs to.
    Source: nova/tests/fixtures/notifications.py (FakeVersionedNotifier).
    """
    import fixtures

    from vpmem_harness.cloud.nova import file_databases

    if file_databases.needed():
        fixture.useFixture(file_databases.FileDatabases())
        fixture.useFixture(fixtures.MonkeyPatch(
            'nova.tests.fixtures.notifications.FakeVersionedNotifier._get_sender_test_case_id',
            staticmethod(fixture.id)))


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


#: Seconds that a test waits for a notification at least. Nova's 10 s are too few on a busy machine.
NOTIFICATION_TIMEOUT = 60


def wait_longer_for_notifications(fixture: Any) -> None:
    """Raise the timeout with which Nova's tests wait for versioned notifications.

    Source: nova/tests/fixtures/notifications.py (_Sub.wait_n).
    """
    import fixtures
    from nova.tests.fixtures import notifications

    wait = notifications._Sub.wait_n

    def wait_longer(subscription: Any, number: int, event: str, timeout: float) -> Any:
        return wait(subscription, number, event, max(timeout, NOTIFICATION_TIMEOUT))

    fixture.useFixture(fixtures.MonkeyPatch(
        'nova.tests.fixtures.notifications._Sub.wait_n', wait_longer))


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


def choose_cells_by_thread(fixture: Any) -> None:
    """Let each thread of a test use the cell that it has targeted, or else the default cell.

    Nova's fixture of the cell databases keeps one targeted cell for all threads. While one of them
    reads from cell0, another that has targeted no cell reads from cell0 as well, and does not find
    the compute nodes. The lock of that cell can also deadlock: Nova's ``_run_periodics`` reads and
    waits for a thread that reads as well, and a writer that waits in between stops the second
    reader. Source: nova/tests/fixtures/nova.py (CellDatabases).
    """
    import fixtures

    targeted = threading.local()

    @contextlib.contextmanager
    def target_cell(cells: Any, context: Any, cell_mapping: Any) -> Iterator[Any]:
        before = getattr(targeted, 'manager', None)
        targeted.manager = cell_mapping and cells._ctxt_mgrs[cell_mapping.database_connection]
        try:
            with cells._real_target_cell(context, cell_mapping) as of_cell:
                yield of_cell
        finally:
            targeted.manager = before

    def get_context_manager(cells: Any, context: Any) -> Any:
        # Some callers pass no context.
        return (getattr(context, 'db_connection', None) or getattr(targeted, 'manager', None)
                or cells._default_ctxt_mgr)

    for name, replacement in (('_wrap_target_cell', target_cell),
                              ('_wrap_get_context_manager', get_context_manager)):
        fixture.useFixture(fixtures.MonkeyPatch(
            f'nova.tests.fixtures.CellDatabases.{name}', replacement))


def end_idle_workers_at_once(fixture: Any) -> None:
    """Wake the idle threads of executors when they are stopped, so that they end at once.

    Otherwise an idle thread of futurist checks every second whether it was stopped. Nova's tests
    shorten this to 10 ms, and the threads then take a sixth of a test's CPU time. Call this before
    the setUp of ``nova.test.TestCase``, whose cleanup stops the threads.
    """
    import fixtures

    fixture.useFixture(fixtures.MonkeyPatch('futurist._thread.ThreadWorker.stop', stop_and_wake))


def poll_slowly() -> None:
    """Undo the shorter interval of Nova's tests, in seconds."""
    from futurist import _thread
    worker: Any = _thread.ThreadWorker
    worker.MAX_IDLE_FOR = 0.25


def end_events() -> None:
    """End the threads of drivers that handle events and lost connections; Nova never ends them.

    The shutdown of an executor would wait for the latter, and ``nova.test.TestCase`` shuts down
    every executor. Such a thread calls the functions in its queue, and does not catch SystemExit.
    The former share one event loop in the process and slow each other down. A driver that failed
    to start has such threads as well, but no reference; so the threads lead to the drivers.
    """
    from nova.virt.libvirt import host

    threads = []
    for thread in threading.enumerate():
        events = getattr(getattr(thread, '_target', None), '__self__', None)
        if isinstance(events, host.LibvirtEventHandler):
            each = events._conn_event_handler.__self__
            each._conn_event_handler_queue.put(sys.exit)
            # A service that runs ends it when it stops; one that has failed to start does not.
            each.cleanup()
            threads.append(thread)
    if threads:
        _end_event_threads(sys.modules[host.__name__], threads)


class _Ended:
    """libvirt, whose event loop ends the thread that runs it."""

    def __getattr__(self, name: str) -> Any:
        if name == 'virEventRunDefaultImpl':
            raise SystemExit
        return getattr(libvirt, name)


def _end_event_threads(module: Any, threads: list[threading.Thread]) -> None:
    """End threads that call libvirt's event loop again and again: wake each of them."""
    before = module.libvirt
    setattr(module, 'libvirt', _Ended())  # noqa: B010 - the cleanup of the test restores it too
    timer = libvirt.virEventAddTimeout(1, lambda *_: None, None)
    try:
        for thread in threads:
            thread.join(5)
    finally:
        libvirt.virEventRemoveTimeout(timer)
        setattr(module, 'libvirt', before)  # noqa: B010
