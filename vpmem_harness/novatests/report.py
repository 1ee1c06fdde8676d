"""Report on a run of Nova's tests."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from vpmem_harness.novatests import known
from vpmem_harness.novatests.runner import Result
from vpmem_harness.plurals import counted

#: The groups of a report, in their order, each with a title for a number of tests.
GROUPS = {
    'passed': 'passed on simulated hosts',
    'without a call': 'passed without a call to a simulated host: not run',
    'failed': 'failed',
    'depends': "depend on Nova's fake",
    'skipped': 'skipped',
}


@dataclass
class Report:
    """Results by group.

    A test that passes without a call to a simulated host counts as not run. A test that
    :mod:`vpmem_harness.novatests.known` lists does not count as failed.

    :param on_fake: the tests ran on Nova's fake, so none of them has called a host.
    """

    on_fake: bool = False
    results: dict[str, list[Result]] = field(
        default_factory=lambda: {name: [] for name in GROUPS})

    def add(self, result: Result) -> str:
        """Add a result, and return its group."""
        group = result.outcome
        if group == 'passed' and not result.calls and not self.on_fake:
            group = 'without a call'
        if (group in ('failed', 'without a call') and not self.on_fake
                and known.reason(result.id) is not None):
            group = 'depends'
        self.results[group].append(result)
        return group

    @property
    def ok(self) -> bool:
        """Whether no test has failed, or passed without a call, for an unknown reason."""
        return not self.results['failed'] and not self.results['without a call']

    def line(self, result: Result, group: str) -> str:
        """Return a line on one test."""
        if group == 'passed':
            calls = '' if self.on_fake else f'{counted(result.calls, "call")}, '
            return f'passed   {result.id} ({calls}{result.seconds:.1f} s)'
        if group == 'depends':
            return f'depends  {result.id}: {known.reason(result.id)}'
        if group == 'without a call':
            return f'not run  {result.id}: it passed without a call to a simulated host'
        return f'{group:8} {result.id}: {result.reason}'

    def summary(self) -> str:
        """Return the numbers, one line for each group that has tests."""
        total = sum(len(results) for results in self.results.values())
        calls = sum(result.calls for result in self.results['passed'])
        lines = []
        for name, title in GROUPS.items():
            if count := len(self.results[name]):
                if name == 'passed':
                    title = ("passed on Nova's fake" if self.on_fake
                             else f'{title} ({counted(calls, "call")})')
                lines.append(f'{count} of {total} {title}')
        return '\n'.join(lines)

    def document(self) -> str:
        """Return everything as JSON."""
        content: dict[str, Any] = {
            name: [asdict(result) | {'known': known.reason(result.id)} for result in results]
            for name, results in self.results.items()}
        return json.dumps(content, indent=1)
