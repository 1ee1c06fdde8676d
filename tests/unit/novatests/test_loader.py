"""Tests are found by their ids; these need no Nova."""

from __future__ import annotations

import testtools

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.novatests import loader

OWN = 'tests.unit.novatests.test_report'


class LoaderTest(testtools.TestCase):

    def ids(self, *names):
        """Return the ids of the tests with these names."""
        return [test.id() for test in loader.plain(names)]

    def test_a_single_test(self):
        """The id of a test names it alone."""
        name = f'{OWN}.KnownTest.test_each_reason_is_one_sentence'
        self.assertEqual([name], self.ids(name))

    def test_a_class_and_a_module(self):
        """A class names its tests, a module those of its classes."""
        self.assertEqual(1, len(self.ids(f'{OWN}.InterruptionTest')))
        self.assertGreater(len(self.ids(OWN)), 8)

    def test_a_package(self):
        """A package names the tests of its modules."""
        self.assertIn(self.id(), self.ids('tests.unit.novatests'))

    def test_unknown_names(self):
        """The error says which part of the id is wrong."""
        for name, part in ((f'{OWN}.NoTest', 'no such test class'),
                           (f'{OWN}.KnownTest.test_no', 'no such test'),
                           ('nonsense.at.all', 'no such module')):
            error = self.assertRaises(InvalidInputError, loader.plain, [name])
            self.assertIn(part, str(error))
