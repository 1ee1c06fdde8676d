"""TLS on a socket of the event loop.

Both ends of libvirt's TLS have certificates. After the handshake the server sends a byte 1, which
tells the client that its certificate is accepted. A client without a good certificate gets no
alert: the connection just ends.
Source: libvirt 9.0.0, src/rpc/virnetserverclient.c (virNetServerClientCheckAccess).
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from oslo_log import log as logging

from vpmem_harness.exceptions import InvalidInputError

if TYPE_CHECKING:
    from vpmem_harness.serving.eventloop import EventLoop

LOG = logging.getLogger(__name__)

_ACCEPTED: Final = b'\1'
_READABLE: Final = 1
_WRITABLE: Final = 4
_RECORD: Final = 1 << 14        # bytes in a TLS record
_CHUNK: Final = 1 << 18         # bytes encrypted at a time
#: Seconds that a client may take for the handshake.
_PATIENCE: Final = 30.0

#: The names of libvirt's files.  Source: https://libvirt.org/kbase/tlscerts.html
CA_CERTIFICATE: Final = 'cacert.pem'
SERVER_CERTIFICATE: Final = 'servercert.pem'
SERVER_KEY: Final = 'serverkey.pem'
CLIENT_CERTIFICATE: Final = 'clientcert.pem'
CLIENT_KEY: Final = 'clientkey.pem'
#: Where libvirt's client looks for its files.  Source: the same page.
_SYSTEM_CA: Final = Path('/etc/pki/CA', CA_CERTIFICATE)
_SYSTEM_CLIENT: Final = Path('/etc/pki/libvirt')


def server_context(directory: Path) -> ssl.SSLContext:
    """Return the TLS settings of a server, with the certificates in a directory.

    :raises InvalidInputError: when a file is missing or cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.num_tickets = 0     # libvirt's clients resume no sessions
    try:
        context.load_cert_chain(directory / SERVER_CERTIFICATE, directory / SERVER_KEY)
        context.load_verify_locations(directory / CA_CERTIFICATE)
    except OSError as error:        # SSLError is one, too
        raise InvalidInputError(
            'certificates', expected=f'{CA_CERTIFICATE}, {SERVER_CERTIFICATE} and {SERVER_KEY}',
            got=f'{directory} ({error.strerror or error})',
            remedy='make them with "vpmem-harness certificates DIR"') from error
    return context


def client_context(directory: Path | None, *, verify: bool = True) -> ssl.SSLContext:
    """Return the TLS settings of a client, with the certificates in a directory.

    :param directory: the directory of the files; those of the system if None.
    :param verify: whether the client checks the server's certificate.
    :raises FileNotFoundError: with the path of a file that is missing.
    :raises OSError: when a file cannot be used; ``ssl.SSLError`` is one, too.
    """
    authority = _SYSTEM_CA if directory is None else directory / CA_CERTIFICATE
    own = _SYSTEM_CLIENT if directory is None else directory
    key = (own / 'private' if directory is None else own) / CLIENT_KEY
    for file in (authority, own / CLIENT_CERTIFICATE, key):
        file.stat()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = verify
    context.verify_mode = ssl.CERT_REQUIRED if verify else ssl.CERT_NONE
    context.load_cert_chain(own / CLIENT_CERTIFICATE, key)
    context.load_verify_locations(authority)
    return context


