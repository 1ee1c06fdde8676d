"""Hosts of two releases in one cloud."""

from vpmem_harness import testcase
from vpmem_harness.fixtures import CloudFixture


class ReleasesTest(testcase.VPMEMTestCase):

    def test_servers_leave_an_old_host(self):
        """A server moves to the newer host, and the old host is upgraded."""
        cloud = self.useFixture(CloudFixture(
            hosts=2, pmem='SMALL:2x4GiB', release=['debian12', 'debian13']))
        old, new = cloud.hosts
        server = cloud.boot(pmem='SMALL', host=old)
        server.live_migrate()
        self.assertEqual(new.name, server.host)
        old.upgrade('debian13')
        self.assertEqual(11_003_000, old.connection.getLibVersion())
