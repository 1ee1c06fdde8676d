"""What the documentation shows works."""

from __future__ import annotations

import importlib.util
import pathlib
import textwrap

import testtools

ROOT = pathlib.Path(__file__).parents[2]
FIRST = ROOT / 'doc' / 'source' / 'tutorial' / 'test_first.py'


class TutorialTest(testtools.TestCase):

    def test_first_tests_pass(self):
        """The tests of the tutorial run as they stand there."""
        specification = importlib.util.spec_from_file_location('test_first', FIRST)
        module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(module)
        for name in ('test_resize_moves_to_the_larger_namespace',
                     'test_exhaustion_is_an_error_with_a_reason'):
            result = testtools.TestResult()
            module.FirstTest(name).run(result)
            self.assertTrue(result.wasSuccessful(), result.errors + result.failures)

    def test_readme_shows_the_tutorials_test(self):
        """The test in the README is the tutorial's first one."""
        readme = (ROOT / 'README.rst').read_text()
        first = FIRST.read_text().partition('    def test_exhaustion')[0].strip()
        self.assertIn(textwrap.indent(first, '    '), readme)
