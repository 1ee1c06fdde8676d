"""Options come from files, the environment and the command line, and are refused by name."""

from __future__ import annotations

import importlib.metadata
import io
import os
import tempfile
from pathlib import Path

import testtools
from oslo_config import cfg, generator

from vpmem_harness import conf
from vpmem_harness.exceptions import InvalidInputError


class LoadTest(testtools.TestCase):

    def file(self, text: str) -> str:
        """The path of a configuration file with that text in our section."""
        descriptor, path = tempfile.mkstemp(suffix='.conf')
        self.addCleanup(os.unlink, path)
        with open(descriptor, 'w') as stream:
            stream.write(f'[vpmem_harness]\n{text}\n')
        return path

    def test_defaults(self):
        """With nothing said, nothing needs to be."""
        settings = conf.load(environ={})
        self.assertEqual(('stub', None, False), (settings.backend, settings.seed,
                                                 settings.unsafe_logs))

    def test_file_is_read_when_it_is_named(self):
        """VPMEM_HARNESS_CONFIG names the files."""
        settings = conf.load(environ={'VPMEM_HARNESS_CONFIG': self.file('timeout = 5')})
        self.assertEqual(5.0, settings.timeout)

    def test_later_file_wins(self):
        """Of two files the later one is right."""
        files = [self.file('timeout = 5\nseed = 1'), self.file('timeout = 6')]
        settings = conf.load(environ={'VPMEM_HARNESS_CONFIG': os.pathsep.join(files)})
        self.assertEqual((6.0, 1), (settings.timeout, settings.seed))

    def test_environment_beats_the_file(self):
        """What stands in the environment counts more than what stands in a file."""
        settings = conf.load([self.file('seed = 1')], {'VPMEM_HARNESS_SEED': '2'})
        self.assertEqual(2, settings.seed)

    def test_command_line_beats_the_environment(self):
        """What is typed counts most."""
        self.assertEqual(3, conf.load(environ={'VPMEM_HARNESS_SEED': '2'}, seed=3).seed)

    def test_empty_variable_is_no_value(self):
        """A variable that is set to nothing leaves the default."""
        self.assertEqual('stub', conf.load(environ={'VPMEM_HARNESS_BACKEND': ''}).backend)

    def test_value_from_the_environment_is_refused_by_name(self):
        """The refusal names the variable, what would do and what came."""
        error = self.assertRaises(InvalidInputError, conf.load,
                                  environ={'VPMEM_HARNESS_BACKEND': 'novva'})
        self.assertEqual('VPMEM_HARNESS_BACKEND', error.what)
        self.assertIn('stub', error.expected)
        self.assertIn('novva', error.got)

    def test_value_from_a_file_is_refused_by_name(self):
        """The refusal names the group and the option."""
        error = self.assertRaises(InvalidInputError, conf.load, [self.file('seed = -1')], {})
        self.assertEqual('[vpmem_harness] seed', error.what)

    def test_value_from_the_command_line_is_refused_by_name(self):
        """The refusal names the option as it is typed."""
        error = self.assertRaises(InvalidInputError, conf.load, (), {}, unsafe_logs='perhaps')
        self.assertEqual('--unsafe-logs', error.what)

    def test_an_argument_is_refused_by_name(self):
        """What a caller gives is no option of a command line."""
        error = self.assertRaises(InvalidInputError, conf.load, (), {}, command_line=False,
                                  backend='novva')
        self.assertEqual('backend', error.what)

    def test_a_fraction_is_no_whole_number(self):
        """It is not cut off."""
        error = self.assertRaises(InvalidInputError, conf.load, seed=1.5)
        self.assertEqual('1.5', error.got)

    def test_missing_file_is_refused(self):
        """A file that is not there is no empty file."""
        error = self.assertRaises(InvalidInputError, conf.load, ['/nowhere/x.conf'], {})
        self.assertIn('/nowhere/x.conf', error.got)

    def test_file_that_is_no_configuration_is_refused(self):
        """A file that cannot be parsed is named with its line."""
        path = self.file('no value')
        error = self.assertRaises(InvalidInputError, conf.load, [path], {})
        self.assertIn(path, error.what)

    def test_relative_runtime_directory_is_refused(self):
        """Sockets need a path that means the same everywhere."""
        self.assertRaises(InvalidInputError, conf.load, (), {}, runtime_dir='hosts')

    def test_long_runtime_directory_is_refused(self):
        """A path that leaves no room for a socket's name is refused at the start."""
        error = self.assertRaises(InvalidInputError, conf.load, (), {}, runtime_dir='/' + 64 * 'x')
        self.assertIn('one of 65', error.got)

    def test_runtime_directory_that_is_not_there_is_refused(self):
        """Also one that is a file, or that cannot be written to."""
        for path in ('/nowhere', self.file('')):
            error = self.assertRaises(InvalidInputError, conf.load, (), {}, runtime_dir=path)
            self.assertEqual('runtime_dir', error.what)

    def test_timeout_without_an_end_is_refused(self):
        """A wait has a deadline."""
        for text in ('nan', 'inf', '1e400'):
            error = self.assertRaises(
                InvalidInputError, conf.load, (), {'VPMEM_HARNESS_TIMEOUT': text})
            self.assertEqual('timeout', error.what)

    def test_file_that_cannot_be_read_is_refused(self):
        """A directory, and what is no text."""
        binary = self.file('')
        Path(binary).write_bytes(b'\xff\xfe')
        for path in (os.path.dirname(binary), binary):
            error = self.assertRaises(InvalidInputError, conf.load, [path], {})
            self.assertIn(path, error.got)

    def test_process_configuration_is_left_alone(self):
        """The code under test has CONF to itself."""
        conf.load(environ={'VPMEM_HARNESS_SEED': '2'})
        self.assertNotIn('vpmem_harness', cfg.CONF)

    def test_every_option_is_a_setting(self):
        """What can be configured can be read."""
        self.assertEqual([option.name for option in conf.OPTIONS], list(conf.Settings._fields))


class SampleTest(testtools.TestCase):

    def test_sample_lists_every_option(self):
        """oslo-config-generator finds the options by the entry point."""
        if not importlib.metadata.entry_points(group='oslo.config.opts', name='vpmem_harness'):
            self.skipTest('the package is not installed, so it has no entry points')
        opts = cfg.ConfigOpts()
        generator.register_cli_opts(opts)
        opts(args=['--namespace', 'vpmem_harness'])
        sample = io.StringIO()
        generator.generate(opts, sample)
        for option in conf.OPTIONS:
            self.assertIn(f'#{option.name} = ', sample.getvalue())
