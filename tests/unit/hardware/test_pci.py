"""PCI devices."""

from __future__ import annotations

import testtools

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.hardware import Mdev, MdevType, NetworkInterface, PciAddress, PciDevice

VENDOR, PRODUCT = (0x8086, 'Vendor'), (0x1572, 'Card')


class AddressTest(testtools.TestCase):

    def test_parsed(self):
        """An address is parsed with and without its domain."""
        self.assertEqual(PciAddress(0, 0x81, 0x1f, 7), PciAddress.parse('0000:81:1f.7'))
        self.assertEqual(PciAddress(0, 0x81, 0, 0), PciAddress.parse('81:00.0'))

    def test_printed(self):
        """An address is printed as the kernel prints it."""
        self.assertEqual('0000:81:1f.7', str(PciAddress(0, 0x81, 0x1f, 7)))

    def test_name(self):
        """libvirt's name of a device contains its address."""
        self.assertEqual('pci_0000_81_00_0', PciAddress.parse('81:00.0').device_name)

    def test_slot_out_of_range(self):
        """A bus has 32 slots."""
        error = self.assertRaises(InvalidInputError, PciAddress.parse, '00:20.0')
        self.assertIn('DOMAIN:BUS:SLOT.FUNCTION', str(error))


class DeviceTest(testtools.TestCase):

    def test_addresses_can_be_texts(self):
        """Addresses are given as texts or as numbers."""
        self.assertEqual(PciDevice((0, 1, 2, 3), VENDOR, PRODUCT),
                         PciDevice('0000:01:02.3', VENDOR, PRODUCT))

    def test_virtual_functions_follow_their_card(self):
        """Virtual functions take the addresses after their card's, eight to a slot."""
        card, *functions = PciDevice('81:00.0', VENDOR, PRODUCT).with_vfs(9)
        self.assertEqual(9, card.max_vfs)
        self.assertEqual(['0000:81:00.1', '0000:81:00.7', '0000:81:01.0', '0000:81:01.1'],
                         [str(functions[number].address) for number in (0, 6, 7, 8)])
        self.assertEqual({card.address}, {function.physical for function in functions})

    def test_interfaces_of_virtual_functions(self):
        """Virtual functions have interfaces named after the card's if they keep their driver."""
        card = PciDevice('81:00.0', VENDOR, PRODUCT, interface=NetworkInterface('eth0'))
        self.assertEqual('eth0v1', card.with_vfs(2, interfaces=True)[2].interface.name)

    def test_a_virtual_function_has_none(self):
        """A virtual function cannot have virtual functions."""
        error = self.assertRaises(InvalidInputError, PciDevice, '81:00.1', VENDOR, PRODUCT,
                                  physical='81:00.0', max_vfs=1)
        self.assertIn('none for a virtual function', str(error))

    def test_types_differ(self):
        """A device provides each type of mediated device once."""
        kind = MdevType('t', 'Type', 1)
        error = self.assertRaises(InvalidInputError, PciDevice, '81:00.0', VENDOR, PRODUCT,
                                  mdev_types=(kind, kind))
        self.assertIn('got t twice', str(error))

    def test_uuid_of_a_mediated_device(self):
        """The UUID of a mediated device is in libvirt's form."""
        error = self.assertRaises(InvalidInputError, Mdev, 't', '81:00.0', 'one')
        self.assertIn('a UUID in lower case', str(error))
