"""What ``vpmem-harness run`` puts in front of a command."""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path

import fixtures

from tests import base
from vpmem_harness.cli.run import run_directory, with_harness
from vpmem_harness.exceptions import InvalidInputError


class WithHarnessTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.scripts = self.directory('vpmem-harness')
        self.useFixture(fixtures.MonkeyPatch(
            'sysconfig.get_path', lambda name, get=sysconfig.get_path:
            self.scripts if name == 'scripts' else get(name)))

    def directory(self, *programs):
        """A directory with these programs."""
        path = self.useFixture(fixtures.TempDir()).path
        for program in programs:
            (Path(path) / program).touch(0o755)
        return path

    def test_an_environment_that_is_not_active(self):
        """The directory that it was called from is the last to be looked at."""
        elsewhere = self.directory('ndctl')
        self.assertEqual(f'{elsewhere}{os.pathsep}{self.scripts}', with_harness(elsewhere))

    def test_one_that_is(self):
        """Where the command is found already, nothing is added."""
        active = self.directory('vpmem-harness')
        self.assertEqual(active, with_harness(active))

    def test_a_source_tree(self):
        """Where the command is not installed, nothing is added."""
        elsewhere, self.scripts = self.directory(), self.directory()
        self.assertEqual(elsewhere, with_harness(elsewhere))


class RunDirectoryTest(base.TestCase):

    def test_what_cannot_be_a_directory_is_refused(self):
        """The error names the option."""
        file = Path(self.useFixture(fixtures.TempDir()).path) / 'file'
        file.touch()
        error = self.assertRaises(InvalidInputError, run_directory(str(file), None).__enter__)
        self.assertEqual('--dir', error.what)
