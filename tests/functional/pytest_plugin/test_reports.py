"""The reports of failed tests under pytest."""

from __future__ import annotations

import re

from testtools.content import text_content

from tests import base
from tests.functional.pytest_plugin.running import Outcome, Run, run
from tests.unit.test_source import UUID

SEED = 11


class ReportsTest(base.TestCase):
    """The project's outcomes; every test that fails there has booted ``server1``."""

    def setUp(self) -> None:
        super().setUp()
        self.run = run('failures', f'--vpmem-seed={SEED}')
        self.addDetail('pytest', text_content(self.run.output))

    def assertShowsTheCloud(self, outcome: Outcome) -> None:
        """A report has the seed, what the cloud did, and its host as it was at the failure."""
        sections = outcome.sections
        self.assertIn(f'--vpmem-seed {SEED}', sections['seed'])
        self.assertIn('server1: create:', sections['cloud-transcript'])
        self.assertIn('domain_create_with_flags', sections['host-calls'])
        self.assertIn('held by instance-00000001', sections['host-state'])


class FailuresTest(ReportsTest):

    def test_the_test_itself(self) -> None:
        """A failed test shows the cloud."""
        self.assertShowsTheCloud(self.run.outcome('test_call'))

    def test_a_setup(self) -> None:
        """A fixture that fails after the cloud has started shows the cloud."""
        self.assertShowsTheCloud(self.run.outcome('test_setup'))

    def test_a_teardown(self) -> None:
        """A failed teardown shows the cloud as it was before its own cleanup."""
        outcome = self.run.outcomes['test_teardown'][-1]
        self.assertEqual('error', outcome.kind)
        self.assertShowsTheCloud(outcome)

    def test_a_fixture_of_the_user(self) -> None:
        """A cloud that the user's fixture has started is shown."""
        self.assertShowsTheCloud(self.run.outcome('test_own_fixture'))

    def test_the_teardown_of_a_fixture_of_the_user(self) -> None:
        """It is shown as it was before its cleanup, too."""
        self.assertShowsTheCloud(self.run.outcomes['test_own_teardown'][-1])

    def test_a_block_in_the_test(self) -> None:
        """A cloud that the failure has ended already is shown."""
        self.assertShowsTheCloud(self.run.outcome('test_with_block'))

    def test_a_test_case_of_unittest(self) -> None:
        """A cloud that unittest cleans up before pytest reports is shown."""
        self.assertShowsTheCloud(self.run.outcome('PlainTest.test_call'))

    def test_a_fixture_that_cannot_be_set_up(self) -> None:
        """Its own error is reported, at the line of the user's that called it."""
        outcome = self.run.outcome('test_own_setup')
        self.assertIn('InvalidInputError: hosts: expected hosts that are in no cloud',
                      outcome.message)
        self.assertIn('CloudFixture(hosts=cloud.hosts).setUp()', outcome.text)
        self.assertNotIn('MultipleExceptions', outcome.text)

    def test_a_refusal_ends_at_the_line_of_the_test(self) -> None:
        """No frame of the harness is shown, and the summary says why."""
        outcome = self.run.outcome('test_boot')
        self.assertIn("server 'server1' is ERROR, expected ACTIVE: No valid host",
                      outcome.message)
        self.assertNotIn('waiting.py', outcome.text)

    def test_the_log(self) -> None:
        """The whole log of the test is there, redacted."""
        self.assertIn('WARNING program: the server is <uuid:a>',
                      self.run.outcome('test_log').sections['log'])

    def test_nothing_identifies_a_server(self) -> None:
        """No UUID stands in a report, not in an error's message either."""
        for name, outcomes in self.run.outcomes.items():
            for outcome in outcomes:
                self.assertEqual([], UUID.findall(outcome.text + outcome.message), name)
        self.assertEqual([], UUID.findall(self.run.output))

    def test_a_test_that_passes(self) -> None:
        """It shows nothing."""
        self.assertEqual([('passed', '', '')], self.run.outcomes['test_passes'])
        self.assertEqual([('passed', '', '')], self.run.outcomes['CaseTest.test_passes'])

    def test_a_test_without_the_harness(self) -> None:
        """Its report is pytest's alone."""
        self.assertEqual({}, self.run.outcome('test_without_the_harness').sections)

    def test_test_seed_is_no_test(self) -> None:
        """pytest does not collect the fixture TestSeed."""
        self.assertNotIn('TestSeed', self.run.output)


