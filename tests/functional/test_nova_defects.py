"""A test marked with a defect of Nova accepts exactly the stated failure."""

from __future__ import annotations

import fixtures
import testtools

from tests import base
from tests.functional.nova_defects import defect_of_nova


class Ends(testtools.TestCase):
    """A test that ends with an error or without one."""

    def __init__(self, error=None):
        super().__init__('run_it')
        self.error = error

    @defect_of_nova('start-wipes', ValueError, 'wiped: .*')
    def run_it(self):
        if self.error is not None:
            raise self.error


class DefectOfNovaTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.useFixture(fixtures.EnvironmentVariable('VPMEM_HARNESS_BACKEND', 'nova'))

    def run_it(self, error=None):
        Ends(error).run_it()

    def test_the_stated_error(self):
        """The stated error is reported as an expected failure."""
        self.run_it(ValueError('wiped: ns_0'))

    def test_a_different_message(self):
        """A different message is a failure."""
        error = self.assertRaises(AssertionError, self.run_it, ValueError('wiped: ns_0\nand more'))
        self.assertIn('how Nova has start-wipes', str(error))

    def test_a_different_error(self):
        """A different error is raised unchanged, and so is an error of a subclass."""
        for error in (KeyError('wiped: ns_0'), UnicodeError('wiped: ns_0')):
            self.assertIs(error, self.assertRaises(type(error), self.run_it, error))

    def test_no_error(self):
        """A test that passes on Nova reports that this Nova lacks the defect."""
        error = self.assertRaises(AssertionError, self.run_it)
        self.assertIn('no longer has start-wipes', str(error))

    def test_an_unknown_finding(self):
        """The decorator refuses an unknown finding."""
        self.assertRaises(ValueError, defect_of_nova, 'start-keeps', ValueError, '')
