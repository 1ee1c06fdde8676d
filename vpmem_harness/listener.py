"""A UNIX socket that the event loop listens on."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from oslo_log import log as logging

from vpmem_harness import exceptions

if TYPE_CHECKING:
    from vpmem_harness.eventloop import EventLoop

LOG = logging.getLogger(__name__)

#: The longest path of a UNIX socket, in bytes.  Source: sockaddr_un, unix(7).
PATH_MAX: Final = 107

_BACKLOG: Final = 128
_ACCEPTS_AT_ONCE: Final = 64
_PAUSE: Final = 0.1     # seconds until accepting again when the process is out of descriptors


class Listener:
    """A UNIX socket that accepts clients; ``close`` removes its path."""

    def __init__(self, loop: EventLoop, path: str,
                 accept: Callable[[socket.socket], object]) -> None:
        length = len(os.fsencode(path))
        if length > PATH_MAX:
            raise exceptions.LimitError(
                f'the path of a UNIX socket has at most {PATH_MAX} bytes, {path} has {length}: '
                'use a shorter directory')
        self.path = path
        self._loop = loop
        self._accept = accept
        self._pid = os.getpid()
        self._socket = _bind(path)
        loop.run_and_wait(self._resume)

    def _resume(self) -> None:
        self._loop.watch(self._socket, select.EPOLLIN, self._ready)

    def _ready(self, mask: int) -> None:
        for _ in range(_ACCEPTS_AT_ONCE):
            try:
                client, _ = self._socket.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    LOG.error('No client can be accepted on %s: %s', self.path, error.strerror)
                    self._loop.forget(self._socket)
                    self._loop.call_later(_PAUSE, self._try_again)
                return      # else the client has gone before it was accepted
            client.setblocking(False)
            try:
                self._accept(client)
            except Exception:
                LOG.exception('A client of %s could not be served', self.path)
                client.close()

    def _try_again(self) -> None:
        if self._socket.fileno() >= 0:
            self._resume()

    def close(self, *, unlink: bool = True) -> None:
        """Stops listening; clients that are connected stay."""
        if self._pid != os.getpid():
            return      # the path and the socket are the parent's
        self._loop.run_and_wait(lambda: self._close(unlink))

    def _close(self, unlink: bool) -> None:
        if self._socket.fileno() < 0:
            return
        self._loop.forget(self._socket)
        self._socket.close()
        if unlink:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path)


def _bind(path: str) -> socket.socket:
    """A listening socket of mode 0600, from the first moment on."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listening.setblocking(False)
        os.fchmod(listening.fileno(), 0o600)    # the mode of what bind creates, less the umask
        try:
            listening.bind(path)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or not _is_stale(path):
                raise
            os.unlink(path)
            listening.bind(path)
        os.chmod(path, 0o600)
        listening.listen(_BACKLOG)
    except BaseException:
        listening.close()
        raise
    return listening


def _is_stale(path: str) -> bool:
    """Whether the socket is one that nobody listens on: a killed daemon leaves such."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
    return False
