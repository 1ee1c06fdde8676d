"""Devices that libvirt or QEMU cannot provide are refused."""

from __future__ import annotations

from tests.unit.libvirtd.xml.domain.test_parser import DomainCase, xml
from vpmem_harness.libvirtd.errors import LibvirtError

DISK = "<disk type='file' {}>{}<source file='/a'/><target dev='{}' bus='{}'/></disk>"
NIC = "<interface type='{}'>{}</interface>"


class RefusalCase(DomainCase):

    def assert_refused(self, message, devices, **options):
        """Check that a domain with those devices is refused with that message."""
        error = self.assertRaises(LibvirtError, self.parse, xml(devices, **options))
        self.assertEqual(message, error.message)


class TestDisks(RefusalCase):

    def test_cdrom_on_virtio(self):
        """A CD-ROM drive has no virtio bus."""
        self.assert_refused(
            "unsupported configuration: disk type of 'vda' does not support ejectable media",
            DISK.format("device='cdrom'", '', 'vda', 'virtio'))

    def test_ide_on_a_q35(self):
        """A Q35 has no IDE controller."""
        self.assert_refused('unsupported configuration: IDE controllers are unsupported for this '
                            'QEMU binary or machine type',
                            DISK.format('', '', 'hda', 'ide'), machine='q35')

    def test_native_io_with_a_cache(self):
        """Native I/O requires that the host does not cache the image."""
        self.assert_refused(
            "unsupported configuration: io='native' needs either no disk cache or directsync "
            'cache mode', DISK.format('', "<driver name='qemu' io='native'/>", 'vda', 'virtio'))

    def test_unknown_format(self):
        """The format of an image is one that libvirt knows."""
        self.assert_refused("unsupported configuration: unknown driver format value 'qcow3'",
                            DISK.format('', "<driver type='qcow3'/>", 'vda', 'virtio'))

    def test_iothread_that_is_not_there(self):
        """A disk uses an I/O thread that the domain has."""
        self.assert_refused(
            "unsupported configuration: Disk iothread '2' not defined in iothreadid",
            DISK.format('', "<driver iothread='2'/>", 'vda', 'virtio'),
            more='<iothreads>1</iothreads>')

    def test_limits_that_conflict(self):
        """A limit for all transfers excludes limits for each direction."""
        tune = ('<iotune><total_bytes_sec>2</total_bytes_sec>'
                '<read_bytes_sec>1</read_bytes_sec></iotune>')
        self.assert_refused(
            'XML error: total and read/write bytes_sec cannot be set at the same time',
            DISK.format('', tune, 'vda', 'virtio'))

    def test_source_of_another_type(self):
        """The source of a block device is not that of a file."""
        self.assert_refused(
            'missing source information for device vda',
            "<disk type='block'><source file='/a'/><target dev='vda' bus='virtio'/></disk>")

    def test_boot_order_that_is_taken(self):
        """Two devices do not have the same place in the boot order."""
        boot = "<boot order='1'/>"
        self.assert_refused("unsupported configuration: boot order '1' used for more than one "
                            'device', DISK.format('', boot, 'vda', 'virtio')
                            + DISK.format('', boot, 'vdb', 'virtio'))

    def test_limits_of_zero(self):
        """A limit of 0 is none."""
        tune = '<iotune><total_iops_sec>0</total_iops_sec></iotune>'
        self.assertNotIn('iotune', self.printed(DISK.format('', tune, 'vda', 'virtio')))


class TestInterfaces(RefusalCase):

    def test_network_without_a_source(self):
        """An interface on a network says which one."""
        self.assert_refused("XML error: interface type='network' requires a 'source' element",
                            NIC.format('network', ''))

    def test_mtu_of_a_user_network(self):
        """QEMU's own network has no MTU."""
        self.assert_refused('unsupported configuration: setting MTU on interface type user is not '
                            'supported yet', NIC.format('user', "<mtu size='1400'/>"))

    def test_floor_on_a_bridge(self):
        """Only networks guarantee a bandwidth."""
        self.assert_refused(
            'unsupported configuration: floor attribute is not supported for this config',
            NIC.format('bridge', "<source bridge='b'/><bandwidth><inbound average='2' floor='1'/>"
                       '</bandwidth>'))

    def test_port_of_open_vswitch(self):
        """A port of Open vSwitch gets an ID."""
        definition = self.parse(xml(NIC.format(
            'bridge', "<source bridge='b'/><virtualport type='openvswitch'/>")))
        port = definition.devices.find('interface/virtualport/parameters')
        self.assertEqual(36, len(port.get('interfaceid')))

    def test_filter_of_a_user_network(self):
        """The filter of an interface on QEMU's own network is ignored."""
        self.assertNotIn('filterref', self.printed(NIC.format('user', "<filterref filter='f'/>")))

    def test_unknown_model_on_a_q35(self):
        """A model that libvirt does not know is taken for a device of PCI Express."""
        definition = self.parse(xml(NIC.format('user', "<model type='igb'/>"), machine='q35'))
        self.assertEqual([], definition.devices.findall(
            "controller[@model='pcie-to-pci-bridge']"))


