"""URIs of other daemons are read as libvirt's client reads them."""

from __future__ import annotations

import testtools

from tests.unit.libvirtd.hypervisor.hosts import refusal
from vpmem_harness.libvirtd.peers.address import Address


class AddressTest(testtools.TestCase):

    def test_ports(self):
        """A transport has a port of its own unless the URI has one."""
        for uri, place in (('qemu+tcp://two/system', 'two:16509'),
                           ('qemu+tls://two/system', 'two:16514'),
                           ('qemu://two/system', 'two:16514'),
                           ('qemu+tcp://two:1/system', 'two:1'),
                           ('qemu+tcp://[::1]:1/system', '::1:1'),
                           ('qemu+tcp:///system', 'localhost:16509')):
            self.assertEqual(place, Address.parse(uri).place)

    def test_a_socket(self):
        """The socket is a parameter of the URI, or that of the system's libvirtd."""
        for uri, path in (('qemu+unix:///system?socket=/a%20b', '/a b'),
                          ('qemu:///system', '/var/run/libvirt/libvirt-sock')):
            address = Address.parse(uri)
            self.assertEqual(('unix', path), (address.transport, address.socket))

    def test_the_name_for_the_daemon(self):
        """The daemon gets the URI without server, transport and the client's own parameters."""
        address = Address.parse('qemu+tls://two/system?pkipath=/pki&no_verify=1&other=2')
        self.assertEqual(('qemu:///system?other=2', '/pki', False),
                         (address.name, address.pkipath, address.verify))

    def test_refusals(self):
        """Errors have the texts of libvirt 9.0.0."""
        for uri, text in (
                ('qemu+foo://x/system', 'invalid argument: remote_open: transport in URL not '
                 'recognised (should be tls|unix|ssh|ext|tcp|libssh2|libssh)'),
                ('qemu+unix://two/system', "invalid argument: using unix socket and remote server "
                 "'two' is not supported."),
                ('two', "no connection driver available for URI 'two' does not include a driver "
                 'name')):
            self.assertEqual(text, refusal(Address.parse, uri).message)
