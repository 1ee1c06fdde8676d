"""Ending the processes that still use a host.

A program that outlives its hosts would find the real ``ndctl`` on the rest of its PATH. So the
processes that were started with a host's environment are ended before the host stops.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Collection, Iterator

#: The variable that marks every process of a run; its value is unique to the run.
MARK = 'VPMEM_HARNESS_RUN'


def marked(value: str) -> Iterator[int]:
    """The other processes that were started with the mark in their environment."""
    wanted = os.fsencode(f'{MARK}={value}')
    for entry in os.listdir('/proc'):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            with open(f'/proc/{entry}/environ', 'rb') as file:
                if wanted in file.read().split(b'\0'):
                    yield int(entry)
        except OSError:
            continue  # it has ended, or belongs to another user


def end_marked(value: str, grace: float = 2.0) -> list[int]:
    """End the marked processes: SIGTERM, then SIGKILL to those left after ``grace`` seconds.

    Returns the ids of the processes. A process that forks meanwhile is found in the next round.
    """
    found: list[int] = []
    deadline = time.monotonic() + grace
    number = signal.SIGTERM
    while processes := list(marked(value)):
        found += [pid for pid in processes if pid not in found]
        watched = select.poll()
        descriptors = []
        for pid in processes:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                descriptor = os.pidfd_open(pid)
                descriptors.append(descriptor)
                watched.register(descriptor, select.POLLIN)
                signal.pidfd_send_signal(descriptor, number)
        if not descriptors:
            break
        left = deadline - time.monotonic()
        ended = watched.poll(max(0.0, left) * 1000 if number == signal.SIGTERM else 1000)
        for descriptor in descriptors:
            os.close(descriptor)
        if time.monotonic() >= deadline:
            if number == signal.SIGKILL and not ended:
                break  # stuck in the kernel, or a zombie that its parent has not reaped
            number = signal.SIGKILL
    return found


def end_descendants(others: Collection[int] = (), patience: float = 5.0) -> None:
    """Kill the child processes of this process and theirs, and wait until they are gone.

    :param others: children that stay, and theirs with them.
    :param patience: seconds that are waited at most.
    """
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        left = set(_descendants(os.getpid(), others))
        if not left:
            return
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                descriptor = os.pidfd_open(pid)
                try:
                    signal.pidfd_send_signal(descriptor, signal.SIGKILL)
                    select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
                finally:
                    os.close(descriptor)


def _descendants(pid: int, others: Collection[int]) -> Iterator[int]:
    """The processes below a process, the youngest generation last."""
    try:
        threads = os.listdir(f'/proc/{pid}/task')
    except OSError:
        return
    for thread in threads:
        with contextlib.suppress(OSError), open(f'/proc/{pid}/task/{thread}/children') as file:
            for child in map(int, file.read().split()):
                if child not in others:
                    yield child
                    yield from _descendants(child, others)
