"""The marker ``vpmem`` and the clouds that tests share under pytest."""

from __future__ import annotations

import re

from testtools.content import text_content

from tests import base
from tests.functional.pytest_plugin.running import run


class MarkersTest(base.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.run = run('markers')
        self.addDetail('pytest', text_content(self.run.output))

    def assertRefused(self, test: str, *reasons: str) -> None:
        """A test is refused in its setup, with these words in the summary."""
        outcome = self.run.outcome(test)
        self.assertEqual('error', outcome.kind)
        for reason in ('@pytest.mark.vpmem: ', *reasons):
            self.assertIn(reason, outcome.text)

    def test_options_that_fit(self) -> None:
        """Markers of modules, classes, functions and parameters apply, the nearest first."""
        passed = {name for name, outcomes in self.run.outcomes.items()
                  if [one.kind for one in outcomes] == ['passed']}
        self.assertEqual({
            'test_of_the_module', 'test_of_the_function', 'TestOfTheClass.test_of_the_class',
            'TestOfTheClass.test_of_a_host', 'TestOfTheClass.test_of_an_inventory',
            'test_of_a_factory', 'test_of_a_parameter[1]', 'test_of_a_parameter[2]'}, passed)

    def test_an_unknown_option(self) -> None:
        """It is refused, with the names that there are."""
        self.assertRefused('test_unknown', 'expected options among', 'hosts', 'got hots')

    def test_an_option_without_a_name(self) -> None:
        """It is refused."""
        self.assertRefused('test_without_a_name', 'expected options by name', 'got 1')

    def test_two_markers_that_contradict_each_other(self) -> None:
        """On one function neither can win."""
        self.assertRefused('test_contradiction', 'expected one value of hosts', '2 and 1')

    def test_an_option_of_another_fixture(self) -> None:
        """It would have no effect, and is refused."""
        self.assertRefused('test_useless', 'expected options of vpmem_host', 'got backend')

    def test_options_that_exclude_each_other(self) -> None:
        """The fixture's own reason is the whole report."""
        self.assertRefused('test_two_inventories', 'expected a listing alone')

    def test_a_scope_that_does_not_exist(self) -> None:
        """It is refused, with those that do."""
        self.assertRefused('test_scope', 'function, class, module, session', "'week'")


class ExampleTest(base.TestCase):

    def test_the_example_passes(self) -> None:
        """Every test of the example passes as it stands there."""
        done = run('test_with_pytest')
        self.addDetail('pytest', text_content(done.output))
        self.assertEqual(0, done.status)
        self.assertEqual(5, len(done.outcomes))


class SharedCloudsTest(base.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.run = run('shared', '-rP')
        self.addDetail('pytest', text_content(self.run.output))
        self.clouds = dict(re.findall(r'^(\S+) uses (\d+)$', self.run.output, re.MULTILINE))

    def kinds(self, test: str) -> list[str]:
        return [one.kind for one in self.run.outcomes[test]]

    def test_the_tests_of_a_module_share_a_cloud(self) -> None:
        """The second test finds the same cloud, without servers, faults and calls."""
        self.assertEqual(self.clouds['test_first'], self.clouds['test_second'])
        self.assertEqual(['passed'], self.kinds('test_second'))

    def test_a_nearer_marker_gives_a_cloud_of_its_own(self) -> None:
        """A test can have a cloud for itself."""
        self.assertNotEqual(self.clouds['test_first'], self.clouds['test_alone'])

    def test_a_failure_shows_the_shared_cloud(self) -> None:
        """As it was, with the servers of this test alone."""
        transcript = self.run.outcome('test_fails').sections['cloud-transcript']
        self.assertIn('evidence is ACTIVE', transcript)
        self.assertNotIn('server1', transcript)

    def test_others_do_not_show_it(self) -> None:
        """A test that does not use the cloud has no section of it."""
        self.assertEqual({}, self.run.outcome('test_that_does_not_use_it').sections)

    def test_a_cloud_that_cannot_be_reset(self) -> None:
        """The test that is to blame fails in its teardown, and the next one gets a new cloud."""
        outcome = self.run.outcomes['test_cannot_be_reset'][-1]
        self.assertEqual('error', outcome.kind)
        self.assertIn('ResetError: a fault could not be removed', outcome.message)
        self.assertEqual(['passed'], self.kinds('test_after_that'))
        self.assertNotEqual(self.clouds['test_first'], self.clouds['test_after_that'])

    def test_the_tests_of_a_class_share_a_cloud(self) -> None:
        """A VPMEMTestCase has one with SharedCloud.of_class."""
        self.assertEqual(self.clouds['case-first'], self.clouds['case-second'])
        self.assertEqual(['passed'], self.kinds('CaseTest.test_second'))
