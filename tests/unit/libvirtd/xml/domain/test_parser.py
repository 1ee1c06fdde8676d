"""Definitions are completed as libvirt completes them."""

from __future__ import annotations

import testtools
from lxml import etree

from vpmem_harness.hardware import Hardware
from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.xml import schema
from vpmem_harness.libvirtd.xml.domain import formatter, parser
from vpmem_harness.libvirtd.xml.host import XmlHost
from vpmem_harness.randomness import Randomness

DISK = "<disk type='file'><source file='/{name}.img'/><target dev='{name}'{bus}/></disk>"


def xml(devices='', machine='pc', more=''):
    """Return domain XML with these devices."""
    return (f"<domain type='kvm'><name>guest</name><memory unit='MiB'>64</memory><vcpu>2</vcpu>"
            f"<os><type machine='{machine}'>hvm</type></os><devices>{devices}</devices>{more}"
            '</domain>')


class DomainCase(testtools.TestCase):

    def parse(self, text):
        """Return the complete definition."""
        return parser.parse(text, XmlHost(Hardware.uniform(), Randomness(5)))

    def printed(self, *arguments, **options):
        """The complete definition as XML; it fits libvirt's schema where that is installed."""
        text = formatter.domain(self.parse(xml(*arguments, **options)), inactive=True)
        relaxng = schema.load('domain.rng')
        if relaxng is not None and not relaxng.validate(etree.fromstring(text)):
            self.fail(f'{relaxng.error_log}\n{text}')
        return text

    def address(self, definition, path):
        """The PCI address of a device: bus, slot, function."""
        found = definition.devices.find(f'{path}/address')
        return tuple(int(found.get(name), 16) for name in ('bus', 'slot', 'function'))


class TestDefaults(DomainCase):

    def test_machine_names_are_resolved(self):
        """A machine alias resolves to the newest machine type."""
        self.assertEqual(['pc-i440fx-7.2', 'pc-q35-7.2'], [
            self.parse(xml(machine=machine)).machine for machine in ('pc', 'q35')])

    def test_unknown_machine(self):
        """An unknown machine type has no PCI bus."""
        error = self.assertRaises(LibvirtError, self.parse, xml(machine='pc-nope'))
        self.assertEqual('XML error: No PCI buses available', error.message)

    def test_default_devices(self):
        """A PC has USB, a PCI bus, mouse, keyboard and balloon, and no audio."""
        text = self.printed()
        for line in ("<controller type='usb' index='0' model='piix3-uhci'>",
                     "<controller type='pci' index='0' model='pci-root'/>",
                     "<input type='mouse' bus='ps2'/>", "<audio id='1' type='none'/>",
                     "<memballoon model='virtio'>"):
            self.assertIn(line, text)

    def test_mac_addresses_are_drawn(self):
        """An interface without a MAC address is given one."""
        definition = self.parse(xml("<interface type='bridge'><source bridge='br0'/>"
                                    '</interface>'))
        found = definition.devices.find('interface/mac').get('address')
        self.assertTrue(found.startswith('52:54:00:'), found)

    def test_metadata_is_kept(self):
        """Metadata is kept word for word."""
        text = self.printed(more='<metadata><n:i xmlns:n="http://example.com/n"><n:a b="1">t'
                                 '</n:a></n:i></metadata>')
        self.assertIn('  <metadata>\n    <n:i xmlns:n="http://example.com/n">\n'
                      '      <n:a b="1">t</n:a>\n    </n:i>\n  </metadata>\n', text)

    def test_serial_port_is_the_console(self):
        """The first serial port and the first console are the same device."""
        text = self.printed("<serial type='pty'/>")
        self.assertIn("<console type='pty'>\n      <target type='serial' port='0'/>", text)

    def test_completing_twice_changes_nothing(self):
        """Parsing a formatted definition does not change it."""
        text = self.printed(DISK.format(name='vda', bus='') + "<graphics type='vnc'/>"
                            "<interface type='bridge'><source bridge='br0'/></interface>"
                            "<channel type='unix'><target type='virtio' name='a'/></channel>")
        self.assertEqual(text, formatter.domain(self.parse(text), inactive=True))


