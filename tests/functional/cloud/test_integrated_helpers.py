"""Nova's functional tests of virtual persistent memory, with the helpers of its own test base."""

from __future__ import annotations

import libvirt

from tests.shared_clouds import CloudTestCase
from vpmem_harness.novatests.integrated_helpers import InstanceHelperMixin

SMALL = {'CUSTOM_PMEM_NAMESPACE_SMALL': 1}
BOTH = {'CUSTOM_PMEM_NAMESPACE_4GB': 1, 'CUSTOM_PMEM_NAMESPACE_SMALL': 1}


class HelpersTest(InstanceHelperMixin, CloudTestCase):

    def start_cloud(self, hosts=1, pmem='4GB:1x4GiB,SMALL:2x4GiB', **options):
        super().start_cloud(hosts, pmem, **options)
        self.hosts = [host.name for host in self.cloud.hosts]
        self.cn_uuids = [self._get_provider_uuid_by_host(host) for host in self.hosts]
        self.flavor1 = self._create_flavor(extra_spec={'hw:pmem': 'SMALL'})
        self.flavor2 = self._create_flavor(extra_spec={'hw:pmem': '4GB,SMALL'})

    def boot(self, expected_state='ACTIVE'):
        return self._create_server(
            flavor_id=self.flavor1, networks='none', az=f'nova:{self.hosts[0]}',
            expected_state=expected_state)

    def test_inventory(self):
        """Placement counts the namespaces of each label."""
        self.start_cloud(hosts=1)
        inventory = self._get_provider_inventory(self.cn_uuids[0])
        self.assertEqual(
            (1, 2), (inventory['CUSTOM_PMEM_NAMESPACE_4GB']['total'],
                     inventory['CUSTOM_PMEM_NAMESPACE_SMALL']['total']))

    def test_create_servers_with_vpmem(self):
        """A third server of two namespaces fails until one of the first two is deleted."""
        self.start_cloud(hosts=1)
        self.boot()
        server2 = self.boot()
        self.assertIn('fault', self.boot(expected_state='ERROR'))
        self._delete_server(server2)
        server3 = self.boot()
        self._check_vpmem_allocations(SMALL, server3['id'], self.cn_uuids[0])

    def test_resize(self):
        """A resize between hosts can be reverted, and then repeated and confirmed."""
        self.start_cloud(hosts=2)
        server = self.boot()
        self._check_vpmem_allocations(SMALL, server['id'], self.cn_uuids[0])
        self._resize_server(server, self.flavor2)
        self._check_vpmem_allocations(BOTH, server['id'], self.cn_uuids[1])
        self._revert_resize(server)
        self._check_vpmem_allocations(SMALL, server['id'], self.cn_uuids[0])
        self._resize_server(server, self.flavor2)
        self._confirm_resize(server)
        self._check_vpmem_allocations(BOTH, server['id'], self.cn_uuids[1])

    def test_resize_same_host(self):
        """A resize on one host can be reverted, and then repeated and confirmed."""
        self.start_cloud(hosts=1, allow_resize_to_same_host=True)
        server = self.boot()
        self._resize_server(server, self.flavor2)
        self._check_vpmem_allocations(BOTH, server['id'], self.cn_uuids[0])
        self._revert_resize(server)
        self._check_vpmem_allocations(SMALL, server['id'], self.cn_uuids[0])
        self._resize_server(server, self.flavor2)
        self._confirm_resize(server)
        self._check_vpmem_allocations(BOTH, server['id'], self.cn_uuids[0])

    def test_resize_without_room_fails_with_its_event(self):
        """The event of a failed resize holds the traceback of its exception."""
        self.start_cloud(hosts=1)
        server = self.boot()
        self._ask(server, 'resize', flavor=self.cloud.flavor_by_id(self.flavor2))
        self._assert_resize_migrate_action_fail(server, 'resize', 'NoValidHost')

    def test_the_message_of_a_state_timeout(self):
        """The message of a state timeout contains the expected and the actual values."""
        self.start_cloud(hosts=1)
        server = self.boot()
        self.cloud.timeout = 0
        self._deadline = lambda max_retries: 0.01
        error = self.assertRaises(
            AssertionError, self._wait_for_state_change, server, 'SHUTOFF')
        self.assertIn("expected_params={'status': 'SHUTOFF'}", str(error))

    def test_periodics(self):
        """``_run_periodics`` updates the server of a guest that has gone off."""
        self.start_cloud(hosts=2)
        server = self.boot()
        connection = libvirt.open(self.cloud.hosts[0].uri)
        self.addCleanup(connection.close)
        connection.lookupByUUIDString(server['id']).destroy()
        self._run_periodics()
        self.assertEqual('SHUTOFF', self._show_server(server)['status'])

    def test_fail_without_a_reason(self):
        """The test's own ``fail`` still works without arguments."""
        self.assertRaises(AssertionError, self.fail)
