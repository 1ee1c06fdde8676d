"""Firmware, TPM and memory encryption of guests, against a recording of libvirt 9.0.0."""

from __future__ import annotations

import dataclasses
import json

import libvirt

from tests import base
from tests.conformance import firmware_cases
from vpmem_harness.fixtures import HostFixture
from vpmem_harness.hardware import OVMF, Hardware, Sev, Tpm


class FirmwareTest(base.TestCase):

    def compare(self, name: str, hardware: Hardware) -> None:
        """Compare a host to the recorded one of that name."""
        recorded = json.loads(firmware_cases.RECORDING.read_text())[name]
        host = self.useFixture(HostFixture(pmem='SMALL:1x1GiB', hardware=hardware))
        self.assertEqual(recorded['capabilities'], firmware_cases.capabilities(host.connection))
        for label, xml, flags in firmware_cases.cases():
            with self.subTest(label):
                self.assertEqual(recorded['cases'][label], firmware_cases.observed(
                    host.connection, xml, flags))

    def test_with_ovmf_and_swtpm(self) -> None:
        """A host with OVMF and swtpm treats each definition as libvirt 9.0.0 does."""
        self.compare('ovmf and swtpm', dataclasses.replace(
            Hardware.uniform(), firmware=OVMF, tpm=Tpm()))

    def test_with_neither(self) -> None:
        """A host without them refuses what libvirt 9.0.0 refuses there."""
        self.compare('neither', dataclasses.replace(Hardware.uniform(), tpm=None))


class EncryptionTest(base.TestCase):

    def setUp(self) -> None:
        super().setUp()
        sev = Sev(cbit_position=47, reduced_bits=1, max_guests=15, max_es_guests=4)
        self.host = self.useFixture(HostFixture(pmem='SMALL:1x1GiB', hardware=dataclasses.replace(
            Hardware.uniform(), model='EPYC-Rome', vendor='AMD', sev=sev, firmware=OVMF)))

    def test_capabilities(self) -> None:
        """Domain capabilities and the node's parameters describe the same SEV."""
        text = self.host.connection.getDomainCapabilities(None, 'x86_64', 'q35', 'kvm', 0)
        self.assertIn("<sev supported='yes'>\n      <cbitpos>47</cbitpos>\n      <reducedPhysBits>1"
                      '</reducedPhysBits>\n      <maxGuests>15</maxGuests>\n      <maxESGuests>4'
                      '</maxESGuests>\n    </sev>', text)
        found = self.host.connection.getSEVInfo()
        self.assertEqual((47, 1, 15, 4), (found['cbitpos'], found['reduced-phys-bits'],
                                          found['max-guests'], found['max-es-guests']))

    def start(self, policy: str) -> libvirt.virDomain:
        """Start an encrypted guest with selected firmware."""
        return self.host.connection.createXML(f"""<domain type='kvm'><name>a</name>
<memory>65536</memory><os firmware='efi'><type arch='x86_64' machine='q35'>hvm</type></os>
<features><acpi/></features>
<launchSecurity type='sev'><policy>{policy}</policy></launchSecurity></domain>""")

    def test_parameters_of_the_host(self) -> None:
        """A guest without parameters gets those of the host."""
        self.assertIn('<cbitpos>47</cbitpos>\n    <reducedPhysBits>1</reducedPhysBits>',
                      self.start('0x0003').XMLDesc())

    def test_firmware_for_encrypted_registers(self) -> None:
        """A guest with SEV-ES needs firmware for it."""
        error = self.assertRaises(libvirt.libvirtError, self.start, '0x0007')
        self.assertEqual("operation failed: Unable to find any firmware to satisfy 'efi'",
                         str(error))
