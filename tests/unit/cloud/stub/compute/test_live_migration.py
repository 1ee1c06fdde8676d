"""A live migration whose destination changes after the claim."""

from __future__ import annotations

from tests import base
from vpmem_harness.fixtures import CloudFixture


class LiveMigrationTest(base.VPMEMTestCase):

    def test_a_reboot_of_the_destination(self):
        """The guest arrives on the devices that its namespaces have after the reboot."""
        cloud = self.useFixture(CloudFixture(hosts=2, pmem='SMALL:12x256MiB', backend='stub'))
        source, destination = cloud.hosts
        server = cloud.boot(pmem=','.join(['SMALL'] * 6), host=source)
        compute = cloud.compute(destination)
        with source.faults.hanging('domainGetXMLDesc') as hang:
            server.live_migrate(wait=False)
            hang.wait_until_reached()
            compute.stop()
            destination.reboot()
            compute.start()
        cloud.settle()
        paths = {one.name: one.path for one in destination.namespaces}
        self.assertEqual([paths[one.name] for one in server.namespaces],
                         self.nvdimm_paths(server))
