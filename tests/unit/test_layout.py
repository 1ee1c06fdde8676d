"""Folders and modules stay small enough to overlook."""

from __future__ import annotations

import pathlib
import statistics

import testtools

PACKAGE = pathlib.Path(__file__).parents[2] / 'vpmem_harness'

#: Modules that consist of one table, which may be long.
TABLES = {'libvirtd/wire/table.py'}


def length(module: pathlib.Path) -> int:
    return module.read_text().count('\n')


class LayoutTest(testtools.TestCase):

    def test_few_modules_at_the_root(self) -> None:
        """The root of the package has at most 7 modules."""
        self.assertLessEqual(len(list(PACKAGE.glob('*.py'))), 7)

    def test_few_modules_in_a_folder(self) -> None:
        """No folder has more than 25 modules."""
        folders = [path for path in PACKAGE.rglob('*') if path.is_dir()]
        self.assertEqual([], [folder.relative_to(PACKAGE).as_posix() for folder in folders
                              if len(list(folder.glob('*.py'))) > 25])

    def test_short_modules(self) -> None:
        """No module has more than 400 lines, except tables."""
        names = {path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob('*.py')
                 if length(path) > 400}
        self.assertEqual(set(), names - TABLES)

    def test_most_modules_are_shorter_still(self) -> None:
        """The median length of the modules with code is at most 130 lines."""
        lengths = [length(path) for path in PACKAGE.rglob('*.py') if path.stem != '__init__']
        self.assertLessEqual(statistics.median(lengths), 130)
