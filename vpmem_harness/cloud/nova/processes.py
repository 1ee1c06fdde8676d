"""Handles of Nova's processes in the process of the test."""

from __future__ import annotations

import atexit
import contextlib
import itertools
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import vpmem_harness
from vpmem_harness.host import directories
from vpmem_harness.serving import process_wide


class Zygote:
    """Parent of all Nova processes; it starts with the first cloud and ends with this process.

    It imports Nova once, which takes three seconds.
    """

    _lock = threading.Lock()
    _instance: Zygote | None = None
    _numbers = itertools.count(1)

    def __init__(self) -> None:
        self._lock_orders = threading.Lock()
        self._orders, theirs = socket.socketpair()
        path = [str(Path(vpmem_harness.__file__).parent.parent), os.environ.get('PYTHONPATH', '')]
        # The directory belongs to this process, so it is removed even if either process is killed.
        temporary = directories.make('nova', tempfile.gettempdir())
        try:
            with theirs:
                self._process = subprocess.Popen(  # noqa: S603 - our own module
                    [sys.executable, '-m', 'vpmem_harness.cloud.nova.zygote',
                     str(theirs.fileno()), str(temporary)],
                    pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL,
                    env={**os.environ, 'PYTHONPATH': os.pathsep.join(filter(None, path))})
            if self._orders.recv(1) != b'!':
                raise RuntimeError(
                    f'the parent of the Nova processes ended with {self._process.wait()}; '
                    'its standard error says why')
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        process_wide.children.add(self._process.pid)
        process_wide.descriptors.add(self._orders.fileno())

    @classmethod
    def shared(cls) -> Zygote:
        """Return the zygote of this process; start one if necessary."""
        with cls._lock:
            if cls._instance is not None and cls._instance._process.poll() is not None:
                atexit.unregister(cls._instance.close)
                cls._instance.close()
                cls._instance = None
            if cls._instance is None:
                cls._instance = cls()
                atexit.register(cls._instance.close)
            return cls._instance

    def fork(self, order: dict[str, Any], descriptors: Sequence[int] = ()) -> ForkedProcess:
        """Fork a process that executes an order; the order gets the number of the fork."""
        number = next(self._numbers)
        line = json.dumps({**order, 'number': number}).encode() + b'\n'
        with self._lock_orders:
            socket.send_fds(self._orders, [line], list(descriptors))
            answer = b''
            while not answer.endswith(b'\n'):
                part = self._orders.recv(64)
                if not part:
                    raise RuntimeError('the parent of the Nova processes is gone')
                answer += part
        return ForkedProcess(int(answer), number)

    def close(self) -> None:
        """End the zygote; its forks end with their clouds."""
        process_wide.descriptors.discard(self._orders.fileno())
        process_wide.children.discard(self._process.pid)
        self._orders.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
            return
        self._process.kill()
        self._process.wait()


class ForkedProcess:
    """A process that the zygote has forked.

    ``number`` is unique, while another fork can get the same ``pid``.
    """

    def __init__(self, pid: int, number: int) -> None:
        self.pid = pid
        self.number = number
        try:
            self._handle: int | None = os.pidfd_open(pid)
        except ProcessLookupError:
            self._handle = None

    @property
    def alive(self) -> bool:
        """Whether the process has not ended."""
        return not self.wait(0)

    def wait(self, seconds: float) -> bool:
        """Wait for the end of the process; return False on timeout."""
        if self._handle is None:
            return True
        poll = select.poll()
        poll.register(self._handle, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def kill(self) -> None:
        """Kill the process and wait for its end."""
        if self._handle is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)
            self.wait(10)
            os.close(self._handle)
            self._handle = None
