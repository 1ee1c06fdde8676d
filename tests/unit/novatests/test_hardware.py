"""The hardware of hosts from Nova's descriptions; these tests need no Nova."""

from __future__ import annotations

import types

import testtools

from vpmem_harness.novatests import hardware

_XML = """\
<device>
  <name>pci_0000_81_00_0</name>
  <driver><name>ixgbe</name></driver>
  <capability type='pci'>
    <product id='0x1528'>X540</product>
    <vendor id='0x8086'>Intel</vendor>
    {capability}
  </capability>
</device>"""


class PciDevicesTest(testtools.TestCase):

    def physical_function(self, capability):
        """Return the device for one of Nova's physical functions with this element."""
        document = _XML.format(capability=capability)
        fake = types.SimpleNamespace(
            dev_type='PF', bus=0x81, slot=0, function=0, numa_node=0, parent=None, vpd_fields=None,
            XMLDesc=lambda _flags: document)
        device, = hardware.pci_devices([fake], {}, [0])
        return device

    def test_a_physical_function_can_have_virtual_ones(self):
        """Nova's card has the number of an Intel X540."""
        self.assertEqual(
            63, self.physical_function("<capability type='virt_functions'/>").max_vfs)

    def test_sriov_is_in_the_xml_and_not_in_the_type(self):
        """Nova's tests turn SR-IOV off by removing the capability; the type stays PF."""
        self.assertIsNone(self.physical_function('').max_vfs)
