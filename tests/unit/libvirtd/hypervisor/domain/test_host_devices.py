"""Devices of the host in guests."""

from __future__ import annotations

import dataclasses

import libvirt
import testtools

from tests.unit.libvirtd.hypervisor import hosts
from vpmem_harness.hardware import (
    Hardware,
    Mdev,
    MdevType,
    NetworkInterface,
    PciAddress,
    PciDevice,
)
from vpmem_harness.randomness import Randomness

UUID = Randomness(8).uuid()
_VENDOR, _PRODUCT = (0x8086, 'Vendor'), (0x1572, 'Card')


def hardware() -> Hardware:
    """Return hardware with a card of two virtual functions, a bridge, a pair, and an mdev."""
    card = PciDevice(PciAddress.parse('81:00.0'), _VENDOR, _PRODUCT, driver='i40e',
                     interface=NetworkInterface('eth0'))
    functions = list(card.with_vfs(2, driver='iavf', interfaces=True))
    functions[2] = dataclasses.replace(functions[2], vdpa='vdpa0', interface=None)
    bridge = PciDevice(PciAddress.parse('80:00.0'), _VENDOR, _PRODUCT, klass=0x060400)
    pair = [PciDevice(PciAddress.parse(f'82:00.{number}'), _VENDOR, _PRODUCT, iommu_group=50)
            for number in range(2)]
    gpu = PciDevice(PciAddress.parse('83:00.0'), _VENDOR, _PRODUCT,
                    mdev_types=(MdevType('t', 'Type', 2),))
    return Hardware(Hardware.uniform(cells=1, cores=2, threads=1).cells,
                    pci=(*functions, bridge, *pair, gpu),
                    mdevs=(Mdev('t', gpu.address, UUID),))


def source(address: str) -> str:
    """Return the source of a device at a PCI address."""
    found = PciAddress.parse(address)
    return (f"<source><address domain='{found.domain}' bus='{found.bus}' slot='{found.slot}' "
            f"function='{found.function}'/></source>")


def hostdev(address: str, managed: str = 'yes') -> str:
    """Return a PCI device of a guest."""
    return (f"<hostdev mode='subsystem' type='pci' managed='{managed}'>{source(address)}"
            '</hostdev>')


def mdev(uuid: str, model: str = 'vfio-pci') -> str:
    """Return a mediated device of a guest."""
    return (f"<hostdev mode='subsystem' type='mdev' model='{model}'><source><address "
            f"uuid='{uuid}'/></source></hostdev>")


class HostDeviceCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.host = hosts.recorded_host(hardware=hardware())
        self.client = hosts.Client(self.host)

    def define(self, devices: str, name: str = 'a'):
        """Define a domain with devices."""
        return self.client.domain_define_xml(
            f"<domain type='qemu'><name>{name}</name><memory>65536</memory><os><type>hvm</type>"
            f'</os><devices>{devices}</devices></domain>')

    def start(self, devices: str, name: str = 'a'):
        """Start a domain with devices."""
        domain = self.define(devices, name)
        self.client.domain_create(domain)
        return domain

    def assert_refused(self, message, call, *arguments):
        """Check that a call is refused with that message."""
        error = hosts.refusal(call, *arguments)
        self.assertEqual(message, None if error is None else error.message)

    def driver(self, name: str) -> str:
        """Return a part of the XML of a PCI device."""
        text = self.client.node_device_get_xml_desc(name, 0)
        return text.partition('<driver>')[2].partition('<name>')[2].partition('</name>')[0]


