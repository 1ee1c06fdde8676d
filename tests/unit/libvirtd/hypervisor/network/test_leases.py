"""DHCP leases: which address a guest gets, and when it is free again."""

from __future__ import annotations

import testtools

from vpmem_harness.libvirtd.hypervisor.network.leases import Leases
from vpmem_harness.libvirtd.hypervisor.network.network import default_network
from vpmem_harness.randomness import Randomness


class LeasesTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        randomness = Randomness(1)
        self.definition = default_network(randomness.uuid(), randomness.mac())
        self.macs = [randomness.mac() for _ in range(3)]
        self.leases = Leases()

    def grant(self, mac, now):
        """Grant a lease and return its address."""
        self.leases.grant(self.definition, mac, now)
        return str(self.leases.of(mac, now).address)

    def test_address_of_an_expired_lease(self):
        """The address of a lease that has expired goes to the next guest."""
        first, second, third = self.macs
        address = self.grant(first, 0)
        self.assertNotEqual(address, self.grant(second, 0))
        self.leases.release(first, 0)
        self.assertEqual(address, self.grant(third, 3601))
        self.assertEqual([second, third], [lease.mac for lease in self.leases.current(3601)])

    def test_address_of_an_ended_lease(self):
        """The address of a guest that has ended stays taken until its lease expires."""
        first, second, _ = self.macs
        address = self.grant(first, 0)
        self.leases.release(first, 0)
        self.assertNotEqual(address, self.grant(second, 3600))

    def test_renewed_lease(self):
        """A guest that starts again before its lease expires keeps it."""
        first, second, _ = self.macs
        address = self.grant(first, 0)
        self.leases.release(first, 0)
        self.grant(first, 3600)
        self.assertNotEqual(address, self.grant(second, 8000))
        self.assertEqual(address, self.grant(first, 8000))
