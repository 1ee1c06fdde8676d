"""Listening TCP sockets of the event loop, with or without TLS."""

from __future__ import annotations

import errno
import ipaddress
import os
import re
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oslo_log import log as logging

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.serving.listener import BACKLOG, Acceptor, make_room
from vpmem_harness.serving.secure_socket import Handshake, SecureSocket

if TYPE_CHECKING:
    from vpmem_harness.serving.eventloop import EventLoop

LOG = logging.getLogger(__name__)

_ENDPOINT = re.compile(r'(?:\[(?P<bracketed>[^\]]*)\]|(?P<plain>[^:\[\]]*))(?::(?P<port>[0-9]+))?')


@dataclass(frozen=True)
class Endpoint:
    """An IP address and a port; port 0 stands for one that is free."""

    address: str
    port: int = 0

    @classmethod
    def parse(cls, text: str, what: str) -> Endpoint:
        """Parse ``ADDRESS`` or ``ADDRESS:PORT``, with brackets around an IPv6 address.

        :param what: what the text is for, in errors.
        :raises InvalidInputError: when it is something else. A host name is, too, because it can
            lead to an address that others can reach.
        """
        match = _ENDPOINT.fullmatch(text) if isinstance(text, str) else None
        try:
            if match is None:
                raise ValueError
            address = ipaddress.ip_address(match['plain'] or match['bracketed'] or '')
            port = int(match['port'] or 0)
            if port > 65535:
                raise ValueError
        except ValueError:
            raise InvalidInputError(
                what, expected='an IP address, and a port up to 65535 after a colon',
                got=repr(text), remedy='write it as in 127.0.0.1, 127.0.0.2:16509 or [::1]:0',
            ) from None
        return cls(str(address), port)

    @property
    def loopback(self) -> bool:
        """Whether only programs of this machine can reach the address."""
        return ipaddress.ip_address(self.address).is_loopback

    @property
    def family(self) -> socket.AddressFamily:
        """``AF_INET`` or ``AF_INET6``."""
        version = ipaddress.ip_address(self.address).version
        return socket.AF_INET if version == 4 else socket.AF_INET6

    def __str__(self) -> str:
        host = self.address if self.family == socket.AF_INET else f'[{self.address}]'
        return f'{host}:{self.port}'


#: The two kinds of sockets that a client can have.
ClientSocket = socket.socket | SecureSocket


class TCPListener:
    """A TCP socket that accepts clients; nothing checks who they are unless TLS does.

    :param accept: called with the socket of each client.
    :param tls: the certificates of the server; clients need one that it trusts.
    :raises InvalidInputError: when nothing can listen at the endpoint.
    """

    def __init__(self, loop: EventLoop, endpoint: Endpoint,
                 accept: Callable[[ClientSocket], object],
                 tls: ssl.SSLContext | None = None) -> None:
        make_room()
        self._loop = loop
        self._accept = accept
        self._tls = tls
        self._handshakes: set[Handshake] = set()
        self._pid = os.getpid()
        listening = _bind(endpoint)
        #: Where it listens, with the port that was free.
        self.endpoint = Endpoint(endpoint.address, listening.getsockname()[1])
        if not endpoint.loopback:
            LOG.warning('libvirt listens on %s: %s', self.endpoint, (
                'other machines can connect, with a certificate' if tls is not None else
                'everybody who can reach this address controls the simulated host'))
        self._acceptor = Acceptor(loop, listening, str(self.endpoint), self._admit)
        self.resume, self.pause = self._acceptor.resume, self._acceptor.pause

    def _admit(self, client: socket.socket) -> None:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls is None:
            self._accept(client)
        else:
            self._handshakes.add(Handshake(
                self._loop, client, self._tls, self._accept, self._handshakes.discard))

    def close(self, *, unlink: bool = True) -> None:
        """Stop listening; connected clients stay connected."""
        if self._pid == os.getpid():
            self._loop.run_and_wait(self._close)

    def _close(self) -> None:
        self._acceptor.close()
        for handshake in list(self._handshakes):
            handshake.abandon()


def _bind(endpoint: Endpoint) -> socket.socket:
    listening = socket.socket(endpoint.family, socket.SOCK_STREAM)
    try:
        listening.setblocking(False)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((endpoint.address, endpoint.port))
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        taken = error.errno == errno.EADDRINUSE
        raise InvalidInputError(
            'address to listen on', expected='an address of this machine with a free port',
            got=f'{endpoint} ({os.strerror(error.errno or 0)})',
            remedy='choose another port, or leave it out' if taken else 'choose another address',
        ) from error
    except BaseException:
        listening.close()
        raise
    return listening
