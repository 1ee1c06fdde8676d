from __future__ import annotations

import os
import tempfile

import testtools

from tests.unit.pmem.test_machine import labelled
from vpmem_harness.pmem import CommandResult, Contents, Segment
from vpmem_harness.pmem.commands.results import InputWanted
from vpmem_harness.pmem.kernel.media import EMPTY
from vpmem_harness.pmem.kernel.sizes import GIB, MIB


class DaxioTest(testtools.TestCase):
    """Copying and zeroing."""

    def setUp(self) -> None:
        super().setUp()
        self.memory = labelled(4 * GIB)
        self.first, self.second = (
            self.memory.create_namespace(size=64 * MIB, map='mem').path or '' for _ in range(2))

    def daxio(self, *words: str, stdin: Contents | None = EMPTY) -> CommandResult:
        """Runs daxio."""
        return self.memory.run(['daxio', *words], stdin=stdin)

    def test_standard_input_ends_the_copy(self) -> None:
        """Less is written than the device holds."""
        stdin = Contents((Segment(400, None), Segment(600, 'me')))
        result = self.daxio('-o', self.first, stdin=stdin)
        self.assertIn('copied 1000 bytes', result.stderr)
        self.assertEqual([400, 600], [segment.length for segment in
                                      self.memory.contents(self.first).segments[:2]])

    def test_standard_input_is_asked_for(self) -> None:
        """daxio asks for as much as the device takes, and for nothing if it cannot copy."""
        wanted = self.assertRaises(InputWanted, self.daxio, '-o', self.first, '-s', '1M',
                                   stdin=None)
        self.assertEqual(61 * MIB, wanted.length)
        self.assertEqual(1, self.daxio('-o', '/dev/zero', stdin=None).returncode)

    def test_relative_paths(self) -> None:
        """They start from the caller's directory; messages name them as they were given."""
        result = self.memory.run(['daxio', '-z', '-o', './dax0.0'], directory='/dev')
        self.assertEqual(f'daxio: copied {62 * MIB} bytes to device "./dax0.0"\n', result.stderr)

    def test_devices_are_copied(self) -> None:
        """A copy keeps the writers of the data."""
        self.memory.write(self.first, 'somebody', length=MIB)
        self.daxio('-i', self.first, '-o', self.second, '-k', '512K', '-l', '1M')
        self.assertEqual([('somebody', MIB // 2), (None, 61 * MIB + MIB // 2)],
                         [(segment.writer, segment.length)
                          for segment in self.memory.contents(self.second).segments])

    def test_standard_output_is_a_description(self) -> None:
        """What daxio writes there is delivered beside the text."""
        self.memory.write(self.first, 'me')
        result = self.daxio('-i', self.first, '-l', '7')
        written = b''.join(result.payload.chunks() if result.payload else ())
        self.assertEqual(('', b'me\nme\nm'), (result.stdout, written))

    def test_zeroes_from_dev_zero(self) -> None:
        """Copying zeroes wipes."""
        self.memory.write(self.first, 'me')
        self.daxio('-i', '/dev/zero', '-o', self.first)
        self.assertTrue(self.memory.contents(self.first).is_zero)

    def test_seeking_past_the_end_is_refused(self) -> None:
        """The device's size is named."""
        self.assertEqual(
            (1, "daxio: '1073741824' -- offset beyond device size (65011712)\n"),
            (lambda result: (result.returncode, result.stderr))(
                self.daxio('-z', '-o', self.first, '-s', '1G')))

    def test_files_are_read_and_written(self) -> None:
        """A regular file gets the device's bytes, and its length ends a copy from it."""
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, 'file')
            self.daxio('-i', self.first, '-o', path, '-l', '3M')
            self.assertEqual(3 * MIB, os.path.getsize(path))
            self.assertIn('copied 3145728 bytes', self.daxio('-i', path, '-o', self.second).stderr)

    def test_real_devices_are_out_of_reach(self) -> None:
        """What this machine has in /dev does not exist for the tool."""
        self.assertIn('No such file', self.daxio('-i', '/dev/tty', '-o', self.first).stderr)

    def test_the_unprivileged_create_nothing(self) -> None:
        """A missing device stays missing."""
        self.memory.run(['daxio', '-z', '-o', '/dev/dax7.7'], as_root=False)
        self.assertEqual(frozenset(), self.memory.leftovers)
