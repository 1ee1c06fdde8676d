"""Parent of processes that share the memory of what it has imported.

The kernel copies a page of memory only when a process writes to it. So processes that are forked
after an import need memory only for what they add.
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from vpmem_harness.plurals import counted

#: Signals that the parent passes on to its processes.
RELAYED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)

#: Signals that end a process which handles none.
_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

#: Source: linux/prctl.h.
_PR_SET_PDEATHSIG = 1


class Program(NamedTuple):
    """What a forked process runs.

    ``main`` returns the exit status. ``log`` is the file for standard output and standard error,
    to which the process appends.
    """

    main: Callable[[], int]
    log: Path


class ProcessParent:
    """Parent that forks one process for each program and waits until all have ended.

    It restarts no process. A signal of :data:`RELAYED` goes to all processes, and after one that
    usually ends a process, no more are forked. If the parent is killed, its processes get SIGTERM.

    :param programs: the programs by name, in the order of their start.
    :param interval: seconds between the starts of two processes.
    :param say: gets lines about the processes (default: print to standard output).
    """

    def __init__(self, programs: Mapping[str, Program], interval: float = 0.0,
                 say: Callable[[str], None] | None = None) -> None:
        self._waiting = list(programs.items())
        self._interval = interval
        self._say = say or _print
        self._running: dict[int, str] = {}
        self._told = False
        self._failed = False

    def run(self) -> int:
        """Fork the processes, and return when all have ended.

        Returns 0 if each returned 0 after a signal had told it to end, and 1 otherwise.

        :raises RuntimeError: if this process has more than one thread; a fork copies only one.
        """
        if threading.active_count() > 1:
            raise RuntimeError(f'threads before the first fork: {threading.enumerate()}')
        gc.collect()
        # A collection would write to each object, and so copy its page.
        gc.freeze()
        awaited: set[int] = {*RELAYED, signal.SIGCHLD}
        kept = signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
        try:
            for number in self._signals(awaited):
                if number == signal.SIGCHLD:
                    self._reap()
                else:
                    self._relay(number)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, kept)
        return int(self._failed)

    def _signals(self, awaited: set[int]) -> Iterator[int]:
        """Yield the signals that arrive, and start the programs meanwhile."""
        due = time.monotonic()
        while self._waiting or self._running:
            if self._waiting and time.monotonic() >= due:
                self._fork(*self._waiting.pop(0))
                due = time.monotonic() + self._interval
                if not self._waiting:
                    self._say(f'running: {counted(len(self._running), "process")}')
            received = (signal.sigtimedwait(awaited, max(0.0, due - time.monotonic()))
                        if self._waiting else signal.sigwaitinfo(awaited))
            if received is not None:
                yield received.si_signo

    def _fork(self, name: str, program: Program) -> None:
        parent = os.getpid()
        child = os.fork()
        if child:
            self._running[child] = name
            return
        status = 1
        try:
            _begin(program.log, parent)
            status = program.main()
        except SystemExit as ended:
            status = _status(ended)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            # The interpreter's own end writes to most of the shared pages, which copies them.
            os._exit(status)

    def _relay(self, number: int) -> None:
        if number in _ENDING:
            self._told = True
            self._waiting.clear()
        for child in self._running:
            os.kill(child, number)

    def _reap(self) -> None:
        """Note the processes that have ended; one SIGCHLD can stand for several."""
        while self._running:
            child, how = os.waitpid(-1, os.WNOHANG)
            if not child:
                return
            name = self._running.pop(child, None)
            status = os.waitstatus_to_exitcode(how)
            if name is not None and (status or not self._told):
                self._failed = True
                self._say(f'{name} ended with status {status}' if status >= 0 else
                          f'{name} was ended by {signal.Signals(-status).name}')


def _print(line: str) -> None:
    print(line, flush=True)


def _begin(log: Path, parent: int) -> None:
    """Give a forked process its own output, and signals as a new process has them."""
    if ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM):
        raise OSError('prctl failed')
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    for number in (*RELAYED, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {*RELAYED, signal.SIGCHLD})
    if os.getppid() != parent:
        os._exit(1)     # the parent was killed before prctl


def _status(ended: SystemExit) -> int:
    """Return the exit status that the interpreter has after a SystemExit."""
    if ended.code is None or isinstance(ended.code, int):
        return ended.code or 0
    print(ended.code, file=sys.stderr)
    return 1
