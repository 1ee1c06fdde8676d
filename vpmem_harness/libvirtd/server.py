"""A host's daemon: its sockets and its connected clients."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import socket
import urllib.parse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from oslo_log import log as logging

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.libvirtd.dispatch import Dispatcher, Hypervisor, Intercept
from vpmem_harness.libvirtd.drivers import DRIVERS, SPLIT_DAEMONS
from vpmem_harness.libvirtd.remote_access import RemoteAccess
from vpmem_harness.libvirtd.wire.frames import HEADER, FrameError
from vpmem_harness.libvirtd.wire.session import CALLS_MAX, Session, asks_to_close
from vpmem_harness.plurals import counted
from vpmem_harness.serving import eventloop, listener
from vpmem_harness.serving.secure_socket import SecureSocket, server_context
from vpmem_harness.serving.tcp_listener import ClientSocket, TCPListener

LOG = logging.getLogger(__name__)

_READ_SIZE: Final = 8192            # enough for a usual call
_READ_SIZE_MAX: Final = 1 << 20     # while a long frame is incomplete
#: The shortest time until another process gets the reply to a job; see ``dispatch``.
_JOB_SECONDS: Final = 0.2
#: Bytes of output that a client may leave unread before it is disconnected.
_UNREAD_MAX: Final = 64 << 20
#: The number of clients that a daemon serves at a time; others wait in the socket's queue. There is
#: no separate limit for clients that have not authenticated (max_anonymous_clients).
#: Source: max_clients in src/remote/remote_daemon_config.c, virNetServerCheckLimits in
#: src/rpc/virnetserver.c of libvirt 9.0.0.
CLIENTS_MAX: Final = 5000


class Client:
    """A connected client: joins its socket, its session and its dispatcher."""

    def __init__(self, daemon: Daemon, sock: ClientSocket, readonly: bool,
                 drivers: Sequence[str]) -> None:
        self._daemon = daemon
        self._loop = daemon.loop
        self._socket = sock
        self._session = Session(keepalive_interval=daemon.keepalive_interval,
                                keepalive_count=daemon.keepalive_count,
                                last_procedure=daemon.hypervisor.release.procedures)
        self._peer = listener.NOBODY
        if isinstance(sock, socket.socket) and sock.family == socket.AF_UNIX:
            self._peer = listener.peer(sock)
        own = self._peer.pid == os.getpid()
        self._dispatcher = Dispatcher(
            self._session, daemon.hypervisor, readonly=readonly, flush=self._flush,
            drop=self.close, call_soon=self._loop.call_soon, drivers=drivers,
            delay=None if own else functools.partial(self._loop.call_later, _JOB_SECONDS))
        self._read_size = _READ_SIZE
        self._backlog = bytearray()     # output that the socket has not accepted yet
        self._events = eventloop.READABLE
        self._timer: eventloop.Timer | None = None
        self._flushing = False
        self._closed = False
        self._loop.watch(sock, self._events, self._ready)
        if isinstance(sock, SecureSocket):
            if sock.pending:        # the client has not waited for the end of the handshake
                self._loop.call_soon(self._read)
            return
        # The process at the other end of a TCP connection is not known: it may be this one.
        if own or self._peer is listener.NOBODY:
            self._loop.watchdog.add(self._let_go)

    def _ready(self, mask: int) -> None:
        try:
            if mask == eventloop.READABLE:
                self._read()
                return
            if mask & eventloop.WRITABLE:
                self._write()
                self._work()
            if mask & eventloop.READABLE:
                self._read()
            elif mask & ~eventloop.WRITABLE:
                self.close()        # closed or broken, and nothing left to read
        except Exception:
            LOG.exception('A client of %s is disconnected: the daemon failed', self._daemon.path)
            self.close()

    def _read(self) -> None:
        if self._closed:
            return
        session = self._session
        try:
            data = self._socket.recv(self._read_size)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b''
        if not data:
            if session.within_frame:
                LOG.warning('A client of %s disconnected within a frame', self._daemon.path)
            self.close()
            return
        try:
            session.receive(data, self._loop.now)
        except FrameError as error:
            LOG.warning('A client of %s is disconnected: %s', self._daemon.path, error)
            self.close()
            return
        if session.waiting:
            self._read_size = _READ_SIZE
            self._work()
        else:
            self._read_size = min(max(_READ_SIZE, session.missing), _READ_SIZE_MAX)

    def _work(self) -> None:
        """Execute the calls that the session has received, and write its output."""
        if self._closed:
            return
        session = self._session
        executed = 0
        while (call := session.next_call()) is not None:
            call.peer = self._peer
            self._dispatcher.execute(call, self._daemon.intercept)
            if self._closed:
                return
            executed += 1
            if not session.waiting or executed == CALLS_MAX:
                break
        self._write()
        if ((session.waiting and session.ready) or session.streams.sending) and not self._backlog:
            self._flush()       # after the other clients
        if self._timer is None and session.keepalive.started:
            self._keep_alive()

    def _write(self) -> None:
        if self._closed:
            return
        session, backlog = self._session, self._backlog
        data: bytes | bytearray = session.take_output()
        if backlog:
            backlog += data
            data = backlog
        if data:
            try:
                sent = self._socket.send(data)
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError:
                self.close()
                return
            if data is backlog:
                del backlog[:sent]
            elif sent < len(data):
                backlog += data[sent:]
            if backlog and len(backlog) > _UNREAD_MAX:
                LOG.warning('A client of %s is disconnected: it left %s unread',
                            self._daemon.path, counted(len(backlog), 'byte'))
                self.close()
                return
        if backlog:
            events = eventloop.WRITABLE     # read no more calls until the client reads its replies
        elif session.closing:
            self.close()
            return
        elif session.waiting or session.running >= CALLS_MAX:
            events = 0      # nor while enough calls are waiting
        else:
            events = eventloop.READABLE
        if events != self._events:
            self._events = events
            self._loop.modify(self._socket, events)

    def _flush(self) -> None:
        """Schedule the output to be written; callable from any thread."""
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush_now)

    def _flush_now(self) -> None:
        self._flushing = False
        self._work()

    def _keep_alive(self) -> None:
        self._timer = None
        if self._closed:
            return
        if not self._session.tick(self._loop.now):
            LOG.warning('A client of %s is disconnected: it did not answer keepalive',
                        self._daemon.path)
            self.close()
            return
        self._write()
        deadline = self._session.keepalive.deadline
        if deadline is not None and not self._closed:
            self._timer = self._loop.call_later(max(0.0, deadline - self._loop.now),
                                                self._keep_alive)

    def _let_go(self) -> None:
        """Disconnect a client that closes its connection while the event loop is blocked.

        The client waits for the reply in a thread that the loop itself may be waiting for, and does
        not need the reply. Called in the watchdog's thread.
        """
        if isinstance(self._socket, SecureSocket):
            return      # its bytes cannot be read here
        with contextlib.suppress(OSError):
            start = self._socket.recv(HEADER.size, socket.MSG_PEEK | socket.MSG_DONTWAIT)
            if asks_to_close(start):
                self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Disconnect the client at once; in the loop's thread."""
        if self._closed:
            return
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._loop.watchdog.discard(self._let_go)
        self._loop.forget(self._socket)
        self._socket.close()
        self._daemon.forget(self)
        self._dispatcher.close()


