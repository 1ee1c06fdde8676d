"""Addresses that are in use, or that no controller has, are refused."""

from __future__ import annotations

from tests.unit.libvirtd.xml.devices.test_device_validate import RefusalCase
from tests.unit.libvirtd.xml.domain.test_parser import xml

DISK = "<disk type='file'><source file='/{0}'/><target dev='{0}' bus='{1}'/>{2}</disk>"
TABLET = "<input type='tablet' bus='usb'>{}</input>"


def pci(slot, function=0, bus=0, domain=0):
    """Return a PCI address."""
    return (f"<address type='pci' domain='{domain}' bus='{bus}' slot='{slot}' "
            f"function='{function}'/>")


def disk(name, address, bus='virtio'):
    """Return a disk with an address."""
    return DISK.format(name, bus, address)


def drive(controller=0, bus=0, target=0):
    """Return the address of a drive."""
    return f"<address type='drive' controller='{controller}' bus='{bus}' target='{target}'/>"


def port(path, bus=0):
    """Return a tablet at a USB port."""
    return TABLET.format(f"<address type='usb' bus='{bus}' port='{path}'/>")


def channel(name, number=None):
    """Return a virtio channel, with its port if one is given."""
    address = '' if number is None else (
        f"<address type='virtio-serial' controller='0' bus='0' port='{number}'/>")
    return f"<channel type='pty'><target type='virtio' name='{name}'/>{address}</channel>"


def bus(index, model, address=''):
    """Return a PCI controller."""
    return f"<controller type='pci' index='{index}' model='{model}'>{address}</controller>"


class TestPci(RefusalCase):

    def test_slot_that_a_bus_lacks(self):
        """A root port has one slot, a bridge has none with number 0, and there is one domain."""
        for place, text in ((pci(5, bus=1), '0000:01:05.0. slot must be <= 0'),
                            (pci(5, domain=1), '0001:00:05.0. Only PCI domain 0 is available')):
            self.assert_refused(f'XML error: Invalid PCI address {text}',
                                disk('vda', place), machine='q35')
        self.assert_refused('XML error: Invalid PCI address 0000:01:00.0. slot must be >= 1',
                            bus(1, 'pci-bridge') + disk('vda', pci(0, bus=1)))

    def test_functions_of_the_chipset(self):
        """The chipset keeps its functions."""
        for machine, place, text in (('pc', pci(1), '01.0'), ('pc', pci(1, 3), '01.3'),
                                     ('q35', pci(31), '1f.0'), ('q35', pci(31, 3), '1f.3')):
            self.assert_refused(
                f'XML error: Attempted double use of PCI Address 0000:00:{text}',
                disk('vda', place), machine=machine)

    def test_no_slot(self):
        """libvirt chooses a slot in place of slot 0 of bus 0."""
        definition = self.parse(xml(disk('vda', pci(0))))
        self.assertEqual('0x02', definition.devices.find('disk/address').get('slot'))

    def test_device_on_a_bus_for_controllers(self):
        """A PCI Express switch takes no devices, and a root port takes no other one."""
        message = ('XML error: The device at PCI address 0000:{:02x}:00.0 cannot be plugged into '
                   "the PCI controller with index='{}'. It requires a controller that accepts "
                   'a {}.')
        self.assert_refused(
            message.format(2, 2, 'PCI Express device'), machine='q35',
            devices=bus(1, 'pcie-root-port') + bus(2, 'pcie-switch-upstream-port')
            + disk('vda', pci(0, bus=2)))
        self.assert_refused(
            message.format(1, 1, 'pcie-root-port'), machine='q35',
            devices=bus(1, 'pcie-root-port') + bus(2, 'pcie-root-port', pci(0, bus=1)))

    def test_bridge_on_a_later_bus(self):
        """A bridge is on a bus with a lower index."""
        self.assert_refused("unsupported configuration: PCI controller at index 1 (0x01) has "
                            "bus='0x01', but index must be larger than bus",
                            bus(1, 'pci-bridge', pci(5, bus=1)))

    def test_expander_of_another_machine(self):
        """Each chipset has its expander bus."""
        self.assert_refused('unsupported configuration: pci-expander-bus controllers are only '
                            'supported on 440fx-based machinetypes',
                            bus(1, 'pci-expander-bus'), machine='q35')

    def test_video_beside_a_device_in_its_slot(self):
        """Video goes elsewhere if another device has its slot."""
        definition = self.parse(xml(
            disk('vda', pci(1)) + "<video><model type='vga'/></video>", machine='q35'))
        self.assertEqual('0x02', definition.devices.find('video/address').get('bus'))


