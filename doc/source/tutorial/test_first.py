from vpmem_harness import fixtures, testcase


class FirstTest(testcase.VPMEMTestCase):

    def test_resize_moves_to_the_larger_namespace(self):
        """A confirmed resize leaves the server on the namespaces of its new flavor."""
        cloud = self.useFixture(fixtures.CloudFixture(hosts=2, pmem='SMALL:2x4GiB,LARGE:1x16GiB'))
        server = cloud.boot(pmem='SMALL')
        server.resize(pmem='LARGE,SMALL')
        server.confirm_resize()
        self.assertAllocated(server, {'CUSTOM_PMEM_NAMESPACE_LARGE': 1,
                                      'CUSTOM_PMEM_NAMESPACE_SMALL': 1}, host=server.host)

    def test_exhaustion_is_an_error_with_a_reason(self):
        """A server for which there is no namespace goes to ERROR and says why."""
        cloud = self.useFixture(fixtures.CloudFixture(hosts=1, pmem='SMALL:1x4GiB'))
        cloud.boot(pmem='SMALL')
        refused = cloud.boot(pmem='SMALL', expect='ERROR')
        self.assertIn('No valid host', refused.fault.message)
