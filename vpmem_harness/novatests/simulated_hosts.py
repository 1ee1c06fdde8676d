"""Mixin that puts simulated hosts below Nova's own functional base classes.

If your tests use Nova's base classes, add the mixin before ``ServersTestBase`` of
``nova.tests.functional.libvirt.base``, ``LibvirtProviderUsageBaseTestCase`` of
``nova.tests.functional.libvirt.integrated_helpers``, or one of their base classes. It replaces the
nine patches of ``nova/tests/functional/libvirt/test_vpmem.py``::

    class VPMEMTest(SimulatedHostsMixin, integrated_helpers.LibvirtProviderUsageBaseTestCase):

        def test_boot(self):
            self.start_compute('host1', pmem='SMALL:2x4GiB')
            ...

This module does not import Nova; the setUp of a test does.
"""

from __future__ import annotations

import os
import tempfile
import unittest
from typing import TYPE_CHECKING, Any

import fixtures

from vpmem_harness.cloud.nova import workarounds
from vpmem_harness.cloud.stub.compute.pmem_namespaces import parse_option
from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.fixtures.failure_report import add_report
from vpmem_harness.fixtures.host import HostFixture

_TOOLS = os.path.join(os.path.dirname(workarounds.__file__), 'tools')

#: Number of retries of Nova's helpers, at half a second each. Nova's default of 10 is too low for a
#: busy machine.
RETRIES = 60


class SimulatedHostsMixin:
    """Computes run Nova's unmodified libvirt driver on simulated hosts.

    The mixin removes the replacements that Nova's base classes install: fake libvirt, and the mocks
    of ``spawn``, ``get_connection``, disks and sizes. libvirt events reach the driver.
    """

    compute_driver = 'libvirt.LibvirtDriver'

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

    def setUp(self) -> None:
        """Set up Nova's base class, then restore the libvirt driver."""
        #: The started hosts by name.
        self.simulated_hosts: dict[str, HostFixture] = {}
        self.useFixture(fixtures.NestedTempfile())
        put_back = workarounds.remember_driver()
        workarounds.use_installed_paste_configuration()
        super().setUp()  # type: ignore[misc]
        put_back()
        self.addCleanup(workarounds.end_events)
        workarounds.use_this_machine(self)
        self.compute_rp_uuids: dict[str, str] = {}
        self.flags(instances_path=tempfile.mkdtemp(), state_path=tempfile.mkdtemp(),
                   use_cow_images=False, force_raw_images=False,
                   initial_disk_allocation_ratio=16.0)
        self.flags(virt_type='qemu', images_type='raw', group='libvirt')

    def onException(  # noqa: N802 - testtools calls it
        self, exc_info: Any, *arguments: Any, **options: Any,
    ) -> None:
        """Report an error, and write the report of the test if the option ``report_dir`` is set."""
        super().onException(exc_info, *arguments, **options)  # type: ignore[misc]
        add_report(self, exc_info[1])

    def start_compute(self, hostname: str = 'compute1', *, pmem: str | None = None,
                      **options: Any) -> str:
        """Start a simulated host and a nova-compute on it; return the host's name.

        ``computes`` then has the service, and ``simulated_hosts`` the HostFixture.

        :param pmem: namespaces by label, as in ``SMALL:2x4GiB``.
        :param options: other parameters of :class:`~vpmem_harness.fixtures.HostFixture`.
        """
        host = HostFixture(name=hostname, pmem=pmem, **options)
        self.simulated_hosts[hostname] = self.useFixture(host)
        self._start_on(host)
        return hostname

    def restart_compute_service(self, hostname: str) -> Any:
        """Stop a host's nova-compute and start a new one; return the new service."""
        self.computes.pop(hostname).stop()
        return self._start_on(self.simulated_hosts[hostname])

    def _wait_for_server_parameter(
        self, server: Any, expected_params: Any, max_retries: int = 10, *arguments: Any,
        **options: Any,
    ) -> Any:
        """Nova's helper, with more retries for an unmocked driver."""
        return super()._wait_for_server_parameter(  # type: ignore[misc]
            server, expected_params, max(max_retries, RETRIES), *arguments, **options)

    def _start_on(self, host: HostFixture) -> Any:
        path = os.pathsep.join([str(host.host.bin_dir), _TOOLS, os.environ['PATH']])
        self.useFixture(fixtures.EnvironmentVariable('PATH', path))
        namespaces = list(parse_option(host.pmem_namespaces))
        self.flags(connection_uri=host.uri, pmem_namespaces=namespaces, group='libvirt')
        workarounds.set_local_node(self.compute_rp_uuids.get(host.name))
        compute = self._start_compute(host=host.name)
        self.compute_rp_uuids[host.name] = self._get_provider_uuid_by_host(host.name)
        return compute
