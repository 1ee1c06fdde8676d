"""``vpmem-harness findings``: known defects of a compute service."""

from __future__ import annotations

import argparse
import sys
import textwrap

from vpmem_harness import findings
from vpmem_harness.cli.commands import Command
from vpmem_harness.cloud.nova import series
from vpmem_harness.exceptions import HarnessError, InvalidInputError


class Findings(Command):
    """Run a scenario for each known defect on simulated hosts.

    The first line of each finding begins with ``AFFECTED`` or ``not affected``. The effect on
    tenants or operators, the cause and the evidence follow. The last line has the version of the
    compute service and the number of defects. The exit status is 1 if there is any defect, and 2
    if a scenario did not end. All scenarios take some minutes on nova, which needs the extra
    vpmem-harness[nova].
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the options."""
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument('names', metavar='NAME', nargs='*',
                            help='findings to check; by default all')
        parser.add_argument('--list', action='store_true',
                            help='list the findings, with the tested series of nova that have '
                                 'them, and exit')
        parser.add_argument('--backend', choices=['nova', 'stub'], default='nova',
                            help='compute service to check (default: nova)')
        parser.add_argument('--seed', metavar='N', type=int, help='seed')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        """Run the scenarios and return the exit status."""
        chosen = _chosen(parsed_args.names)
        if parsed_args.list:
            for finding in chosen:
                print(f'{finding.name}: {finding.title} (nova {", ".join(finding.series)})')
            return 0
        whom = _whom(parsed_args.backend)
        affected = untold = 0
        for finding in chosen:
            try:
                outcome = findings.run(finding, parsed_args.backend, parsed_args.seed)
            except HarnessError as error:
                untold += 1
                print(f'not told: {finding.name}: {finding.title}')
                _tell('Error', f'{type(error).__name__}: {error}')
                continue
            affected += outcome.affected
            print(outcome, flush=True)
            if outcome.evidence is not None:
                _tell('Suffering', finding.suffering)
                _tell('Cause', finding.cause)
                _tell('Evidence', outcome.evidence)
        print(f'{whom}: AFFECTED by {affected} of {len(chosen)}'
              f'{f", {untold} not told" if untold else ""}')
        return 2 if untold else int(bool(affected))


def _tell(word: str, text: str) -> None:
    print(textwrap.fill(f'{word}: {text}', width=96, initial_indent='    ',
                        subsequent_indent='        ', break_long_words=False), flush=True)


def _whom(backend: str) -> str:
    if backend == 'stub':
        return 'the stub'
    series.check()
    version = series.installed()
    if untested := series.note(version):
        print(untested, file=sys.stderr)
    return f'nova {version}'


def _chosen(names: list[str]) -> list[findings.Finding]:
    known = {finding.name: finding for finding in findings.FINDINGS}
    for name in names:
        if name not in known:
            raise InvalidInputError('finding', expected=', '.join(known), got=repr(name),
                                    remedy='use one of these names')
    return [known[name] for name in names or known]
