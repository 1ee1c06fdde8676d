"""What the documentation shows works."""

from __future__ import annotations

import importlib.util
import pathlib
import re
import shlex
import shutil
import subprocess
import textwrap
import unittest

import testtools

from tests import base
from vpmem_harness import fixtures
from vpmem_harness.cli.commands import COMMANDS

ROOT = pathlib.Path(__file__).parents[2]
DOC = ROOT / 'doc' / 'source'
FIRST = DOC / 'tutorial' / 'test_first.py'
GUEST = DOC / 'howto' / 'test_guest.py'
CALLS = DOC / 'howto' / 'test_calls.py'


class Examples(base.TestCase):
    """Runs examples."""

    def check(self, path: pathlib.Path) -> None:
        """Run the tests of an example."""
        specification = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(module)
        suite = unittest.defaultTestLoader.loadTestsFromModule(module)
        result = testtools.TestResult()
        suite.run(result)
        self.assertTrue(result.wasSuccessful(), result.errors + result.failures)
        self.assertEqual(path.read_text().count('def test_'), result.testsRun)


class HowToTest(Examples):

    def test_a_guest_with_a_namespace(self):
        """The domain with an NVDIMM runs as it stands in the how-to."""
        self.check(GUEST)

    def test_calls_to_a_host(self):
        """The assertions on calls hold as they stand in the how-to."""
        self.check(CALLS)

    def test_a_seed_gives_what_its_docstring_shows(self):
        """The inventory in the docstring of InventoryFixture is that of its seed."""
        inventory = self.useFixture(fixtures.InventoryFixture(seed=7))
        self.assertIn(f'{inventory.pmem_namespaces!r}\n', fixtures.InventoryFixture.__doc__)


class TutorialTest(Examples):

    def test_first_tests_pass(self):
        """The tests of the tutorial run as they stand there."""
        self.check(FIRST)

    def test_the_shell_does_what_it_is_told(self):
        """Each command of the tutorial's shell succeeds, on the hosts that it is opened for."""
        page = (DOC / 'tutorial' / 'index.rst').read_text()
        opened, _, rest = page.partition('./dev shell ')[2].partition('\n')
        block = re.search(r'::\n\n((?:    .*\n)+)', rest)[1]
        words = shlex.split(opened)
        dimms = [words[at + 1] for at, word in enumerate(words) if word == '--dimm']
        host = self.useFixture(fixtures.HostFixture(dimms=dimms, first_region=0))
        done = 0
        for command in textwrap.dedent(block).splitlines():
            if command.startswith('virsh ') and not shutil.which('virsh'):
                continue
            ended = subprocess.run(shlex.split(command), env=host.env, text=True, check=False,
                                   capture_output=True)
            self.assertEqual((command, 0, ''), (command, ended.returncode,
                                                ended.stderr if ended.returncode else ''))
            done += 1
        self.assertGreater(done, 4)

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
