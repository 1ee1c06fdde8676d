"""Creations that lose a race."""

from __future__ import annotations

from tests import base
from vpmem_harness.fixtures import HostFixture


class CreationRaceTest(base.TestCase):
    """Two processes that create namespaces at the same time."""

    def setUp(self) -> None:
        super().setUp()
        self.host = self.useFixture(HostFixture(dimms=['4GiB,labels=initialized']))

    def test_the_loser_ends_as_if_there_was_no_room(self) -> None:
        """Nothing changes, and the next creation succeeds."""
        region = self.host.pmem.regions[0].dev
        words = ('ndctl', 'create-namespace', '-r', region, '-m', 'devdax', '-s', '128M')
        race = self.host.faults.creation_race()
        result = self.host.run(*words)
        self.assertEqual((237, 'failed to create namespace: No space left on device\n'),
                         (result.returncode, result.stderr))
        self.assertEqual(([], 1), (list(self.host.pmem.namespaces), race.struck))
        self.assertEqual(0, self.host.run(*words).returncode)

    def test_another_region_has_no_race(self) -> None:
        """A race concerns one region, and ends when it is removed."""
        region = self.host.pmem.regions[0].dev
        with self.host.faults.creation_race(region='region999'):
            self.assertEqual(0, self.host.run(
                'ndctl', 'create-namespace', '-r', region, '-m', 'raw', '-s', '16M').returncode)

    def test_by_chance(self) -> None:
        """With a probability, some creations lose, and the same ones for a seed."""
        outcomes = []
        for _ in range(2):
            host = self.useFixture(HostFixture(dimms=['4GiB,labels=initialized'], seed=5))
            host.faults.creation_race(times=None, probability=0.5)
            outcomes.append([host.run('ndctl', 'create-namespace', '-m', 'raw', '-s',
                                      '16M').returncode for _ in range(20)])
        self.assertEqual({0, 237}, set(outcomes[0]))
        self.assertEqual(*outcomes)