class TestDisks(DomainCase):

    def test_bus_follows_from_the_name(self):
        """The target name determines the bus."""
        definition = self.parse(xml(''.join(DISK.format(name=name, bus='')
                                            for name in ('hda', 'sda', 'vda'))))
        self.assertEqual(['ide', 'scsi', 'virtio'], [
            target.get('bus') for target in definition.devices.findall('disk/target')])

    def test_controllers_follow_from_disks(self):
        """A disk adds its controller."""
        definition = self.parse(xml(DISK.format(name='sdh', bus=" bus='scsi'")))
        self.assertEqual(['0', '1'], [controller.get('index') for controller in
                                      definition.devices.findall("controller[@type='scsi']")])

    def test_disks_of_a_bus_are_sorted(self):
        """Disks of a bus are grouped and sorted by name."""
        definition = self.parse(xml(''.join(
            DISK.format(name=name, bus=f" bus='{bus}'")
            for name, bus in (('vdb', 'virtio'), ('hda', 'ide'), ('vda', 'virtio')))))
        self.assertEqual(['vda', 'vdb', 'hda'], [
            target.get('dev') for target in definition.devices.findall('disk/target')])

    def test_one_target_for_one_disk(self):
        """Two disks cannot have the same target."""
        error = self.assertRaises(LibvirtError, self.parse,
                                  xml(DISK.format(name='vda', bus='') * 2))
        self.assertEqual("XML error: target 'vda' duplicated for disk sources '/vda.img' and "
                         "'/vda.img'", error.message)


class TestPciAddresses(DomainCase):

    def test_slots_of_a_pc(self):
        """On a PC, the chipset has slot 1, video slot 2, and other devices the next slots."""
        definition = self.parse(xml("<graphics type='vnc'/>" + DISK.format(name='vda', bus='')))
        self.assertEqual([(0, 2, 0), (0, 3, 0), (0, 4, 0)], [
            self.address(definition, path) for path in ('video', 'disk', 'memballoon')])

    def test_ports_of_a_q35(self):
        """On a Q35, each device has its own root port, and one port stays free."""
        definition = self.parse(xml(DISK.format(name='vda', bus=''), machine='q35'))
        self.assertEqual((2, 0, 0), self.address(definition, 'disk'))
        ports = definition.devices.findall("controller[@model='pcie-root-port']")
        self.assertEqual(4, len(ports))

    def test_conventional_device_on_a_q35(self):
        """A conventional PCI device adds a bridge on a Q35."""
        definition = self.parse(xml("<watchdog model='i6300esb'/>", machine='q35'))
        self.assertIsNotNone(
            definition.devices.find("controller[@model='pcie-to-pci-bridge']"))

    def test_address_is_taken(self):
        """Two devices cannot have the same address."""
        place = "<address type='pci' bus='0' slot='5'/></disk>"
        error = self.assertRaises(LibvirtError, self.parse, xml(''.join(
            DISK.format(name=name, bus='').replace('</disk>', place)
            for name in ('vda', 'vdb'))))
        self.assertEqual('XML error: Attempted double use of PCI Address 0000:00:05.0',
                         error.message)

    def test_bus_that_is_full(self):
        """A bridge is added if the bus has no free slot."""
        letters = 'abcdefghijklmnopqrstuvwxyz'
        definition = self.parse(xml(''.join(
            DISK.format(name=f'vd{letter}', bus='') for letter in letters) + ''.join(
            DISK.format(name=f'vda{letter}', bus='') for letter in letters[:6])))
        self.assertIsNotNone(definition.devices.find("controller[@model='pci-bridge']"))


class TestSchema(DomainCase):

    def test_printed_documents_fit_the_schema(self):
        """The XML of a guest with many devices is valid by libvirt's schema."""
        for machine in ('pc', 'q35'):
            self.printed(
                DISK.format(name='vda', bus='') + DISK.format(name='sda', bus='')
                + "<interface type='bridge'><source bridge='br0'/><model type='virtio'/>"
                "</interface><graphics type='spice' autoport='yes'/><sound model='ich6'/>"
                "<rng model='virtio'><backend model='random'/></rng><vsock model='virtio'/>"
                "<watchdog model='i6300esb'/><tpm model='tpm-crb'><backend type='emulator'/>"
                "</tpm><channel type='unix'><target type='virtio' name='a'/></channel>"
                "<hostdev mode='subsystem' type='pci'><source><address domain='0' bus='2' "
                "slot='0' function='0'/></source></hostdev>", machine=machine)

    def test_validation_on_request(self):
        """A client can request validation against the schema."""
        if schema.load('domain.rng') is None:
            self.skipTest("libvirt's schemas are not installed")
        error = self.assertRaises(
            LibvirtError, parser.parse, xml(more='<bogus/>'),
            XmlHost(Hardware.uniform(), Randomness(5)), validate_schema=True)
        self.assertIn('Unable to validate doc against', error.message)
