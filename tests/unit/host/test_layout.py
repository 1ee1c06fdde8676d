"""The directory tree of a host."""

from __future__ import annotations

import stat
from pathlib import Path

import fixtures

from tests import base
from vpmem_harness.exceptions import InvalidInputError, LimitError
from vpmem_harness.host.layout import Layout, runtime_directory


class LayoutTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.directory = Path(self.useFixture(fixtures.TempDir()).path)

    def test_only_the_owner_enters(self):
        """Other users cannot enter a host's directory."""
        layout = Layout(self.directory / 'host1')
        layout.make()
        self.assertEqual(0o700, stat.S_IMODE(layout.root.stat().st_mode))

    def test_a_path_too_long_for_a_socket_is_refused(self):
        """The error comes before anything is made, and gives the number of bytes."""
        layout = Layout(self.directory / ('h' * 120))
        error = self.assertRaises(LimitError, layout.make)
        self.assertIn('bytes shorter', str(error))
        self.assertFalse(layout.root.exists())

    def test_what_another_run_left_is_refused(self):
        """The directory is left as it is, and the error says what to do."""
        layout = Layout(self.directory / 'host1')
        layout.root.mkdir()
        (layout.root / 'mine').touch()
        error = self.assertRaises(InvalidInputError, layout.make)
        self.assertIn('another', error.remedy)
        self.assertTrue((layout.root / 'mine').exists())

    def test_a_long_temporary_directory_is_not_used(self):
        """A short directory is used if TMPDIR is too long for sockets."""
        long = self.directory / ('t' * 80)
        long.mkdir()
        self.useFixture(fixtures.MonkeyPatch('tempfile.tempdir', str(long)))
        directory = runtime_directory()
        self.addCleanup(directory.rmdir)
        self.assertEqual(Path('/tmp'), directory.parent)  # noqa: S108 - the fact itself
