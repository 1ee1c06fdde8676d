"""Tables of releases."""

from __future__ import annotations

import importlib.util
import pathlib
from typing import Any

import testtools

from vpmem_harness import releases

ROOT = pathlib.Path(__file__).parents[3]


def generator() -> Any:
    """Import ``tools/release_tables.py``."""
    path = ROOT / 'tools' / 'release_tables.py'
    spec = importlib.util.spec_from_file_location('release_tables', path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class TablesTest(testtools.TestCase):

    def test_the_files_are_what_the_tool_generates(self) -> None:
        """The tables of each release equal what its recordings give."""
        tool = generator()
        self.assertEqual(list(releases.RELEASES), list(tool.RECORDINGS))
        for name, recordings in tool.RECORDINGS.items():
            written = (tool.DATA / f'{name}.json').read_text()
            self.assertEqual(written, tool.text(tool.table(recordings)))

    def test_machine_types(self) -> None:
        """An alias leads to the newest machine type of the release's QEMU."""
        for release, newest in (('debian12', 'pc-q35-7.2'), ('debian13', 'pc-q35-10.0')):
            tables = releases.choose(release).tables
            self.assertEqual(newest, tables.machine_aliases['q35'])
            self.assertIn(newest, tables.max_cpus)

    def test_features_of_models(self) -> None:
        """A release that says why a model is not usable lists the features that it lacks."""
        model = releases.DEBIAN_13.tables.cpu_models['Broadwell']
        self.assertEqual('Broadwell-v1', model.canonical)
        self.assertIn('invpcid', model.not_emulated)
        self.assertIn('avx2', model.other_features)
        self.assertEqual((), releases.DEBIAN_12.tables.cpu_models['Broadwell'].not_emulated)
