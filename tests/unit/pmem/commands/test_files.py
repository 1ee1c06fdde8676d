"""Files of the system that the harness runs on."""

from __future__ import annotations

import pathlib

import fixtures
import testtools

from vpmem_harness.pmem import Contents, Segment
from vpmem_harness.pmem.commands.files import LocalFiles
from vpmem_harness.pmem.kernel.sizes import GIB


class LocalFilesTest(testtools.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.path = pathlib.Path(self.useFixture(fixtures.TempDir()).path) / 'file'
        self.files = LocalFiles()

    def write(self, *segments: Segment, offset: int = 0) -> bytes:
        """What is in a file of eight letters after a write to it."""
        self.files.create(str(self.path), data=b'abcdefgh')
        self.files.write(str(self.path), Contents(segments), offset)
        return self.path.read_bytes()

    def test_what_is_not_written_over_stays(self) -> None:
        """Before the write and behind it."""
        self.assertEqual(b'abme\nfgh', self.write(Segment(3, 'me'), offset=2))

    def test_zeroes_wipe(self) -> None:
        """Within the file, across its end, and behind it."""
        self.assertEqual(b'ab\0\0efgh', self.write(Segment(2, None), offset=2))
        self.assertEqual(b'abcdef' + bytes(6), self.write(Segment(6, None), offset=6))
        self.assertEqual(b'abcdefgh' + bytes(6), self.write(Segment(2, None), offset=12))

    def test_data_follow_zeroes(self) -> None:
        """Each at its place."""
        self.assertEqual(b'abcdefgh\0\0me\n', self.write(
            Segment(2, None), Segment(3, 'me'), offset=8))

    def test_a_blank_device_takes_no_space(self) -> None:
        """Reading one into a file is quick."""
        self.files.create(str(self.path))
        self.files.write(str(self.path), Contents((Segment(GIB, None),)), 0)
        found = self.path.stat()
        self.assertEqual((GIB, True), (found.st_size, found.st_blocks < 100))

    def test_files_in_shared_memory(self) -> None:
        """Of what is in /dev, only /dev/shm has files."""
        mine = self.useFixture(fixtures.TempDir(rootdir='/dev/shm')).path  # noqa: S108 - as told
        self.files.create(f'{mine}/file', data=b'data')
        self.assertEqual(b'data', self.files.read(f'{mine}/file', 9))

    def test_devices_of_the_system_are_out_of_reach(self) -> None:
        """But for those that every machine has."""
        for path in ('/dev/sda', '/dev/../dev/mem', '/dev/pts/0'):
            self.assertRaises(FileNotFoundError, self.files.open, path)
            self.assertRaises(FileNotFoundError, self.files.create, path)
        self.files.write('/dev/null', Contents((Segment(GIB, 'me'),)), 0)
