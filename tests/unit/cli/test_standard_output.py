"""Standard output of the command that is full, or that nobody reads."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import testtools

from vpmem_harness.cli.standard_output import NO_READER, OutputError, StandardOutput


class FullStream(io.StringIO):
    """A stream that accepts nothing."""

    def write(self, text: str) -> int:
        raise OSError(28, 'No space left on device')


class StandardOutputTest(testtools.TestCase):

    def test_lost_output_is_reported_once(self) -> None:
        """The first write raises an error that names the stream, later ones do nothing."""
        output = StandardOutput(FullStream())
        error = self.assertRaises(OutputError, output.write, 'x')
        self.assertIn("standard output: expected a file that can be written", str(error))
        self.assertIn("got 'No space left on device'", str(error))
        self.assertEqual(1, output.write('y'))


class CommandTest(testtools.TestCase):
    """Commands that write little, which Python buffers until they end."""

    def run_command(self, stdout: int, *words: str) -> tuple[int, str]:
        """Run the command: its status and standard error."""
        environment = {name: value for name, value in os.environ.items()
                       if name != 'PYTHONUNBUFFERED'}
        done = subprocess.run([sys.executable, '-m', 'vpmem_harness', *words], stdout=stdout,
                              stderr=subprocess.PIPE, text=True, check=False, timeout=60,
                              env=environment)
        return done.returncode, done.stderr

    def test_a_full_file(self) -> None:
        """The command fails with one line."""
        full = os.open('/dev/full', os.O_WRONLY)
        self.addCleanup(os.close, full)
        for words in (('--version',), ('inventory', 'collect')):
            status, error = self.run_command(full, *words)
            self.assertEqual((1, 1), (status, error.count('\n')), error)
            self.assertIn('standard output: expected', error)

    def test_a_pipe_without_a_reader(self) -> None:
        """The command ends in silence, with the status of SIGPIPE in a shell."""
        reader, writer = os.pipe()
        os.close(reader)
        self.addCleanup(os.close, writer)
        for words in (('--version',), ('inventory', 'collect')):
            self.assertEqual((NO_READER, ''), self.run_command(writer, *words))
