"""TLS certificates for tests, in the files that libvirt's clients and daemons read.

Source: https://libvirt.org/kbase/tlscerts.html and src/rpc/virnettlscontext.c of libvirt 9.0.0,
which checks basic constraints, key usage and the purpose of each certificate.
"""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import os
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vpmem_harness.exceptions import InvalidInputError, unwritable
from vpmem_harness.serving.secure_socket import (
    CA_CERTIFICATE,
    CLIENT_CERTIFICATE,
    CLIENT_KEY,
    SERVER_CERTIFICATE,
    SERVER_KEY,
)

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

#: How long the certificates are valid, in days.
VALID_DAYS: Final = 30
#: The names that a server's certificate has in any case.
LOCAL_NAMES: Final = ('localhost', '127.0.0.1', '::1')
FILES: Final = (CA_CERTIFICATE, SERVER_CERTIFICATE, SERVER_KEY, CLIENT_CERTIFICATE, CLIENT_KEY)


def make_certificates(directory: Path, names: Collection[str] = ()) -> None:
    """Write the certificates of a CA, a server and a client, and the keys of the last two.

    The key of the CA is not kept. The keys are no values of the seed; they have mode 0600.

    :param directory: it is created with mode 0700 if it does not exist.
    :param names: host names and IP addresses of the server, besides ``localhost`` and its
        addresses.
    :raises InvalidInputError: when the package ``cryptography`` is missing, when a file exists,
        or when one cannot be written; then none is left.
    """
    try:
        from cryptography.hazmat.primitives.asymmetric import ec
    except ImportError as error:
        raise InvalidInputError(
            'certificates', expected='the package cryptography', got='none',
            remedy="install it with pip install 'vpmem-harness[tls]'") from error
    for name in FILES:
        if (directory / name).exists():
            raise InvalidInputError(
                'directory of certificates', expected='a directory without certificates',
                got=f'{directory / name}', remedy='choose another, or remove its files')
    authority = _Authority(ec.generate_private_key(ec.SECP256R1()))
    contents = {CA_CERTIFICATE: (_pem(authority.certificate), 0o644)}
    for purpose, subject, certificate, key in (
            ('server', 'vpmem-harness server', SERVER_CERTIFICATE, SERVER_KEY),
            ('client', 'vpmem-harness client', CLIENT_CERTIFICATE, CLIENT_KEY)):
        private = ec.generate_private_key(ec.SECP256R1())
        issued = authority.issue(
            private, subject, purpose, (*LOCAL_NAMES, *names) if purpose == 'server' else ())
        contents |= {certificate: (_pem(issued), 0o644), key: (_key_pem(private), 0o600)}
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.ExitStack() as incomplete:
            for name, (content, mode) in contents.items():
                _write(directory / name, content, mode, incomplete)
            incomplete.pop_all()
    except OSError as error:
        raise unwritable(
            'directory of certificates', directory, error, kind='directory') from error


class _Authority:
    """A certificate authority that exists as long as this object."""

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key
        self.certificate = self._sign(key, 'vpmem-harness CA', authority=True)

    def issue(self, key: ec.EllipticCurvePrivateKey, subject: str, purpose: str,
              names: Collection[str]) -> x509.Certificate:
        """Return a certificate for a ``server`` or a ``client``."""
        return self._sign(key, subject, purpose=purpose, names=names)

    def _sign(self, key: ec.EllipticCurvePrivateKey, subject: str, *, authority: bool = False,
              purpose: str = '', names: Collection[str] = ()) -> x509.Certificate:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes
        from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

        def name(text: str) -> x509.Name:
            return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

        now = datetime.datetime.now(datetime.UTC)
        public = key.public_key()
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(subject)).issuer_name(name('vpmem-harness CA'))
            .public_key(public).serial_number(x509.random_serial_number())
            # A day in the past, for machines whose clocks differ.
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=VALID_DAYS))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(
                digital_signature=not authority, key_cert_sign=authority, crl_sign=authority,
                content_commitment=False, key_encipherment=not authority, data_encipherment=False,
                key_agreement=False, encipher_only=False, decipher_only=False), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(
                self._key.public_key()), critical=False))
        if purpose:
            usage = (ExtendedKeyUsageOID.SERVER_AUTH if purpose == 'server'
                     else ExtendedKeyUsageOID.CLIENT_AUTH)
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(
                [_general_name(one) for one in dict.fromkeys(names)]), critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _general_name(name: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(certificate: x509.Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    from cryptography.hazmat.primitives import serialization

    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption())


def _write(path: Path, content: bytes, mode: int, incomplete: contextlib.ExitStack) -> None:
    """Write a new file, which ``incomplete`` removes."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    incomplete.callback(path.unlink, missing_ok=True)
    with os.fdopen(descriptor, 'wb') as file:
        file.write(content)
