"""Directories of killed processes are removed, those of others are not."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import fixtures

from tests import base
from vpmem_harness.host import directories, processes

#: Makes a directory, starts a command that is marked with it, and waits to be killed.
CODE = """
import os, subprocess, sys
from vpmem_harness.host import directories, processes
directory = directories.make('vpmem', sys.argv[1])
(directory / 'file').touch()
subprocess.Popen(['sleep', '600'], env={**os.environ, processes.MARK: str(directory)},
                 stdout=subprocess.DEVNULL)
print(directory, flush=True)
sys.stdin.read()
"""


class DirectoriesTest(base.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.parent = self.useFixture(fixtures.TempDir()).path

    def killed(self) -> Path:
        """Make the directory of a killed process, with a command that it had started."""
        process = subprocess.Popen([sys.executable, '-c', CODE, self.parent], text=True,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        with process:
            directory = Path(process.stdout.readline().strip())
            # While it lives it keeps what it has made.
            self.assertEqual([], directories.sweep(self.parent))
            process.send_signal(signal.SIGKILL)
        self.assertEqual(1, len(list(processes.marked(str(directory)))))
        return directory

    def test_private(self) -> None:
        """A directory has mode 0700 and a name of its own."""
        first, second = (directories.make('vpmem', self.parent) for _ in range(2))
        self.assertNotEqual(first, second)
        self.assertEqual(0o700, first.stat().st_mode & 0o777)

    def test_what_a_killed_process_has_left(self) -> None:
        """The directory is removed, and processes that use its hosts are ended."""
        directory = self.killed()
        self.assertTrue(directory.exists())
        self.assertEqual([str(directory)], directories.sweep(self.parent))
        self.assertFalse(directory.exists())
        self.assertEqual([], list(processes.marked(str(directory))))

    def test_the_next_one_cleans_up(self) -> None:
        """Making a directory in the same place cleans up, once."""
        directory = self.killed()
        directories.make('vpmem', self.parent)
        self.assertFalse(directory.exists())

    def test_one_where_somebody_answers(self) -> None:
        """A directory with a live socket may belong to a process in a container, and stays."""
        directory = Path(self.parent, 'vpmem-zzzzz.1-0')
        directory.mkdir()
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(directory / 's'))
            listening.listen()
            self.assertEqual([], directories.sweep(self.parent))
        self.assertEqual([str(directory)], directories.sweep(self.parent))

    def test_what_others_have_named(self) -> None:
        """Directories with other names stay."""
        for name in ('vpmem-x', 'other-zzzzz.1-0', 'vpmem-zzzzz.1-0-more'):
            Path(self.parent, name).mkdir()
        Path(self.parent, 'vpmem-zzzzz.1-0').touch()
        self.assertEqual([], directories.sweep(self.parent))
