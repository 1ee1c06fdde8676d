"""Numbers of controllers are refused beyond libvirt's limits."""

from __future__ import annotations

import testtools

from tests.unit.libvirtd.xml.domain.test_parser import xml
from vpmem_harness.hardware import Hardware
from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.xml.domain import parser
from vpmem_harness.libvirtd.xml.host import XmlHost
from vpmem_harness.randomness import Randomness

DISK = """<disk type='file'><source file='/a'/><target dev='sda' bus='scsi'/>
<address type='drive' controller='{}' bus='0' target='0' unit='0'/></disk>"""


class NumbersTest(testtools.TestCase):

    def assert_refused(self, message, devices):
        """Check that a domain with those devices is refused with that message."""
        host = XmlHost(Hardware.uniform(), Randomness(5))
        error = self.assertRaises(LibvirtError, parser.parse, xml(devices), host)
        self.assertEqual(message, error.message)

    def test_index_of_a_pci_controller(self):
        """A PCI controller has an index up to 255."""
        self.assert_refused(
            'unsupported configuration: PCI controller index 100000000 too high, maximum is 255',
            "<controller type='pci' index='100000000' model='pci-bridge'/>")

    def test_implied_controllers(self):
        """The address of a disk does not imply millions of controllers."""
        self.assert_refused(
            'unsupported configuration: scsi controller index 100000000 too high, maximum is 255',
            DISK.format(100000000))

    def test_attributes_that_are_no_numbers(self):
        """An index or a number of ports that is no integer is refused with its place."""
        for name in ('index', 'ports'):
            for value in ('x', '', '9999999999'):
                self.assert_refused(
                    f"XML error: Invalid value for attribute '{name}' in element 'controller': "
                    f"'{value}'. Expected integer value",
                    f"<controller type='usb' {name}='{value}' model='qemu-xhci'/>")
