"""The files of a host's storage pools and disks."""

from __future__ import annotations

import os
import pathlib

import fixtures
import testtools

from vpmem_harness.host.files import HostFiles
from vpmem_harness.host.storage_files import HostStorage


class TestHostStorage(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.root = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.mine = self.useFixture(fixtures.TempDir()).path
        self.files = HostStorage(self.root / 'files', HostFiles({'/declared/disk': 4096}, ()))

    def test_directory_of_a_test(self):
        """A file in a directory that the test has made is a real file at its path."""
        path = f'{self.mine}/disk'
        self.files.create(path, 0o600)
        self.files.write(path, 2, b'data')
        with open(path, 'rb') as stream:
            self.assertEqual(b'\0\0data', stream.read())
        self.files.remove(path)
        self.assertEqual([], os.listdir(self.mine))

    def test_directory_in_shared_memory(self):
        """A directory in /dev/shm is one of the test's, although other paths in /dev are devices.
        """
        mine = self.useFixture(fixtures.TempDir(rootdir='/dev/shm')).path  # noqa: S108 - as told
        self.files.create(f'{mine}/disk', 0o600)
        self.assertEqual((['disk'], 'regular'),
                         (os.listdir(mine), self.files.status(f'{mine}/disk').kind))

    def test_directory_of_the_system(self):
        """A directory of the operating system is not changed, even by root."""
        for directory in ('/var/lib/libvirt/images', '/etc/libvirt-pool', '/srv/pool',
                          '/usr/share/pool', '/tmp/not made by a test'):  # noqa: S108 - not made
            self.files.make_directory(directory, 0o700)
            self.files.create(f'{directory}/disk', 0o600)
            self.assertEqual(['disk'], self.files.names(directory))
            self.assertFalse(os.path.exists(f'{directory}/disk'))

    def test_removal_in_a_directory_of_the_system(self):
        """A file of the machine is never removed or changed outside the test's directories."""
        for change in (self.files.remove, lambda path: self.files.write(path, 0, b'x'),
                       lambda path: self.files.truncate(path, 0)):
            self.assertRaises(FileNotFoundError, change, '/etc/passwd')

    def test_contents_of_a_directory_of_the_system(self):
        """A directory of the operating system seems to be empty."""
        self.assertEqual([], self.files.names('/etc'))

    def test_declared(self):
        """A declared file is listed, reads as zeroes, and takes data."""
        self.assertEqual(['disk'], self.files.names('/declared'))
        self.assertEqual(bytes(10), self.files.read('/declared/disk', 0, 10))
        self.files.write('/declared/disk', 0, b'x')
        self.assertEqual((b'x\0', 4096), (self.files.read('/declared/disk', 0, 2),
                                          self.files.status('/declared/disk').size))

    def test_allocation_takes_no_space(self):
        """Reserved space is reported, and not taken on the machine."""
        path = f'{self.mine}/disk'
        self.files.create(path, 0o600)
        self.files.allocate(path, 1 << 40)
        self.assertEqual(1 << 40, self.files.status(path).allocation)
        self.assertLess(os.stat(path).st_blocks, 100)

    def test_sections(self):
        """The holes of a file are known."""
        path = f'{self.mine}/disk'
        self.files.create(path, 0o600)
        self.files.truncate(path, 1 << 20)
        self.files.write(path, 1 << 16, b'x' * 4096)
        self.assertEqual([(1 << 16, (1 << 16) + 4096)],
                         list(self.files.sections(path, 0, 1 << 20)))
