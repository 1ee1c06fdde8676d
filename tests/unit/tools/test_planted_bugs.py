"""Bugs that are planted for chaos to find."""

from __future__ import annotations

import pathlib

import fixtures
import testtools

from tools import planted_bugs


class PlantedBugsTest(testtools.TestCase):

    def test_each_has_its_place(self):
        """The stub has not moved away below them, and a copy alone is changed."""
        for bug in planted_bugs.BUGS:
            directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
            planted_bugs.plant(bug, directory)
            file = pathlib.Path('cloud', 'stub', 'compute', bug.file)
            copy = directory / 'vpmem_harness' / file
            self.assertIn(bug.new, copy.read_text(), bug.name)
            self.assertNotEqual((planted_bugs.PACKAGE / file).read_text(), copy.read_text())
            compile(copy.read_text(), bug.file, 'exec')

    def test_names_are_names(self):
        """No two bugs have the same."""
        names = [bug.name for bug in planted_bugs.BUGS]
        self.assertEqual(sorted(set(names)), sorted(names))
