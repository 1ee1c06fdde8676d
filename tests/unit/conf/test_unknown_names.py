"""Misspelled names in the environment."""

from __future__ import annotations

import pathlib
import re

import testtools

import vpmem_harness
from vpmem_harness import conf
from vpmem_harness.conf import unknown_names


def texts(**environ):
    return list(conf.unknown(environ).values())


class UnknownNamesTest(testtools.TestCase):

    def test_a_misspelled_name(self):
        """The text contains the closest known name, and not the value."""
        self.assertEqual(
            ['the environment variable VPMEM_HARNESS_SEEED is unknown and has no effect; did you '
             'mean VPMEM_HARNESS_SEED?'], texts(VPMEM_HARNESS_SEEED='31415'))

    def test_a_misspelled_prefix(self):
        """A name that is nearly one of the harness is found."""
        for name in ('VPMEM_HARNES_SEED', 'VPMEMHARNESS_SEED'):
            [text] = texts(**{name: '1'})
            self.assertIn('did you mean VPMEM_HARNESS_SEED?', text)

    def test_a_name_that_resembles_none(self):
        """The text lists the known names."""
        [text] = texts(VPMEM_HARNESS_XYZZY='1')
        self.assertIn('known are VPMEM_HARNESS_AS_USER, VPMEM_HARNESS_AUDIT_LOG', text)

    def test_names_of_others(self):
        """Variables of other programs, and those without a prefix, are not the harness's."""
        self.assertEqual([], texts(VPMEM='1', VPMEM_TEST_HOST='a', SEED='1', HOME='/root'))

    def test_each_name_in_the_source_is_known(self):
        """Neither an option nor a variable that the harness sets or reads causes a warning."""
        found = {'VPMEM_HARNESS_' + option.name.upper() for option in conf.OPTIONS}
        root = pathlib.Path(vpmem_harness.__file__).parent
        for path in (*root.rglob('*.py'), *(root / 'cloud' / 'nova' / 'tools').iterdir()):
            found.update(re.findall(r'VPMEM_HARNESS_[A-Z][A-Z_]*[A-Z]', path.read_text()))
        self.assertEqual([], texts(**dict.fromkeys(found, '1')))
        for name in (*unknown_names.USER_VARIABLES, *unknown_names.INTERNAL_VARIABLES):
            self.assertEqual([], texts(**{name: '1'}), name)
