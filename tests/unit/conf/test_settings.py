"""Configuration from files, the environment and the command line, and its validation."""

from __future__ import annotations

import importlib.metadata
import io
import os
import tempfile
import warnings
from pathlib import Path

import fixtures
import testtools
from oslo_config import cfg, generator

from vpmem_harness import conf
from vpmem_harness.exceptions import InvalidInputError


class LoadTest(testtools.TestCase):

    def file(self, text: str) -> str:
        """Return the path of a configuration file with that text in the project's section."""
        descriptor, path = tempfile.mkstemp(suffix='.conf')
        self.addCleanup(os.unlink, path)
        with open(descriptor, 'w') as stream:
            stream.write(f'[vpmem_harness]\n{text}\n')
        return path

    def test_defaults(self):
        """Every option has a default."""
        settings = conf.load(environ={})
        self.assertEqual(('stub', None, False), (settings.backend, settings.seed,
                                                 settings.unsafe_logs))

    def test_file_is_read_when_it_is_named(self):
        """VPMEM_HARNESS_CONFIG names the configuration files."""
        settings = conf.load(environ={'VPMEM_HARNESS_CONFIG': self.file('timeout = 5')})
        self.assertEqual(5.0, settings.timeout)

    def test_later_file_wins(self):
        """A value in a later file overrides one in an earlier file."""
        files = [self.file('timeout = 5\nseed = 1'), self.file('timeout = 6')]
        settings = conf.load(environ={'VPMEM_HARNESS_CONFIG': os.pathsep.join(files)})
        self.assertEqual((6.0, 1), (settings.timeout, settings.seed))

    def test_environment_overrides_the_file(self):
        """An environment variable overrides a configuration file."""
        settings = conf.load([self.file('seed = 1')], {'VPMEM_HARNESS_SEED': '2'})
        self.assertEqual(2, settings.seed)

    def test_command_line_overrides_the_environment(self):
        """A command line option overrides an environment variable."""
        self.assertEqual(3, conf.load(environ={'VPMEM_HARNESS_SEED': '2'}, seed=3).seed)

    def test_empty_variable_is_no_value(self):
        """An empty variable leaves the default."""
        self.assertEqual('stub', conf.load(environ={'VPMEM_HARNESS_BACKEND': ''}).backend)

    def test_error_of_an_invalid_environment_variable(self):
        """The error names the variable, the valid values and the actual value."""
        error = self.assertRaises(InvalidInputError, conf.load,
                                  environ={'VPMEM_HARNESS_BACKEND': 'novva'})
        self.assertEqual('VPMEM_HARNESS_BACKEND', error.what)
        self.assertIn('stub', error.expected)
        self.assertIn('novva', error.got)

    def test_error_of_an_invalid_value_in_a_file(self):
        """The error names the group and the option."""
        error = self.assertRaises(InvalidInputError, conf.load, [self.file('seed = -1')], {})
        self.assertEqual('[vpmem_harness] seed', error.what)

    def test_error_of_an_invalid_command_line_value(self):
        """The error names the option as on the command line."""
        error = self.assertRaises(InvalidInputError, conf.load, (), {}, unsafe_logs='perhaps')
        self.assertEqual('--unsafe-logs', error.what)

    def test_error_of_an_invalid_argument(self):
        """The error names the argument of a Python caller, not a command line option."""
        error = self.assertRaises(InvalidInputError, conf.load, (), {}, command_line=False,
                                  backend='novva')
        self.assertEqual('backend', error.what)

    def test_a_fraction_for_an_integer_is_refused(self):
        """A fraction is refused, not truncated."""
        error = self.assertRaises(InvalidInputError, conf.load, seed=1.5)
        self.assertEqual('1.5', error.got)

    def test_missing_file_is_refused(self):
        """A missing configuration file is an error."""
        error = self.assertRaises(InvalidInputError, conf.load, ['/nowhere/x.conf'], {})
        self.assertIn('/nowhere/x.conf', error.got)

    def test_invalid_file_is_refused(self):
        """The error of a file that cannot be parsed contains its name and line."""
        path = self.file('no value')
        error = self.assertRaises(InvalidInputError, conf.load, [path], {})
        self.assertIn(path, error.what)

    def test_relative_runtime_directory_is_refused(self):
        """A relative runtime directory is refused, because sockets need an absolute path."""
        self.assertRaises(InvalidInputError, conf.load, (), {}, runtime_dir='hosts')

    def test_long_runtime_directory_is_refused(self):
        """A runtime directory without room for a socket's name is refused at startup."""
        error = self.assertRaises(InvalidInputError, conf.load, (), {}, runtime_dir='/' + 64 * 'x')
        self.assertIn('one of 65', error.got)

    def test_unusable_runtime_directory_is_refused(self):
        """A missing directory, a file and a read-only directory are refused."""
        for path in ('/nowhere', self.file('')):
            error = self.assertRaises(InvalidInputError, conf.load, (), {}, runtime_dir=path)
            self.assertEqual('runtime_dir', error.what)

    def test_infinite_timeout_is_refused(self):
        """A timeout has to be finite."""
        for text in ('nan', 'inf', '1e400'):
            error = self.assertRaises(
                InvalidInputError, conf.load, (), {'VPMEM_HARNESS_TIMEOUT': text})
            self.assertEqual('timeout', error.what)

    def test_unreadable_file_is_refused(self):
        """A directory and a binary file are refused."""
        binary = self.file('')
        Path(binary).write_bytes(b'\xff\xfe')
        for path in (os.path.dirname(binary), binary):
            error = self.assertRaises(InvalidInputError, conf.load, [path], {})
            self.assertIn(path, error.got)

    def test_a_misspelled_variable(self):
        """A caller gets one warning, which contains the right name."""
        environ = {f'VPMEM_HARNESS_{self.id()}': '', 'VPMEM_HARNESS_SEEED': '1'}
        self.useFixture(fixtures.MonkeyPatch('vpmem_harness.conf.settings._reported', set()))
        for expected in (2, 0):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter('always')
                conf.load(environ=environ, command_line=False)
            self.assertEqual(expected, len(caught))

    def test_a_misspelled_option_of_a_file(self):
        """The text contains the file and the right name."""
        path = self.file('time_out = 5')
        [text] = conf.unknown({'VPMEM_HARNESS_CONFIG': path}).values()
        self.assertEqual(f'the option time_out in [vpmem_harness] of {path} is unknown and has no '
                         'effect; did you mean timeout?', text)

    def test_the_process_configuration_is_unchanged(self):
        """The process's own CONF does not change."""
        conf.load(environ={'VPMEM_HARNESS_SEED': '2'})
        self.assertNotIn('vpmem_harness', cfg.CONF)

    def test_every_option_is_a_setting(self):
        """Every option has an attribute of the settings."""
        self.assertEqual([option.name for option in conf.OPTIONS], list(conf.Settings._fields))


class SampleTest(testtools.TestCase):

    def test_sample_lists_every_option(self):
        """oslo-config-generator finds the options through the entry point."""
        if not importlib.metadata.entry_points(group='oslo.config.opts', name='vpmem_harness'):
            self.skipTest('the package is not installed, so it has no entry points')
        opts = cfg.ConfigOpts()
        generator.register_cli_opts(opts)
        opts(args=['--namespace', 'vpmem_harness'])
        sample = io.StringIO()
        generator.generate(opts, sample)
        for option in conf.OPTIONS:
            self.assertIn(f'#{option.name} = ', sample.getvalue())