class Daemon:
    """A simulated libvirtd on a UNIX socket, and optionally on a second, read-only one.

    ``start`` creates the socket (mode 0600; its directory should be 0700). ``stop`` closes it and
    disconnects the clients, even if calls are in progress. ``intercept`` injects faults: see
    ``dispatch.Intercept``. In ``split_directory`` there are also the sockets of libvirt's split
    daemons, such as ``virtqemud-sock``. ``remote`` adds TCP and TLS; it has the actual ports once
    the daemon has started. ``cut_offs`` counts how often all clients have been disconnected.
    """

    def __init__(self, hypervisor: Hypervisor, path: str, *, readonly_path: str | None = None,
                 loop: eventloop.EventLoop | None = None, keepalive_interval: float = 5,
                 keepalive_count: int = 5, clients_max: int = CLIENTS_MAX,
                 split_directory: str | None = None,
                 remote: RemoteAccess | None = None) -> None:
        self.remote = remote or RemoteAccess()
        self._split_directory = split_directory
        self.hypervisor = hypervisor
        self.path = path
        self.readonly_path = readonly_path
        self.keepalive_interval = keepalive_interval
        self.keepalive_count = keepalive_count
        self.clients_max = clients_max
        self.intercept: Intercept | None = None
        self.clients: set[Client] = set()
        self.cut_offs = 0
        self._ran_before = False
        self._given_loop = loop
        self._loop: eventloop.EventLoop | None = None
        self._listeners: list[listener.Listener | TCPListener] = []

    @property
    def uri(self) -> str:
        """libvirt's URI for the socket."""
        return f'qemu+unix:///system?socket={urllib.parse.quote(self.path)}'

    def uri_of(self, driver: str) -> str:
        """libvirt's URI for the socket of a split daemon; raises InvalidInputError."""
        name = next((name for name, each in SPLIT_DAEMONS.items() if each == driver), None)
        if name is None or self._split_directory is None:
            raise InvalidInputError(
                'driver of a split daemon', expected=f'one of {", ".join(DRIVERS)}, on a host '
                'with split_daemons=True', got=repr(driver), remedy='correct the name, or use uri')
        path = os.path.join(self._split_directory, f'{name}-sock')
        return f'{driver}+unix:///system?socket={urllib.parse.quote(path)}'

    @property
    def loop(self) -> eventloop.EventLoop:
        if self._loop is None:
            raise RuntimeError('the daemon is not running: call start() first')
        return self._loop

    @property
    def running(self) -> bool:
        return self._loop is not None

    def start(self) -> None:
        """Start to serve; raise ``LimitError`` if a limit of this machine prevents it."""
        if self._loop is not None:
            return
        self._loop = self._given_loop or eventloop.acquire()
        try:
            if self._ran_before:
                self.hypervisor.daemon_started()
            self._ran_before = True
            for path, readonly, drivers in self._sockets():
                self._listeners.append(self._listen(path, readonly, drivers))
            self._listen_remotely()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End all sessions, remove the sockets, and release the event loop."""
        self._end(unlink=True)

    def kill(self) -> None:
        """End like a killed daemon: the sockets' paths stay, and connections are refused."""
        self._end(unlink=False)

    def _end(self, unlink: bool) -> None:
        loop, self._loop = self._loop, None
        if loop is None:
            return
        listeners, self._listeners = self._listeners, []
        for listening in listeners:
            listening.close(unlink=unlink)
        if self.clients:        # no new client can connect now
            loop.run_and_wait(self._cut_off)
        if self._given_loop is None:
            eventloop.release(loop)

    def drop_clients(self) -> None:
        """Disconnect every client, and keep serving new ones."""
        self.loop.run_and_wait(self._cut_off)

    def _cut_off(self) -> None:
        self.cut_offs += 1
        for client in list(self.clients):
            client.close()

    def _sockets(self) -> Iterator[tuple[str, bool, Sequence[str]]]:
        """Yield the sockets: path, whether it is for readers, and drivers."""
        yield self.path, False, DRIVERS
        if self.readonly_path is not None:
            yield self.readonly_path, True, DRIVERS
        if self._split_directory is not None:
            for name, driver in SPLIT_DAEMONS.items():
                for suffix in ('sock', 'sock-ro'):
                    yield (os.path.join(self._split_directory, f'{name}-{suffix}'),
                           suffix == 'sock-ro', (driver,))

    def _listen(self, path: str, readonly: bool, drivers: Sequence[str]) -> listener.Listener:
        return self.loop.listen(path, lambda sock: self._accept(sock, readonly, drivers))

    def _listen_remotely(self) -> None:
        """Listen on TCP and TLS, on the same ports as before."""
        def accept(sock: ClientSocket) -> None:
            self._accept(sock, False, DRIVERS)

        remote = self.remote
        if remote.tcp is not None:
            plain = self.loop.listen_tcp(remote.tcp, accept)
            self._listeners.append(plain)
            remote = dataclasses.replace(remote, tcp=plain.endpoint)
        if remote.tls is not None:
            secure = self.loop.listen_tcp(
                remote.tls, accept, server_context(remote.certificates or Path()))
            self._listeners.append(secure)
            remote = dataclasses.replace(remote, tls=secure.endpoint)
        self.remote = remote

    def _accept(self, sock: ClientSocket, readonly: bool, drivers: Sequence[str]) -> None:
        self.clients.add(Client(self, sock, readonly, drivers))
        if len(self.clients) >= self.clients_max:
            for listening in self._listeners:
                listening.pause()

    def forget(self, client: Client) -> None:
        """Remove a client that is gone, so that another one can connect."""
        self.clients.discard(client)
        if len(self.clients) < self.clients_max:
            for listening in self._listeners:
                listening.resume()