class TestCasesTest(ReportsTest):

    def test_a_failure(self) -> None:
        """A VPMEMTestCase shows its exception, its line, and the cloud."""
        outcome = self.run.outcome('CaseTest.test_call')
        self.assertIn('MismatchError: [] != [<Server server1 ACTIVE on host1 with ',
                      outcome.message)
        self.assertIn('>       self.assertEqual([], self.cloud.servers)', outcome.text)
        self.assertShowsTheCloud(outcome)

    def test_the_reason_is_in_the_summary(self) -> None:
        """The summary says why a server is not what it should be."""
        self.assertIn('is ERROR, expected ACTIVE: No valid host',
                      self.run.outcome('CaseTest.test_boot').message)

    def test_no_exception_is_unknown_to_pytest(self) -> None:
        """pytest can display every exception itself."""
        self.assertNotIn('Incompatible Exception Representation', self.run.output)

    def test_a_cleanup(self) -> None:
        """What a cleanup raises is reported."""
        self.assertEqual('AssertionError: in the cleanup',
                         self.run.outcome('CaseTest.test_cleanup').message)

    def test_a_test_and_its_cleanup(self) -> None:
        """Both are reported, the test's own failure first."""
        messages = [re.split('[:"]', one.message.strip('"'))[-1].strip()
                    for one in self.run.outcomes['CaseTest.test_both']]
        self.assertEqual(['in the test', 'in the cleanup'], messages)

    def test_a_setup(self) -> None:
        """A fixture that fails in setUp is reported by its own error, at the test's line."""
        outcome = self.run.outcome('SetUpTest.test_setup')
        self.assertIn('expected hosts that are in no cloud', outcome.message)
        self.assertIn('>       self.useFixture(fixtures.CloudFixture(hosts=[host]))', outcome.text)

    def test_an_expectation(self) -> None:
        """What expectThat found stands in the summary."""
        self.assertIn('1 != 2', self.run.outcome('CaseTest.test_expectation').message)

    def test_an_expected_failure(self) -> None:
        """It counts as pytest's xfail, with its reason."""
        outcome = self.run.outcome('CaseTest.test_known')
        self.assertEqual(('skipped', 'known to fail'), outcome[:2])

    def test_an_expected_failure_that_does_not_come(self) -> None:
        """It fails, with its reason."""
        self.assertIn('Unexpected success', self.run.outcome('CaseTest.test_fixed').text)

    def test_a_skip(self) -> None:
        """It counts as pytest's skip, with its reason."""
        outcome = self.run.outcome('CaseTest.test_skipped')
        self.assertEqual(('skipped', 'not here'), outcome[:2])


class WorkersTest(ReportsTest):

    def setUp(self) -> None:
        super().setUp()
        self.parallel = run('failures', f'--vpmem-seed={SEED}', '-n2')
        self.addDetail('pytest-xdist', text_content(self.parallel.output))

    def test_reports_are_the_same(self) -> None:
        """Each test has the same outcomes and sections, and the same seed, on a worker."""
        def told(run: Run) -> dict[str, list[object]]:
            return {name: [(one.kind, list(one.sections), one.sections.get('seed'))
                           for one in outcomes] for name, outcomes in run.outcomes.items()}

        self.assertEqual(told(self.run), told(self.parallel))

    def test_the_terminal_shows_the_sections(self) -> None:
        """The controller prints what the workers have captured."""
        titles = re.findall(r'^-+ vpmem host-state -+$', self.parallel.output, re.MULTILINE)
        self.assertEqual(
            sum('host-state' in one.sections for outcomes in self.run.outcomes.values()
                for one in outcomes), len(titles))
