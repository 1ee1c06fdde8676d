"""The pipe in which a host's shell stand-ins report the listings that they answer themselves."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import struct
import termios
from collections.abc import Callable
from pathlib import Path
from typing import cast

from vpmem_harness.serving.eventloop import READABLE, EventLoop

#: Bytes of a pipe, so that one read takes all that is there and no line in parts.
#: Source: pipe(7).
_PIPE_SIZE = 1 << 16

_NOTHING = struct.pack('i', 0)


class Journal:
    """Reads the pipe in the event loop's thread.

    A stand-in writes one line for each listing that it prints, with a single ``write`` that the
    kernel does not split. The line is read as soon as the loop sees it, and in any case before
    the host records another call, so the order of the calls is kept.

    :param received: called with each line.
    """

    def __init__(self, loop: EventLoop, path: Path, received: Callable[[str], None]) -> None:
        self._loop = loop
        self._received = received
        self._pid = os.getpid()
        # Also open for writing: a pipe whose last writer has closed it is always readable.
        self._end = _End(os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC))
        loop.run_and_wait(lambda: loop.watch(self._socket, READABLE, lambda mask: self.drain()))

    @property
    def _socket(self) -> socket.socket:
        # The loop needs no more of a socket than what the pipe's end has.
        return cast(socket.socket, self._end)

    def drain(self) -> None:
        """Read the pending lines; in the loop's thread."""
        end = self._end.fileno()
        if end < 0 or self._pid != os.getpid() or fcntl.ioctl(
                end, termios.FIONREAD, _NOTHING) == _NOTHING:
            return
        with contextlib.suppress(BlockingIOError):
            for line in os.read(end, _PIPE_SIZE).decode('utf-8', 'replace').splitlines():
                self._received(line)

    def sync(self) -> None:
        """Read the pending lines, from any thread."""
        self._loop.run_and_wait(self.drain)

    def close(self) -> None:
        """Read the pending lines for the last time, and close the pipe."""
        self._loop.run_and_wait(self._close)

    def _close(self) -> None:
        if self._end.fileno() >= 0:
            self.drain()
            self._loop.forget(self._socket)
            self._end.close()


class _End:
    """An end of a pipe, with the methods of a socket that the event loop calls."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def fileno(self) -> int:
        return self._descriptor

    def shutdown(self, how: int) -> None:
        """Nobody waits at the other end."""

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
