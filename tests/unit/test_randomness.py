"""Seeded randomness, the single source of random values."""

from __future__ import annotations

import uuid

import testtools
from hypothesis import given
from hypothesis import strategies as st

from vpmem_harness.randomness import SEED_LIMIT, Randomness


class RandomnessTest(testtools.TestCase):

    def test_a_seed_gives_the_same_values_on_every_python(self):
        """The values equal those drawn on other Python versions and platforms."""
        randomness = Randomness(7)
        self.assertEqual(
            ([5, 2, 6], [0, 1, 4, 2, 3], 'b'),
            ([randomness.below(10) for _ in range(3)], randomness.shuffled(range(5)),
             randomness.weighted({'a': 1, 'b': 9})))

    def test_without_a_seed_a_fresh_one_is_drawn(self):
        """A fresh seed can be read, and is short enough to retype."""
        seeds = {Randomness().seed for _ in range(5)}
        self.assertEqual(5, len(seeds))
        self.assertTrue(all(0 <= seed < SEED_LIMIT for seed in seeds))

    def test_streams_do_not_disturb_each_other(self):
        """Drawing from one stream does not change the values of another."""
        randomness = Randomness(1)
        expected = randomness.derive('b').below(2**64)
        randomness.derive('a').below(2**64)
        randomness.below(2**64)
        self.assertEqual(expected, randomness.derive('b').below(2**64))

    def test_streams_of_different_names_differ(self):
        """Streams of different names differ, also for names whose concatenation is equal."""
        randomness = Randomness(1)
        self.assertNotEqual(randomness.derive('a', 'b').below(2**64),
                            randomness.derive('ab').below(2**64))

    def test_a_uuid_is_a_version_4_uuid(self):
        """A UUID has version 4 and the RFC 4122 variant."""
        value = uuid.UUID(Randomness(1).uuid())
        self.assertEqual((4, uuid.RFC_4122), (value.version, value.variant))

    def test_a_mac_address_is_locally_administered_and_unicast(self):
        """A MAC address cannot be that of real hardware."""
        first = int(Randomness(1).mac()[:2], 16)
        self.assertEqual(0b10, first & 0b11)

    @given(st.integers(0, 2**32), st.integers(1, 2**70))
    def test_numbers_are_below_their_limit(self, seed, limit):
        """A number is below its limit."""
        self.assertTrue(0 <= Randomness(seed).below(limit) < limit)

    def test_a_limit_of_0_is_refused(self):
        """A limit that permits no number is refused."""
        self.assertRaises(ValueError, Randomness(1).below, 0)
