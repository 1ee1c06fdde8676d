"""``vpmem-harness findings``: which known defects a compute service has."""

from __future__ import annotations

import argparse
import textwrap

from vpmem_harness import findings
from vpmem_harness.cli.commands import Command
from vpmem_harness.exceptions import InvalidInputError


class Findings(Command):
    """Run a short scenario for each known defect, on simulated hosts.

    The first line of each begins with ``AFFECTED`` or ``not affected``; what a tenant or an
    operator would suffer, the cause and the evidence follow. The exit status is 1 when there is
    any. It takes nova, the extra vpmem-harness[nova], unless it looks at the stub.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """The options of the command."""
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument('names', metavar='NAME', nargs='*',
                            help='findings to look for; all unless given')
        parser.add_argument('--list', action='store_true', help='list them, without looking')
        parser.add_argument('--backend', choices=['nova', 'stub'], default='nova',
                            help='whom to look at (nova is the default)')
        parser.add_argument('--seed', metavar='N', type=int, help='the seed of what is random')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        """Runs the scenarios: exit status."""
        affected = False
        for finding in _chosen(parsed_args.names):
            if parsed_args.list:
                print(f'{finding.name}: {finding.title}')
                continue
            outcome = findings.run(finding, parsed_args.backend, parsed_args.seed)
            affected = affected or outcome.affected
            print(outcome, flush=True)
            if outcome.evidence is not None:
                for word, text in (('Suffering', finding.suffering), ('Cause', finding.cause),
                                   ('Evidence', outcome.evidence)):
                    print(textwrap.fill(f'{word}: {text}', width=96, initial_indent='    ',
                                        subsequent_indent='        ', break_long_words=False))
        return int(affected)


def _chosen(names: list[str]) -> list[findings.Finding]:
    known = {finding.name: finding for finding in findings.FINDINGS}
    for name in names:
        if name not in known:
            raise InvalidInputError('finding', expected=', '.join(known), got=name,
                                    remedy='ask for one of these')
    return [known[name] for name in names or known]
