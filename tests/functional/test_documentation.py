"""What the documentation shows works."""

from __future__ import annotations

import importlib.util
import pathlib
import textwrap

import testtools

from tests import base
from vpmem_harness import fixtures
from vpmem_harness.cli.commands import COMMANDS

ROOT = pathlib.Path(__file__).parents[2]
FIRST = ROOT / 'doc' / 'source' / 'tutorial' / 'test_first.py'


class TutorialTest(base.TestCase):

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


class ReferenceTest(base.TestCase):

    def test_every_fixture_has_its_entry(self):
        """Each fixture that can be imported stands on the reference's page of fixtures."""
        page = (ROOT / 'doc' / 'source' / 'reference' / 'fixtures.rst').read_text()
        listed = [line.rpartition('.')[2] for line in page.splitlines()
                  if line.startswith('.. autoclass:: vpmem_harness.fixtures.')]
        self.assertEqual(sorted(fixtures.__all__), sorted(listed))

    def test_every_command_has_its_entry(self):
        """Each command stands on the reference's page of commands."""
        page = (ROOT / 'doc' / 'source' / 'reference' / 'commands.rst').read_text()
        listed = [line.rpartition(' ')[2] for line in page.splitlines()
                  if line.startswith('.. command-help:: ')]
        self.assertEqual(sorted(each.name for each in COMMANDS), sorted(listed))
