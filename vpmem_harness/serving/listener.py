"""Listening UNIX sockets of the event loop."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import select
import socket
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

from oslo_log import log as logging

from vpmem_harness import exceptions

if TYPE_CHECKING:
    from vpmem_harness.serving.eventloop import EventLoop

LOG = logging.getLogger(__name__)

#: The longest path of a UNIX socket, in bytes.  Source: sockaddr_un, unix(7).
PATH_MAX: Final = 107

#: How many clients may wait to be accepted.  Source: max_queued_clients in
#: src/remote/remote_daemon_config.c of libvirt 9.0.0.
BACKLOG: Final = 1000
_ACCEPTS_AT_ONCE: Final = 64
_PAUSE: Final = 0.1     # seconds to wait when the process has no descriptors left
#: Descriptors reserved for the rest of the process.
_SPARE: Final = 64
#: struct ucred: pid, uid, gid.
_CREDENTIALS: Final = struct.Struct('iII')


class Acceptor:
    """Accepts the clients of a listening socket, in the loop's thread.

    :param where: the name of the socket in log messages.
    :param admit: called with the socket of each client, which does not block.
    """

    def __init__(self, loop: EventLoop, listening: socket.socket, where: str,
                 admit: Callable[[socket.socket], object]) -> None:
        self._loop = loop
        self._socket = listening
        self._where = where
        self._admit = admit
        self._accepting = False
        self.resume()

    def resume(self) -> None:
        """Start or resume accepting clients.

        After the first call, call ``resume`` and ``pause`` in the loop's thread only.
        """
        if not self._accepting and self._socket.fileno() >= 0:
            self._accepting = True
            self._loop.watch(self._socket, select.EPOLLIN, self._ready)

    def pause(self) -> None:
        """Stop accepting clients; new ones wait in the backlog."""
        if self._accepting:
            self._accepting = False
            self._loop.forget(self._socket)

    def close(self) -> bool:
        """Stop listening, in the loop's thread; returns whether the socket was open."""
        if self._socket.fileno() < 0:
            return False
        self.pause()
        self._socket.close()
        return True

    def _ready(self, mask: int) -> None:
        for _ in range(_ACCEPTS_AT_ONCE):
            if not self._accepting:
                return
            try:
                make_room()
                client, _ = self._socket.accept()
            except BlockingIOError:
                return
            except exceptions.LimitError as error:
                self._pause_briefly(str(error))
                return
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    self._pause_briefly(os.strerror(error.errno))
                return      # otherwise the client has disconnected already
            client.setblocking(False)
            try:
                self._admit(client)
            except Exception:
                LOG.exception('Cannot serve a client of %s', self._where)
                client.close()

    def _pause_briefly(self, reason: str) -> None:
        LOG.error('Cannot accept clients on %s: %s', self._where, reason)
        self.pause()
        self._loop.call_later(_PAUSE, self.resume)


class Listener:
    """A UNIX socket that accepts clients; ``close`` removes its path.

    Clients that run as another user than this process or root are refused. The socket's mode does
    this too; the check also holds if somebody changes the mode or the directory.
    """

    def __init__(self, loop: EventLoop, path: str,
                 accept: Callable[[socket.socket], object]) -> None:
        length = len(os.fsencode(path))
        if length > PATH_MAX:
            raise exceptions.LimitError(
                f'the path of a UNIX socket has at most {PATH_MAX} bytes, {path} has {length}: '
                'use a shorter directory')
        self.path = path
        make_room()
        self._loop = loop
        self._accept = accept
        self._pid = os.getpid()
        self._acceptor = Acceptor(loop, bind_private(path), path, self._admit)
        self.resume, self.pause = self._acceptor.resume, self._acceptor.pause

    def _admit(self, client: socket.socket) -> None:
        if is_own(client):
            self._accept(client)
        else:
            LOG.warning('Refused a client of %s: it runs as another user', self.path)
            client.close()

    def close(self, *, unlink: bool = True) -> None:
        """Stop listening; connected clients stay connected."""
        if self._pid != os.getpid():
            return      # the path and the socket belong to the parent process
        self._loop.run_and_wait(lambda: self._close(unlink))

    def _close(self, unlink: bool) -> None:
        if self._acceptor.close() and unlink:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path)


class Peer(NamedTuple):
    """The process at the other end of a UNIX socket."""

    pid: int
    uid: int
    gid: int


#: The peer of a socket whose other end may be on another machine.
NOBODY: Final = Peer(0, -1, -1)


def peer(sock: socket.socket) -> Peer:
    """Return the process at the other end of a UNIX socket, as the kernel reports it."""
    return Peer._make(_CREDENTIALS.unpack(
        sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)))


def is_own(sock: socket.socket) -> bool:
    """Whether the process at the other end runs as the user of this process, or as root."""
    return peer(sock).uid in (0, os.getuid())


def make_room() -> None:
    """Raise the soft limit of descriptors before the process reaches it.

    :raises LimitError: when the hard limit does not allow it.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return
    with contextlib.suppress(OSError):
        probe = os.dup(2)       # the lowest free number
        os.close(probe)
        if probe < soft - _SPARE:
            return
    wanted = soft * 2 if hard == resource.RLIM_INFINITY else min(soft * 2, hard)
    if wanted <= soft:
        raise exceptions.LimitError(
            f'this process has used all of its {soft} file descriptors: raise the hard limit '
            '(ulimit -Hn), or use fewer hosts or clients')
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def bind_private(path: str) -> socket.socket:
    """Return a listening socket whose path never has another mode than 0600."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listening.setblocking(False)
        os.fchmod(listening.fileno(), 0o600)    # bind creates the path with this mode and the umask
        try:
            listening.bind(path)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or not _is_stale(path):
                raise
            os.unlink(path)
            listening.bind(path)
        os.chmod(path, 0o600)
        listening.listen(BACKLOG)
    except BaseException:
        listening.close()
        raise
    return listening


def _is_stale(path: str) -> bool:
    """Whether no process listens on the socket, as after a daemon was killed."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
    return False
