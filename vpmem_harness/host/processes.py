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
from collections.abc import Iterator

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
