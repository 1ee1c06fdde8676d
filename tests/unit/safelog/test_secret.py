"""A secret does not slip into a text."""

from __future__ import annotations

import pickle

import testtools

from vpmem_harness.fixtures.seeds import TestSeed
from vpmem_harness.safelog import Secret


class SecretTest(testtools.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.value = self.useFixture(TestSeed()).randomness.bytes(12).hex()
        self.secret = Secret(self.value)

    def test_every_way_into_a_text_is_masked(self):
        """str, repr, format and a container's repr show stars."""
        ways = [str(self.secret), repr(self.secret), f'{self.secret}', f'{self.secret:>20}',
                '%s' % self.secret, str({'password': self.secret}), str([self.secret])]  # noqa: UP031
        self.assertNotIn(self.value, ' '.join(ways))

    def test_value_is_there_for_who_asks(self):
        """reveal() gives the value."""
        self.assertEqual(self.value, self.secret.reveal())

    def test_equal_by_value(self):
        """Two secrets of one value are equal; a secret and its text are not."""
        self.assertEqual(Secret(self.value), self.secret)
        self.assertEqual(1, len({Secret(self.value), self.secret}))
        self.assertNotEqual(self.value, self.secret)

    def test_it_cannot_be_pickled(self):
        """A secret reaches no file by accident."""
        self.assertRaises(TypeError, pickle.dumps, self.secret)

    def test_value_is_no_attribute_that_dumps_show(self):
        """What prints an object's dictionary finds none."""
        self.assertRaises(TypeError, vars, self.secret)
