"""A test that Nova fails for a finding fails on Nova in the way that it says, and in no other."""

from __future__ import annotations

import fixtures
import testtools

from tests import base
from tests.functional.nova_defects import defect_of_nova


class Ends(testtools.TestCase):
    """A test that ends with an error, or without one."""

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

    def test_the_error_that_is_said(self):
        """Counts as the finding."""
        self.run_it(ValueError('wiped: ns_0'))

    def test_another_message(self):
        """Is another failure."""
        error = self.assertRaises(AssertionError, self.run_it, ValueError('wiped: ns_0\nand more'))
        self.assertIn('how Nova has start-wipes', str(error))

    def test_another_error(self):
        """Is raised as it is, and so is one of a class that says more."""
        for error in (KeyError('wiped: ns_0'), UnicodeError('wiped: ns_0')):
            self.assertIs(error, self.assertRaises(type(error), self.run_it, error))

    def test_none(self):
        """Says that this Nova is right."""
        error = self.assertRaises(AssertionError, self.run_it)
        self.assertIn('no longer has start-wipes', str(error))

    def test_a_finding_that_is_none(self):
        """Is refused where it is named."""
        self.assertRaises(ValueError, defect_of_nova, 'start-keeps', ValueError, '')
