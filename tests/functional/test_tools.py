"""Tools of a host, run as processes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import fixtures

from tests import base
from vpmem_harness.fixtures import HostFixture
from vpmem_harness.pmem.kernel.sizes import GIB, MIB

SIZE = GIB - 18 * MIB


class ToolsTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.directory = Path(self.useFixture(fixtures.TempDir()).path)
        self.host = self.useFixture(HostFixture(
            pmem='SMALL:2x1GiB', first_region=0, files={'/srv/pmem/image': 3 * MIB}))

    def script(self, script, status=0):
        """Return the standard output and standard error of a shell script, joined."""
        done = subprocess.run(['sh', '-c', script], cwd=self.directory, env=self.host.env,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False, timeout=30)
        self.assertEqual((status, done.stdout), (done.returncode, done.stdout))
        return done.stdout

    def contents(self, path='/dev/dax0.0'):
        return [(segment.writer, segment.length)
                for segment in self.host.host.pmem.contents(path).segments]

    def test_daxio_reads_its_standard_input(self):
        """daxio prints a message if the input is smaller than the device."""
        (self.directory / 'image').write_bytes(b'x' * 5000)
        self.assertEqual(f'daxio: requested size {SIZE} larger than source\n'
                         'daxio: copied 5000 bytes to device "/dev/dax0.0"\n',
                         self.script('daxio -o /dev/dax0.0 < image'))
        self.assertEqual([('daxio', 5000), (None, SIZE - 5000)], self.contents())

    def test_daxio_reads_only_as_much_of_a_pipe_as_needed(self):
        """daxio leaves the rest of its input unread."""
        self.assertEqual('daxio: copied 2097152 bytes to device "/dev/dax0.0"\nrest\n', self.script(
            '{ head -c 2M /dev/zero; echo rest; } | { daxio -o /dev/dax0.0 -l 2M; cat; }'))
        self.assertEqual([(None, SIZE)], self.contents())

    def test_daxio_reads_declared_files(self):
        """A file declared on the host has the declared size."""
        self.assertIn('copied 3145728 bytes', self.script(
            'daxio -i /srv/pmem/image -o /dev/dax0.0'))

    def test_daxio_writes_into_its_working_directory(self):
        """The file contains the writer's name, repeated."""
        self.host.host.pmem.write('/dev/dax0.0', 'me', length=3)
        self.assertEqual('daxio: copied 4096 bytes to device "copy"\n',
                         self.script('daxio -i /dev/dax0.0 -o copy -l 4K'))
        self.assertEqual(b'me\n' + bytes(4093), (self.directory / 'copy').read_bytes())

    def test_labels_are_written_to_a_file(self):
        """The output path is relative to the caller's directory; an invalid one is an error."""
        self.assertEqual('read 1 nmem\n', self.script('ndctl read-labels -j -o labels nmem0'))
        self.assertEqual(self.host.run('ndctl', 'read-labels', '-j', 'nmem0').stdout,
                         (self.directory / 'labels').read_text())
        self.assertEqual('failed to open: missing/labels: (No such file or directory)\n'
                         'read 0 nmem\n',
                         self.script('ndctl read-labels -j -o missing/labels nmem0', status=1))

    def test_sizes_on_a_terminal(self):
        """On a terminal, a new namespace has human-readable sizes, and a listing has not."""
        terminal, end = os.openpty()
        self.addCleanup(os.close, terminal)
        self.addCleanup(os.close, end)
        for words in (['create-namespace', '-r', 'region0', '-s', '16M', '-m', 'raw'],
                      ['list', '-n', 'namespace0.1']):
            subprocess.run([self.host.host.bin_dir / 'ndctl', *words], stdout=end, check=False,
                           timeout=30)
        created, _, listed = os.read(terminal, 1 << 16).decode().partition('}\r\n')
        self.assertIn('"size":"16.00 MiB (16.78 MB)"', created)
        self.assertIn('"size":16777216', listed)

    def test_one_call_without_privileges(self):
        """A call without privileges does not affect the host's other calls."""
        self.assertIn('Permission denied', self.script(
            'VPMEM_HARNESS_AS_USER=1 daxio -z -o /dev/dax0.0', status=1))
        self.assertIn('copied', self.script('daxio -z -o /dev/dax0.0'))

    def test_a_host_without_privileges(self):
        """A host without privileges does not print the cached listing of root."""
        self.assertIn('"daxregion":{\n      "id":0,\n      "size":1054867456,\n      "align"',
                      self.script('ndctl list -X'))
        self.host.host.as_user = True
        self.assertNotIn('"size":1054867456,\n      "align"', self.script('ndctl list -X'))
