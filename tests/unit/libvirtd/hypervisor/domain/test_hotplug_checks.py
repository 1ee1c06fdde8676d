"""Changes of a running guest's devices that libvirt or QEMU cannot make are refused."""

from __future__ import annotations

import libvirt
import testtools
from lxml import etree

from tests.unit.libvirtd.hypervisor import hosts

LIVE, CONFIG = libvirt.VIR_DOMAIN_AFFECT_LIVE, libvirt.VIR_DOMAIN_AFFECT_CONFIG

DISK = ("<disk type='file' device='{}'><source file='/images/{}'/><target dev='{}' bus='{}'/>"
        '</disk>')
GRAPHICS = "<graphics type='vnc' autoport='yes' listen='127.0.0.1' {}/>"
CONTROLLER = "<controller type='scsi' index='{}' model='virtio-scsi'/>"
DOMAIN = ("<domain type='qemu'><name>guest</name><memory unit='MiB'>64</memory>"
          "<os><type machine='q35'>hvm</type><boot dev='hd'/></os><features><acpi/></features>"
          f"<devices>{DISK.format('disk', 'root', 'vda', 'virtio')}"
          "<disk type='file' device='cdrom'><target dev='sda' bus='sata'/></disk>"
          f"{CONTROLLER.format(0)}<controller type='pci' index='0' model='pcie-root'/>"
          f"{''.join(['''<controller type='pci' model='pcie-root-port'/>'''] * 8)}"
          f"<interface type='user'><mac address='{hosts.MAC}'/><model type='virtio'/></interface>"
          f"{GRAPHICS.format('')}</devices></domain>")


class HotplugChecksCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.client = hosts.Client(hosts.recorded_host())
        self.domain = self.client.domain_define_xml(DOMAIN)
        self.client.domain_create(self.domain)

    def attach(self, xml, flags=LIVE):
        """Attach a device."""
        self.client.domain_attach_device_flags(self.domain, xml, flags)

    def update(self, xml, flags=LIVE):
        """Update a device."""
        self.client.domain_update_device_flags(self.domain, xml, flags)

    def disk(self, target):
        """Return a running disk."""
        root = etree.fromstring(self.client.domain_get_xml_desc(self.domain, 0))
        return root.find(f"devices/disk/target[@dev='{target}']/..")

    def assert_refused(self, message, call, *arguments):
        """Check that a call is refused with a message."""
        error = hosts.refusal(call, *arguments)
        self.assertEqual(message, None if error is None else error.message)


class TestAttach(HotplugChecksCase):

    def test_drive_on_scsi(self):
        """A CD-ROM drive on SCSI can be added with its medium."""
        self.attach(DISK.format('cdrom', 'cd', 'sdb', 'scsi'))
        self.assertEqual('/images/cd', self.disk('sdb').find('source').get('file'))

    def test_disk_on_sata(self):
        """QEMU cannot add a disk to SATA."""
        self.assert_refused("internal error: unable to execute QEMU command 'device_add': Bus "
                            "'ide.2' does not support hotplugging",
                            self.attach, DISK.format('disk', 'one', 'sdc', 'sata'))

    def test_bus_that_is_not_there(self):
        """A disk on IDE needs an IDE controller."""
        self.assert_refused(
            'internal error: Could not find ide controller with index 0 required for device',
            self.attach, DISK.format('disk', 'one', 'hda', 'ide'))

    def test_target_that_is_taken(self):
        """The refusal of a target that is taken names both images."""
        self.assert_refused(
            "XML error: target 'vda' duplicated for disk sources '/images/root' and "
            "'/images/one'", self.attach, DISK.format('disk', 'one', 'vda', 'virtio'))

    def test_floppy(self):
        """A floppy drive cannot be added."""
        self.assert_refused("Operation not supported: floppy device hotplug isn't supported",
                            self.attach, DISK.format('floppy', 'one', 'fda', 'fdc'))

    def test_controllers(self):
        """Only SCSI controllers can be added."""
        self.attach(CONTROLLER.format(3))
        self.assert_refused('operation failed: target scsi:3 already exists',
                            self.attach, CONTROLLER.format(3))
        self.assert_refused("Operation not supported: 'usb' controller cannot be hot plugged.",
                            self.attach, "<controller type='usb' index='1' model='qemu-xhci'/>")

    def test_root_port(self):
        """A PCI controller can only be part of a definition."""
        self.assert_refused(
            "internal error: Required option 'modelName' is not set for PCI controller with index "
            "'-1', model 'pcie-root-port' and modelName 'none'",
            self.attach, "<controller type='pci' model='pcie-root-port'/>", CONFIG)

    def test_serial_port(self):
        """QEMU cannot add a serial port of the chipset."""
        self.assert_refused("internal error: unable to execute QEMU command 'device_add': Bus "
                            "'isa.0' does not support hotplugging",
                            self.attach, "<serial type='pty'/>")

    def test_mouse_on_ps2(self):
        """PS/2 devices cannot be added."""
        self.assert_refused(
            "Operation not supported: input device on bus 'ps2' cannot be hot plugged.",
            self.attach, "<input type='mouse' bus='ps2'/>")

    def test_boot_order(self):
        """A device has no place in the boot order of a domain that boots from kinds of devices."""
        disk = DISK.format('disk', 'one', 'vdb', 'virtio').replace(
            '</disk>', "<boot order='1'/></disk>")
        for flags in (LIVE, CONFIG):
            self.assert_refused(
                'unsupported configuration: per-device boot elements cannot be used together with '
                'os/boot elements', self.attach, disk, flags)


    def test_addresses(self):
        """A device is plugged into a free slot that takes devices while the guest runs."""
        disk = DISK.format('disk', 'one', 'vdb', 'virtio').replace('</disk>', '{}</disk>')
        address = "<address type='pci' bus='{}' slot='{}' function='{}'/>"
        bus = int(self.disk('vda').find('address').get('bus'), 0)
        for place, message in (
                ((bus, 0, 0), 'XML error: Attempted double use of PCI Address '
                              f'0000:{bus:02x}:00.0'),
                ((0, 6, 0), 'XML error: The device at PCI address 0000:00:06.0 requires hotplug '
                            "capability, but the PCI controller with index='0' doesn't support "
                            'hotplug'),
                ((bus + 1, 0, 1), 'internal error: Only PCI device addresses with function=0 are '
                                  'supported')):
            self.assert_refused(message, self.attach, disk.format(address.format(*place)))

    def test_usb_ports(self):
        """libvirt adds no hub to a running guest."""
        tablet = "<input type='tablet' bus='usb'/>"
        while (error := hosts.refusal(self.attach, tablet)) is None:
            pass
        self.assertEqual('internal error: No free USB ports', error.message)

    def test_ports_of_channels(self):
        """A channel needs a controller with a free port."""
        self.assert_refused('internal error: no virtio-serial controllers are available',
                            self.attach, "<channel type='pty'><target type='virtio' name='a'/>"
                            '</channel>')

    def test_configuration(self):
        """A change of the configuration is checked as a whole when the domain starts."""
        self.attach(DISK.format('disk', 'one', 'hda', 'ide'), CONFIG)
        self.client.domain_destroy(self.domain)
        self.assert_refused('unsupported configuration: IDE controllers are unsupported for this '
                            'QEMU binary or machine type', self.client.domain_create, self.domain)


