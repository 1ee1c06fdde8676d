"""Output of the command ``findings``."""

from __future__ import annotations

import contextlib
import io

from fixtures import MonkeyPatch

from tests import base
from vpmem_harness import cli, findings
from vpmem_harness.exceptions import WaitTimeoutError
from vpmem_harness.findings import evidence
from vpmem_harness.fixtures.cloud import CloudFixture
from vpmem_harness.host.audit import Kind, Report


def _leak(cloud: CloudFixture, audit: object) -> str:
    return 'a namespace that was not wiped'


def _hang(cloud: CloudFixture, audit: object) -> str:
    raise WaitTimeoutError('the end', 60, [])


class FindingsTest(base.TestCase):

    def look(self, *scenario: object) -> tuple[int, list[str]]:
        """Return the exit status and the output for the given findings."""
        self.useFixture(MonkeyPatch('vpmem_harness.findings.FINDINGS', [
            findings.Finding(f'number-{number}', 'a title', 'somebody', 'something', each)
            for number, each in enumerate(scenario)]))
        with contextlib.redirect_stdout(io.StringIO()) as output:
            status = cli.main(['findings', '--backend', 'stub'])
        return status, output.getvalue().splitlines()

    def test_the_output_names_the_backend(self) -> None:
        """The output names the backend and the number of findings that it has."""
        status, lines = self.look(_leak, lambda cloud, audit: None)
        self.assertEqual(1, status)
        self.assertEqual('AFFECTED: number-0: a title', lines[0])
        self.assertEqual('not affected: number-1: a title', lines[-2])
        self.assertEqual('the stub: AFFECTED by 1 of 2', lines[-1])

    def test_the_list_names_the_series_that_have_a_finding(self) -> None:
        """The list has the tested series of Nova that have each finding, and runs nothing."""
        self.useFixture(MonkeyPatch('vpmem_harness.findings.FINDINGS', [
            findings.Finding('old', 'a title', 'somebody', 'something', _hang, series=('33.0',)),
            findings.Finding('both', 'a title', 'somebody', 'something', _hang)]))
        with contextlib.redirect_stdout(io.StringIO()) as output:
            self.assertEqual(0, cli.main(['findings', '--list']))
        self.assertEqual(['old: a title (nova 33.0)', 'both: a title (nova 33.0, 34.0)'],
                         output.getvalue().splitlines())

    def test_a_scenario_that_hangs(self) -> None:
        """A hanging scenario is reported, and the others still run."""
        status, lines = self.look(_hang, _leak)
        self.assertEqual(2, status)
        self.assertEqual('not told: number-0: a title', lines[0])
        self.assertIn('waited 60 s for the end', lines[1])
        self.assertEqual('the stub: AFFECTED by 1 of 2, 1 not told', lines[-1])

    def test_evidence_is_summarized(self) -> None:
        """The evidence lists each namespace of an operation once, in one line."""
        told = evidence.told([
            Report(Kind.TAKEN, 'create of one', 'host1', name, device, ())
            for name, device in (('ns_0', '/dev/dax0.0'), ('ns_1', '/dev/dax0.1')) * 2])
        self.assertEqual('a namespace in use was wiped or given away: ns_0 (/dev/dax0.0), ns_1 '
                         '(/dev/dax0.1) on host1, during create of one', told)
