"""Call log of a compute service's host, on both backends."""

from __future__ import annotations

from testtools.matchers import Contains

from tests import base
from vpmem_harness.fixtures import CloudFixture


class CallsTest(base.VPMEMTestCase):

    def test_the_calls_of_a_boot_and_a_delete(self):
        """A boot defines and starts the domain once, and a delete wipes each namespace once."""
        cloud = self.useFixture(CloudFixture(hosts=1, pmem='SMALL:2x4GiB'))
        [host] = cloud.hosts
        self.assertCalled(host, 'ndctl', 'list')
        host.calls.clear()
        server = cloud.boot(pmem='SMALL')
        [namespace] = server.namespaces
        self.assertCalled(host, 'defineXML', times=1, xml=Contains(namespace.devpath))
        start = self.assertCalled(host, 'createWithFlags', times=1, dom=server).last
        self.assertEqual('ok', start.outcome)
        self.assertCallOrder(host, 'defineXML', 'createWithFlags')
        self.assertNotCalled(host, 'daxio')
        server.delete()
        cloud.settle()
        wipe = self.assertCalled(host, 'daxio', times=1).last
        self.assertEqual(('daxio', '-z', '-o', namespace.devpath), wipe.words)
        self.assertEqual(0, wipe.result.returncode)
