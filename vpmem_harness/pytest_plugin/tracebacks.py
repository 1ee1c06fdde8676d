"""Tracebacks of test code: complete where a fixture fails, without the inside of the harness."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any

import pytest

#: The packages between a test and the error that it gets.
_BETWEEN = ('vpmem_harness', 'testtools', 'fixtures', 'unittest')

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


def flattened(error: BaseException) -> list[BaseException]:
    """Return the errors in testtools' MultipleExceptions, which a failed fixture raises.

    The first of them gets the whole traceback, beginning with the test.
    """
    if not is_multiple(error):
        return [error]
    # The last one carries the details of the fixture that failed in its setUp, and no reason.
    errors = [one for _, each, _ in error.args for one in flattened(each) if not is_setup(one)]
    if not errors:
        return [error]
    errors[0].__traceback__ = joined(error.__traceback__, errors[0].__traceback__)
    return errors


def setup_details(error: BaseException) -> Iterator[Mapping[str, Any]]:
    """Yield the details of the fixtures that failed in their setUp."""
    if is_multiple(error):
        for _, each, _ in error.args:
            yield from setup_details(each)
    elif is_setup(error):
        yield error.args[0]


def is_multiple(error: BaseException | None) -> bool:
    """Return whether an error stands for several."""
    kind = getattr(sys.modules.get('testtools.runtest'), 'MultipleExceptions', None)
    return kind is not None and isinstance(error, kind)


def is_setup(error: BaseException) -> bool:
    """Return whether an error only carries the details of a fixture that failed in its setUp."""
    kind = type(error)
    return kind.__name__ == 'SetupError' and kind.__module__.startswith('fixtures')


def joined(outer: TracebackType | None, inner: TracebackType | None) -> TracebackType | None:
    """Return one traceback of two: from the test to the fixture, and from there to the error."""
    entries = _without_end(_entries(outer), [_module(one) for one in _entries(outer)])
    result = inner
    for entry in reversed(entries):
        result = TracebackType(result, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return result


def shorten(item: Any) -> None:
    """End the traceback of a refusal or a failed assertion where the test calls the harness.

    The option ``--full-trace`` shows the rest, as it does for frames that pytest hides.
    """
    pytests = getattr(type(item), '_traceback_filter', None)
    if pytests is None:
        return

    def shortened(excinfo: pytest.ExceptionInfo[BaseException]) -> Any:
        error, entries = excinfo.value, pytests(item, excinfo)
        ours = type(error).__module__.startswith('vpmem_harness.')
        if not ours and not isinstance(error, AssertionError):
            return entries
        kept = _without_end(list(entries), [
            entry.frame.f_globals.get('__name__', '') for entry in entries])
        if not kept:
            return entries
        if ours and error.__cause__ is None:
            error.__suppress_context__ = True
        return type(entries)(kept)

    item._traceback_filter = shortened


def _entries(traceback: TracebackType | None) -> list[TracebackType]:
    entries = []
    while traceback is not None:
        entries.append(traceback)
        traceback = traceback.tb_next
    return entries


def _module(entry: TracebackType) -> str:
    return str(entry.tb_frame.f_globals.get('__name__', ''))


def _without_end(entries: list[Any], modules: Sequence[str]) -> list[Any]:
    """Return the entries up to the last one that belongs to a test."""
    count = len(entries)
    while count and modules[count - 1].partition('.')[0] in _BETWEEN:
        count -= 1
    return entries[:count]
