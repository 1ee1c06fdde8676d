"""Mixin that runs Nova's own functional tests on simulated hosts.

Combine the mixin with Nova's base class. The test class itself stays unchanged::

    from nova.tests.functional.libvirt import base

    class ServersTestBase(SimulatedHostsMixin, base.ServersTestBase):
        pass

Derive tests from this class, or combine it with an existing test class, as
:func:`vpmem_harness.novatests.loader.on_simulated_hosts` does::

    class MyTest(test_uefi.UEFIServersTest, ServersTestBase):
        pass

The mixin works with every base class of Nova's functional tests: ``ServersTestBase`` of
``nova.tests.functional.libvirt.base``, ``LibvirtProviderUsageBaseTestCase`` of
``nova.tests.functional.libvirt.integrated_helpers``, and ``nova.test.TestCase``.

This module does not import Nova; the setUp of a test does.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import unittest
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import fixtures

from vpmem_harness import safelog
from vpmem_harness.cloud import nova
from vpmem_harness.cloud.stub.compute.pmem_namespaces import parse_option
from vpmem_harness.exceptions import HarnessError, InvalidInputError
from vpmem_harness.fixtures.failure_report import add_report
from vpmem_harness.fixtures.host import HostFixture
from vpmem_harness.host.backing import HostBacking
from vpmem_harness.novatests import hardware, workarounds
from vpmem_harness.novatests.connection_view import ConnectionView
from vpmem_harness.novatests.migration_stub import MigrationStub

_TOOLS = os.path.join(os.path.dirname(nova.__file__), 'tools')

#: Options of an unmocked driver that a test class has not chosen itself, by group.
_DEFAULTS: Final[Mapping[str | None, Mapping[str, object]]] = {
    None: {'use_cow_images': False, 'force_raw_images': False,
           'initial_disk_allocation_ratio': 16.0},
    'libvirt': {'virt_type': 'qemu', 'images_type': 'raw'}}


class SimulatedHostsMixin:
    """Computes run Nova's unmodified libvirt driver on simulated hosts.

    The mixin removes the replacements that Nova's base classes install: fake libvirt, and the mocks
    of ``spawn``, ``get_connection``, disks and sizes. libvirt events reach the driver. Options that
    the test class sets stay, and so does the capture of its log. The mixin does not redact the log
    of the test. Do not publish the log if it contains values from outside the test.

    :cvar keep_nova_mocks: remove only the mocks that hide the host, and keep Nova's other mocks,
        such as those of disks and sizes, for tests without image data.
    :cvar fail_without_calls: fail a test that calls no simulated host.
    """

    compute_driver = 'libvirt.LibvirtDriver'
    keep_nova_mocks = False
    fail_without_calls = True

    #: Number of retries of Nova's helpers, at half a second each. Nova's default of 10 is too low
    #: for a busy machine.
    retries = 60

    if TYPE_CHECKING:
        def __getattr__(self, name: str) -> Any:
            """Names that Nova's test case defines."""

    def __init_subclass__(cls, **options: Any) -> None:
        """Refuse a class whose bases list Nova's base class before this mixin."""
        super().__init_subclass__(**options)
        after = cls.__mro__[cls.__mro__.index(SimulatedHostsMixin):]
        if issubclass(cls, unittest.TestCase) and unittest.TestCase not in after:
            bases = [base.__name__ for base in cls.__bases__]
            raise InvalidInputError(
                f'bases of {cls.__name__}', expected="SimulatedHostsMixin before Nova's",
                got=', '.join(bases), remedy='write SimulatedHostsMixin first')

    def onException(  # noqa: N802 - testtools calls it
        self, exc_info: Any, *arguments: Any, **options: Any,
    ) -> None:
        """Report an error, and write the report of the test if the option ``report_dir`` is set."""
        super().onException(exc_info, *arguments, **options)  # type: ignore[misc]
        add_report(self, exc_info[1])

    def setUp(self) -> None:
        """Set up Nova's base class, then restore the libvirt driver."""
        #: The started hosts by name.
        self.simulated_hosts: dict[str, HostFixture] = {}
        self._views: dict[str, ConnectionView] = {}
        self._next_host: dict[str, Any] = {}
        self._nodes: dict[str, str | None] = {}
        self._host_calls = 0
        if not self.keep_nova_mocks:
            self.useFixture(fixtures.NestedTempfile())
        safelog.acquire(unsafe=True, warn=False)
        self.addCleanup(safelog.release)
        self._put_back = workarounds.remember_driver()
        workarounds.use_installed_paste_configuration()
        workarounds.use_unicast_addresses(self)
        workarounds.use_threads_in_tests(self)
        workarounds.end_idle_workers_at_once(self)
        workarounds.wait_longer_for_notifications(self)
        workarounds.choose_cells_by_thread(self)
        super().setUp()  # type: ignore[misc]
        workarounds.poll_slowly()
        self._migration_stub = MigrationStub()
        self.addCleanup(self._migration_stub.join)
        self.addCleanup(workarounds.end_events)
        self.addCleanup(self._check_calls)
        workarounds.use_this_machine(self)
        if not self.keep_nova_mocks:
            self._put_back(None)
            self._use_files()

    def _use_files(self) -> None:
        """Set the options of a driver whose disks are files, unless the class has chosen them."""
        for name in ('instances_path', 'state_path'):
            self.flags(**{name: tempfile.mkdtemp()})
        for group, values in _DEFAULTS.items():
            self.flags(group=group, **{
                name: value for name, value in values.items()
                if not workarounds.configured(name, group)})

    # Hosts

    def start_compute(self, hostname: str | None = None, *arguments: Any, pmem: str | None = None,
                      seed: int | None = None, **options: Any) -> Any:
        """Start a simulated host and a nova-compute on it; return the host's name.

        ``computes`` then has the service, and ``simulated_hosts`` the HostFixture. Nova's own
        parameters work as in ``ServersTestBase``: ``host_info``, ``pci_info``, ``mdev_info``,
        ``vdpa_info``, ``libvirt_version``, ``qemu_version`` and ``cell_name``.

        :param pmem: namespaces by label, as in ``SMALL:2x4GiB``.
        :param seed: replays everything random of the host.
        """
        name = hostname or 'compute1'
        self._next_host[name] = {'pmem': pmem, 'seed': seed}
        nova = super().start_compute  # type: ignore[misc]
        if not self._starts_hosts_by_name():
            # LibvirtProviderUsageBaseTestCase knows only one host.
            if hostname is None:
                return nova(*arguments, **options)
            self.compute = super()._start_compute(name, **options)  # type: ignore[misc]
            self.host_uuid = self._get_provider_uuid_by_host(name)
            return name
        nova(name, *arguments, **options)
        workarounds.show_tests(self.computes[name], self._views[name])
        return name

    def _starts_hosts_by_name(self) -> bool:
        """Whether the base class is ServersTestBase."""
        return hasattr(super(), '_get_connection')

    def restart_compute_service(self, hostname: Any, *arguments: Any, **options: Any) -> Any:
        """Stop a host's nova-compute and start a new one; return the new service.

        Nova's own parameters work. With ``keep_hypervisor_state=False`` and other hardware, the
        machine is replaced: its guests are gone, as with Nova's fake.
        """
        if self._starts_hosts_by_name():
            if options.get('keep_hypervisor_state', True) is False or arguments[6:] == (False,):
                self._remove_host(hostname)
            restarted = super().restart_compute_service(  # type: ignore[misc]
                hostname, *arguments, **options)
            workarounds.show_tests(restarted, self._views[hostname])
            return restarted
        if isinstance(hostname, str):
            self.computes.pop(hostname).stop()
            return super()._start_compute(hostname, **options)  # type: ignore[misc]
        return super().restart_compute_service(  # type: ignore[misc]
            hostname, *arguments, **options)

    def _get_connection(self, host_info: Any = None, pci_info: Any = None, mdev_info: Any = None,
                        vdpa_info: Any = None, libvirt_version: int | None = None,
                        qemu_version: int | None = None, hostname: str | None = None) -> Any:
        """Start a host in place of Nova's fake connection; return what tests see of it."""
        name = hostname or 'compute1'
        wanted = self._next_host.setdefault(name, {})
        wanted['description'] = hardware.Description(
            host_info, pci_info, mdev_info, vdpa_info, libvirt_version, qemu_version)
        self._start_host(name)
        return self._views[name]

    def start_service(self, name: str, host: str | None = None, *arguments: Any,
                      **options: Any) -> Any:
        """Nova's helper; a nova-compute gets a simulated host."""
        if name != 'compute':
            return super().start_service(  # type: ignore[misc]
                name, host, *arguments, **options)
        self._put_back(workarounds.LIBVIRT_NAMES)
        hostname = host or workarounds.host_name()
        if hostname not in self.simulated_hosts:
            self._start_host(hostname)
        elif self.keep_nova_mocks:
            self._views[hostname].description.update(self.simulated_hosts[hostname])
        self._point_driver_to(self.simulated_hosts[hostname])
        workarounds.set_local_node(self._nodes.get(hostname))
        service = super().start_service(  # type: ignore[misc]
            name, host, *arguments, **options)
        self._nodes[hostname] = workarounds.local_node()
        self._views[hostname].use(service)
        workarounds.show_tests(service, self._views[hostname])
        return service

    def _start_host(self, name: str) -> HostFixture:
        wanted = self._next_host.pop(name, {})
        described = wanted.pop('description', None)
        description = described or hardware.Description()
        # The hosts of Nova's tests have persistent memory only where a test says so.
        listing = workarounds.mocked_namespaces() if self.keep_nova_mocks else None
        if wanted.get('pmem') is None:
            wanted |= ({'listing': hardware.listing(listing), 'first_region': 0} if listing
                       else {'dimms': []})
        if described or self.keep_nova_mocks:
            wanted |= description.host_options()
        host = HostFixture(name=name, **wanted)
        self.useFixture(host)
        self.addCleanup(self._count_calls, host)
        backing = host.hypervisor.backing
        if self.keep_nova_mocks and isinstance(backing, HostBacking):
            backing.assumes_files = True
        host.migrations.hold(self._migration_stub.run)
        for other in self.simulated_hosts.values():
            other.host.introduce(host.host)
            host.host.introduce(other.host)
        self.simulated_hosts[name] = host
        self._views[name] = ConnectionView(host, description, self._migration_stub)
        return host

    def _remove_host(self, name: str) -> None:
        """Let the next start of a host make a new machine."""
        self.simulated_hosts.pop(name)

    def _point_driver_to(self, host: HostFixture) -> None:
        self.flags(connection_uri=host.uri, group='libvirt')
        if not self.keep_nova_mocks:
            path = os.pathsep.join([str(host.host.bin_dir), _TOOLS, os.environ['PATH']])
            self.useFixture(fixtures.EnvironmentVariable('PATH', path))
            namespaces = list(parse_option(host.pmem_namespaces))
            self.flags(pmem_namespaces=namespaces, group='libvirt')

    # Calls

    @property
    def host_calls(self) -> int:
        """The number of libvirt calls that reached simulated hosts, after the test has ended."""
        return self._host_calls

    def _count_calls(self, host: HostFixture) -> None:
        self._host_calls += len(host.calls) + host.calls.dropped

    def _check_calls(self) -> None:
        if self.fail_without_calls and not self._host_calls and not any(
                len(host.calls) for host in self.simulated_hosts.values()):
            raise HarnessError(
                f'{self.id()} has not called any simulated host: it starts no compute service, or '
                "runs on Nova's fake")

    def _wait_for_migration_status(self, *arguments: Any, **options: Any) -> Any:
        """Nova's helper, repeated until its retries are as many as ``retries``."""
        for _ in range(self.retries // 10 - 1):
            with contextlib.suppress(AssertionError):
                return super()._wait_for_migration_status(  # type: ignore[misc]
                    *arguments, **options)
        return super()._wait_for_migration_status(*arguments, **options)  # type: ignore[misc]

    def _wait_for_server_parameter(
        self, server: Any, expected_params: Any, max_retries: int = 10, *arguments: Any,
        **options: Any,
    ) -> Any:
        """Nova's helper, with more retries for an unmocked driver."""
        return super()._wait_for_server_parameter(  # type: ignore[misc]
            server, expected_params, max(max_retries, self.retries), *arguments, **options)
