"""Nova's three tests of persistent memory on simulated hosts, for those who stay in Nova's tree.

They use Nova's own base class, and a :class:`SimulatedHosts` mixin in place of the nine patches of
``nova/tests/functional/libvirt/test_vpmem.py``: the driver's spawn, its disks and its tools are not
mocked, guests start on the simulated hosts' libvirt, and the hosts' daxio wipes namespaces. Run it
where Nova and this project are installed::

    OS_NOVA_DISABLE_EVENTLET_PATCHING=true python -m unittest examples/nova_tree_test_vpmem.py

All computes of such a test share one process, as ever in Nova's tests; what that changes is told in
``doc/source/contributor/nova-backend.rst``. ``CloudFixture(backend='nova')`` has no such artefacts.
"""

from __future__ import annotations

import os
import tempfile
from typing import Any

from nova import monkey_patch

monkey_patch.patch(backend='threading')

import fixtures  # Nova's patch has to be first
import libvirt  # noqa: F401 - before Nova's tests forbid to import it
import nova.conf
import os_vif
from nova.tests import fixtures as nova_fixtures
from nova.tests.functional import integrated_helpers

from vpmem_harness.cloud.nova import workarounds
from vpmem_harness.fixtures import HostFixture

CONF = nova.conf.CONF
TOOLS = os.path.join(os.path.dirname(workarounds.__file__), 'tools')


class SimulatedHosts:
    """A mixin for Nova's functional base classes: computes run on simulated hosts."""

    compute_driver = 'libvirt.LibvirtDriver'

    def setUp(self) -> None:
        self.useFixture(fixtures.NestedTempfile())
        # A wheel has its api-paste.ini where Nova's ConfFixture does not look for it.
        CONF.set_override('api_paste_config', workarounds.paste_configuration(), 'wsgi')
        workarounds.allow_events(self)
        super().setUp()
        os_vif.initialize()
        # What Nova's tests forbid, and a driver that is not mocked does.
        self.useFixture(nova_fixtures.PrivsepFixture())
        self.useFixture(fixtures.MonkeyPatch('os.uname', os_uname))
        self.useFixture(fixtures.MonkeyPatch('psutil.net_if_addrs', dict))
        self.flags(instances_path=tempfile.mkdtemp(), use_cow_images=False,
                   force_raw_images=False, initial_disk_allocation_ratio=16.0)
        self.flags(virt_type='qemu', images_type='raw', group='libvirt')

    def start_simulated_compute(self, pmem: str) -> Any:
        """Start a host and a compute on it; the fixture is the compute's ``simulated_host``."""
        host = self.useFixture(HostFixture(pmem=pmem))
        path = os.pathsep.join([str(host.host.bin_dir), TOOLS, os.environ['PATH']])
        self.useFixture(fixtures.EnvironmentVariable('PATH', path))
        self.flags(state_path=tempfile.mkdtemp())
        self.flags(connection_uri=host.uri, pmem_namespaces=host.pmem_namespaces.split(','),
                   group='libvirt')
        workarounds.forget_local_node()
        compute = self._start_compute(host=host.name)
        self.addCleanup(workarounds.end_events, compute.manager.driver)
        compute.simulated_host = host
        return compute


def os_uname(uname: Any = os.uname) -> Any:
    return uname()


class VPMEMTest(SimulatedHosts, integrated_helpers.ProviderUsageBaseTestCase):
    """The three tests."""

    PMEM = '4GB:1x4GiB,SMALL:2x4GiB'
    SMALL = {'CUSTOM_PMEM_NAMESPACE_SMALL': 1}
    BOTH = {'CUSTOM_PMEM_NAMESPACE_4GB': 1, 'CUSTOM_PMEM_NAMESPACE_SMALL': 1}

    def setUp(self) -> None:
        super().setUp()
        self.small = self._create_flavor(extra_spec={'hw:pmem': 'SMALL'}, disk=1, ephemeral=0)
        self.both = self._create_flavor(
            extra_spec={'hw:pmem': '4GB,SMALL'}, disk=1, ephemeral=0)

    def boot(self, compute: Any, expected_state: str = 'ACTIVE') -> Any:
        return self._create_server(
            image_uuid=self.glance.image1['id'], flavor_id=self.small, networks='none',
            az=f'nova:{compute.host}', expected_state=expected_state)

    def act(self, server: Any, action: str, body: Any, status: str) -> Any:
        self.api.post_server_action(server['id'], {action: body})
        return self._wait_for_state_change(server, status)

    def assertAllocated(self, server: Any, compute: Any, wanted: dict[str, int]) -> None:
        held = self._get_allocations_by_server_uuid(server['id'])
        resources = held[self._get_provider_uuid_by_host(compute.host)]['resources']
        self.assertEqual(wanted, {name: resources.get(name) for name in wanted})

    def test_create_servers_with_vpmem(self) -> None:
        """The third server of two namespaces fails, until one of the first two is deleted."""
        compute = self.start_simulated_compute(self.PMEM)
        self.assertAllocated(self.boot(compute), compute, self.SMALL)
        second = self.boot(compute)
        self.assertAllocated(second, compute, self.SMALL)
        self.boot(compute, expected_state='ERROR')
        self._delete_server(second)
        self.assertAllocated(self.boot(compute), compute, self.SMALL)

    def test_resize(self) -> None:
        """A resize to the other host, reverted, then confirmed."""
        source = self.start_simulated_compute(self.PMEM)
        destination = self.start_simulated_compute(self.PMEM)
        server = self.boot(source)
        self.act(server, 'resize', {'flavorRef': self.both}, 'VERIFY_RESIZE')
        self.assertAllocated(server, destination, self.BOTH)
        self.act(server, 'revertResize', None, 'ACTIVE')
        self.assertAllocated(server, source, self.SMALL)
        self.act(server, 'resize', {'flavorRef': self.both}, 'VERIFY_RESIZE')
        self.act(server, 'confirmResize', None, 'ACTIVE')
        self.assertAllocated(server, destination, self.BOTH)

    def test_resize_same_host(self) -> None:
        """Old and new namespaces of one host."""
        self.flags(allow_resize_to_same_host=True)
        compute = self.start_simulated_compute(self.PMEM)
        server = self.boot(compute)
        for settle in ('revertResize', 'confirmResize'):
            self.act(server, 'resize', {'flavorRef': self.both}, 'VERIFY_RESIZE')
            self.assertAllocated(server, compute, self.BOTH)
            self.act(server, settle, None, 'ACTIVE')
        self.assertAllocated(server, compute, self.BOTH)
