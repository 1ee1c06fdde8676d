"""Errors of libvirt calls, whatever the garbage collector does meanwhile."""

from __future__ import annotations

import sys

import libvirt

from tests import base
from tests.unit.cloud.stub.compute.test_driver import XML
from vpmem_harness.cloud.stub.compute import libvirt_calls
from vpmem_harness.cloud.stub.compute.libvirt_calls import LibvirtObject
from vpmem_harness.fixtures import HostFixture


class LibvirtObjectTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.host = self.useFixture(HostFixture(pmem='SMALL:1x1GiB'))
        libvirt.registerErrorHandler(libvirt_calls.report, None)
        self.addCleanup(libvirt.registerErrorHandler, None, None)
        self.host.connection.defineXML(XML)

    def before_the_error_is_read(self, free):
        """Call ``free`` once between libvirt's next failure and the moment its error is read."""
        reads = libvirt.libvirtError.__init__.__code__

        def profile(frame, event, _argument):
            if event == 'call' and frame.f_code is reads:
                sys.setprofile(None)
                free()
        before = sys.getprofile()
        self.addCleanup(sys.setprofile, before)
        sys.setprofile(profile)

    def test_a_domain_is_freed_meanwhile(self):
        """The error keeps its code and message, which libvirt-python alone loses."""
        domain = self.host.connection.lookupByName('guest')
        for one, code in ((domain, None),
                          (LibvirtObject(domain), libvirt.VIR_ERR_OPERATION_INVALID)):
            garbage = [self.host.connection.lookupByName('guest')]
            self.before_the_error_is_read(garbage.clear)
            error = self.assertRaises(libvirt.libvirtError, one.destroy)
            self.assertEqual([], garbage)
            self.assertEqual(code, error.get_error_code())
        self.assertEqual('Requested operation is not valid: domain is not running', str(error))

    def test_a_broken_connection_is_closed_meanwhile(self):
        """The error is that of the call, not of the connection that is closed."""
        garbage = [libvirt.open(self.host.uri)]
        self.host.faults.kill_daemon()
        self.host.faults.start_daemon()
        domain = LibvirtObject(self.host.connection).lookupByName('guest')
        self.before_the_error_is_read(garbage.clear)
        error = self.assertRaises(libvirt.libvirtError, domain.destroy)
        self.assertEqual([], garbage)
        self.assertEqual(libvirt.VIR_ERR_OPERATION_INVALID, error.get_error_code())

    def test_an_ordinary_error(self):
        """An error that libvirt-python reads correctly stays as it is."""
        error = self.assertRaises(
            libvirt.libvirtError, LibvirtObject(self.host.connection).lookupByName, 'another')
        self.assertEqual(libvirt.VIR_ERR_NO_DOMAIN, error.get_error_code())
        self.assertEqual(libvirt.VIR_FROM_QEMU, error.get_error_domain())