class TestCharacterDevices(RefusalCase):

    def test_unknown_type(self):
        """The type of a serial port is one that libvirt knows."""
        self.assert_refused('unsupported configuration: unknown type presented to host for '
                            'character device: ptty', "<serial type='ptty'/>")

    def test_no_type(self):
        """A serial port without a type is a pseudo-terminal."""
        self.assertIn("<serial type='pty'>", self.printed('<serial/>'))

    def test_channel_without_a_target(self):
        """A channel has a target."""
        self.assert_refused('XML error: target type must be specified for channel device',
                            "<channel type='pty'/>")

    def test_file_without_a_path(self):
        """A serial port in a file names it."""
        self.assert_refused('internal error: Missing source path attribute for char device',
                            "<serial type='file'/>")

    def test_spice_channel_without_spice(self):
        """A SPICE agent needs SPICE."""
        self.assert_refused(
            "unsupported configuration: chardev 'spicevmc' not supported without spice graphics",
            "<channel type='spicevmc'><target type='virtio' name='com.redhat.spice.0'/></channel>")

    def test_console_beside_a_serial_port(self):
        """A console of its own beside a serial port has port 0."""
        definition = self.parse(xml("<serial type='pty'/><console type='pty'>"
                                    "<target type='virtio'/></console>"))
        self.assertEqual(['0', '0'], [console.find('target').get('port') for console
                                      in definition.devices.findall('console')])


class TestOtherDevices(RefusalCase):

    def test_virtiofs_without_shared_memory(self):
        """virtiofs requires that other processes can map the guest's memory."""
        self.assert_refused(
            "unsupported configuration: 'virtiofs' requires shared memory",
            "<filesystem type='mount'><driver type='virtiofs'/><source dir='/a'/>"
            "<target dir='a'/></filesystem>")

    def test_filesystem_without_a_target(self):
        """A shared directory has a name in the guest."""
        self.assert_refused('missing target information for device /a',
                            "<filesystem type='mount'><source dir='/a'/></filesystem>")

    def test_iommu_on_an_old_pc(self):
        """Intel's IOMMU is part of a Q35."""
        self.assert_refused("unsupported configuration: IOMMU device: 'intel' is only supported "
                            'with Q35 machines', "<iommu model='intel'/>")

    def test_two_vsocks(self):
        """A guest has one vsock device."""
        self.assert_refused('XML error: only a single vsock device is supported', '<vsock/>' * 2)

    def test_same_host_device_twice(self):
        """A device of the host is passed through once."""
        device = ("<hostdev mode='subsystem' type='pci'><source><address domain='0' bus='6' "
                  "slot='2' function='0'/></source></hostdev>")
        self.assert_refused('XML error: Hostdev already exists in the domain configuration',
                            device * 2)

    def test_usb_device_without_a_product(self):
        """A USB device is named by vendor and product."""
        self.assert_refused(
            'internal error: missing product',
            "<hostdev mode='subsystem' type='usb'><source><vendor id='0x1'/></source></hostdev>")

    def test_tablet_on_ps2(self):
        """PS/2 has no tablets."""
        self.assert_refused('internal error: ps2 bus does not support tablet input device',
                            "<input type='tablet' bus='ps2'/>")

    def test_video_beside_none(self):
        """There is no video device beside 'none'."""
        self.assert_refused(
            "unsupported configuration: a 'none' video type must be the only video device "
            'defined for the domain',
            "<video><model type='none'/></video><video><model type='vga'/></video>")

    def test_long_vnc_password(self):
        """A password of VNC has at most 8 characters."""
        self.assert_refused('unsupported configuration: VNC password is 9 characters long, only '
                            '8 permitted', "<graphics type='vnc' passwd='123456789'/>")

    def test_port_that_is_no_number(self):
        """A port of graphics is a number."""
        self.assert_refused('internal error: cannot parse vnc port x',
                            "<graphics type='vnc' port='x'/>")
        self.assert_refused("XML error: Invalid value for attribute 'tlsPort' in element "
                            "'graphics': 'x'. Expected integer value",
                            "<graphics type='spice' tlsPort='x'/>")

    def test_sound_without_its_backend(self):
        """The audio backend of a sound device exists."""
        self.assert_refused('XML error: no audio device with ID 7',
                            "<sound model='ich6'><audio id='7'/></sound>")

    def test_unknown_model_of_a_controller(self):
        """The model of a controller is one of its type."""
        self.assert_refused("unsupported configuration: Unknown model type 'lsi'",
                            "<controller type='scsi' model='lsi'/>")

    def test_pci_controller_without_a_model(self):
        """A PCI controller has a model."""
        self.assert_refused('internal error: PCI controller model was not set correctly',
                            "<controller type='pci' index='1'/>")
        self.assert_refused(
            "XML error: The PCI controller with index='0' must be model='pci-root' for this "
            "machine type, but model='(null)' was found instead",
            "<controller type='pci' index='0'/>")

    def test_two_controllers_with_one_index(self):
        """An index belongs to one controller of a type."""
        self.assert_refused("XML error: Multiple 'scsi' controllers with index '0'",
                            "<controller type='scsi' index='0'/>" * 2)

    def test_usb2_on_a_q35(self):
        """The USB 2 controllers of a Q35 are part of its chipset."""
        controllers = ("<controller type='usb' index='0' model='ich9-ehci1'/>"
                       "<controller type='usb' index='0' model='ich9-uhci1'/>")
        definition = self.parse(xml(controllers, machine='q35'))
        self.assertEqual([], definition.devices.findall(
            "controller[@model='pcie-to-pci-bridge']"))
