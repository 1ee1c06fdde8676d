"""The command of ``vpmem-harness run``: signals and exit status."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time

from vpmem_harness.cli import signals
from vpmem_harness.host import processes

#: Seconds that the command has to end after a signal was relayed; then it is killed.
GRACE = 10.0


def run(words: list[str], environment: dict[str, str]) -> int:
    """Run a command and return its exit status as a shell does.

    SIGTERM and SIGHUP are relayed to the command. So is a SIGINT that another process sent; one
    from the terminal reaches the command by itself, which decides what becomes of it: an
    interactive shell goes on. SIGQUIT goes to the command only. If the command still runs
    :data:`GRACE` seconds after a relayed signal, it is killed together with its children, and
    the status is that of the signal.

    :param environment: the environment of the command, which contains the mark of the run.
    :raises Ended: if a signal has arrived before the command starts.
    """
    early: list[int] = []
    with signals.relayed(early.append) as relayed:
        # A handler, because the command would inherit SIG_IGN.
        kept = signal.signal(signal.SIGQUIT, lambda number, frame: None) if relayed else None
        try:
            process = subprocess.Popen(words, env=environment)  # noqa: S603 - the user's own
            status = _wait(process, environment[processes.MARK], relayed, early)
            # The remaining signals arrived after the command had ended.
            return 128 + early[0] if early else status
        except OSError as error:
            print(f'vpmem-harness: {words[0]}: {error.strerror}', file=sys.stderr)
            return 127 if isinstance(error, FileNotFoundError) else 126
        finally:
            if kept is not None:
                signal.signal(signal.SIGQUIT, kept)


def _wait(process: subprocess.Popen[bytes], mark: str, relayed: list[int],
          early: list[int]) -> int:
    """Wait for a command and return its exit status.

    The signals are blocked and read with sigwaitinfo, which gives their sender. The threads of the
    event loop block them as well, so that this thread gets them.

    :param early: signals that arrived while the command was started.
    """
    if not relayed:
        return _status(process.wait())
    awaited = {*relayed, signal.SIGCHLD}
    kept = signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
    try:
        first = None
        deadline = 0.0
        while process.poll() is None:
            number = early.pop(0) if early else _next(awaited, first and deadline)
            if number is None:
                processes.end_marked(mark)
                process.kill()      # in case it has another environment by now
                process.wait()
                return 128 + (first or 0)
            if number == signal.SIGCHLD:
                continue
            if first is None:
                first, deadline = number, time.monotonic() + GRACE
            _relay(number, process.pid, mark)
        return _status(process.returncode)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, kept)


def _next(awaited: set[int], deadline: float | None) -> int | None:
    """Wait for a signal that the terminal has not also sent to the command.

    :param deadline: the time at which it returns None.
    """
    while True:
        received = (signal.sigwaitinfo(awaited) if deadline is None else
                    signal.sigtimedwait(awaited, max(0.0, deadline - time.monotonic())))
        if received is None:
            return None
        # The code of the kernel's own signals is positive.  Source: sigaction(2), si_code.
        if received.si_signo != signal.SIGINT or received.si_code <= 0:
            return received.si_signo


def _relay(number: int, command: int, mark: str) -> None:
    """Send a signal to the command; send SIGINT to its process group, as a terminal does.

    Only processes of the run get it, because the group may be that of the caller.
    """
    chosen = {command}
    if number == signal.SIGINT:
        group = os.getpgid(command)
        for pid in processes.marked(mark):
            with contextlib.suppress(ProcessLookupError):
                if os.getpgid(pid) == group:
                    chosen.add(pid)
    for pid in chosen:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def _status(code: int) -> int:
    return 128 - code if code < 0 else code