class SecureSocket:
    """The part of a socket's methods that a daemon or a client uses, over TLS.

    ``recv`` and ``send`` raise BlockingIOError as those of a socket do. When ``send`` has raised
    it, repeat it with data that begins with the same bytes.

    :param server: the server's name or address, if this end is the client.
    """

    def __init__(self, sock: socket.socket, context: ssl.SSLContext,
                 server: str | None = None) -> None:
        self.raw = sock
        self._received = ssl.MemoryBIO()
        self._encrypted = ssl.MemoryBIO()
        self._to_send = b''         # encrypted bytes that the socket has not accepted yet
        self._promised = 0          # how many bytes of the caller they contain
        self._tls = context.wrap_bio(self._received, self._encrypted, server_side=server is None,
                                     server_hostname=server)

    def fileno(self) -> int:
        return self.raw.fileno()

    def close(self) -> None:
        self.raw.close()

    def shutdown(self, how: int) -> None:
        self.raw.shutdown(how)

    @property
    def pending(self) -> bool:
        """Whether bytes have been received that ``recv`` has not returned."""
        return bool(self._received.pending)

    def shake_hands(self) -> None:
        """Continue the handshake; raises SSLWantReadError, another SSLError, or OSError."""
        if not self.flush():
            raise BlockingIOError
        data = self.raw.recv(_RECORD)
        if not data:
            raise ConnectionResetError
        self._received.write(data)
        self._tls.do_handshake()

    def connect(self) -> None:
        """Do the handshake of a client on a socket that blocks, and wait for the server's byte.

        :raises OSError: when the handshake fails or the server refuses this client's certificate.
        """
        self._complete(self._tls.do_handshake)
        if self._complete(lambda: self._tls.read(len(_ACCEPTED))) != _ACCEPTED:
            raise ConnectionResetError

    def _complete(self, step: Callable[[], object]) -> object:
        """Repeat a step until it needs no more data from the server; return its result."""
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                self._exchange()

    def _exchange(self) -> None:
        self.flush()
        data = self.raw.recv(_RECORD)
        if not data:
            raise ConnectionResetError
        self._received.write(data)

    def recv(self, size: int) -> bytes:
        """Return what the client has sent: at least one byte, or none at its end."""
        try:
            data = self.raw.recv(max(size, _RECORD))
        except BlockingIOError:
            if not self.pending:
                raise
        else:
            if not data:
                return b''
            self._received.write(data)
        pieces = []
        try:
            while piece := self._tls.read(_RECORD):
                pieces.append(piece)
        except ssl.SSLWantReadError:
            if not pieces:
                raise BlockingIOError from None
        except ssl.SSLError:
            if not pieces:
                return b''          # the next call says so again
        return b''.join(pieces)

    def send(self, data: bytes | bytearray) -> int:
        """Send some of the data, and return how many bytes."""
        if not self._promised:
            self._promised = self._tls.write(memoryview(data)[:_CHUNK])
        if not self.flush():
            raise BlockingIOError
        sent, self._promised = self._promised, 0
        return sent

    def flush(self) -> bool:
        """Send encrypted bytes; returns whether none are left."""
        self._to_send += self._encrypted.read()
        try:
            while self._to_send:
                self._to_send = self._to_send[self.raw.send(self._to_send):]
        except BlockingIOError:
            return False
        return True


class Handshake:
    """A client's TLS handshake, until it succeeds or the client is gone.

    :param accept: called with the client's SecureSocket when it has succeeded.
    :param ended: called with this object when it is over.
    """

    def __init__(self, loop: EventLoop, sock: socket.socket, context: ssl.SSLContext,
                 accept: Callable[[SecureSocket], object],
                 ended: Callable[[Handshake], object]) -> None:
        self._loop = loop
        self._client = SecureSocket(sock, context)
        self._accept = accept
        self._ended = ended
        self._done = False
        loop.watch(sock, _READABLE, self._ready)
        self._timer = loop.call_later(_PATIENCE, self.abandon)

    def _ready(self, mask: int) -> None:
        client = self._client
        try:
            if not self._done:
                client.shake_hands()
                self._done = True
            client.send(_ACCEPTED)
        except (ssl.SSLWantReadError, BlockingIOError):
            self._wait()
        except ssl.SSLCertVerificationError as error:
            LOG.warning('Refused a client: its certificate is not accepted: %s',
                        error.verify_message)
            self._refuse()
        except ssl.SSLError as error:
            LOG.warning('Refused a client: TLS handshake failed: %s', error.reason)
            self._refuse()
        except OSError as error:
            LOG.warning('Refused a client: TLS handshake failed: %s',
                        error.strerror or 'disconnected')
            self.abandon()
        else:
            self._end()
            try:
                self._accept(client)
            except Exception:
                LOG.exception('Cannot serve a client over TLS')
                client.close()

    def _refuse(self) -> None:
        """End the connection, but read on until the client ends it.

        The client may still be sending its part of the handshake. Libvirt's client does not
        survive the signal that it gets when it writes to a closed socket.
        """
        raw = self._client.raw
        try:
            raw.shutdown(socket.SHUT_WR)
        except OSError:
            self.abandon()
            return
        self._loop.forget(raw)
        self._loop.watch(raw, _READABLE, self._discard)

    def _discard(self, mask: int) -> None:
        try:
            if self._client.raw.recv(_RECORD):
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self.abandon()

    def _wait(self) -> None:
        try:
            flushed = self._client.flush()
        except OSError:
            self.abandon()
            return
        self._loop.modify(self._client.raw, _READABLE if flushed else _WRITABLE)

    def _end(self) -> None:
        self._timer.cancel()
        self._loop.forget(self._client.raw)
        self._ended(self)

    def abandon(self) -> None:
        """Disconnect the client, in the loop's thread."""
        if self._client.fileno() >= 0:
            self._end()
            self._client.close()