class TestDetach(HotplugChecksCase):

    def detach(self, alias):
        """Detach the device with an alias."""
        self.client.domain_detach_device_alias(self.domain, alias, LIVE)

    def test_chipset(self):
        """Parts of the chipset stay."""
        for alias, message in (
                ('ide', "'sata' controller cannot be hot unplugged."),
                ('input0', "input device on bus 'ps2' cannot be detached"),
                ('sata0-0-0', "disk device type 'cdrom' cannot be detached")):
            self.assert_refused(f'Operation not supported: {message}', self.detach, alias)

    def test_controller_in_use(self):
        """A SCSI controller with disks stays."""
        self.attach(DISK.format('disk', 'one', 'sdb', 'scsi'))
        self.assert_refused('operation failed: device cannot be detached: device is busy',
                            self.detach, 'scsi0')


class TestUpdate(HotplugChecksCase):

    def test_medium(self):
        """A new medium brings its format; a medium that stays keeps its index."""
        self.update(DISK.format('cdrom', 'cd', 'sda', 'sata'))
        disk = self.disk('sda')
        self.assertEqual('raw', disk.find('driver').get('type'))
        self.update(DISK.format('cdrom', 'cd', 'sda', 'sata'))
        self.assertEqual(disk.find('source').get('index'),
                         self.disk('sda').find('source').get('index'))

    def test_empty_drive(self):
        """An ejected drive has a source without a file."""
        self.update(DISK.format('cdrom', 'cd', 'sda', 'sata'))
        self.update("<disk type='file' device='cdrom'><target dev='sda' bus='sata'/></disk>")
        disk = self.disk('sda')
        self.assertEqual(['index'], list(disk.find('source').attrib))
        self.assertIsNone(disk.find('backingStore'))

    def test_image_of_a_disk(self):
        """The image of a disk stays while the guest runs."""
        self.assert_refused('unsupported configuration: disk source can be changed only in '
                            'removable drives', self.update,
                            DISK.format('disk', 'one', 'vda', 'virtio'))

    def test_ports_and_addresses_of_graphics(self):
        """Graphics of a running guest keep their port and address."""
        self.assert_refused('Operation not supported: cannot change port settings on vnc graphics',
                            self.update, "<graphics type='vnc' port='5999'/>")
        self.assert_refused("Operation not supported: cannot change listen address setting on "
                            "'vnc' graphics", self.update, "<graphics type='vnc'/>")

    def test_password_of_open_graphics(self):
        """QEMU sets no password of graphics that were started without one."""
        self.assert_refused(
            "internal error: unable to execute QEMU command 'set_password': Could not set password",
            self.update, GRAPHICS.format("passwd='word'"))

    def test_interface(self):
        """An interface of a running guest keeps its driver and its type."""
        text = "<interface type='{}'>" + f"<mac address='{hosts.MAC}'/>" + '{}</interface>'
        self.assert_refused(
            'Operation not supported: cannot modify virtio network device driver attributes',
            self.update, text.format('user', "<model type='virtio'/><driver queues='2'/>"))
        self.assert_refused(
            "Operation not supported: unable to change config on 'bridge' network type",
            self.update, text.format('bridge', "<source bridge='b'/><model type='virtio'/>"))
