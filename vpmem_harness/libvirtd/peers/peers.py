"""The daemons that a host's daemon can connect to."""

from __future__ import annotations

import contextlib
import errno
import socket
import threading
from dataclasses import dataclass
from typing import Final

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.peers import connecting
from vpmem_harness.libvirtd.peers.address import Address
from vpmem_harness.libvirtd.peers.client import Hook, PeerClient
from vpmem_harness.libvirtd.remote_access import RemoteAccess
from vpmem_harness.serving import eventloop
from vpmem_harness.serving.deferred import Deferred
from vpmem_harness.serving.steps import Steps, run_steps
from vpmem_harness.serving.tcp_listener import ClientSocket

#: The step that opens a connection, for a :data:`Hook`, which may raise ConnectionRefusedError.
CONNECT: Final = 'connect'

#: Seconds to wait for a thread that connects, when the daemon ends.
_PATIENCE: Final = 5.0


@dataclass(frozen=True)
class Neighbour:
    """A host of this process.

    :param socket: the path of its daemon's socket.
    :param ports: the ports on which it listens as well.
    """

    socket: str
    ports: frozenset[int] = frozenset()


@dataclass(frozen=True)
class _Attempt:
    """A connection that a thread opens: its result, and the sockets that it has made."""

    later: Deferred
    sockets: list[socket.socket]


class Peers:
    """Opens connections to other daemons, without blocking the event loop.

    A URI with a socket or an IP address leads to whatever listens there. A host name leads to what
    the resolver of this machine says. If ``private_names`` is set, the names of neighbours come
    before those of the resolver; otherwise they count if the resolver does not know them.

    :param neighbours: the hosts of this process by name; peers with the same mapping share it.
    :ivar hook: called around each step of a migration.
    :ivar private_names: see above; it can be set.
    """

    def __init__(self, loop: eventloop.EventLoop, neighbours: dict[str, Neighbour] | None = None,
                 *, private_names: bool = True) -> None:
        self.neighbours = {} if neighbours is None else neighbours
        self.hook: Hook | None = None
        self._loop = loop
        self.private_names = private_names
        self._lock = threading.Lock()
        self._clients: set[PeerClient] = set()
        self._connecting: dict[threading.Thread, _Attempt] = {}

    def introduce(self, name: str, path: str, remote: RemoteAccess) -> None:
        """Add a host of this process, by the path of its daemon's socket.

        :param remote: where the daemon listens as well, with its actual ports.
        """
        self.neighbours[name] = Neighbour(path, frozenset(
            endpoint.port for endpoint in (remote.tcp, remote.tls) if endpoint is not None))

    def forget(self, name: str, path: str) -> None:
        """Remove a host of this process, unless the name belongs to another socket by now."""
        neighbour = self.neighbours.get(name)
        if neighbour is not None and neighbour.socket == path:
            del self.neighbours[name]

    def open(self, uri: str) -> Deferred:
        """Connect to the daemon of a URI and open its driver there.

        The result completes with a :class:`PeerClient`, or fails with the error of libvirt's
        client.
        """
        return run_steps(self._open(uri))

    def _open(self, uri: str) -> Steps:
        address = Address.parse(uri)
        try:
            sock = yield self._connect(address)
        except ConnectionRefusedError:
            raise connecting.refused(address, errno.ECONNREFUSED) from None
        client = PeerClient(self._loop, sock, self._discard, self.hook)
        with self._lock:
            self._clients.add(client)
        yield client.open(address.name)
        return client

    def _connect(self, address: Address) -> Deferred:
        later = Deferred()
        hook = self.hook
        later.run(lambda: self._begin(address) if hook is None else
                  hook(CONNECT, lambda: self._begin(address)))
        return later

    def _begin(self, address: Address) -> Deferred:
        later = Deferred()
        if address.transport == 'unix':
            later.run(lambda: connecting.connect_unix(address.socket))
        elif self.private_names and address.host in self.neighbours:
            later.run(lambda: self._connect_to_neighbour(address))
        else:
            self._connect_in_thread(address, later)
        return later

    def _connect_to_neighbour(self, address: Address) -> ClientSocket:
        neighbour = self.neighbours[address.host]
        if address.port is not None and address.port not in neighbour.ports:
            raise connecting.refused(address, errno.ECONNREFUSED)
        return connecting.connect_unix(neighbour.socket)

    def _connect_in_thread(self, address: Address, later: Deferred) -> None:
        attempt = _Attempt(later, [])

        def connect() -> None:
            sock: ClientSocket | None = None
            failure: Exception | None = None
            try:
                if address.host in self.neighbours and not connecting.resolves(address.host):
                    sock = self._connect_to_neighbour(address)
                else:
                    sock = connecting.connect(address, attempt.sockets.append)
            except Exception as error:
                failure = error
            self._finish(sock, failure)

        thread = threading.Thread(target=connect, name='vpmem-migration', daemon=True)
        with self._lock:
            self._connecting[thread] = attempt
        thread.start()

    def _finish(self, sock: ClientSocket | None, failure: Exception | None) -> None:
        with self._lock:
            attempt = self._connecting.pop(threading.current_thread(), None)
        if attempt is None:         # the daemon has ended
            if sock is not None:
                sock.close()
        elif failure is None:
            self._loop.call_soon(lambda: attempt.later.resolve(sock))
        else:
            self._loop.call_soon(lambda: attempt.later.fail(failure))

    def _discard(self, client: PeerClient) -> None:
        with self._lock:
            self._clients.discard(client)

    def close(self) -> None:
        """End all connections, as when the daemon ends."""
        with self._lock:
            clients = list(self._clients)
            attempts, self._connecting = self._connecting, {}
        for client in clients:
            self._loop.run_and_wait(client.cut_now)
        for thread, attempt in attempts.items():
            for sock in attempt.sockets:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
            if not self._loop.in_thread:
                thread.join(_PATIENCE)
            attempt.later.fail(LibvirtError(
                libvirt.VIR_ERR_OPERATION_ABORTED, 'the daemon ends', domain=libvirt.VIR_FROM_RPC))
