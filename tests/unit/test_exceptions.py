"""Texts of the errors of files."""

from __future__ import annotations

import errno
import os

import testtools

from vpmem_harness.exceptions import InvalidInputError, space_in, unreadable, unwritable


def of(number):
    return OSError(number, os.strerror(number))


class FilesTest(testtools.TestCase):

    def test_a_file_that_cannot_be_written(self):
        """The error has the option, the path, the reason and a remedy, each once."""
        self.assertEqual(
            "--log-file: expected a writable file, or a path where it can be made, got '/a' "
            '(Permission denied); use another path',
            str(unwritable('--log-file', '/a', of(errno.EACCES))))

    def test_a_full_file_system(self):
        """The remedy is to free space."""
        for number in (errno.ENOSPC, errno.EDQUOT):
            error = unwritable('DIR', '/a', of(number), kind='directory')
            self.assertEqual('free space on its file system, or use another path', error.remedy)

    def test_a_file_that_cannot_be_read(self):
        """The error of a missing file and of a binary one contains the path once."""
        self.assertEqual("'/a' (No such file or directory)",
                         unreadable('FILE', '/a', of(errno.ENOENT)).got)
        error = self.assertRaises(UnicodeDecodeError, b'\xff'.decode)
        self.assertEqual("'/a' (no text in UTF-8)", unreadable('FILE', '/a', error).got)

    def test_a_file_system_that_becomes_full(self):
        """The error names the directory, which Python's own does not."""
        def fill(number):
            with space_in('/run/hosts'):
                raise of(number)

        error = self.assertRaises(InvalidInputError, fill, errno.ENOSPC)
        self.assertIn("'/run/hosts' (No space left on device); free space", str(error))
        self.assertRaises(PermissionError, fill, errno.EACCES)
