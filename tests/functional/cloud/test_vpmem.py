"""The scenarios of Nova's three functional tests of virtual persistent memory.

The original tests are in nova/tests/functional/libvirt/test_vpmem.py.
"""

from __future__ import annotations

from tests.shared_clouds import CloudTestCase

SMALL = {'CUSTOM_PMEM_NAMESPACE_SMALL': 1}
BOTH = {'CUSTOM_PMEM_NAMESPACE_4GB': 1, 'CUSTOM_PMEM_NAMESPACE_SMALL': 1}

PMEM = '4GB:1x4GiB,SMALL:2x4GiB'


class VPMEMTest(CloudTestCase):

    def test_create_servers_until_the_namespaces_are_used_up(self):
        """A third server of two namespaces fails until one of the first two is deleted."""
        cloud = self.start_cloud(pmem=PMEM)
        self.assertAllocated(cloud.boot(pmem='SMALL'), SMALL)
        second = cloud.boot(pmem='SMALL')
        self.assertAllocated(second, SMALL)

        self.assertFault(cloud.boot(pmem='SMALL', expect='ERROR'), 'No valid host was found.')

        second.delete()
        self.assertAllocated(cloud.boot(pmem='SMALL'), SMALL)

    def test_resize_across_hosts(self):
        """A resize keeps the namespaces of both flavors until it is reverted or confirmed."""
        cloud = self.start_cloud(hosts=2, pmem=PMEM)
        server = cloud.boot(pmem='SMALL')
        source, destination = server.host, self.other_host(cloud, server)
        self.assertAllocated(server, SMALL, host=source)

        server.resize(pmem='4GB,SMALL')
        self.assertAllocated(server, BOTH, host=destination)
        server.revert_resize()
        self.assertAllocated(server, SMALL, host=source)
        self.assertNotAllocated(server, host=destination)

        server.resize(pmem='4GB,SMALL')
        self.assertAllocated(server, BOTH, host=destination)
        server.confirm_resize()
        self.assertAllocated(server, BOTH, host=destination)
        self.assertNamespacesFree(cloud, source)

    def test_resize_on_the_same_host(self):
        """Old and new namespaces are of one host, and the server tells them apart."""
        cloud = self.start_cloud(pmem=PMEM, allow_resize_to_same_host=True)
        server = cloud.boot(pmem='SMALL')
        self.assertAllocated(server, SMALL)

        server.resize(pmem='4GB,SMALL')
        self.assertAllocated(server, BOTH)
        server.revert_resize()
        self.assertAllocated(server, SMALL)

        server.resize(pmem='4GB,SMALL')
        self.assertAllocated(server, BOTH)
        server.confirm_resize()
        self.assertAllocated(server, BOTH)

    @staticmethod
    def other_host(cloud, server):
        """Return the host of two that a server is not on."""
        [other] = [host.name for host in cloud.hosts if host.name != server.host]
        return other