class GuestsTest(HostDeviceCase):

    def test_managed_device(self):
        """A managed device has the driver of guests while the guest runs."""
        domain = self.start(hostdev('81:00.1'))
        self.assertEqual('vfio-pci', self.driver('pci_0000_81_00_1'))
        self.client.domain_destroy(domain)
        self.assertEqual('iavf', self.driver('pci_0000_81_00_1'))

    def test_missing_device(self):
        """A guest with a device that the host lacks does not start."""
        self.assert_refused(
            'Device 0000:99:00.0 not found: could not access '
            '/sys/bus/pci/devices/0000:99:00.0/config: No such file or directory',
            self.start, hostdev('99:00.0'))

    def test_device_in_use(self):
        """Two guests cannot use one device."""
        self.start(hostdev('81:00.1'))
        self.assert_refused(
            'Requested operation is not valid: PCI device 0000:81:00.1 is in use by driver QEMU, '
            'domain a', self.start, hostdev('81:00.1'), 'b')

    def test_one_group_for_one_guest(self):
        """Two guests cannot use devices of one IOMMU group; one guest can."""
        self.start(hostdev('82:00.0'))
        self.assert_refused(
            'Requested operation is not valid: PCI device 0000:82:00.0 is in use by driver QEMU, '
            'domain a', self.start, hostdev('82:00.1'), 'b')

    def test_unmanaged_device(self):
        """An unmanaged device must be detached first."""
        self.assert_refused(
            'Requested operation is not valid: Unmanaged PCI device 0000:81:00.1 must be manually '
            'detached from the host', self.start, hostdev('81:00.1', 'no'))
        self.client.node_device_dettach('pci_0000_81_00_1')
        self.start(hostdev('81:00.1', 'no'), 'b')

    def test_bridge(self):
        """A bridge cannot be given to a guest."""
        self.assert_refused('internal error: Non-endpoint PCI devices cannot be assigned to '
                            'guests', self.start, hostdev('80:00.0'))

    def test_interface_is_a_virtual_function(self):
        """An interface of type hostdev is a virtual function."""
        interface = "<interface type='hostdev' managed='yes'>{}</interface>"
        self.assert_refused(
            'unsupported configuration: Interface type hostdev is currently supported on SR-IOV '
            'Virtual Functions only', self.start, interface.format(source('81:00.0')))
        self.start(interface.format(source('81:00.1')), 'b')

    def test_no_iommu(self):
        """A host without IOMMU gives no PCI device to guests."""
        self.host.change_hardware(dataclasses.replace(hardware(), iommu=False))
        self.assert_refused("unsupported configuration: host doesn't support passthrough of host "
                            'PCI devices', self.start, hostdev('81:00.1'))

    def test_vdpa_device(self):
        """A vDPA interface has the character device of a vDPA device of the host."""
        interface = "<interface type='vdpa'><source dev='/dev/vhost-vdpa-{}'/></interface>"
        self.assert_refused("Unable to open '/dev/vhost-vdpa-7' for vdpa device: No such file or "
                            'directory', self.start, interface.format(7))
        self.start(interface.format(0), 'b')

    def test_mediated_device(self):
        """A mediated device exists, is of the right kind and belongs to one guest."""
        other = Randomness(9).uuid()
        self.assert_refused(f"device not found: mediated device '{other}' not found", self.start,
                            mdev(other))
        path = f'/sys/bus/mdev/devices/{UUID}'
        self.start(mdev(UUID), 'b')
        self.assert_refused(f'Requested operation is not valid: mediated device {path} is in use '
                            'by driver QEMU, domain b', self.start, mdev(UUID), 'c')

    def test_mediated_device_in_use_stays(self):
        """A mediated device that a guest uses cannot be destroyed."""
        self.start(mdev(UUID))
        name = next(device.name for device in self.host.devices.mdevs)
        self.assert_refused(f"internal error: Unable to destroy '{name}': device in use",
                            self.client.node_device_destroy, name)


class DetachTest(HostDeviceCase):

    def test_detached_card_has_no_interface(self):
        """The network interface of a detached card is gone until it is attached again."""
        interfaces = libvirt.VIR_CONNECT_LIST_NODE_DEVICES_CAP_NET
        before = len(self.client.connect_list_all_node_devices(1, interfaces))
        self.client.node_device_detach_flags('pci_0000_81_00_1', 'vfio', 0)
        self.assertEqual('vfio-pci', self.driver('pci_0000_81_00_1'))
        self.assertEqual(before - 1,
                         len(self.client.connect_list_all_node_devices(1, interfaces)))
        self.client.node_device_re_attach('pci_0000_81_00_1')
        self.assertEqual(before, len(self.client.connect_list_all_node_devices(1, interfaces)))

    def test_driver_for_guests(self):
        """Only vfio can take a device for guests."""
        detach = self.client.node_device_detach_flags
        self.assert_refused("invalid argument: unknown driver name 'odd'", detach,
                            'pci_0000_81_00_1', 'odd', 0)

    def test_reset(self):
        """A PCI device that no guest uses can be reset, a bridge cannot."""
        self.client.node_device_reset('pci_0000_81_00_1')
        self.assert_refused(
            'internal error: Invalid attempt to reset PCI device 0000:80:00.0. Only PCI endpoint '
            'devices can be reset', self.client.node_device_reset, 'pci_0000_80_00_0')

    def test_what_is_no_pci_device(self):
        """Only PCI devices can be detached."""
        self.assert_refused('invalid argument: device computer is not a PCI device',
                            self.client.node_device_dettach, 'computer')
