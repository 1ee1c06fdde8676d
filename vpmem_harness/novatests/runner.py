"""Runs Nova's tests in worker processes, and collects their results."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

from vpmem_harness.exceptions import HarnessError, InvalidInputError

#: How many lines of a worker's log an error shows.
LOG_LINES = 20

#: How long a worker process may take to exit after its last test, in seconds.
EXIT = 10

#: How many tests a worker process runs at most. What Nova leaves behind in memory and in threads
#: makes later tests slower.
PART = 30


@dataclass(frozen=True)
class Result:
    """The result of one test.

    :param outcome: ``passed``, ``failed`` or ``skipped``.
    :param calls: libvirt calls that reached simulated hosts.
    :param seconds: elapsed time; ``cpu`` is the CPU time of the process meanwhile.
    :param reason: the last line of the error.
    :param details: the error with its traceback and the captured log.
    """

    id: str
    outcome: str
    calls: int = 0
    seconds: float = 0.0
    cpu: float = 0.0
    reason: str = ''
    details: str = ''


class Runner:
    """Runs tests in processes of their own, because Nova needs a prepared interpreter.

    :param nova: the path of a checkout of Nova; the installed Nova if None.
    :param processes: how many processes run tests.
    :param timeout: seconds that one test may take.
    :param plain: run the tests on Nova's fake, for a comparison.
    """

    def __init__(self, *, nova: str | None = None, processes: int = 1, timeout: float = 300,
                 plain: bool = False) -> None:
        if nova is not None and not os.path.isdir(os.path.join(nova, 'nova', 'tests')):
            raise InvalidInputError('--nova', expected='a directory with nova/tests', got=nova,
                                    remedy='name the top directory of a checkout of Nova')
        self._options = [*(['--nova', nova] if nova else []), *(['--plain'] if plain else [])]
        self._processes = processes
        self._timeout = timeout
        self._workers: set[_Worker] = set()
        self._ended = False
        self._lock = threading.Lock()

    def tests(self, names: Sequence[str]) -> list[str]:
        """Return the ids of the tests that packages, modules, classes or ids name.

        :raises InvalidInputError: if there is no such test.
        :raises HarnessError: if Nova's tests cannot be imported.
        """
        with _Worker([*self._options, '--list', *names]) as worker:
            lines = list(worker.lines(self._timeout))
            if worker.status != 0:
                raise HarnessError(f"Nova's tests cannot be imported: {worker.last_line}")
        for line in lines:
            if 'error' in line:
                raise InvalidInputError(**line['error'])
        return [line['id'] for line in lines]

    def run(self, tests: Sequence[str], report: Callable[[Result], None]) -> None:
        """Run tests, and report each result in the calling thread.

        An exception in this thread, such as that of a signal, ends the workers.
        """
        results: queue.Queue[Result | None] = queue.Queue()
        parts = parts_for(self._processes, tests)
        waiting = iter(parts)
        threads = [threading.Thread(target=self._run_parts, args=(waiting, results), daemon=True)
                   for _ in range(min(self._processes, len(parts)))]
        for thread in threads:
            thread.start()
        running = len(threads)
        try:
            while running:
                result = results.get()
                if result is None:
                    running -= 1
                else:
                    report(result)
        finally:
            self._end()
            for thread in threads:
                thread.join()

    def _end(self) -> None:
        """Kill the workers, and let no other one run."""
        with self._lock:
            self._ended = True
            for worker in self._workers:
                worker.kill()

    @contextlib.contextmanager
    def _worker(self, tests: list[str]) -> Iterator[_Worker]:
        """Start a worker that ends with the run."""
        with _Worker([*self._options, *tests]) as worker:
            with self._lock:
                self._workers.add(worker)
                if self._ended:
                    worker.kill()
            try:
                yield worker
            finally:
                with self._lock:
                    self._workers.remove(worker)

    def _run_parts(self, parts: Iterator[list[str]],
                   results: queue.Queue[Result | None]) -> None:
        """Run the parts that other threads have not taken."""
        try:
            for part in parts:
                self._run_part(part, results)
        finally:
            results.put(None)

    def _run_part(self, tests: list[str], results: queue.Queue[Result | None]) -> None:
        """Run tests one after the other; a new process continues after one that has ended."""
        waiting = list(tests)
        while waiting and not self._ended:
            for result in self._run_until_it_ends(waiting):
                waiting.remove(result.id)
                results.put(result)

    def _run_until_it_ends(self, tests: list[str]) -> Iterator[Result]:
        with self._worker(tests) as worker:
            left = list(tests)
            try:
                for line in worker.lines(self._timeout):
                    left.remove(line['id'])
                    yield Result(**line)
                    if not left:
                        worker.end()
                        return
            except TimeoutError:
                yield Result(left[0], 'failed', details=worker.log,
                             reason=f'did not end in {self._timeout:g} s')
                return
            yield Result(left[0], 'failed', details=worker.log,
                         reason=f'its process ended with status {worker.status}: '
                                f'{worker.last_line}')


class _Worker:
    """A worker process; its reports are read in a thread, so that waiting has an end."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self._arguments = arguments

    def __enter__(self) -> _Worker:
        self._log: IO[str] = tempfile.TemporaryFile('w+', errors='replace')
        environment = {**os.environ, 'OS_NOVA_DISABLE_EVENTLET_PATCHING': 'true'}
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, '-m', f'{__package__}.worker', *self._arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._log, text=True,
            env=environment)
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def end(self) -> None:
        """Wait until the process has ended; a thread that Nova leaves behind may prevent it."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(EXIT)

    def kill(self) -> None:
        """Kill the process."""
        self._process.kill()

    def __exit__(self, *error: object) -> None:
        self.kill()
        self._process.wait()
        self._reader.join()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._log.close()

    def _read(self) -> None:
        if self._process.stdout is None:
            raise HarnessError('the worker has no output')
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def lines(self, timeout: float) -> Iterator[dict[str, Any]]:
        """Yield reports until the process ends; TimeoutError if one takes too long."""
        while True:
            try:
                line = self._lines.get(timeout=timeout)
            except queue.Empty:
                raise TimeoutError from None
            if line is None:
                return
            yield json.loads(line)

    @property
    def status(self) -> int:
        """The exit status of the process."""
        return self._process.wait()

    @property
    def log(self) -> str:
        """The last lines that the process has logged."""
        self._log.seek(0)
        return ''.join(self._log.readlines()[-LOG_LINES:])

    @property
    def last_line(self) -> str:
        """The last line that the process has logged."""
        lines = self.log.strip().splitlines()
        return lines[-1] if lines else ''


def parts_for(processes: int, tests: Sequence[str]) -> list[list[str]]:
    """Divide tests into parts, largest first, that processes take one after the other.

    Each process gets several, so that all end at about the same time. The tests of a class stay
    together if they can.
    """
    limit = PART if processes == 1 else min(PART, max(
        -(-len(tests) // (4 * processes)), min(-(-len(tests) // processes), 5)))
    classes: dict[str, list[str]] = {}
    for test in tests:
        classes.setdefault(test.rpartition('.')[0], []).append(test)
    parts: list[list[str]] = []
    for of_class in classes.values():
        for start in range(0, len(of_class), limit):
            some = of_class[start:start + limit]
            if parts and len(parts[-1]) + len(some) <= limit:
                parts[-1] += some
            else:
                parts.append(some)
    return sorted(parts, key=len, reverse=True)
