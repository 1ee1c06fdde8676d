"""Hardware from a file."""

from __future__ import annotations

import textwrap
from pathlib import Path

import fixtures
import testtools

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.hardware import GIB, OVMF, Hardware, Tpm, document, profiles

FULL = """
cells:
- {memory: 32GiB, cores: 4, threads: 2, offline: [3], huge_pages: {2MiB: 512, 1GiB: 2}}
- {memory: 32GiB, sockets: 2, cores: 4, threads: 2}
- {id: 4, memory: 128GiB}
distances: [[10, 21, 17], [21, 10, 28], [17, 28, 10]]
cpu: {model: Icelake-Server, mhz: 3000, features: [vmx]}
pci:
- address: '0000:80:01.0'
  class: 0x060400
  vendor: {id: 0x8086, name: Intel Corporation}
  product: {id: 0x2030}
  numa_node: 1
- address: '81:00.0'
  parent: '80:01.0'
  vendor: {id: 0x8086}
  product: {id: 0x1572}
  numa_node: 1
  interface: {name: eth0}
  max_vfs: 64
  vfs: {count: 4, driver: iavf, interfaces: true}
  vpd: {name: card, read_only: {part_number: '1', vendor: {'0': x}}}
- address: '82:00.0'
  vendor: {id: 0x10de}
  product: {id: 0x1eb8}
  mdev_types: [{id: t-1, name: Type, available: 2}]
mdevs: [{type: t-1, parent: '82:00.0'}]
firmware: ovmf
tpm: {versions: ['2.0']}
sev: null
dimms: ['32GiB,numa=1']
"""

CARD = "pci: [{{address: '81:00.0', vendor: {{id: 7}}, product: {{id: 1}}, {}}}]"


class DocumentTest(testtools.TestCase):

    def assert_refused(self, message: str, text: str) -> None:
        """Check that a document is refused with that message."""
        error = self.assertRaises(InvalidInputError, document.parse, text, 'hw.yaml')
        self.assertEqual(message, str(error))

    def test_everything(self) -> None:
        """A document describes cells, CPUs, PCI devices and the platform."""
        hardware = document.parse(FULL)
        self.assertEqual([8, 16, 0], [len(cell.cpus) for cell in hardware.cells])
        self.assertEqual([7, 16, 0], [len(cell.online) for cell in hardware.cells])
        self.assertEqual(((2048, 512), (1048576, 2)), hardware.cells[0].huge_pages)
        self.assertEqual(128 * GIB, hardware.cell(4).memory)
        self.assertEqual(28, hardware.distance(1, 4))
        self.assertEqual(4, len(hardware.virtual_functions(hardware.pci[1])))
        self.assertEqual(('t-1',), tuple(mdev.type for mdev in hardware.mdevs))
        self.assertEqual((OVMF, Tpm(('2.0',)), None),
                         (hardware.firmware, hardware.tpm, hardware.sev))

    def test_a_profile_with_changes(self) -> None:
        """A document can change a profile."""
        hardware = document.parse('{profile: optane-2s, tdx: true}')
        self.assertTrue(hardware.tdx)
        self.assertEqual(profiles.named('optane-2s').cells, hardware.cells)

    def test_an_empty_object(self) -> None:
        """What a document leaves out is as in the default profile."""
        self.assertEqual(Hardware.uniform(), document.parse('{}'))

    def test_path_of_a_wrong_field(self) -> None:
        """An error names the path of the field, and what is expected there."""
        self.assert_refused(
            "hw.yaml: cells[1].memory: expected a whole number with a unit, as in 4GiB, got "
            "'4gb'; correct it",
            'cells: [{memory: 4GiB, cores: 1}, {cores: 1, memory: 4gb}]')
        self.assert_refused(
            'hw.yaml: pci[0].vfs: expected keys among count, driver, interfaces, product, got '
            "'kount'; correct the name or leave it out", CARD.format('vfs: {kount: 1}'))
        self.assert_refused(
            'hw.yaml: pci[0].interface: name of a NetworkInterface: expected at most 15 '
            "characters without a slash, got 'abcdefghijklmnop'; shorten it",
            CARD.format('interface: {name: abcdefghijklmnop}'))

    def test_a_missing_key(self) -> None:
        """A key that must be there is named."""
        self.assert_refused("hw.yaml: pci[0]: expected the key 'vendor', got an object without "
                            'it; add it', "pci: [{address: '81:00.0'}]")

    def test_an_address_without_quotes(self) -> None:
        """YAML reads some addresses as numbers; the error says that they need quotes."""
        self.assert_refused(
            "hw.yaml: pci[0].address: expected a PCI address in quotes, as in '0000:81:00.0', "
            'got 4860.0; correct it',
            'pci: [{address: 81:00.0, vendor: {id: 7}, product: {id: 1}}]')

    def test_what_contradicts_itself(self) -> None:
        """Fields that contradict each other are refused with the rule of the value."""
        self.assert_refused(
            'hw.yaml: numa_node of PciDevice 0000:81:00.0: expected a NUMA node of the host (0, '
            '1), or -1, got 5; name one of them, or add a Cell with that id',
            CARD.format('numa_node: 5'))

    def test_no_yaml(self) -> None:
        """An error of the syntax names the line."""
        self.assert_refused(
            "hw.yaml: expected a document in YAML, got an error in line 2: expected the node "
            "content, but found '<stream end>'; correct the line", 'cells: [\n')
        self.assert_refused('hw.yaml: expected an object, got None; correct it', '')

    def test_what_python_refuses(self) -> None:
        """A date that does not exist is an error of the document."""
        self.assert_refused('hw.yaml: expected a document in YAML, got an error: month must be in '
                            '1..12; correct the line', 'cells: 2024-13-45')


class ArgumentTest(testtools.TestCase):

    def test_profile_or_file(self) -> None:
        """The argument is the name of a profile, or the path of a file."""
        folder = Path(self.useFixture(fixtures.TempDir()).path)
        (folder / 'hw.yaml').write_text(textwrap.dedent('cells: [{memory: 1GiB, cores: 1}]'))
        self.assertEqual(profiles.named('small'), document.of_argument('small', folder))
        self.assertEqual(1, len(document.of_argument('hw.yaml', folder).cpus))

    def test_neither(self) -> None:
        """A name that is neither is refused."""
        error = self.assertRaises(InvalidInputError, document.of_argument, 'huge')
        self.assertEqual('hardware: expected a YAML file, or one of default, optane-2s, '
                         "optane-4s, small, sriov, vgpu, got 'huge' (No such file or directory); "
                         'correct the name', str(error))
