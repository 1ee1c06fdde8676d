"""Which attributes of a loader the automatic selection of firmware excludes, by release."""

from __future__ import annotations

import testtools

from vpmem_harness.hardware import Hardware
from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.xml.domain import parser
from vpmem_harness.libvirtd.xml.host import XmlHost
from vpmem_harness.randomness import Randomness
from vpmem_harness.releases import DEBIAN_12, DEBIAN_13

XML = """
<domain type='qemu'>
  <name>guest</name>
  <memory>65536</memory>
  <os firmware='efi'><type arch='x86_64' machine='q35'>hvm</type><loader secure='no'/></os>
  <features><acpi/></features>
</domain>
"""


def parse(release):
    return parser.parse(XML, XmlHost(Hardware.uniform(), Randomness(1), release))


class FirmwareSelectionTest(testtools.TestCase):

    def test_libvirt_9_refuses_a_loader_that_is_not_secure(self):
        """What Nova writes for a UEFI guest, libvirt 9.0 refuses; recorded in firmware.json."""
        error = self.assertRaises(LibvirtError, parse, DEBIAN_12)
        self.assertIn("loader attribute 'secure' cannot be specified", error.message)

    def test_libvirt_11_accepts_it(self):
        """libvirt 11.3 does not have this refusal."""
        self.assertEqual('efi', parse(DEBIAN_13).root.find('os').get('firmware'))
