"""The option ``--vpmem-report`` of the pytest plugin."""

from __future__ import annotations

import pathlib
import tempfile

from testtools.content import text_content

from tests import base
from tests.functional.pytest_plugin.running import Run, run


class ReportPagesTest(base.TestCase):

    def setUp(self) -> None:
        super().setUp()
        directory = tempfile.TemporaryDirectory(prefix='vp')
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)

    def run_project(self, *options: str, environment: str = '', test: str = '') -> Run:
        found = run('failures', '--vpmem-seed=11', *options, environment=environment, test=test)
        self.addDetail('pytest', text_content(found.output))
        return found

    def page(self, test: str) -> str:
        [path] = [path for path in self.directory.iterdir()
                  if path.name.startswith(f'failures.{test}')]
        return path.read_text()

    def test_every_failure_on_hosts_has_its_page(self) -> None:
        """Failures of setup, call and teardown write one page each, with the server."""
        found = self.run_project(f'--vpmem-report={self.directory}')
        for test in ('test_call', 'test_setup', 'test_teardown', 'test_own_fixture',
                     'test_own_teardown', 'test_with_block'):
            page = self.page(test)
            self.assertIn('create server1', page, test)
            self.assertIn('<pre class="failure">', page, test)
            outcome = found.outcomes[test][-1]
            self.assertIn(f'failures.{test}', outcome.sections['report'], test)

        case = found.outcome('CaseTest.test_call')
        self.assertIn('failures.CaseTest.test_call', case.sections['report'])
        pages = [path.name for path in self.directory.iterdir()
                 if 'CaseTest.test_call' in path.name]
        self.assertEqual(['failures.CaseTest.test_call.html'], pages)

    def test_the_variable_and_the_workers_of_xdist(self) -> None:
        """The environment variable of the other runners works as well, also for workers."""
        self.run_project('-n1', environment=f'VPMEM_HARNESS_REPORT_DIR={self.directory}',
                         test='::test_call')
        self.page('test_call')

    def test_a_directory_that_cannot_be_used(self) -> None:
        """pytest refuses to start, and says why."""
        found = self.run_project('--vpmem-report=/proc/none')
        self.assertEqual(4, found.status)
        self.assertIn("--vpmem-report: expected a writable directory", found.output)
