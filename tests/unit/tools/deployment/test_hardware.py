"""Hardware of the hosts in the reference deployment."""

from __future__ import annotations

from pathlib import Path

import fixtures
import testtools

from tools.deployment import hardware
from vpmem_harness.hardware import document


def numbers(text):
    return {number for part in text.split(',')
            for first, _, last in [part.partition('-')]
            for number in range(int(first), int(last) + 1)}


class HardwareTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        file = Path(self.useFixture(fixtures.TempDir()).path, 'computes', 'hardware.yaml')
        hardware.write(file)
        self.host = document.parse(file.read_text(), 'hardware.yaml')

    def test_the_file(self):
        """Hosts have the CPUs and the huge pages that Nova's options name."""
        self.assertEqual({number: list(cpus) for number, cpus in hardware.CPUS.items()},
                         {cell.id: [cpu.id for cpu in cell.cpus] for cell in self.host.cells})
        for cell in self.host.cells:
            self.assertEqual(sorted(hardware.HUGE_PAGES), sorted(dict(cell.huge_pages)))

    def test_sets_of_cpus(self):
        """Shared and dedicated CPUs differ on two hosts, and belong to each NUMA node."""
        sets = [numbers(text) for host in (1, 2) for text in hardware.cpu_sets(host)]
        self.assertEqual(sum(map(len, sets)), len(set.union(*sets)))
        for cpus in hardware.CPUS.values():
            self.assertEqual([hardware.SHARED, hardware.DEDICATED] * 2,
                             [len(one & set(cpus)) for one in sets])
