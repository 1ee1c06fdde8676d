"""What a cloud tells of itself, and what it refuses."""

from __future__ import annotations

from tests import base
from vpmem_harness.fixtures import CloudFixture


class CloudTest(base.TestCase):

    def start_cloud(self, **options):
        return self.useFixture(
            CloudFixture(hosts=1, pmem='SMALL:2x1GiB', backend='stub', **options))

    def test_the_transcript_says_what_was_there_to_be_had(self):
        """And what was asked for, where the two do not fit."""
        cloud = self.start_cloud()
        cloud.boot(pmem='SMALL')
        cloud.boot(pmem='SMAL', expect='ERROR')
        transcript = cloud.transcript()
        self.assertIn(f'{cloud.hosts[0].name} up, SMALL 1 of 2 free\n', transcript)
        self.assertIn('server2 is ERROR on None with no namespace for SMAL: No valid', transcript)

    def test_the_transcript_says_which_service_is_down(self):
        """It is why a server waits."""
        cloud = self.start_cloud()
        cloud.compute(cloud.hosts[0]).kill()
        self.assertIn(' down, SMALL 2 of 2 free', cloud.transcript())
