"""Where a daemon listens besides its UNIX sockets."""

from __future__ import annotations

import dataclasses
import os
import urllib.parse
from dataclasses import dataclass
from pathlib import Path

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.serving.certificates import make_certificates
from vpmem_harness.serving.secure_socket import server_context
from vpmem_harness.serving.tcp_listener import Endpoint


@dataclass(frozen=True)
class RemoteAccess:
    """TCP and TLS endpoints of a daemon; None for a listener that it does not have.

    :param certificates: the directory of the certificates, for TLS.
    """

    tcp: Endpoint | None = None
    tls: Endpoint | None = None
    certificates: Path | None = None

    @classmethod
    def of(cls, listen: str | None = None, listen_tls: str | None = None,
           certificates: str | os.PathLike[str] | None = None) -> RemoteAccess | None:
        """Return what a user asks for, or None for UNIX sockets alone.

        :param listen: the address for TCP: ``ADDRESS`` or ``ADDRESS:PORT``.
        :param listen_tls: the address for TLS.
        :param certificates: the directory of the certificates; those of the host's own if None.
        :raises InvalidInputError: when a value cannot be used.
        """
        if certificates is not None and listen_tls is None:
            raise InvalidInputError(
                'certificates', expected='a host that listens with TLS', got='one that does not',
                remedy='add listen_tls (--listen-tls), or leave the certificates out')
        if listen is None and listen_tls is None:
            return None
        made = cls(
            None if listen is None else Endpoint.parse(listen, 'listen'),
            None if listen_tls is None else Endpoint.parse(listen_tls, 'listen_tls'),
            None if certificates is None else Path(certificates).absolute())
        if made.certificates is not None:
            server_context(made.certificates)
        return made

    def with_own_certificates(self, directory: Path) -> RemoteAccess:
        """Return this with certificates, made in ``directory`` if they are needed."""
        if self.tls is None or self.certificates is not None:
            return self
        make_certificates(directory, [self.tls.address])
        return dataclasses.replace(self, certificates=directory)

    @property
    def address(self) -> str | None:
        """The IP address on which the daemon listens, or None."""
        endpoint = self.tcp or self.tls
        return None if endpoint is None else endpoint.address

    @property
    def tcp_uri(self) -> str | None:
        """libvirt's URI for the TCP endpoint."""
        return None if self.tcp is None else f'qemu+tcp://{self.tcp}/system'

    @property
    def tls_uri(self) -> str | None:
        """libvirt's URI for the TLS endpoint, with the directory of the client's certificate."""
        if self.tls is None:
            return None
        path = urllib.parse.quote(str(self.certificates))
        return f'qemu+tls://{self.tls}/system?pkipath={path}'
