"""A value keeps its pseudonym, and only its owner finds the way back."""

from __future__ import annotations

import json
import os
import stat

import fixtures
import testtools

from vpmem_harness.safelog.pseudonyms import Pseudonyms, letters


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
