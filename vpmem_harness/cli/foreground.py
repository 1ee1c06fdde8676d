"""The command of ``vpmem-harness run``: signals and exit status."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
import time
from collections.abc import Iterable

from vpmem_harness.cli import signals
from vpmem_harness.host import processes

#: Seconds that the command has to end after a signal was relayed; then it is killed.
GRACE = 10.0

#: Signals that Python ignores and a command does not.
_IGNORED = (signal.SIGPIPE, signal.SIGXFSZ)


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
        # Blocked before the command exists, so that each signal is either for the harness alone,
        # and in `early`, or read with its sender.
        awaited = {*relayed, signal.SIGCHLD} if relayed else set()
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
        try:
            try:
                process = _start(words, environment, mask)
                status = (_wait(process, environment[processes.MARK], awaited, early) if relayed
                          else _status(os.waitpid(process, 0)[1]))
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            # The remaining signals arrived after the command had ended.
            return 128 + early[0] if early else status
        except OSError as error:
            print(f'vpmem-harness: {words[0]}: {error.strerror}', file=sys.stderr)
            return 127 if isinstance(error, FileNotFoundError) else 126
        finally:
            if kept is not None:
                signal.signal(signal.SIGQUIT, kept)


def _start(words: list[str], environment: dict[str, str], mask: Iterable[int]) -> int:
    """Start a command with a signal mask, and return its process id.

    Unlike subprocess, posix_spawn can set the mask. Until then no signal reaches the command, and
    none is lost.

    :raises OSError: if no directory of PATH has the command, or if it cannot be executed.
    """
    paths = ([words[0]] if os.sep in words[0] else
             [os.path.join(directory, words[0]) for directory in os.get_exec_path(environment)])
    failure: OSError = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    for path in paths:
        try:
            return os.posix_spawn(path, words, environment, setsigmask=mask, setsigdef=_IGNORED)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            failure = error
    raise failure


def _wait(process: int, mark: str, awaited: set[int], early: list[int]) -> int:
    """Wait for a command and return its exit status.

    The signals are blocked and read with sigwaitinfo, which gives their sender. The threads of the
    event loop block them as well, so that this thread gets them.

    :param early: signals that arrived before the command was started.
    """
    first = None
    deadline = 0.0
    while True:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return _status(status)
        number = early.pop(0) if early else _next(awaited, first and deadline)
        if number is None:
            processes.end_marked(mark)
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(process, signal.SIGKILL)    # in case it has another environment by now
                os.waitpid(process, 0)
            return 128 + (first or 0)
        if number == signal.SIGCHLD:
            continue
        if first is None:
            first, deadline = number, time.monotonic() + GRACE
        _relay(number, process, mark)


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


def _status(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code
