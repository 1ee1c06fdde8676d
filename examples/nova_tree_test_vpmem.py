"""Nova's three tests of persistent memory on simulated hosts, with Nova's own base classes.

The tests use the base class of ``nova/tests/functional/libvirt/test_vpmem.py``.
:class:`~vpmem_harness.novatests.simulated_hosts.SimulatedHostsMixin` replaces its nine patches:
libvirt, the spawn method of the driver, its disks and its tools are not mocked. Guests start on the
libvirt of the simulated hosts, and the daxio of the hosts wipes namespaces. The last test uses
``ServersTestBase``, the base class of most other tests of the driver. Install Nova and this project
to run the tests::

    OS_NOVA_DISABLE_EVENTLET_PATCHING=true python -m unittest examples/nova_tree_test_vpmem.py

All compute services of such a test share one process, as they always do in Nova's tests;
``doc/source/contributor/nova-backend.rst`` describes the consequences.
``CloudFixture(backend='nova')`` runs each service in a process of its own.
"""

from __future__ import annotations

from typing import Any

from nova import monkey_patch

monkey_patch.patch(backend='threading')     # before all other imports

from nova.tests.functional.libvirt import base, integrated_helpers

from vpmem_harness.novatests.simulated_hosts import SimulatedHostsMixin


class VPMEMTestBase(SimulatedHostsMixin):
    """Operations on servers, for both of Nova's base classes."""

    PMEM = '4GB:1x4GiB,SMALL:2x4GiB'
    SMALL = {'CUSTOM_PMEM_NAMESPACE_SMALL': 1}
    BOTH = {'CUSTOM_PMEM_NAMESPACE_4GB': 1, 'CUSTOM_PMEM_NAMESPACE_SMALL': 1}

    def setUp(self) -> None:
        super().setUp()
        self.small = self._create_flavor(extra_spec={'hw:pmem': 'SMALL'}, disk=1, ephemeral=0)
        self.both = self._create_flavor(
            extra_spec={'hw:pmem': '4GB,SMALL'}, disk=1, ephemeral=0)

    def boot(self, host: str, expected_state: str = 'ACTIVE') -> Any:
        return self._create_server(
            image_uuid=self.glance.image1['id'], flavor_id=self.small, networks='none',
            az=f'nova:{host}', expected_state=expected_state)

    def act(self, server: Any, action: str, body: Any, status: str) -> Any:
        self.api.post_server_action(server['id'], {action: body})
        return self._wait_for_state_change(server, status)

    def assertAllocated(self, server: Any, host: str, wanted: dict[str, int]) -> None:
        held = self._get_allocations_by_server_uuid(server['id'])
        resources = held[self._get_provider_uuid_by_host(host)]['resources']
        self.assertEqual(wanted, {name: resources.get(name) for name in wanted})


class VPMEMTest(VPMEMTestBase, integrated_helpers.LibvirtProviderUsageBaseTestCase):
    """Nova's three tests."""

    def test_create_servers_with_vpmem(self) -> None:
        """Two namespaces hold two servers; a third one fails until one of them is deleted."""
        host = self.start_compute('host1', pmem=self.PMEM)
        self.assertAllocated(self.boot(host), host, self.SMALL)
        second = self.boot(host)
        self.assertAllocated(second, host, self.SMALL)
        self.boot(host, expected_state='ERROR')
        self._delete_server(second)
        self.assertAllocated(self.boot(host), host, self.SMALL)

    def test_resize(self) -> None:
        """A resize to the other host is reverted, repeated and confirmed."""
        source = self.start_compute('host1', pmem=self.PMEM)
        destination = self.start_compute('host2', pmem=self.PMEM)
        server = self.boot(source)
        self.act(server, 'resize', {'flavorRef': self.both}, 'VERIFY_RESIZE')
        self.assertAllocated(server, destination, self.BOTH)
        self.act(server, 'revertResize', None, 'ACTIVE')
        self.assertAllocated(server, source, self.SMALL)
        self.act(server, 'resize', {'flavorRef': self.both}, 'VERIFY_RESIZE')
        self.act(server, 'confirmResize', None, 'ACTIVE')
        self.assertAllocated(server, destination, self.BOTH)

    def test_resize_same_host(self) -> None:
        """A resize on one host holds the old and the new namespaces until it is confirmed."""
        self.flags(allow_resize_to_same_host=True)
        host = self.start_compute('host1', pmem=self.PMEM)
        server = self.boot(host)
        for settle in ('revertResize', 'confirmResize'):
            self.act(server, 'resize', {'flavorRef': self.both}, 'VERIFY_RESIZE')
            self.assertAllocated(server, host, self.BOTH)
            self.act(server, settle, None, 'ACTIVE')
        self.assertAllocated(server, host, self.BOTH)


class ServersTest(VPMEMTestBase, base.ServersTestBase):
    """Simulated hosts with the base class of the driver's other tests."""

    ADMIN_API = True
    microversion = 'latest'

    def test_a_guest_outlives_its_compute(self) -> None:
        """A guest keeps running while nova-compute restarts, and can be deleted afterwards."""
        host = self.start_compute('host1', pmem=self.PMEM)
        server = self.boot(host)
        self.assertAllocated(server, host, self.SMALL)
        self.restart_compute_service(host)
        guest = self.simulated_hosts[host].connection.lookupByUUIDString(server['id'])
        self.assertTrue(guest.isActive())
        self._delete_server(server)
        self.assertEqual([], self.simulated_hosts[host].connection.listAllDomains())
