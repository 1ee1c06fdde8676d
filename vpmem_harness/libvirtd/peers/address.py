"""The address of a daemon in a libvirt URI.

Source: libvirt 9.0.0, src/remote/remote_driver.c (doRemoteOpen), src/remote/remote_sockets.c.
"""

from __future__ import annotations

import urllib.parse
from dataclasses import dataclass
from typing import Final

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, bad_argument, internal

#: The transports that libvirt knows, and those of them that are simulated.
_TRANSPORTS: Final = ('tls', 'unix', 'ssh', 'ext', 'tcp', 'libssh2', 'libssh')
SUPPORTED: Final = ('tcp', 'tls', 'unix')

#: Source: libvirt 9.0.0, src/remote/remote_driver.h (LIBVIRTD_TCP_PORT, LIBVIRTD_TLS_PORT).
_PORTS: Final = {'tcp': 16509, 'tls': 16514, 'ssh': 22, 'libssh': 22, 'libssh2': 22}
_SOCKET: Final = '/var/run/libvirt/libvirt-sock'
#: Parameters of a URI that are for the client, and are not passed to the daemon.
_OWN_PARAMETERS: Final = frozenset((
    'name', 'command', 'socket', 'auth', 'sshauth', 'netcat', 'keyfile', 'pkipath', 'known_hosts',
    'known_hosts_verify', 'tls_priority', 'mode', 'proxy', 'no_sanity', 'no_verify', 'no_tty'))


@dataclass(frozen=True)
class Address:
    """Where a daemon listens, and which driver the client opens there.

    :param transport: ``tcp``, ``tls``, ``unix`` or another one of libvirt's.
    :param port: the port in the URI, or None for that of the transport.
    :param socket: the path of the daemon's UNIX socket.
    :param name: the URI that the daemon opens, such as ``qemu:///system``.
    :param pkipath: the directory of the client's certificates, or None for the system's.
    :param verify: whether the client checks the daemon's certificate.
    """

    transport: str
    host: str
    port: int | None
    socket: str
    name: str
    pkipath: str | None = None
    verify: bool = True

    @classmethod
    def parse(cls, uri: str) -> Address:
        """Return the address in a URI.

        :raises LibvirtError: with the text of libvirt's client.
        """
        parts = urllib.parse.urlsplit(uri)
        if not parts.scheme:
            raise LibvirtError(libvirt.VIR_ERR_NO_CONNECT,
                               f"URI '{uri}' does not include a driver name",
                               domain=libvirt.VIR_FROM_NONE)
        query = urllib.parse.parse_qsl(parts.query, keep_blank_values=True)
        values = dict(query)
        driver, plus, transport = parts.scheme.partition('+')
        server = parts.hostname or ''
        if not plus:
            transport = 'tls' if server else 'unix'
        if transport not in _TRANSPORTS:
            raise bad_argument(
                'remote_open: transport in URL not recognised (should be '
                f'{"|".join(_TRANSPORTS)})', domain=libvirt.VIR_FROM_REMOTE)
        if transport == 'unix' and server:
            raise bad_argument(f"using unix socket and remote server '{server}' is not supported.",
                               domain=libvirt.VIR_FROM_REMOTE)
        rest = urllib.parse.urlencode(
            [one for one in query if one[0] not in _OWN_PARAMETERS])
        try:
            port = parts.port
        except ValueError:
            raise internal(f'Unable to parse URI {uri}', domain=libvirt.VIR_FROM_URI) from None
        return cls(
            transport, server or 'localhost', port, values.get('socket', _SOCKET),
            values.get('name') or f'{driver}://{parts.path}{"?" if rest else ""}{rest}',
            values.get('pkipath'), values.get('no_verify', '0') == '0')

    @property
    def service(self) -> int:
        """The port to connect to."""
        return self.port or _PORTS.get(self.transport, 0)

    @property
    def place(self) -> str:
        """The address as errors print it."""
        return f'{self.host}:{self.service}'
