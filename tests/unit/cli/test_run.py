"""Environment that ``vpmem-harness run`` prepares for a command."""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path

import fixtures

from tests import base
from vpmem_harness.cli.run import with_harness


class WithHarnessTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.scripts = self.directory('vpmem-harness')
        self.useFixture(fixtures.MonkeyPatch(
            'sysconfig.get_path', lambda name, get=sysconfig.get_path:
            self.scripts if name == 'scripts' else get(name)))

    def directory(self, *programs):
        """Return a directory with these programs."""
        path = self.useFixture(fixtures.TempDir()).path
        for program in programs:
            (Path(path) / program).touch(0o755)
        return path

    def test_an_inactive_environment(self):
        """The directory of the running ``vpmem-harness`` is appended to PATH."""
        elsewhere = self.directory('ndctl')
        self.assertEqual(f'{elsewhere}{os.pathsep}{self.scripts}', with_harness(elsewhere))

    def test_an_active_environment(self):
        """PATH is unchanged if it already contains the command."""
        active = self.directory('vpmem-harness')
        self.assertEqual(active, with_harness(active))

    def test_a_source_tree(self):
        """PATH is unchanged if the command is not installed."""
        elsewhere, self.scripts = self.directory(), self.directory()
        self.assertEqual(elsewhere, with_harness(elsewhere))
