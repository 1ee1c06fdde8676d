"""Command line of the reference deployment."""

from __future__ import annotations

import contextlib
import io

import fixtures
import testtools

from tools.deployment import __main__ as command
from tools.deployment import settings


class ArgumentsTest(testtools.TestCase):

    def refused(self, *words):
        errors = io.StringIO()
        with contextlib.redirect_stderr(errors):
            ended = self.assertRaises(SystemExit, command.arguments, words)
        self.assertEqual(2, ended.code)
        return errors.getvalue()

    def test_without_words(self):
        """Without a command, the cloud starts with two computes."""
        wanted = command.arguments([])
        self.assertEqual(('up', 2, settings.PMEM),
                         (wanted.command, wanted.computes, wanted.pmem))

    def test_options_alone(self):
        """Options without a command belong to ``up``."""
        wanted = command.arguments(['--computes', '3', '--pmem', 'SMALL:1x1GiB'])
        self.assertEqual(('up', 3, 'SMALL:1x1GiB'),
                         (wanted.command, wanted.computes, wanted.pmem))

    def test_ways_to_run_computes(self):
        """Computes are separate processes of one machine, unless options say otherwise."""
        plain = command.arguments(['up'])
        self.assertEqual((False, 0), (plain.forked, plain.second_machine))
        other = command.arguments(['--forked', '--second-machine', '2', '--release', 'debian13'])
        self.assertEqual((True, 2, 'debian13'),
                         (other.forked, other.second_machine, other.release))

    def test_tests(self):
        """``test`` runs tempest's compute tests, or others, or none."""
        self.assertIsNone(command.arguments(['test']).regex)
        self.assertEqual('servers', command.arguments(['test', 'servers']).regex)
        self.assertTrue(command.arguments(['test', '--smoke']).smoke)

    def test_whitebox(self):
        """``test --whitebox`` runs the tests that log in to the hosts."""
        self.assertTrue(command.arguments(['test', '--whitebox']).whitebox)

    def test_one_compute(self):
        """``stop`` and ``start`` name a host."""
        wanted = command.arguments(['stop', 'compute2'])
        self.assertEqual(('stop', 'compute2'), (wanted.command, wanted.host))

    def test_an_unknown_host(self):
        """The error names the hosts that there are."""
        made = settings.Settings.new(2)
        self.useFixture(fixtures.MockPatchObject(settings.Settings, 'load', return_value=made))
        errors = io.StringIO()
        with contextlib.redirect_stderr(errors):
            self.assertEqual(1, command.main(['start', 'compute3']))
        self.assertIn('no host compute3: the hosts are compute1, compute2', errors.getvalue())

    def test_no_computes(self):
        """A cloud without computes is refused."""
        self.assertIn('must be at least 1', self.refused('--computes', '0'))

    def test_unknown_command(self):
        """An unknown command is refused."""
        self.assertIn('invalid choice', self.refused('restart'))
