"""The application, apart from its commands."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import subprocess
import sys

from fixtures import TempDir
from testtools.matchers import Contains

from tests import base
from vpmem_harness import cli
from vpmem_harness.cli.commands import COMMANDS
from vpmem_harness.fixtures.seeds import TestSeed


def run(*argv: str) -> tuple[int, str, str]:
    """The exit status, standard output and standard error of a command line."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = cli.main(argv)
        except SystemExit as exit_:
            status = exit_.code or 0
    return status, out.getvalue(), err.getvalue()


class AppTest(base.TestCase):

    def test_help_lists_the_commands(self):
        """Each command is there with its summary."""
        status, out, err = run('--help')
        self.assertEqual((0, ''), (status, err))
        for entry in COMMANDS:
            self.assertThat(out, Contains(entry.summary))

    def test_each_command_loads(self):
        """The table names classes that are there, and each explains itself."""
        for entry in COMMANDS:
            status, out, _ = run(entry.name, '--help')
            self.assertEqual(0, status, entry.name)
            self.assertThat(out, Contains(f'usage: vpmem-harness {entry.name}'))

    def test_nothing_to_do(self):
        """Without a command it says how to name one, as a mistake."""
        status, out, err = run()
        self.assertEqual((2, ''), (status, out))
        self.assertThat(err, Contains('--help'))

    def test_unknown_command(self):
        """A misspelled command is a mistake."""
        self.assertEqual(2, run('inventry')[0])

    def test_unknown_option(self):
        """An option that is not there is a mistake."""
        self.assertEqual(2, run('--loud', 'inventory')[0])
        self.assertEqual(2, run('inventory', '--loud')[0])

    def test_invalid_input(self):
        """An error is one line on standard error, and no traceback."""
        status, out, err = run('inventory', '--pmem', 'X')
        self.assertEqual((1, '', 1), (status, out, len(err.splitlines())))
        self.assertThat(err, Contains('SMALL:2x4GiB'))

    def test_traceback_for_those_who_ask(self):
        """--debug shows where an error comes from."""
        self.assertThat(run('--debug', 'inventory', '--pmem', 'X')[2], Contains('Traceback'))

    def test_version(self):
        """The version is on standard output."""
        status, out, _ = run('--version')
        self.assertEqual((0, 'vpmem-harness'), (status, out.split()[0]))

    def test_log_file(self):
        """The log can go to a file, which takes a word of its own."""
        directory = self.useFixture(TempDir())
        path = directory.join('log')
        self.assertEqual(1, run('--log-file', path, 'inventory', '--pmem', 'X')[0])
        with open(path) as stream:
            self.assertThat(stream.read(), Contains('SMALL:2x4GiB'))

    def test_pseudonyms_are_resolved_for_their_owner(self):
        """What stands in the log as a pseudonym is shown with the file that the run has saved."""
        directory = self.useFixture(TempDir()).path
        log, values = os.path.join(directory, 'log'), os.path.join(directory, 'own', 'values')
        path = f'/home/{self.useFixture(TestSeed()).randomness.bytes(5).hex()}/x'
        self.assertEqual(1, run('--log-file', log, '--save-pseudonyms', values,
                                'chaos', '--replay', path)[0])
        with open(log) as stream:
            self.assertNotIn(path, stream.read())
        self.assertEqual(0o600, os.stat(values).st_mode & 0o777)
        status, out, _ = run('resolve', values, log)
        self.assertEqual(0, status)
        self.assertThat(out, Contains(path))

    def test_pseudonyms_where_others_can_write(self):
        """It is refused before the command runs."""
        directory = self.useFixture(TempDir()).path
        os.chmod(directory, 0o777)  # noqa: S103 - that is what is refused
        status, out, err = run('--save-pseudonyms', f'{directory}/values', 'inventory')
        self.assertEqual((1, ''), (status, out))
        self.assertThat(err, Contains('a directory of your own'))

    def test_leaves_logging_as_it_was(self):
        """A program that calls main keeps its own logging."""
        root = logging.getLogger()
        before = root.level, list(root.handlers)
        run('inventory', '--pmem', 'X:1x1GiB')
        self.assertEqual(before, (root.level, list(root.handlers)))

    def test_help_is_quick(self):
        """The help imports none of the commands, nor what they need."""
        code = ('import sys; from vpmem_harness import cli\n'
                'try: cli.main(["--help"])\n'
                'except SystemExit: pass\n'
                'print([name for name in sys.modules if name in ("libvirt", "lxml", "oslo_config",'
                ' "testtools") or name.startswith(("vpmem_harness.pmem", "vpmem_harness.host"))])')
        printed = subprocess.run([sys.executable, '-c', code], check=True, capture_output=True,
                                 text=True).stdout
        self.assertEqual('[]', printed.splitlines()[-1])


class FootprintTest(base.TestCase):

    def test_home_directory_is_left_alone(self):
        """A command leaves nothing in the home of its user."""
        home = self.useFixture(TempDir()).path
        environment = {**os.environ, 'HOME': home}
        environment.pop('XDG_CACHE_HOME', None)
        subprocess.run([sys.executable, '-m', 'vpmem_harness.cli', 'inventory', '--seed', '1'],
                       env=environment, check=True, capture_output=True)
        self.assertEqual([], os.listdir(home))
