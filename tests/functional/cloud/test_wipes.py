"""Operations that wipe namespaces: each namespace records its last writer."""

from __future__ import annotations

import libvirt
from testtools.matchers import MismatchError

from tests.functional.nova_defects import defect_of_nova
from tests.shared_clouds import CloudTestCase
from vpmem_harness.cloud.waiting import UnexpectedStateError
from vpmem_harness.fixtures.cloud import CloudFixture

PMEM = 'SMALL:2x4GiB,LARGE:1x4GiB'

#: The result of an operation that wipes where it should not, without a daxio.
WIPE_FAILS = (
    "server 'server1' is {}, expected ACTIVE: "
    r'Failed to clean up the vpmem backend device /dev/dax\d+\.\d+: (?s:.)*')

#: The failure for a namespace that was not wiped.
DATA_ARE_LEFT = r"frozenset\(\) != frozenset\(\{'[-0-9a-f]+'\}\): who has left data on ns_\d"


class WipesTest(CloudTestCase):

    def start_cloud(self, hosts=1, pmem=PMEM, **options):
        return super().start_cloud(hosts, pmem, **options)

    def boot(self, pmem='SMALL'):
        """Boot a server whose guest has written to its namespaces."""
        server = self.cloud.boot(pmem=pmem)
        self.assertHoldsDataOf(server, self.cloud.host(server.host), server.namespaces)
        return server

    def assert_keeps(self, operation):
        """Check that an operation keeps the guest's data."""
        self.start_cloud()
        server = self.boot()
        host, namespaces = self.cloud.host(server.host), server.namespaces
        self.break_daxio(host)
        operation(server)
        self.assertEqual(namespaces, server.namespaces)
        self.assertHoldsDataOf(server, host, namespaces)

    def break_daxio(self, host):
        """Make every wipe on a host fail, so that none goes unnoticed."""
        host.faults.tool_failing('daxio', text='broken')

    def test_delete_wipes(self):
        """A delete wipes the namespace for the next server."""
        self.start_cloud()
        server = self.boot()
        host, namespaces = self.cloud.host(server.host), server.namespaces
        server.delete()
        self.assertWiped(host, namespaces)

    def test_order_of_wipes(self):
        """A delete wipes in the order of allocations, which is that of the resource classes."""
        self.start_cloud()
        server = self.boot(pmem='SMALL,LARGE')
        host, (_small, large) = self.cloud.host(server.host), server.namespaces
        self.break_daxio(host)
        server.delete(expect='ERROR')
        self.assertIn(large.devpath, server.fault.message)

    def test_failed_boot_wipes(self):
        """The guest of a failed boot leaves no data behind."""
        cloud = self.useFixture(CloudFixture(hosts=1, pmem=PMEM))
        [host] = cloud.hosts
        [small, _] = [one for one in host.namespaces if one.name in ('ns_0', 'ns_1')]
        for namespace in host.namespaces:
            host.pmem.write(namespace.path, 'somebody')
        self.take_domain_name(host)
        cloud.boot(pmem='SMALL,SMALL', expect='ERROR')
        self.assertTrue(host.pmem.contents(small.path).is_zero)

    def take_domain_name(self, host):
        """Define a domain of the first server's name, so that the first boot is refused."""
        connection = libvirt.open(host.uri)
        self.addCleanup(connection.close)
        connection.defineXML(
            "<domain type='qemu'><name>instance-00000001</name><memory>1024</memory>"
            '<os><type>hvm</type></os></domain>')

    @defect_of_nova('start-wipes', UnexpectedStateError, WIPE_FAILS.format('SHUTOFF'))
    def test_stop_and_start_keep(self):
        """A stop and a start keep the data."""
        self.assert_keeps(lambda server: server.stop().start())

    def test_soft_reboot_keeps(self):
        """A soft reboot keeps the data."""
        self.assert_keeps(lambda server: server.reboot())

    @defect_of_nova('hard-reboot-wipes', UnexpectedStateError, WIPE_FAILS.format('ERROR'))
    def test_hard_reboot_keeps(self):
        """A hard reboot keeps the data."""
        self.assert_keeps(lambda server: server.reboot(hard=True))

    def test_pause_keeps(self):
        """A pause keeps the data."""
        self.assert_keeps(lambda server: server.pause().unpause())

    def test_rescue_keeps(self):
        """A rescue keeps the data."""
        self.assert_keeps(lambda server: server.rescue().unrescue())

    def test_rebuild_wipes(self):
        """A rebuild wipes the data, and fails without daxio."""
        self.start_cloud()
        server = self.boot()
        self.break_daxio(self.cloud.host(server.host))
        server.rebuild(expect='ERROR')
        self.assertFault(server, 'Failed to clean up the vpmem backend device')

    def test_shelve_offload_wipes(self):
        """A shelve offload wipes the data, which the server's image does not contain."""
        self.start_cloud()
        server = self.boot()
        host, namespaces = self.cloud.host(server.host), server.namespaces
        server.shelve()
        self.assertWiped(host, namespaces)

    @defect_of_nova('confirm-keeps-data', MismatchError, DATA_ARE_LEFT)
    def test_confirm_wipes_the_source(self):
        """A confirm wipes the old namespaces."""
        self.start_cloud(hosts=2)
        server = self.boot()
        source, old = self.cloud.host(server.host), server.namespaces
        server.resize(pmem='LARGE')
        self.assertHoldsDataOf(server, source, old)
        server.confirm_resize()
        self.assertWiped(source, old)

    @defect_of_nova('confirm-keeps-data', MismatchError, DATA_ARE_LEFT)
    def test_confirm_on_the_same_host_wipes_only_the_old(self):
        """A confirm on the same host keeps the data in the new namespaces."""
        self.start_cloud(allow_resize_to_same_host=True)
        server = self.boot()
        [host], old = self.cloud.hosts, server.namespaces
        server.resize(pmem='LARGE').confirm_resize()
        self.assertWiped(host, old)
        self.assertHoldsDataOf(server, host, server.namespaces)

    def test_revert_wipes_the_new(self):
        """A revert wipes the new namespaces and keeps the data in the old ones."""
        self.start_cloud(hosts=2)
        server = self.boot()
        source, old = self.cloud.host(server.host), server.namespaces
        server.resize(pmem='LARGE')
        destination, new = self.cloud.host(server.host), server.namespaces
        server.revert_resize()
        self.assertWiped(destination, new)
        self.assertHoldsDataOf(server, source, old)

    @defect_of_nova('confirm-keeps-data', MismatchError, DATA_ARE_LEFT)
    def test_delete_of_an_unconfirmed_resize_wipes_both_sides(self):
        """Deleting a server with an unconfirmed resize wipes the namespaces on both hosts."""
        self.start_cloud(hosts=2)
        server = self.boot()
        source, old = self.cloud.host(server.host), server.namespaces
        server.resize(pmem='LARGE')
        destination, new = self.cloud.host(server.host), server.namespaces
        server.delete()
        self.assertWiped(source, old)
        self.assertWiped(destination, new)
        self.assertConsistent(self.cloud)

    def test_a_wipe_that_fails_keeps_the_namespace_claimed(self):
        """A namespace that could not be wiped is not assigned to another server."""
        self.start_cloud()
        server = self.boot()
        namespaces = server.namespaces
        self.break_daxio(self.cloud.host(server.host))
        server.delete(expect='ERROR')
        self.assertFault(
            server, f'Failed to clean up the vpmem backend device {namespaces[0].devpath}: ')
        self.assertClaimed(self.cloud, server.host, {server.name: 1})
        self.assertConsistent(self.cloud)

    @defect_of_nova('evacuated-host-wipes', MismatchError, DATA_ARE_LEFT)
    def test_evacuated_servers_are_wiped_when_their_host_returns(self):
        """The returning host wipes an evacuated server's data, whatever the namespaces' names."""
        cloud = self.start_cloud(hosts=2)
        lost, other = cloud.hosts
        cloud.compute(lost).restart(['SMALL:ns_0', 'LARGE:ns_1'])
        cloud.compute(other).restart(['SMALL:ns_1'])
        server = cloud.boot(pmem='SMALL', host=lost)
        old = server.namespaces
        self.cloud.compute(lost).stop()
        server.evacuate()
        self.assertHoldsDataOf(server, lost, old)
        self.cloud.compute(lost).start()
        self.assertWiped(lost, old)
        self.assertConsistent(self.cloud)
