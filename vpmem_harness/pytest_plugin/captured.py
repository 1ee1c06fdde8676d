"""What the fixtures of a test say about themselves, captured before they are cleaned up."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from vpmem_harness.fixtures import in_use
from vpmem_harness.pytest_plugin.options import REPORT_DIRECTORY

if TYPE_CHECKING:
    from vpmem_harness.fixtures.safe_logging import SafeLoggingFixture
    from vpmem_harness.report import Report
    from vpmem_harness.safelog.redaction import Redactor

#: What no section is made of: pytest shows the traceback, and the seeds have their own section.
_IGNORED = ('traceback', 'reason', 'replay')


class Captured:
    """The sections of one test, for the phase that is running.

    :ivar tearing_down: whether the test itself is over. An earlier error during the teardown is
        not visible to the fixtures that follow, so each of them is captured then.
    :ivar log: the log of the test. It can be read after its cleanup.
    """

    def __init__(self, name: str = '', report_directory: str | None = None) -> None:
        self.tearing_down = False
        self._name = name
        self._report_directory = report_directory
        self._report: Report | None = None
        self.log: SafeLoggingFixture | None = None
        self.redactor: Redactor | None = None
        self._sections: dict[str, str] = {}

    def leaving(self, fixture: in_use.ReportableFixture) -> None:
        """Capture a fixture that is about to be cleaned up, if that is due to a failure."""
        self._note_redactor()
        if self.tearing_down or sys.exception() is not None:
            self.add(fixture.getDetails())
            self._collect([*in_use.current(), fixture])

    def capture_all(self) -> None:
        """Capture the fixtures in use."""
        for fixture in in_use.current():
            self._note_redactor()
            self.add(fixture.getDetails())
        self.collect_all()

    def collect_all(self) -> None:
        """Keep what the report shows of the fixtures in use."""
        self._collect(in_use.current())

    def add(self, details: Mapping[str, Any]) -> None:
        """Capture details of a fixture or of a test case, except those captured already."""
        for name, content in details.items():
            if name.partition('-')[0] in _IGNORED or content.content_type.type != 'text':
                continue
            text = self.redacted(_text(content))
            if text and text not in self._sections.values():
                self._sections[self._free(name)] = text

    def note(self, name: str, text: str) -> None:
        """Add a section with a text that is redacted already."""
        self._sections[self._free(name)] = text

    def redacted(self, text: str) -> str:
        """Return the text with pseudonyms in place of what identifies somebody."""
        self._note_redactor()
        return text if self.redactor is None else self.redactor.redact(text)

    def take(self) -> Iterator[tuple[str, str]]:
        """Yield the titles and texts captured so far, and forget them."""
        sections, self._sections = self._sections, {}
        yield from sections.items()
        log = '' if self.log is None else self.log.output
        if log and log not in sections.values():
            yield 'log', log

    def forget(self) -> None:
        """Forget what was captured in a phase that passed."""
        self._sections.clear()
        self._report = None

    def write_report(self, failure: str) -> str | None:
        """Save the report on the fixtures that were captured, and return its path.

        None when no report is wanted, when a test case has written its own, and when the test uses
        no simulated host.
        """
        found, self._report = self._report, None
        if found is None or self._report_directory is None or 'report' in self._sections:
            return None
        from vpmem_harness import report, safelog
        from vpmem_harness.fixtures import failure_report

        redactor = self.redactor or safelog.current()
        path = Path(self._report_directory) / report.file_name(self._name)
        try:
            text = report.page(dataclasses.replace(found, failure=failure), redactor)
            report.save(text, path)
        except Exception as error:      # it must not hide the failure of the test
            return f'could not be written: {error}'
        return failure_report.shown(path, redactor)

    def _collect(self, fixtures: Sequence[Any]) -> None:
        """Keep what the report shows of fixtures, before they are cleaned up."""
        if self._report_directory is None or self._report is not None or not fixtures:
            return
        from vpmem_harness import report
        from vpmem_harness.fixtures import failure_report

        if failure_report.has_hosts(fixtures):
            self._report = report.about(fixtures, title=self._name)

    def _free(self, name: str) -> str:
        number, free = 1, name
        while free in self._sections:
            free, number = f'{name}-{number}', number + 1
        return free

    def _note_redactor(self) -> None:
        """Keep the redactor of the run: the run may be over when the text is ready."""
        if self.redactor is None and 'vpmem_harness.safelog.active' in sys.modules:
            from vpmem_harness.safelog import active

            self.redactor = active.current()


def _text(content: Any) -> str:
    # One detail that cannot be read must not hide the others, or the failure itself.
    try:
        return str(content.as_text()).strip('\n')
    except Exception as error:
        return f'cannot be read: {type(error).__name__}: {error}'


_CAPTURED = pytest.StashKey[Captured]()


def of(item: pytest.Item) -> Captured:
    """Return what is captured of a test."""
    if _CAPTURED not in item.stash:
        item.stash[_CAPTURED] = Captured(item.nodeid, item.config.stash[REPORT_DIRECTORY])
    return item.stash[_CAPTURED]
