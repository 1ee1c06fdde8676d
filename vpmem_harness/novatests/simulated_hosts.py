"""Simulated hosts for Nova's own functional base classes.

For those who stay in Nova's tree: the mixin stands before ``ServersTestBase`` of
``nova.tests.functional.libvirt.base``, ``LibvirtProviderUsageBaseTestCase`` of
``nova.tests.functional.libvirt.integrated_helpers``, or what these are made from, in place of the
nine patches of ``nova/tests/functional/libvirt/test_vpmem.py``::

    class VPMEMTest(SimulatedHostsMixin, integrated_helpers.LibvirtProviderUsageBaseTestCase):

        def test_boot(self):
            self.start_compute('host1', pmem='SMALL:2x4GiB')
            ...

Nova is imported when a test is set up, and not by this module.
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
from vpmem_harness.fixtures.host import HostFixture

_TOOLS = os.path.join(os.path.dirname(workarounds.__file__), 'tools')

#: How often Nova's helpers look for a server's state, every half second: 10 times by themselves,
#: which a machine with other things to do exceeds.
RETRIES = 60


class SimulatedHostsMixin:
    """Computes run Nova's libvirt driver, as it was installed, on simulated hosts.

    What Nova's base classes put in the driver's place is taken out again: fake libvirt, and the
    mocks of ``spawn``, of ``get_connection``, of disks and of sizes. Its events reach it.
    """

    compute_driver = 'libvirt.LibvirtDriver'

    if TYPE_CHECKING:
        def __getattr__(self, name: str) -> Any:
            """What Nova's test case brings."""

    def __init_subclass__(cls, **options: Any) -> None:
        """Refuse a class in which Nova's base class stands before this one, and hides it."""
        super().__init_subclass__(**options)
        after = cls.__mro__[cls.__mro__.index(SimulatedHostsMixin):]
        if issubclass(cls, unittest.TestCase) and unittest.TestCase not in after:
            bases = [base.__name__ for base in cls.__bases__]
            raise InvalidInputError(
                f'bases of {cls.__name__}', expected="SimulatedHostsMixin before Nova's",
                got=', '.join(bases), remedy='write SimulatedHostsMixin first')

    def setUp(self) -> None:
        """Set up Nova's base class, and a driver that is none of its mocks."""
        #: The hosts that were started, by their names.
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

    def start_compute(self, hostname: str = 'compute1', *, pmem: str | None = None,
                      **options: Any) -> str:
        """Start a simulated host and a nova-compute on it; gives the host's name, as Nova's does.

        The service is in ``computes`` then, the HostFixture in ``simulated_hosts``.

        :param pmem: its namespaces, by label.
        :param options: what else a :class:`~vpmem_harness.fixtures.HostFixture` takes.
        """
        host = HostFixture(name=hostname, pmem=pmem, **options)
        self.simulated_hosts[hostname] = self.useFixture(host)
        self._start_on(host)
        return hostname

    def restart_compute_service(self, hostname: str) -> Any:
        """Stop a host's nova-compute and start another one there; gives the new service."""
        self.computes.pop(hostname).stop()
        return self._start_on(self.simulated_hosts[hostname])

    def _wait_for_server_parameter(
        self, server: Any, expected_params: Any, max_retries: int = 10, *arguments: Any,
        **options: Any,
    ) -> Any:
        """Nova's helper, with the patience for a driver of which nothing is mocked."""
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
