"""The files of reports."""

from __future__ import annotations

import os
import pathlib

import testtools
from fixtures import TempDir

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.report import check_directory, file_name, save


class FileNameTest(testtools.TestCase):

    def test_an_id_of_unittest(self) -> None:
        """The id of a test case is the name as it is."""
        self.assertEqual('test_x.Case.test_y.html', file_name('test_x.Case.test_y'))

    def test_an_id_of_pytest(self) -> None:
        """A node id becomes a dotted name."""
        self.assertEqual(
            'tests.test_x.Case.test_y.html', file_name('tests/test_x.py::Case::test_y'))

    def test_parameters(self) -> None:
        """Parameters that differ in replaced characters alone have different files."""
        names = {file_name(f'test_x.py::test_y[{value}]')
                 for value in ('a/b', 'a b', 'a-b', '../b')}
        self.assertEqual(4, len(names))
        self.assertEqual(set(), {name for name in names if '/' in name or '..' in name})

    def test_a_long_id(self) -> None:
        """A name is short enough for every file system, and still its own."""
        first, second = file_name('x' * 5000 + 'a'), file_name('x' * 5000 + 'b')
        self.assertNotEqual(first, second)
        self.assertTrue(len(first) < 200)


class DirectoryTest(testtools.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.root = pathlib.Path(self.useFixture(TempDir()).path)

    def test_it_is_made(self) -> None:
        """A missing directory is made with its parents."""
        self.assertTrue(check_directory(str(self.root / 'a' / 'b')).is_dir())

    def test_a_file_in_its_place(self) -> None:
        """A file in place of the directory is refused with the reason."""
        file = self.root / 'file'
        file.write_text('')
        error = self.assertRaises(InvalidInputError, check_directory, str(file))
        self.assertIn('File exists', str(error))

    def test_nothing_partial_is_left(self) -> None:
        """A page is written in one step."""
        save('<html>', self.root / 'a.html')
        self.assertEqual(['a.html'], os.listdir(self.root))

    def test_a_page_that_cannot_be_written(self) -> None:
        """The error of a missing directory names the file."""
        error = self.assertRaises(InvalidInputError, save, '', self.root / 'none' / 'a.html')
        self.assertIn('a.html', str(error))
