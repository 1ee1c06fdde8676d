"""The reports of failed tests: real exceptions, redacted, with sections of the fixtures.

The sections are part of ``report.longrepr``. That way they reach the terminal, JUnit XML and,
under pytest-xdist, the controller.
"""

from __future__ import annotations

import os
import shlex
import traceback
from collections.abc import Generator, Iterator
from typing import Any

import pytest

from vpmem_harness.fixtures import replay_command
from vpmem_harness.pytest_plugin import captured, marker, seeding, tracebacks
from vpmem_harness.pytest_plugin.captured import Captured
from vpmem_harness.pytest_plugin.options import SEED_VARIABLE, SESSION_SEED


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Note that the test is over: fixtures are captured from here on."""
    captured.of(item).tearing_down = True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the sections to the report of a failed test."""
    watch = captured.of(item)
    others = _unwrap(call, watch)
    tracebacks.shorten(item)
    report = yield
    if report.failed:
        watch.capture_all()
        written = watch.write_report(str(report.longrepr))
        if written is not None:
            watch.note('report', written)
        sections = [*_errors(others, watch), *watch.take()]
        if sections or seeding.drew(item):
            _redact(report, watch)
            for title, text in [('seed', _seed(item)), *sections]:
                _add(report, f'vpmem {title}', text)
    watch.forget()
    return report


def _unwrap(call: pytest.CallInfo[None], watch: Captured) -> list[BaseException]:
    """Replace testtools' MultipleExceptions, which fixtures raise, by the first of its errors.

    :returns: the others.
    """
    if call.excinfo is None:
        return []
    error = call.excinfo.value
    for details in tracebacks.setup_details(error):
        watch.add(details)
    errors = tracebacks.flattened(error)
    if errors[0] is not error:
        call.excinfo = pytest.ExceptionInfo.from_exception(errors[0])
    return errors[1:]


def _errors(errors: list[BaseException], watch: Captured) -> Iterator[tuple[str, str]]:
    for error in errors:
        yield 'further error', watch.redacted(''.join(traceback.format_exception(error)).rstrip())


def _seed(item: pytest.Item) -> str:
    session = item.config.stash[SESSION_SEED]
    test = shlex.quote(_argument(item))
    own = item.stash[seeding.TEST_SEEDS].seed
    lines = [f'vpmem seed: {session}']
    others = replay_command.variables()
    if session.derived:
        before = f'{others} ' if others else ''
        lines += [f'this test: {before}pytest {test} {session.replay}',
                  f'with any test runner: {before}{SEED_VARIABLE}={own}']
    else:
        before = f'{session.replay} {others}' if others else session.replay
        lines.append(f'this test: {before} pytest {test}')
    options = ', '.join(marker.described(item))
    return '\n'.join([*lines, f'options: {options}'] if options else lines)


def _argument(item: pytest.Item) -> str:
    """Return the id of a test with a path from the directory in which pytest was started.

    The path in the id is relative to pytest's root directory.
    """
    path, colons, names = item.nodeid.partition('::')
    started = item.config.invocation_params.dir
    return os.path.relpath(item.config.rootpath / path, started) + colons + names


def _add(report: pytest.TestReport, title: str, text: str) -> None:
    longrepr: Any = report.longrepr
    if hasattr(longrepr, 'addsection'):
        longrepr.addsection(title, text)
    elif isinstance(longrepr, str):
        report.longrepr = f'{longrepr}\n{f" {title} ":-^80}\n{text}'
    else:
        report.sections.append((title, text))


def _redact(report: pytest.TestReport, watch: Captured) -> None:
    """Redact messages and values; lines of source stay as they are."""
    longrepr: Any = report.longrepr
    if isinstance(longrepr, str):
        report.longrepr = watch.redacted(longrepr)
        return
    chain = getattr(longrepr, 'chain', None) or [
        (getattr(longrepr, 'reprtraceback', None), getattr(longrepr, 'reprcrash', None), None)]
    for entries, crash, _ in chain:
        for entry in getattr(entries, 'reprentries', ()):
            native = not hasattr(entry, 'reprfuncargs')
            entry.lines[:] = [
                watch.redacted(line) if native or line.startswith('E') else line
                for line in entry.lines]
            values = getattr(entry, 'reprlocals', None)
            if values is not None:
                values.lines[:] = map(watch.redacted, values.lines)
            arguments = getattr(entry, 'reprfuncargs', None)
            if arguments is not None:
                arguments.args[:] = [
                    (name, watch.redacted(value)) for name, value in arguments.args]
        if crash is not None:
            crash.message = watch.redacted(_summary(crash.message))


def _summary(message: str) -> str:
    """Return a message that says something in the one short line of pytest's summary."""
    name, colon, reason = message.partition(': ')
    if not colon or name.partition('.')[0] not in ('vpmem_harness', 'testtools'):
        return message
    return f'{name.rpartition(".")[2]}: {" ".join(reason.split())}'
