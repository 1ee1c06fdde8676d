"""Distinction of prose from a key with its value."""

from __future__ import annotations

import testtools

from vpmem_harness.fixtures.seeds import TestSeed
from vpmem_harness.safelog.machine import Machine
from vpmem_harness.safelog.redaction import Redactor

KEYS = ('host', 'user', 'password', 'token', 'project', 'hostname', 'secret', 'owner', 'api_key')
PROSE = ('expected one of a, b', 'not found', 'does not exist', 'is required', 'missing',
         'must be longer', 'too short', 'has expired', 'unknown', 'cannot be read', 'expired.',
         'no value given', 'invalid', 'the one of the option', 'none given', 'wrong, try again')


class ProseTest(testtools.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.redactor = Redactor({}, machine=Machine())
        self.canary = f'Cn{self.useFixture(TestSeed()).randomness.bytes(5).hex()}'

    def test_prose_stays(self):
        """Behind each of the words that can be keys, at the start and later in a line."""
        for key in KEYS:
            for prose in PROSE:
                for text in (f'{key}: {prose}', f'ERROR x [-] {key}: {prose}',
                             f'{key.capitalize()}: {prose}'):
                    with self.subTest(text):
                        self.assertEqual(text, self.redactor.redact(text))

    def test_values_are_hidden(self):
        """With every separator, alone and with prose behind them."""
        for key in KEYS:
            for form in ('{}: {}', '{}={}', '{} = {}', "'{}': '{}'", '"{}": "{}"',
                         '{}: {} is wrong',
                         '  {}: {}', 'no such {}: {}', '{}: {}, not found', "{}='{}'"):
                text = form.format(key, self.canary)
                with self.subTest(text):
                    self.assertNotIn(self.canary, self.redactor.redact(text))

    def test_words_of_prose_as_values(self):
        """An equals sign and quotes have a value behind them, and so has a header."""
        for text in ('password=not', 'password = expected', '"password": "not found"',
                     "host='missing'", 'X-Auth-Token: expired', 'user=unknown1'):
            with self.subTest(text):
                self.assertNotEqual(text, self.redactor.redact(text))

    def test_quoted_messages(self):
        """A quoted text of several words under the name of a host or a user can be prose."""
        for text in ('{"host": "not found"}', "{'user': 'is not allowed to do that'}"):
            with self.subTest(text):
                self.assertEqual(text, self.redactor.redact(text))

    def test_opener_alone_is_a_value(self):
        """Prose goes on: a single word is a value, unless it is a state."""
        self.assertEqual('password: ***', self.redactor.redact('password: with'))
