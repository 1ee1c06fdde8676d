"""Test cases of unittest and testtools under pytest.

pytest runs them with the test item as the result object, whose methods do not accept details.
testtools then reports an exception of its own without a traceback, which pytest cannot display.
Here the item accepts details, and pytest receives the exceptions that the test raised.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Generator, Mapping
from typing import Any

import pytest

from vpmem_harness.pytest_plugin import captured, logs, tracebacks

#: What testtools raises at the end of a test whose expectThat failed.
_FORCED = 'Forced Test Failure'


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Accept the outcome of a test case in place of the item."""
    unittest, testtools = sys.modules.get('unittest'), sys.modules.get('testtools')
    case = getattr(item, 'instance', None)
    outcome: Any = None
    if testtools is not None and isinstance(case, testtools.TestCase):
        outcome = TesttoolsOutcome(item, case)
    elif unittest is not None and isinstance(case, unittest.TestCase):
        outcome = UnittestOutcome(item)
    if outcome is None or not hasattr(item, 'addError'):
        return (yield)
    names = [name for name in dir(outcome) if name.startswith('add')]
    for name in names:
        setattr(item, name, getattr(outcome, name))
    try:
        with logs.as_before() if _has_log(case) else contextlib.nullcontext():
            return (yield)
    finally:
        for name in names:
            delattr(item, name)


def _has_log(case: Any) -> bool:
    """Return whether a test case captures the whole log itself."""
    ours = sys.modules.get('vpmem_harness.testcase')
    return ours is not None and isinstance(case, ours.VPMEMTestCase)


class UnittestOutcome:
    """Captures the fixtures in use before unittest cleans them up.

    :param item: pytest's item of the test.
    """

    def __init__(self, item: Any) -> None:
        self._item = item
        self._report = item.addError

    def addError(self, test: Any, error: Any) -> None:  # noqa: N802 - unittest's name
        """Report an error or a failure."""
        captured.of(self._item).capture_all()
        self._report(test, error)

    addFailure = addError  # noqa: N815 - unittest's name


class TesttoolsOutcome:
    """Reports every exception that a testtools test case raised, with its traceback.

    :param item: pytest's item of the test.
    """

    def __init__(self, item: Any, case: Any) -> None:
        self._item = item
        self._case = case
        self._errors: list[Any] = []
        self._original = {
            name: getattr(item, name) for name in (
                'addError', 'addSkip', 'addExpectedFailure', 'addUnexpectedSuccess')}
        case.addOnException(self._raised)

    def addError(  # noqa: N802 - unittest's name
        self, test: Any, error: Any = None, details: Mapping[str, Any] | None = None,
    ) -> None:
        """Report an error or a failure, and what went wrong besides."""
        details = details or {}
        watch = captured.of(self._item)
        log = getattr(self._case, 'log', None)
        watch.redactor = getattr(log, 'redactor', watch.redactor)
        watch.add(details)
        errors, self._errors[:] = list(self._errors), []
        if not errors and error is not None:
            errors = [error]
        for one in errors:
            self._report(test, one, details)

    addFailure = addError  # noqa: N815 - unittest's name

    def addSkip(  # noqa: N802 - unittest's name
        self, test: Any, reason: str | None = None, details: Mapping[str, Any] | None = None,
    ) -> None:
        """Report a skip, or the errors that preceded it."""
        if self._errors:
            self.addError(test, details=details)
        else:
            self._original['addSkip'](test, reason or _reason(details or {}))

    def addExpectedFailure(  # noqa: N802 - unittest's name
        self, test: Any, error: Any = None, details: Mapping[str, Any] | None = None,
    ) -> None:
        """Report a failure that the test expects, or the errors that preceded it."""
        self.addError(test, error, details)

    def addUnexpectedSuccess(  # noqa: N802 - unittest's name
        self, test: Any, details: Mapping[str, Any] | None = None,
    ) -> None:
        """Report that an expected failure did not come, or the errors that preceded it."""
        if self._errors:
            self.addError(test, details=details)
        else:
            self._original['addUnexpectedSuccess'](test)

    def addSuccess(  # noqa: N802 - unittest's name
        self, test: Any, details: Mapping[str, Any] | None = None,
    ) -> None:
        """Accept a success; its details are not shown."""

    def _raised(self, error: Any) -> None:
        """Note an exception, and its text: a mismatch describes objects as they are when asked."""
        kind, value, traceback = error
        mismatch = getattr(value, 'mismatch', None)
        if mismatch is not None:
            value.mismatch = _Described(mismatch.describe(), mismatch.get_details())
        outer = sys.exception()
        if tracebacks.is_multiple(outer) and outer is not None:
            traceback = tracebacks.joined(outer.__traceback__, traceback)
        captured.of(self._item).collect_all()
        self._errors.append((kind, value, traceback))

    def _report(self, test: Any, error: Any, details: Mapping[str, Any]) -> None:
        kind, value, _ = error
        name = kind.__name__
        if tracebacks.is_setup(value):
            return
        if issubclass(kind, self._case.skipException):
            self._original['addSkip'](test, str(value) or _reason(details))
        elif name == '_ExpectedFailure':
            self._original['addExpectedFailure'](test, error, _reason(details))
        elif name == '_UnexpectedSuccess':
            self._original['addUnexpectedSuccess'](test, _Reason(str(value) or _reason(details)))
        else:
            if str(value) == _FORCED:
                error = _failure(_expectations(details) or _FORCED)
            self._original['addError'](test, error)


class _Described:
    """A mismatch of testtools with a text that does not change any more."""

    def __init__(self, text: str, details: dict[str, Any]) -> None:
        self._text = text
        self._details = details

    def describe(self) -> str:
        return self._text

    def get_details(self) -> dict[str, Any]:
        return self._details


class _Reason:
    """What pytest takes for the reason of an unexpected success."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


def _reason(details: Mapping[str, Any]) -> str:
    return str(details['reason'].as_text()) if 'reason' in details else ''


def _failure(reason: str) -> Any:
    """Return a failure without a traceback, which would show testtools alone."""
    try:
        pytest.fail(reason, pytrace=False)
    except BaseException:
        return sys.exc_info()


def _expectations(details: Mapping[str, Any]) -> str:
    """Return what the failed calls of expectThat said."""
    texts = [content.as_text() for name, content in details.items()
             if name.startswith('Failed expectation')]
    return '\n'.join(text.partition('MismatchError: ')[2].strip() or text for text in texts)
