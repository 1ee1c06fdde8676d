"""Opening the socket of another daemon.

Source of the texts: libvirt 9.0.0, src/rpc/virnetsocket.c (virNetSocketNewConnectTCP,
virNetSocketNewConnectUNIX) and src/rpc/virnettlscontext.c, as virsh prints them.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Final

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, system_error
from vpmem_harness.libvirtd.peers.address import SUPPORTED, Address
from vpmem_harness.serving.secure_socket import (
    CA_CERTIFICATE,
    CLIENT_CERTIFICATE,
    CLIENT_KEY,
    SecureSocket,
    client_context,
)
from vpmem_harness.serving.tcp_listener import ClientSocket

#: The files of a client as errors name them.
_CERTIFICATES: Final = {CA_CERTIFICATE: 'CA certificate', CLIENT_CERTIFICATE: 'client certificate',
                        CLIENT_KEY: 'client key'}
#: Seconds that a TLS handshake may take.
_PATIENCE: Final = 30.0


def connect_unix(path: str) -> socket.socket:
    """Connect to a UNIX socket, without waiting; raises LibvirtError."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.connect(path)
    except OSError as error:
        sock.close()
        raise system_error(error.errno or 0, f"Failed to connect socket to '{path}'",
                           domain=libvirt.VIR_FROM_RPC) from None
    return sock


def refused(address: Address, number: int) -> LibvirtError:
    """Return the error of a connection that was not established."""
    if address.transport == 'unix':
        return system_error(number, f"Failed to connect socket to '{address.socket}'",
                            domain=libvirt.VIR_FROM_RPC)
    return system_error(number, f"unable to connect to server at '{address.place}'",
                        domain=libvirt.VIR_FROM_RPC)


def connect(address: Address, watch: Callable[[socket.socket], object]) -> ClientSocket:
    """Connect to an address over the network; this blocks.

    :param watch: called with each socket before it is connected.
    :raises LibvirtError: with the text of libvirt's client.
    """
    if address.transport not in SUPPORTED:
        raise LibvirtError(
            libvirt.VIR_ERR_NO_SUPPORT,
            f'the transport {address.transport} between simulated hosts: use tcp, tls or unix',
            domain=libvirt.VIR_FROM_REMOTE)
    context = _context(address) if address.transport == 'tls' else None
    sock = _connect_tcp(address, watch)
    if context is None:
        sock.setblocking(False)
        return sock
    secure = SecureSocket(sock, context, address.host)
    sock.settimeout(_PATIENCE)
    try:
        secure.connect()
    except ssl.SSLCertVerificationError as error:
        sock.close()
        raise LibvirtError(
            libvirt.VIR_ERR_AUTH_FAILED, "Failed to verify peer's certificate",
            domain=libvirt.VIR_FROM_RPC) from error
    except OSError as error:
        sock.close()
        raise system_error(
            errno.EIO if isinstance(error, ssl.SSLError) or not error.errno else error.errno,
            'Cannot read data', domain=libvirt.VIR_FROM_RPC) from error
    sock.setblocking(False)
    return secure


def resolves(host: str) -> bool:
    """Whether the resolver of this machine knows a host name; this blocks."""
    try:
        socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return True


def _connect_tcp(address: Address, watch: Callable[[socket.socket], object]) -> socket.socket:
    try:
        found = socket.getaddrinfo(address.host, address.service, type=socket.SOCK_STREAM)
    except OSError as error:
        raise LibvirtError(
            libvirt.VIR_ERR_SYSTEM_ERROR,
            f"Unable to resolve address '{address.host}' service '{address.service}': "
            f'{error.strerror}', domain=libvirt.VIR_FROM_RPC) from None
    number = 0
    for family, kind, protocol, _, place in found:
        sock = socket.socket(family, kind, protocol)
        try:
            watch(sock)
            sock.connect(place)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            number = error.errno or 0
            sock.close()
        else:
            return sock
    raise refused(address, number)


def _context(address: Address) -> ssl.SSLContext:
    try:
        return client_context(
            None if address.pkipath is None else Path(address.pkipath), verify=address.verify)
    except FileNotFoundError as error:
        what = _CERTIFICATES.get(os.path.basename(error.filename), 'file')
        raise system_error(error.errno or 0, f"Cannot read {what} '{error.filename}'",
                           domain=libvirt.VIR_FROM_RPC) from None
    except OSError as error:
        raise LibvirtError(libvirt.VIR_ERR_SYSTEM_ERROR,
                           f'Unable to use the certificates: {error}',
                           domain=libvirt.VIR_FROM_RPC) from None
