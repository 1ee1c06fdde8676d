import subprocess

import libvirt
from testtools.matchers import Contains

from vpmem_harness import fixtures, testcase


class CallsTest(testcase.VPMEMTestCase):

    def test_a_boot_defines_the_domain_once(self):
        """The definition has an NVDIMM, and comes before the start."""
        cloud = self.useFixture(fixtures.CloudFixture(hosts=1))
        host = cloud.hosts[0]
        host.calls.clear()
        server = cloud.boot(pmem='SMALL')
        self.assertCalled(host, 'domainDefineXML', times=1, xml=Contains('nvdimm'))
        self.assertCalled(host, 'domainCreateWithFlags', dom=server)
        self.assertCallOrder(host, 'domainDefineXML', 'domainCreateWithFlags')
        self.assertNotCalled(host, 'daxio')

    def test_a_listing_is_read_once(self):
        """A program that lists namespaces twice is slow on a real host."""
        host = self.useFixture(fixtures.HostFixture(pmem='SMALL:2x4GiB'))
        subprocess.run(['ndctl', 'list', '-X'], env=host.env, check=True, capture_output=True)
        call = self.assertCalled(host, 'ndctl', 'list', times=1).last
        self.assertEqual(('ndctl', 'list', '-X'), call.words)
        self.assertIn('ns_0', call.result.stdout)

    def test_a_failed_call(self):
        """The record has the error, and the fault that caused it."""
        host = self.useFixture(fixtures.HostFixture())
        before = host.calls.mark()
        with host.faults.failing('getHostname', libvirt.VIR_ERR_NO_MEMORY):
            self.assertRaises(libvirt.libvirtError, host.connection.getHostname)
        [failed] = host.calls.since(before).failed
        self.assertEqual('out of memory', str(failed.error))
        self.assertIn('fails with error', str(failed))
