"""UUIDs by name."""

from __future__ import annotations

import testtools

from vpmem_harness.randomness import Randomness
from vpmem_harness.uuids import UUIDs


class UUIDsTest(testtools.TestCase):

    def test_a_name_keeps_its_uuid(self):
        """A test may name a thing twice."""
        uuids = UUIDs(Randomness(1))
        self.assertEqual(uuids.server1, uuids.server1)

    def test_names_differ(self):
        """Two things are two."""
        uuids = UUIDs(Randomness(1))
        self.assertNotEqual(uuids.server1, uuids.server2)

    def test_the_order_does_not_matter(self):
        """A seed gives a name its UUID whichever name is asked for first."""
        first, second = UUIDs(Randomness(1)), UUIDs(Randomness(1))
        wanted = first.server1, first.server2
        self.assertEqual(wanted, (second.server2, second.server1)[::-1])

    def test_another_seed_gives_others(self):
        """Tests that run side by side do not meet."""
        self.assertNotEqual(UUIDs(Randomness(1)).server1, UUIDs(Randomness(2)).server1)

    def test_private_names_are_no_uuids(self):
        """What copies or inspects the object finds nothing that is not there."""
        self.assertRaises(AttributeError, getattr, UUIDs(Randomness(1)), '_anything')