class TestDrives(RefusalCase):

    def test_place_that_a_controller_lacks(self):
        """Drives are where controllers have places."""
        for name, kind, place, message in (
                ('hda', 'ide', drive(controller=1), 'internal error: Only 1 IDE controller is '
                                                    'supported'),
                ('hda', 'ide', drive(target=1), 'unsupported configuration: target must be 0 for '
                                                'ide controller'),
                ('sda', 'sata', drive(bus=1), 'unsupported configuration: bus must be 0 for sata '
                                              'controller'),
                ('sda', 'scsi', drive(bus=1), 'internal error: SCSI controller only supports 1 '
                                              'bus'),
                ('sda', 'scsi', drive(target=1), 'unsupported configuration: target must be 0 for '
                                                 "controller model 'lsilogic'")):
            self.assert_refused(message, disk(name, place, kind))

    def test_address_of_another_kind(self):
        """A virtio disk is a PCI device."""
        self.assert_refused(
            "unsupported configuration: virtio disk cannot have an address of type 'usb'",
            disk('vda', "<address type='usb' bus='0' port='1'/>"))

    def test_transient(self):
        """Only a disk with a file that can be written is transient."""
        for attributes, more, message in (
                ("type='block'", '', "supported only with 'file' type (vda)"),
                ("type='file'", '<readonly/>', "'vda' must not be read-only")):
            self.assert_refused(
                f'unsupported configuration: transient disk {message}',
                f"<disk {attributes}><source file='/a' dev='/a'/><target dev='vda'/>{more}"
                '<transient/></disk>')


class TestPorts(RefusalCase):

    def test_usb_port_in_use(self):
        """A USB port has one device."""
        self.assert_refused('XML error: Duplicate USB address bus 0 port 1', port(1) * 2)

    def test_usb_port_that_is_not_there(self):
        """A USB device is at a port of a controller or a hub."""
        for path, number, message in (
                (9, 0, 'requested USB port 9 not present on USB bus 0'),
                (1, 5, 'Missing USB bus 5'),
                ('1.1', 0, 'there is no hub at port 1 in USB address bus: 0 port: 1.1')):
            self.assert_refused(f'XML error: {message}', port(path, number))

    def test_hubs(self):
        """libvirt adds the hubs that many USB devices need."""
        definition = self.parse(xml(TABLET.format('') * 9))
        paths = [device.find('address').get('port') for device
                 in definition.devices.findall('input') if device.get('bus') == 'usb']
        self.assertEqual([*(f'1.{number}' for number in range(1, 9)), '2.1'], paths)

    def test_usb_of_a_domain_without_it(self):
        """A domain without USB has no USB devices."""
        none = "<controller type='usb' index='0' model='none'/>"
        self.assert_refused("unsupported configuration: Can't add USB input device. USB bus is "
                            'disabled', none + TABLET.format(''))
        self.assert_refused('unsupported configuration: USB is disabled for this domain, but USB '
                            'devices are present in the domain XML',
                            none + DISK.format('sda', 'usb', ''))

    def test_virtio_serial_port(self):
        """A port of a virtio serial controller has one device, and its number is at most 30."""
        self.assert_refused('XML error: virtio serial port 1 on controller 0 is already occupied',
                            channel('a', 1) + channel('b', 1))
        self.assert_refused('XML error: virtio serial controller 0 does not have port 31',
                            channel('a', 31))

    def test_second_smart_card(self):
        """A guest has one smart card."""
        self.assert_refused(
            'unsupported configuration: this QEMU binary lacks multiple smartcard support',
            "<smartcard mode='host'/>" * 2)
