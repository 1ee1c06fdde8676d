"""Hosts that listen on TCP and TLS."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import struct
import subprocess
import threading
import urllib.parse
from pathlib import Path

import fixtures
import libvirt
import testtools

from tests import base
from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.fixtures import HostFixture
from vpmem_harness.serving.certificates import make_certificates

#: A call of connect_open without a name: length, program, version, procedure, type, serial, status.
_OPEN = struct.pack('>IIIIiIIII', 36, 0x20008086, 1, 1, 0, 0, 0, 0, 0)


def _address(uri):
    parts = urllib.parse.urlsplit(uri)
    return parts.hostname, parts.port


class RemoteAccessTest(base.TestCase):

    def setUp(self):
        super().setUp()
        libvirt.registerErrorHandler(lambda context, error: None, None)
        self.addCleanup(libvirt.registerErrorHandler, None, None)

    def directory(self):
        return Path(self.useFixture(fixtures.TempDir()).path)

    def open(self, uri):
        connection = libvirt.open(uri)
        self.addCleanup(connection.close)
        return connection

    def virsh(self, uri):
        if not shutil.which('virsh'):
            self.skipTest('virsh is not installed')
        done = subprocess.run(['virsh', '-c', uri, 'hostname'], capture_output=True,
                              text=True, check=False, timeout=60)
        self.addDetail('virsh', testtools.content.text_content(done.stderr))
        return done.stdout.strip() or done.stderr

    def test_no_host_listens_unless_asked(self):
        """A host has no URIs for TCP and TLS by default."""
        host = self.useFixture(HostFixture(pmem='SMALL:1x1GiB'))
        self.assertEqual((None, None), (host.tcp_uri, host.tls_uri))

    def test_tcp(self):
        """A client reaches the host over TCP; its domains are those of the UNIX socket."""
        host = self.useFixture(HostFixture(pmem='SMALL:1x1GiB', listen='127.0.0.1', name='far'))
        self.assertEqual('far', self.open(host.tcp_uri).getHostname())
        self.assertEqual('far', self.virsh(host.tcp_uri))

    def test_ipv6(self):
        """The URI has an IPv6 address in brackets."""
        try:
            with socket.socket(socket.AF_INET6) as probe:
                probe.bind(('::1', 0))
        except OSError:
            self.skipTest('this machine has no IPv6')
        host = self.useFixture(HostFixture(pmem='SMALL:1x1GiB', listen='[::1]:0'))
        self.assertIn('://[::1]:', host.tcp_uri)
        self.assertEqual(host.name, self.open(host.tcp_uri).getHostname())

    def test_raw_frames(self):
        """A client without libvirt's library opens a connection, one byte at a time."""
        host = self.useFixture(HostFixture(pmem='SMALL:1x1GiB', listen='127.0.0.1'))
        with socket.create_connection(_address(host.tcp_uri), 10) as client:
            for byte in _OPEN:
                client.sendall(bytes([byte]))
            self.assertEqual((28, 0x20008086, 1, 1, 1, 0, 0),
                             struct.unpack('>7I', client.recv(28, socket.MSG_WAITALL)))

    def test_an_address_for_each_host(self):
        """Two hosts listen on the same port of different addresses."""
        first = self.useFixture(HostFixture(pmem='SMALL:1x1GiB', listen='127.0.0.2'))
        port = _address(first.tcp_uri)[1]
        second = self.useFixture(HostFixture(pmem='SMALL:1x1GiB', listen=f'127.0.0.3:{port}'))
        self.assertEqual(
            [first.name, second.name],
            [self.open(one.tcp_uri).getHostname() for one in (first, second)])

    def test_the_port_stays(self):
        """A daemon that starts again has the same port."""
        host = self.useFixture(HostFixture(pmem='SMALL:1x1GiB', listen='127.0.0.1'))
        before = host.tcp_uri
        with host.faults.daemon_down():
            self.assertRaises(libvirt.libvirtError, libvirt.open, before)
        self.assertEqual(before, host.tcp_uri)
        self.assertEqual(host.name, self.open(before).getHostname())

    def test_a_port_in_use(self):
        """The error names the address, and says what to do."""
        host = self.useFixture(HostFixture(pmem='SMALL:1x1GiB', listen='127.0.0.1'))
        port = _address(host.tcp_uri)[1]
        other = HostFixture(pmem='SMALL:1x1GiB', listen=f'127.0.0.1:{port}')
        error = self.assertRaises(InvalidInputError, other.setUp)
        self.assertIn(f'got 127.0.0.1:{port} (Address already in use); choose another port',
                      str(error))

    def test_what_is_no_address(self):
        """A host name, a bad port and nothing are refused."""
        for wrong in ('localhost', '127.0.0.1:65536', '', '127.0.0.1:', '[127.0.0.1', 5):
            self.assertRaises(InvalidInputError, HostFixture, listen=wrong)

    # TLS

    def test_tls(self):
        """A client with the host's certificate reaches it, and the connection is encrypted."""
        host = self.useFixture(HostFixture(pmem='SMALL:1x1GiB', listen_tls='127.0.0.1'))
        connection = self.open(host.tls_uri)
        self.assertEqual((host.name, 1, 1), (
            connection.getHostname(), connection.isEncrypted(), connection.isSecure()))
        self.assertEqual(host.name, self.virsh(host.tls_uri))

    def test_large_messages_over_tls(self):
        """Messages longer than a TLS record arrive whole, in both directions."""
        host = self.useFixture(HostFixture(pmem='SMALL:1x1GiB', listen_tls='127.0.0.1'))
        text = 'x' * 3_000_000
        xml = f'<domain type="qemu"><name>d</name><description>{text}</description>' \
              '<memory>1024</memory><os><type>hvm</type></os></domain>'
        domain = self.open(host.tls_uri).defineXML(xml)
        self.assertIn(text, domain.XMLDesc())

    def test_certificates_of_another_authority(self):
        """The host disconnects a client whose certificate its CA has not signed."""
        host = self.useFixture(HostFixture(pmem='SMALL:1x1GiB', listen_tls='127.0.0.1'))
        other = self.directory()
        make_certificates(other)
        uri = f'{host.tls_uri.partition("?")[0]}?pkipath={other}&no_verify=1'
        self.assertIn('Unable to read TLS confirmation: Input/output error', self.virsh(uri))

    def test_no_client_certificate(self):
        """The host disconnects a client without a certificate, as libvirtd does."""
        own = self.directory()
        make_certificates(own)
        host = self.useFixture(HostFixture(
            pmem='SMALL:1x1GiB', listen_tls='127.0.0.1', certificates=own))
        for name in ('clientcert.pem', 'clientkey.pem'):
            (own / name).unlink()
        self.assertIn('Unable to read TLS confirmation: Input/output error',
                      self.virsh(host.tls_uri))

    def test_the_byte_after_the_handshake(self):
        """The host sends a byte 1 when it has accepted a certificate, and reads calls at once."""
        own = self.directory()
        make_certificates(own)
        host = self.useFixture(HostFixture(
            pmem='SMALL:1x1GiB', listen_tls='127.0.0.1', certificates=own))
        context = ssl.create_default_context(cafile=own / 'cacert.pem')
        context.load_cert_chain(own / 'clientcert.pem', own / 'clientkey.pem')
        with socket.create_connection(_address(host.tls_uri), 10) as plain, \
                context.wrap_socket(plain, server_hostname='127.0.0.1') as client:
            client.sendall(_OPEN)       # without waiting for the byte
            received = b''
            while len(received) < 29:
                received += client.recv(29 - len(received))
        self.assertEqual(b'\1' + struct.pack('>7I', 28, 0x20008086, 1, 1, 1, 0, 0), received)

    def test_a_client_without_tls(self):
        """A host with TLS disconnects a client that sends something else."""
        host = self.useFixture(HostFixture(pmem='SMALL:1x1GiB', listen_tls='127.0.0.1'))
        with socket.create_connection(_address(host.tls_uri), 10) as client:
            client.sendall(_OPEN)
            with contextlib.suppress(ConnectionResetError):
                self.assertEqual(b'', client.recv(100))

    def test_a_refused_client_that_still_writes(self):
        """A client whose handshake has failed can finish its writes: they do not kill it."""
        host = self.useFixture(HostFixture(pmem='SMALL:1x1GiB', listen_tls='127.0.0.1'))
        with socket.create_connection(_address(host.tls_uri), 10) as client:
            client.sendall(b'no handshake at all')
            self.assertEqual(b'', client.recv(1))
            for _ in range(3):
                client.sendall(b'more')
            self.assertEqual(b'', client.recv(1))

    def test_stalled_handshakes(self):
        """Clients that stop within the handshake keep no other client waiting."""
        host = self.useFixture(HostFixture(pmem='SMALL:1x1GiB', listen_tls='127.0.0.1'))
        threads = threading.active_count()
        for _ in range(50):
            stalled = socket.create_connection(_address(host.tls_uri), 10)
            self.addCleanup(stalled.close)
            stalled.sendall(b'\x16\x03\x01')
        self.assertEqual(host.name, self.virsh(host.tls_uri))
        self.assertEqual(threads, threading.active_count())

    def test_certificates_without_tls(self):
        """Certificates for a host that does not use them are an error."""
        self.assertRaises(InvalidInputError, HostFixture, certificates=self.directory())

    def test_a_directory_without_certificates(self):
        """The error names the files and the command that makes them."""
        error = self.assertRaises(InvalidInputError, HostFixture, listen_tls='127.0.0.1',
                                  certificates=self.directory())
        self.assertIn('vpmem-harness certificates DIR', str(error))
