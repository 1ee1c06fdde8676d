"""The one source of randomness."""

from __future__ import annotations

import uuid

import testtools
from hypothesis import given
from hypothesis import strategies as st

from vpmem_harness.randomness import SEED_LIMIT, Randomness


class RandomnessTest(testtools.TestCase):

    def test_a_seed_gives_the_same_on_every_python(self):
        """The values are those that were drawn on other versions and platforms."""
        randomness = Randomness(7)
        self.assertEqual(
            ([5, 2, 6], [0, 1, 4, 2, 3], 'b'),
            ([randomness.below(10) for _ in range(3)], randomness.shuffled(range(5)),
             randomness.weighted({'a': 1, 'b': 9})))

    def test_without_a_seed_a_fresh_one_is_drawn(self):
        """The seed is there to be told, and short enough to be retyped."""
        seeds = {Randomness().seed for _ in range(5)}
        self.assertEqual(5, len(seeds))
        self.assertTrue(all(0 <= seed < SEED_LIMIT for seed in seeds))

    def test_streams_do_not_disturb_each_other(self):
        """What one part draws leaves the values of another one as they were."""
        randomness = Randomness(1)
        expected = randomness.derive('b').below(2**64)
        randomness.derive('a').below(2**64)
        randomness.below(2**64)
        self.assertEqual(expected, randomness.derive('b').below(2**64))

    def test_streams_of_different_names_differ(self):
        """A name is a stream of its own, however names are strung together."""
        randomness = Randomness(1)
        self.assertNotEqual(randomness.derive('a', 'b').below(2**64),
                            randomness.derive('ab').below(2**64))

    def test_a_uuid_is_a_random_one(self):
        """Version 4 and the usual variant, so that nobody takes it for anything else."""
        value = uuid.UUID(Randomness(1).uuid())
        self.assertEqual((4, uuid.RFC_4122), (value.version, value.variant))

    def test_a_mac_address_is_locally_administered_and_unicast(self):
        """It can be no real card's."""
        first = int(Randomness(1).mac()[:2], 16)
        self.assertEqual(0b10, first & 0b11)

    @given(st.integers(0, 2**32), st.integers(1, 2**70))
    def test_below_its_limit(self, seed, limit):
        """A number is below its limit, whatever that is."""
        self.assertTrue(0 <= Randomness(seed).below(limit) < limit)

    def test_nothing_is_below_0(self):
        """A limit that leaves no number is refused."""
        self.assertRaises(ValueError, Randomness(1).below, 0)
