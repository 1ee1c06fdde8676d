"""Invalid options of a fault are rejected when the fault begins, not at a call."""

from __future__ import annotations

from tests import base
from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.fixtures import HostFixture


class RefusalsTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.host = self.useFixture(HostFixture(pmem='SMALL:1x1GiB'))
        self.faults = self.host.faults

    def assertRefused(self, what, arm, *arguments, **which):
        error = self.assertRaises(InvalidInputError, arm, *arguments, **which)
        self.assertEqual(what, error.what)
        self.assertEqual([], list(self.faults.in_force))
        return error

    def test_an_unknown_keyword(self):
        """A misspelled option is an error: the fault would strike other calls."""
        error = self.assertRefused(
            'argument of a fault', self.faults.failing, 'createWithFlags', time=3)
        self.assertEqual("did you mean 'times'?", error.remedy)
        self.assertRefused('argument of a fault', self.faults.hanging, 'createWithFlags', count=3)
        self.assertRefused(
            'argument of a fault', self.faults.tool_failing, 'ndctl', 'list', domain='guest')

    def test_a_domain_by_something_else_than_its_name(self):
        """No call would match it."""
        for domain in (5, object(), ''):
            self.assertRefused(
                'domain of a fault', self.faults.failing, 'createWithFlags', domain=domain)

    def test_an_action_that_cannot_be_called(self):
        """A typical mistake is to pass the result of the action."""
        self.assertRefused('action of a fault', self.faults.at, 'createWithFlags', None)

    def test_a_sub_command_that_a_program_lacks(self):
        """A subcommand that is not simulated can fail; daxio has no subcommands."""
        error = self.assertRefused(
            'sub-command of ndctl', self.faults.tool_failing, 'ndctl', 'lst')
        self.assertEqual("did you mean 'list'?", error.remedy)
        self.assertRefused('sub-command of daxio', self.faults.tool_hanging, 'daxio', 'list')
        self.faults.tool_failing('ndctl', 'inject-error').remove()

    def test_a_status_that_no_program_ends_with(self):
        """A failure has a status from 1 to 255, or the number of a signal."""
        for status in (0, 300, 'x', -99):
            self.assertRefused(
                'status of a program', self.faults.tool_failing, 'ndctl', status=status)
        self.assertRefused('status of a program', self.faults.tool_cut_short, 'ndctl', status=-99)

    def test_a_number_of_calls_that_is_none(self):
        """The error is raised in the test, not in the daemon."""
        for skip in (-1, 'x'):
            self.assertRefused('skip of a fault', self.faults.failing, 'create', skip=skip)
        self.assertRefused('times of a fault', self.faults.failing, 'create', times='x')
        self.assertRefused(
            'probability of a fault', self.faults.failing, 'create', probability='x')

    def test_a_time_that_is_none(self):
        """The same holds for procedures and programs."""
        for seconds in (-1, 'list', float('inf')):
            self.assertRefused('seconds of a fault', self.faults.slow, 'create', seconds)
            self.assertRefused('seconds of a fault', self.faults.tool_slow, 'ndctl', seconds)

    def test_the_name_of_an_error(self):
        """An error is given by its number; the message shows that a text came."""
        error = self.assertRefused(
            'error of a fault', self.faults.failing, 'create', 'VIR_ERR_NO_DOMAIN')
        self.assertEqual("'VIR_ERR_NO_DOMAIN'", error.got)

    def test_a_namespace_itself(self):
        """A namespace is given by its name."""
        self.assertRefused('namespace', self.faults.vanishing, self.host.namespaces[0])
