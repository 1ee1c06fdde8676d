"""The seeds of sessions and of tests under pytest."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib

import fixtures
from testtools.content import text_content

from tests import base
from tests.functional.pytest_plugin.running import ROOT, Run, run

#: Prints the modules that pytest has loaded with the plugin, before any test.
LOADED = '''
import sys, pytest
status = pytest.main(['-p', 'vpmem_harness.pytest_plugin', '-p', 'no:cacheprovider',
                      '--collect-only', '-q', sys.argv[1]])
print('loaded', *{name.partition('.')[0] for name in sys.modules})
'''


class SeedsTest(base.TestCase):

    def run_tests(self, *options: str, **which: str) -> Run:
        done = run('seeds', '-rP', *options, **which)
        self.addDetail(f'pytest {options}', text_content(done.output))
        return done

    def run_some(self, seed: int) -> dict[str, str]:
        """What some of the tests draw alone, with a seed by option and another by variable."""
        drawn = self.run_tests(
            f'--vpmem-seed={seed}', '-k', 'shared_second or test_case or uuids',
            environment='VPMEM_HARNESS_SEED=23').drawn
        self.assertEqual({'shared', 'case', 'uuids'}, set(drawn))
        return drawn

    def test_a_session_is_replayed(self) -> None:
        """The seed of the header gives every test what it drew, on workers too."""
        first = self.run_tests()
        self.assertEqual(9, len(first.drawn))
        self.assertEqual(
            first.drawn, self.run_tests('-n2', f'--vpmem-seed={first.seed}').drawn)

    def test_a_test_is_replayed_alone(self) -> None:
        """A test that shares a fixture with others gets the same seeds without them."""
        first = self.run_tests()
        self.assertEqual(first.drawn['shared'], self.run_some(first.seed)['shared'])

    def test_the_command_works_where_pytest_was_started(self) -> None:
        """The path of the test is relative to that directory, not to pytest's root directory."""
        text = run('failures', '--rootdir=..', test='::test_call').output
        self.addDetail('pytest', text_content(text))
        self.assertIn('this test: pytest failures.py::test_call --vpmem-seed ', text)

    def test_the_command_repeats_the_options(self) -> None:
        """An option of the environment that changes what the seed leads to is in the command."""
        option = 'VPMEM_HARNESS_RELEASE=debian13'
        text = run('failures', test='::test_call', environment=option).output
        self.assertIn(f'this test: {option} pytest failures.py::test_call', text)

    def test_a_case_is_replayed(self) -> None:
        """The seed of a VPMEMTestCase comes from the session and from its id."""
        first = self.run_tests()
        self.assertEqual(first.drawn['case'], self.run_some(first.seed)['case'])

    def test_tests_and_parameters_have_different_seeds(self) -> None:
        """No two tests of a session draw the same, nor do two fixtures of one test."""
        drawn = [seed for name, text in self.run_tests().drawn.items() if name != 'marked'
                 for seed in re.findall(r'\b\d{5,10}\b', text)]
        self.assertEqual(len(drawn), len(set(drawn)))

    def test_a_marked_seed_counts_more(self) -> None:
        """The fixtures of a marked test get the seed of the marker."""
        self.assertEqual('7', self.run_tests().drawn['marked'])

    def test_the_environment_names_the_seed_of_each_test(self) -> None:
        """VPMEM_HARNESS_SEED is the seed itself, as under any test runner."""
        done = self.run_tests(test='::test_cloud', environment='VPMEM_HARNESS_SEED=23')
        self.assertEqual({'cloud': '23'}, done.drawn)
        self.assertIn('vpmem seed: 23 (replay with VPMEM_HARNESS_SEED=23)', done.output)

    def test_the_option_counts_more_than_the_environment(self) -> None:
        """--vpmem-seed determines the seeds even where the variable is set."""
        first = self.run_tests()
        self.assertEqual(first.drawn['uuids'], self.run_some(first.seed)['uuids'])


class OptionsTest(base.TestCase):

    def refused(self, *options: str, environment: str = '') -> str:
        done = run('seeds', *options, environment=environment)
        self.assertEqual(4, done.status, done.output)
        return done.output

    def test_a_seed_that_cannot_be(self) -> None:
        """It is refused by the name of the option, before any test."""
        self.assertIn('--vpmem-seed: expected a whole number', self.refused('--vpmem-seed=-1'))

    def test_a_variable_that_cannot_be(self) -> None:
        """It is refused by its name."""
        self.assertIn('VPMEM_HARNESS_SEED: expected a whole number',
                      self.refused(environment='VPMEM_HARNESS_SEED=x'))

    def test_a_backend_that_does_not_exist(self) -> None:
        """An ini option is refused by its name."""
        self.assertIn('vpmem_backend: expected one of stub, nova',
                      self.refused('-o', 'vpmem_backend=none'))


class LoadingTest(base.TestCase):

    def test_the_entry_point(self) -> None:
        """pytest finds the plugin in every environment that has the package."""
        project = tomllib.loads((ROOT / 'pyproject.toml').read_text())
        module = 'vpmem_harness.pytest_plugin'
        self.assertEqual({module: module}, project['project']['entry-points']['pytest11'])

    def test_nothing_else_is_loaded(self) -> None:
        """Without a test that uses it, the plugin costs no import of a dependency."""
        empty = self.useFixture(fixtures.TempDir()).path
        output = subprocess.run(
            [sys.executable, '-c', LOADED, empty], capture_output=True, text=True, check=False,
            timeout=60, cwd=ROOT).stdout
        loaded = set(output.rpartition('loaded ')[2].split())
        self.assertIn('vpmem_harness', loaded)
        self.assertEqual(
            set(), loaded & {'libvirt', 'lxml', 'oslo_config', 'oslo_log', 'testtools', 'fixtures',
                             'cliff', 'nova'})
