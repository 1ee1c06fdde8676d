"""Process that runs tests of Nova on simulated hosts, and reports each as a line of JSON."""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import time
import traceback
import unittest
from types import TracebackType
from typing import Any

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.novatests import workarounds

_Error = tuple[type[BaseException], BaseException, TracebackType]


class Reporter(unittest.TestResult):
    """Writes the result of each test: id, outcome, calls, seconds, reason and details."""

    def __init__(self, file: Any) -> None:
        super().__init__()
        self._file = file
        self._started = 0.0
        self._cpu = 0.0
        self._outcome: dict[str, Any] = {}

    def startTest(self, test: unittest.TestCase) -> None:  # noqa: N802 - a name of unittest
        """Begin a test."""
        super().startTest(test)
        self._started, self._cpu = time.monotonic(), time.process_time()
        self._outcome = {'outcome': 'passed'}

    def stopTest(self, test: unittest.TestCase) -> None:  # noqa: N802 - a name of unittest
        """Report a test that has ended."""
        super().stopTest(test)
        line = {'id': test.id(), 'calls': getattr(test, 'host_calls', 0),
                'seconds': round(time.monotonic() - self._started, 3),
                'cpu': round(time.process_time() - self._cpu, 3), **self._outcome}
        self._file.write(json.dumps(line) + '\n')
        self._file.flush()

    def _failed(self, error: Any) -> None:
        kind, value, trace = error
        text = ''.join(traceback.format_exception(kind, value, trace))
        lines = [line for line in str(value).strip().splitlines() if line.strip()]
        self._outcome = {'outcome': 'failed', 'reason': lines[-1][:300] if lines else kind.__name__,
                         'details': text}

    def addError(self, test: Any, err: Any) -> None:  # noqa: N802 - a name of unittest
        """Record an error."""
        super().addError(test, err)
        self._failed(err)

    def addFailure(self, test: Any, err: Any) -> None:  # noqa: N802 - a name of unittest
        """Record a failure."""
        super().addFailure(test, err)
        self._failed(err)

    def addSkip(self, test: Any, reason: str) -> None:  # noqa: N802 - a name of unittest
        """Record a test that was skipped."""
        super().addSkip(test, reason)
        self._outcome = {'outcome': 'skipped', 'reason': reason}


def _hurry() -> None:
    """Save time that the interpreter spends in a process with many objects and threads."""
    # What is imported is never garbage. This hides the tests from the collector too.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    # A call to a host waits for this interval in seconds while a third thread computes.
    sys.setswitchinterval(0.0005)


def main() -> None:
    """Run the tests of the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument('--nova', metavar='PATH')
    parser.add_argument('--plain', action='store_true')
    parser.add_argument('--list', action='store_true')
    parser.add_argument('tests', nargs='*')
    options = parser.parse_args()
    # Nova's tests print; only the reports may reach the parent.
    file = os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)
    if options.nova:
        sys.path.insert(0, os.path.abspath(options.nova))
    workarounds.before_import()
    from vpmem_harness.novatests import loader

    names = options.tests or [loader.LIBVIRT_TESTS]
    plain = options.list or options.plain
    try:
        tests = loader.plain(names) if plain else loader.Loader(
            keep_nova_mocks=True, fail_without_calls=False, retries=20).load(names)
    except InvalidInputError as error:
        file.write(json.dumps({'error': {
            'what': error.what, 'expected': error.expected, 'got': error.got,
            'remedy': error.remedy}}) + '\n')
        return
    if options.list:
        for test in tests:
            file.write(json.dumps({'id': test.id()}) + '\n')
        return
    _hurry()
    reporter = Reporter(file)
    while tests:
        if options.plain:
            # Each test restores the configuration.
            workarounds.use_installed_paste_configuration()
        test = tests.pop(0)
        test.run(reporter)
        # A test that has ended keeps its hosts and services, and it is not collected: see _hurry.
        vars(test).clear()


if __name__ == '__main__':
    main()
