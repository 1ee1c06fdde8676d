"""Label areas as files, and parts of them."""

from __future__ import annotations

import os
import tempfile

import testtools

from tests.unit.pmem.test_machine import labelled
from vpmem_harness.pmem import CommandResult
from vpmem_harness.pmem.kernel.sizes import GIB, MIB


class NamesTest(testtools.TestCase):
    """The names of DIMMs on the command line."""

    def test_all_counts_as_the_only_name(self) -> None:
        """One invalid name before it is a wrong usage, two are not."""
        for words, status in (('x all', 129), ('x x all', 0), ('all x', 0), ('x nmem9', 0)):
            result = labelled(GIB).run(['ndctl', 'check-labels', *words.split()])
            self.assertEqual(status, result.returncode, words)


class BackupTest(testtools.TestCase):
    """``read-labels`` and ``write-labels``."""

    def setUp(self) -> None:
        super().setUp()
        self.memory = labelled(GIB)
        self.memory.create_namespace(size=64 * MIB, name='kept')
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name

    def ndctl(self, command: str) -> CommandResult:
        """Runs ndctl in a directory of the test."""
        return self.memory.run(['ndctl', *command.split()], directory=self.directory)

    def test_a_backup_restores_the_namespaces(self) -> None:
        """Labels that were erased come back from a file."""
        self.assertEqual('read 1 nmem\n', self.ndctl('read-labels -o labels nmem0').stderr)
        self.assertEqual(2 * MIB, os.stat(os.path.join(self.directory, 'labels')).st_size)
        for command in ('disable-region all', 'zero-labels all', 'write-labels -i labels nmem0',
                        'enable-region all'):
            self.assertEqual(0, self.ndctl(command).returncode, command)
        self.assertEqual(['kept'], [namespace.name for namespace in self.memory.namespaces])

    def test_an_active_dimm_is_not_written_to(self) -> None:
        """ndctl says so, and succeeds all the same."""
        self.ndctl('read-labels -o labels nmem0')
        result = self.ndctl('write-labels -i labels nmem0')
        self.assertEqual((0, 'dimm is active, abort label write\nwrote 1 nmem\n'),
                         (result.returncode, result.stderr))

    def test_one_dimm_at_a_time(self) -> None:
        """Two are a wrong usage."""
        self.memory = labelled(GIB, GIB)
        self.ndctl('read-labels -o labels nmem0')
        self.assertEqual(129, self.ndctl('write-labels -i labels nmem0 nmem1').returncode)

    def test_bytes_go_to_standard_output(self) -> None:
        """All of them, when no size is given."""
        result = self.ndctl('read-labels nmem0')
        data = b''.join(result.payload.chunks()) if result.payload else b''
        self.assertEqual((2 * MIB, b'NAMESPACE_INDEX\0'), (len(data), data[:16]))

    def test_an_offset_needs_a_size(self) -> None:
        """Without one ndctl reads beyond the end, fails, and changes nothing."""
        self.ndctl('disable-region all')
        result = self.ndctl('zero-labels nmem0 -O 1024')
        self.assertEqual((1, 'zeroed 0 nmem\n'), (result.returncode, result.stderr))
        self.ndctl('enable-region all')
        self.assertEqual(['kept'], [namespace.name for namespace in self.memory.namespaces])
