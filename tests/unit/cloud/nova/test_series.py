"""Tested series of Nova, and what is said about others."""

from __future__ import annotations

import tomllib
from pathlib import Path

import fixtures
import testtools

from vpmem_harness.cloud.nova import series
from vpmem_harness.exceptions import InvalidInputError

PROJECT = Path(__file__).parents[4]


class SeriesTest(testtools.TestCase):

    def install(self, version: str) -> None:
        self.useFixture(fixtures.MonkeyPatch('importlib.metadata.version', lambda name: version))

    def test_a_tested_series_needs_no_note(self) -> None:
        """Another version of a tested series counts as tested, and so does no Nova at all."""
        for version in ('33.0.2', '34.0.1', None):
            self.assertIsNone(series.note(version))

    def test_a_newer_series_is_accepted_with_a_note(self) -> None:
        """The note names the version and the tested ones."""
        self.install('35.0.0')
        series.check()
        self.assertEqual('nova 35.0.0 is of an untested series; tested were 33.0.2 and 34.0.0',
                         series.note(series.installed()))

    def test_a_checkout_is_accepted_with_a_note(self) -> None:
        """A development version follows the tag of a series, but is not of that series."""
        self.install('34.1.0.dev12')
        series.check()
        self.assertIn('34.1.0.dev12', str(series.note(series.installed())))

    def test_an_older_series_is_refused(self) -> None:
        """Nova 32 runs on eventlet."""
        self.install('32.2.1')
        error = self.assertRaises(InvalidInputError, series.check)
        self.assertIn('nova 33 or later', str(error))

    def test_the_tested_versions_are_those_of_the_environments(self) -> None:
        """The newest is in constraints.txt, and the other one in tox.ini."""
        older, newest = series.TESTED.values()
        self.assertIn(f'\nnova=={newest}\n', (PROJECT / 'constraints.txt').read_text())
        self.assertIn(f' nova=={older}\n', (PROJECT / 'tox.ini').read_text())
        extras = tomllib.loads((PROJECT / 'pyproject.toml').read_text())['project'][
            'optional-dependencies']
        oldest = next(iter(series.TESTED))
        self.assertIn(f'nova>={oldest}', extras['nova'])
