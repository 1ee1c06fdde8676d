"""Named UUIDs of a test."""

from __future__ import annotations

import testtools

from vpmem_harness.randomness import Randomness
from vpmem_harness.uuids import UUIDs


class UUIDsTest(testtools.TestCase):

    def test_a_name_always_has_the_same_uuid(self):
        """Two uses of a name return the same UUID."""
        uuids = UUIDs(Randomness(1))
        self.assertEqual(uuids.server1, uuids.server1)

    def test_names_have_different_uuids(self):
        """Two names have different UUIDs."""
        uuids = UUIDs(Randomness(1))
        self.assertNotEqual(uuids.server1, uuids.server2)

    def test_the_order_does_not_matter(self):
        """A seed gives a name its UUID, whichever name is used first."""
        first, second = UUIDs(Randomness(1)), UUIDs(Randomness(1))
        wanted = first.server1, first.server2
        self.assertEqual(wanted, (second.server2, second.server1)[::-1])

    def test_another_seed_gives_different_uuids(self):
        """Different seeds give a name different UUIDs, so that parallel tests do not collide."""
        self.assertNotEqual(UUIDs(Randomness(1)).server1, UUIDs(Randomness(2)).server1)

    def test_private_names_are_not_uuids(self):
        """Private attributes do not exist, so that copying and inspecting the object work."""
        self.assertRaises(AttributeError, getattr, UUIDs(Randomness(1)), '_anything')
