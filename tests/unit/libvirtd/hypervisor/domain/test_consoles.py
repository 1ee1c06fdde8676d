"""Consoles and channels of guests."""

from __future__ import annotations

import testtools

from tests.unit.libvirtd.hypervisor import hosts

DOMAIN = ("<domain type='qemu'><name>guest</name><memory unit='MiB'>64</memory>"
          "<os><type machine='pc'>hvm</type></os><devices><serial type='pty'/></devices></domain>")


class ConsolesTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.client = hosts.Client(hosts.recorded_host())
        self.domain = self.client.domain_define_xml(DOMAIN)
        self.client.domain_create(self.domain)
        self.told = []

    def open(self, flags=0):
        """Open the console; return its stream."""
        stream = self.client.domain_open_console(self.domain, None, flags).stream
        stream.opened(self.told.append)
        return stream

    def test_one_client(self):
        """Only one client can open a console at a time."""
        first = self.open()
        self.assertEqual('operation failed: Active console session exists for this domain',
                         hosts.refusal(self.open).message)
        first.abort()
        self.open()
        self.assertEqual([], self.told)

    def test_force(self):
        """A client that forces its way disconnects the one before with an error."""
        self.open()
        self.open(flags=1)
        self.assertEqual([True], self.told)

    def test_end_of_the_guest(self):
        """The console ends like a file when its guest ends."""
        self.open()
        self.client.domain_destroy(self.domain)
        self.assertEqual([False], self.told)
