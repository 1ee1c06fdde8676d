"""Command line application, apart from its commands."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import subprocess
import sys

from fixtures import EnvironmentVariable, MonkeyPatch, TempDir
from testtools.matchers import Contains

from tests import base
from vpmem_harness import cli
from vpmem_harness.cli.commands import COMMANDS
from vpmem_harness.fixtures.seeds import TestSeed


def run(*argv: str) -> tuple[int, str, str]:
    """Return the exit status, standard output and standard error of a command line."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = cli.main(argv)
        except SystemExit as exit_:
            status = exit_.code or 0
    return status, out.getvalue(), err.getvalue()


class AppTest(base.TestCase):

    def test_help_lists_the_commands(self):
        """The help lists each command with its summary."""
        status, out, err = run('--help')
        self.assertEqual((0, ''), (status, err))
        for entry in COMMANDS:
            self.assertThat(out, Contains(entry.summary))

    def test_each_command_loads(self):
        """Each command of the table can be loaded and has a description."""
        for entry in COMMANDS:
            status, out, _ = run(entry.name, '--help')
            self.assertEqual(0, status, entry.name)
            self.assertThat(out, Contains(f'usage: vpmem-harness {entry.name}'))

    def test_a_command_does_not_read_the_installed_packages(self):
        """A command starts without the lists of files of all installed packages."""
        def refuse():
            raise AssertionError('all installed packages are read')
        self.useFixture(MonkeyPatch('cliff.command.packages_distributions', refuse))
        self.useFixture(MonkeyPatch('cliff.command._dists_by_mods', None))
        self.assertEqual(0, run('inventory', '--seed', '1')[0])

    def test_no_command(self):
        """A command line without a command is an error that shows how to name one."""
        status, out, err = run()
        self.assertEqual((2, ''), (status, out))
        self.assertThat(err, Contains('--help'))

    def test_unknown_command(self):
        """A misspelled command is an error."""
        status, out, err = run('inventry', '--seed', '7')
        self.assertEqual((2, ''), (status, out))
        self.assertIn("there is no command 'inventry'", err)
        self.assertIn('did you mean one of these?\n  inventory\n', err)

    def test_an_option_after_the_command(self):
        """The error says that options of the application precede the command."""
        status, _, err = run('inventory', '--log-file', 'x')
        self.assertEqual(2, status)
        self.assertIn('put --log-file before the command', err)

    def test_closed_standard_output(self):
        """A command whose standard output is closed runs."""
        with contextlib.redirect_stderr(io.StringIO()) as err, contextlib.redirect_stdout(None):
            self.assertEqual(0, cli.main(['inventory', '--seed', '7']))
        self.assertIn('# seed 7\n', err.getvalue())

    def test_closed_standard_error(self):
        """What belongs on standard error does not go to standard output."""
        with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(None):
            self.assertEqual(0, cli.main(['inventory', '--seed', '7']))
        self.assertNotIn('# seed', out.getvalue())

    def test_a_misspelled_variable(self):
        """A command says once that the variable has no effect, and runs."""
        self.useFixture(EnvironmentVariable('VPMEM_HARNESS_SEEED', '1'))
        self.useFixture(MonkeyPatch('vpmem_harness.conf.settings._reported', set()))
        status, _, err = run('inventory', '--seed', '1')
        self.assertEqual(0, status)
        self.assertEqual(1, err.count('did you mean VPMEM_HARNESS_SEED?'))

    def test_unknown_option(self):
        """An unknown option is an error."""
        self.assertEqual(2, run('--loud', 'inventory')[0])
        self.assertEqual(2, run('inventory', '--loud')[0])

    def test_a_number_that_is_none(self):
        """The error of argparse says what was expected, and no name of the source."""
        status, _, err = run('chaos', '--steps', 'x')
        self.assertEqual(2, status)
        self.assertThat(err, Contains("--steps: expected a number from 1, got 'x'"))

    def test_results_that_cannot_be_written(self):
        """The command says so before it runs Nova's tests."""
        path = self.useFixture(TempDir()).join('missing', 'results')
        status, _, err = run('nova-tests', '--json', path, 'nonsense')
        self.assertEqual(1, status)
        self.assertThat(err, Contains('--json: expected a writable file'))

    def test_invalid_input(self):
        """An error is printed as one line on standard error, without a traceback."""
        status, out, err = run('inventory', '--pmem', 'X')
        self.assertEqual((1, '', 1), (status, out, len(err.splitlines())))
        self.assertThat(err, Contains('SMALL:2x4GiB'))

    def test_debug_shows_the_traceback(self):
        """--debug prints the traceback of an error."""
        self.assertThat(run('--debug', 'inventory', '--pmem', 'X')[2], Contains('Traceback'))

    def test_version(self):
        """The version is printed on standard output."""
        status, out, _ = run('--version')
        self.assertEqual((0, 'vpmem-harness'), (status, out.split()[0]))

    def test_log_file(self):
        """The log file can have a log level of its own."""
        directory = self.useFixture(TempDir())
        path = directory.join('log')
        self.assertEqual(1, run('--log-file', path, 'inventory', '--pmem', 'X')[0])
        with open(path) as stream:
            self.assertThat(stream.read(), Contains('SMALL:2x4GiB'))

    def test_log_file_that_cannot_be_written(self):
        """The option is refused in one line, before the command runs."""
        path = self.useFixture(TempDir()).join('missing', 'log')
        status, out, err = run('--log-file', path, 'inventory', '--pmem', 'X:1x1GiB')
        self.assertEqual((1, '', 1), (status, out, len(err.splitlines())))
        self.assertThat(err, Contains('--log-file: expected a writable file'))

    def test_pseudonyms_are_resolved(self):
        """The command shows the original of a pseudonym from the file that a run has saved."""
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

    def test_pseudonyms_in_a_directory_writable_by_others(self):
        """The option is refused before the command runs."""
        directory = self.useFixture(TempDir()).path
        os.chmod(directory, 0o777)  # noqa: S103 - the command must refuse it
        status, out, err = run('--save-pseudonyms', f'{directory}/values', 'inventory')
        self.assertEqual((1, ''), (status, out))
        self.assertThat(err, Contains('a directory of your own'))

    def test_logging_is_restored(self):
        """``main`` restores the logging configuration of its caller."""
        root = logging.getLogger()
        before = root.level, list(root.handlers)
        run('inventory', '--pmem', 'X:1x1GiB')
        self.assertEqual(before, (root.level, list(root.handlers)))

    def test_help_is_quick(self):
        """The help imports neither the commands nor their dependencies."""
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
        """A command writes nothing to the user's home directory."""
        home = self.useFixture(TempDir()).path
        environment = {**os.environ, 'HOME': home}
        environment.pop('XDG_CACHE_HOME', None)
        subprocess.run([sys.executable, '-m', 'vpmem_harness.cli', 'inventory', '--seed', '1'],
                       env=environment, check=True, capture_output=True)
        self.assertEqual([], os.listdir(home))
