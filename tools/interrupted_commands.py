"""Interrupts commands of vpmem-harness at random moments, and checks what they leave.

::

    python tools/interrupted_commands.py --times 100 run chaos up

Each command gets SIGINT, SIGTERM and SIGHUP that often. It must exit with 128 + the signal's number
and leave neither a file nor a process. A command that ends before the signal arrives, or that the
signal hits before Python has begun to run it, is counted separately. A fleet that "up" has started
before the signal arrived runs, and is ended.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vpmem_harness.randomness import Randomness

HARNESS = [sys.executable, '-m', 'vpmem_harness.cli']

PMEM = 'SMALL:2x4GiB'

COMMANDS = {
    'run': ['run', '--hosts', '3', '--pmem', PMEM, '--', 'sh', '-c', 'virsh list; ndctl list'],
    'chaos': ['chaos', '--hosts', '2', '--steps', '50', '--seed', '1'],
    'up': ['up', '--hosts', '3', '--cloud', '--pmem', PMEM],
    'foreground': ['up', '--foreground', '--pmem', PMEM],
}

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

#: Seconds that an interrupted command may take to end.
LIMIT = 120.0

#: Seconds after which "up --foreground" is interrupted at the latest.
FOREGROUND = 3.0


@dataclass(frozen=True)
class Outcome:
    """What became of one interrupted command; ``wrong`` is None if all is as it should be."""

    kind: str
    wrong: str | None = None


def duration(name: str) -> float:
    """Return how long a command takes that nobody interrupts, in seconds."""
    if name == 'foreground':
        return FOREGROUND
    with tempfile.TemporaryDirectory() as directory:
        begun = time.monotonic()
        subprocess.run([*HARNESS, *COMMANDS[name]],  # noqa: S603 - our own command
                       env=environment(directory), check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        ended = time.monotonic() - begun
        _down(directory)
    return ended


def interrupt(name: str, number: signal.Signals, delay: float) -> Outcome:
    """Send a signal to a command after some seconds, and check what it leaves."""
    directory = tempfile.mkdtemp()
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        stack.callback(_kill, directory)
        errors = stack.enter_context(tempfile.TemporaryFile())
        process = subprocess.Popen(  # noqa: S603 - our own command
            [*HARNESS, *COMMANDS[name]], env=environment(directory), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=errors)
        with process:
            try:
                process.wait(delay)
                kind = 'ended before'
            except subprocess.TimeoutExpired:
                process.send_signal(number)
                kind = 'interrupted'
            try:
                status = process.wait(LIMIT)
            except subprocess.TimeoutExpired:
                process.kill()
                return Outcome(kind, f'did not end within {LIMIT:g} s')
        errors.seek(0)
        # Python imports site before the command, and ends with status 1 when that is interrupted.
        if status == 1 and number == signal.SIGINT and b'<frozen site>' in errors.read():
            status = -number
        return _judge(name, kind, number, status, directory)


def _kill(directory: str) -> None:
    for pid in processes_in(directory):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _judge(name: str, kind: str, number: int, status: int, directory: str) -> Outcome:
    if status == 0:
        kind = 'ended before'       # the signal came while the interpreter shut down, or later
        if name == 'up':
            _down(directory)
    elif status == -number:
        kind = 'killed at the start'
    elif status != 128 + number:
        return Outcome(kind, f'exit status {status}')
    left = [str(path.relative_to(directory)) for path in Path(directory).rglob('*')]
    left += [f'process {pid}' for pid in processes_in(directory)]
    return Outcome(kind, f'left: {", ".join(left[:5])}' if left else None)


def _down(directory: str) -> None:
    subprocess.run([*HARNESS, 'down', '--all'],  # noqa: S603 - our own command
                   env=environment(directory), check=True)


def environment(directory: str) -> dict[str, str]:
    """Return an environment whose temporary files go to a directory."""
    return {**os.environ, 'TMPDIR': directory}


def processes_in(directory: str) -> Iterator[int]:
    """Yield the processes that run in :func:`environment`; a zombie has ended."""
    wanted = os.fsencode(f'TMPDIR={directory}')
    for entry in os.listdir('/proc'):
        try:
            if entry.isdigit() and wanted in Path('/proc', entry, 'environ').read_bytes().split(
                    b'\0'):
                yield int(entry)
        except OSError:
            continue


def measure(name: str, times: int, randomness: Randomness, span: float | None = None,
            ) -> tuple[collections.Counter[str], list[str]]:
    """Interrupt a command with each signal; return the counts by kind, and what was wrong.

    :param span: the seconds within which the signals come; as long as the command takes if None.
    """
    kinds: collections.Counter[str] = collections.Counter()
    wrong = []
    span = duration(name) if span is None else span
    for number in SIGNALS:
        for _ in range(times):
            delay = span * randomness.below(1000) / 1000
            outcome = interrupt(name, number, delay)
            kinds[outcome.kind] += 1
            if outcome.wrong is not None:
                wrong.append(f'{name}, {number.name} after {delay:.3f} s: {outcome.wrong}')
    return kinds, wrong


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return 1 if something was wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').partition('\n')[0])
    parser.add_argument('--times', type=int, default=100, help='signals of each kind')
    parser.add_argument('--seed', type=int, help='seed of the moments')
    parser.add_argument('commands', nargs='*', metavar='COMMAND', default=list(COMMANDS),
                        help=f'some of {", ".join(COMMANDS)}')
    arguments = parser.parse_args(argv)
    randomness = Randomness(arguments.seed)
    print(f'seed {randomness.seed}', flush=True)
    failed = False
    for name in arguments.commands:
        kinds, wrong = measure(name, arguments.times, randomness)
        failed |= bool(wrong)
        counts = ', '.join(f'{kind} {count}' for kind, count in sorted(kinds.items()))
        print(f'{name}: {counts}; wrong {len(wrong)}', flush=True)
        for line in wrong:
            print(f'  {line}', flush=True)
    return int(failed)


if __name__ == '__main__':
    sys.exit(main())
