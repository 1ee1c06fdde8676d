"""Bugs planted in the stub for chaos to find."""

from __future__ import annotations

import pathlib

import fixtures
import testtools

from tools import planted_bugs


class PlantedBugsTest(testtools.TestCase):

    def test_each_bug_can_be_planted(self):
        """Each patch still applies to the stub, and changes only a copy."""
        for bug in planted_bugs.BUGS:
            directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
            planted_bugs.plant(bug, directory)
            file = pathlib.Path('cloud', 'stub', 'compute', bug.file)
            copy = directory / 'vpmem_harness' / file
            self.assertIn(bug.new, copy.read_text(), bug.name)
            self.assertNotEqual((planted_bugs.PACKAGE / file).read_text(), copy.read_text())
            compile(copy.read_text(), bug.file, 'exec')

    def test_names_are_unique(self):
        """No two bugs have the same name."""
        names = [bug.name for bug in planted_bugs.BUGS]
        self.assertEqual(sorted(set(names)), sorted(names))
