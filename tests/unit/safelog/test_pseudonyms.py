"""A value keeps its pseudonym, and only its owner finds the way back."""

from __future__ import annotations

import json
import os
import stat

import fixtures
import testtools

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.fixtures.seeds import TestSeed
from vpmem_harness.safelog.pseudonyms import Pseudonyms, letters, load


class PseudonymsTest(testtools.TestCase):

    def test_same_value_same_pseudonym(self):
        """A log can be followed."""
        names = Pseudonyms()
        first = names.of('host', 'a')
        self.assertNotEqual(first, names.of('host', 'b'))
        self.assertEqual(first, names.of('host', 'a'))

    def test_kinds_count_on_their_own(self):
        """UUIDs have letters, the others numbers."""
        names = Pseudonyms()
        self.assertEqual(['<host:1>', '<uuid:a>', '<host:2>', '<uuid:b>'], [
            names.of('host', 'x'), names.of('uuid', 'x'), names.of('host', 'y'),
            names.of('uuid', 'y')])

    def test_letters_go_on_after_z(self):
        """The letters never run out."""
        self.assertEqual(['a', 'z', 'aa', 'az', 'ba', 'zz', 'aaa'],
                         [letters(count) for count in (1, 26, 27, 52, 53, 702, 703)])

    def test_pseudonyms_are_resolved_in_a_text(self):
        """Who ran the test can read the log in clear; what is no pseudonym stays."""
        names = Pseudonyms()
        names.of('host', 'node')
        self.assertEqual('on node, not on <host:2>', names.resolve('on <host:1>, not on <host:2>'))

    def test_values_are_spelled_as_people_do(self):
        """They are found in other places."""
        random = self.useFixture(TestSeed()).randomness
        server, mac = random.uuid(), random.mac()
        names = Pseudonyms()
        names.of('uuid', server.replace('-', ''))
        names.of('mac', mac.replace(':', ''))
        self.assertEqual(f'{server} {mac}', names.resolve('<uuid:a> <mac:1>'))

    def test_a_place_that_others_can_write_to(self):
        """Nobody else is to put a file of theirs where the values go."""
        directory = self.useFixture(fixtures.TempDir()).path
        os.chmod(directory, 0o777)  # noqa: S103 - that is what is refused
        error = self.assertRaises(
            InvalidInputError, Pseudonyms().save, os.path.join(directory, 'values'))
        self.assertIn('a directory of your own', error.expected)
        self.assertEqual([], os.listdir(directory))

    def test_a_directory_that_is_not_there(self):
        """It is made, for the owner alone."""
        directory = os.path.join(self.useFixture(fixtures.TempDir()).path, 'private')
        Pseudonyms().save(os.path.join(directory, 'values'))
        self.assertEqual(0o700, stat.S_IMODE(os.stat(directory).st_mode))

    def test_what_is_no_file_of_pseudonyms(self):
        """It is refused by its name."""
        path = self.useFixture(fixtures.TempDir()).join('values')
        for text in ('', '[]', '{"password": "x"}'):
            with open(path, 'w') as stream:
                stream.write(text)
            self.assertRaises(InvalidInputError, load, path)

    def test_saved_for_the_owner_alone(self):
        """The file with the values has mode 0600, also when it was there before."""
        path = self.useFixture(fixtures.TempDir()).join('values')
        with open(path, 'w'):
            os.chmod(path, 0o644)
        names = Pseudonyms()
        names.of('host', 'node')
        names.save(path)
        self.assertEqual(0o600, stat.S_IMODE(os.stat(path).st_mode))
        with open(path) as stream:
            self.assertEqual({'<host:1>': 'node'}, json.load(stream))
        self.assertEqual({'<host:1>': 'node'}, load(path))
