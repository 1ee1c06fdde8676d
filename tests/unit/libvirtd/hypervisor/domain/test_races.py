"""Errors whose text depends on the order of libvirt's threads."""

from __future__ import annotations

import testtools

from tests.unit.libvirtd.hypervisor import hosts
from tests.unit.libvirtd.hypervisor.domain.test_paths import nvdimm
from vpmem_harness.randomness import Randomness

EXITED = 'internal error: process exited while connecting to monitor: '
CLOSED = 'internal error: qemu unexpectedly closed the monitor: '
CAUSE = "qemu-system-x86_64: backing store size 0x800000 does not match 'size' option 0x8000000"


class RacesTest(testtools.TestCase):

    def texts(self, seed, **options):
        """Return the errors of ten failed starts."""
        client = hosts.Client(hosts.recorded_host(randomness=Randomness(seed), **options))
        domain = client.domain_define_xml(nvdimm('/srv/pmem/small'))
        return [hosts.refusal(client.domain_create, domain).message for _ in range(10)]

    def test_default(self):
        """By default the same cause has the same text."""
        self.assertEqual({EXITED + CAUSE}, set(self.texts(1)))

    def test_seeded(self):
        """With seeded races either text occurs."""
        self.assertEqual({EXITED + CAUSE, CLOSED + CAUSE}, set(self.texts(1, seeded_races=True)))

    def test_replay(self):
        """The same seed gives the same texts."""
        self.assertEqual(self.texts(2, seeded_races=True), self.texts(2, seeded_races=True))
