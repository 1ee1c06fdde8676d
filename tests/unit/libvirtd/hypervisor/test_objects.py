"""Secrets, networks, storage pools, node devices and interfaces."""

from __future__ import annotations

import dataclasses
import uuid as uuids

import libvirt
import testtools
from lxml import etree

from tests.unit.libvirtd.hypervisor import hosts
from vpmem_harness.hardware import Hardware, MdevType, NetworkInterface, PciDevice
from vpmem_harness.libvirtd.xml import schema
from vpmem_harness.randomness import Randomness

DEFINITION = """<secret ephemeral='no' private='{private}'>
<usage type='vtpm'><name>{name}</name></usage></secret>"""
MDEV = """<device><parent>pci_0000_3b_00_0</parent><capability type='mdev'><type id='t-1'/>
</capability></device>"""


class ObjectCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        card = PciDevice((0, 0x3b, 0, 0), (0x10de, 'Vendor'), (0x1eb8, 'Card'),
                         mdev_types=(MdevType('t-1', 'Type 1', 2),))
        network = PciDevice((0, 0x18, 0, 0), (0x8086, 'Vendor'), (0x1572, 'Network card'),
                            interface=NetworkInterface('eth0', hosts.MAC))
        self.host = hosts.recorded_host(
            hardware=Hardware(Hardware.uniform().cells, pci=(card, network)))
        self.connection = hosts.Client(self.host)
        self.recorder = hosts.Recorder(self.connection)

    def assert_fits(self, text, name):
        """Check a document against libvirt's schema, if that is installed."""
        relaxng = schema.load(name)
        if relaxng is not None and not relaxng.validate(etree.fromstring(text)):
            self.fail(f'{relaxng.error_log}\n{text}')

    def assert_refused(self, message, call, *arguments):
        """Check that a call is refused with that message."""
        error = hosts.refusal(call, *arguments)
        self.assertEqual(message, None if error is None else error.message)


class TestSecrets(ObjectCase):

    def define(self, name='one', private='no'):
        """Define a secret for a TPM."""
        return self.connection.secret_define_xml(DEFINITION.format(name=name, private=private), 0)

    def test_value(self):
        """The value of a secret is the one that was set."""
        secret = self.define()
        self.connection.secret_set_value(secret, b'hidden', 0)
        self.assertEqual(b'hidden', self.connection.secret_get_value(secret, 0))

    def test_private_value(self):
        """Clients cannot read the value of a private secret."""
        secret = self.define(private='yes')
        self.connection.secret_set_value(secret, b'hidden', 0)
        self.assert_refused('Invalid secret: secret is private',
                            self.connection.secret_get_value, secret, 0)

    def test_no_value(self):
        """A secret without a value is an error to read."""
        secret = self.define()
        self.assert_refused(
            f"Secret not found: secret '{secret.uuid_text}' does not have a value",
            self.connection.secret_get_value, secret, 0)

    def test_document_has_no_value(self):
        """A secret's XML and repr do not contain its value."""
        secret = self.define()
        self.connection.secret_set_value(secret, b'hidden', 0)
        text = self.connection.secret_get_xml_desc(secret, 0)
        self.assert_fits(text, 'secret.rng')
        self.assertNotIn('hidden', text + repr(secret))

    def test_lookup_by_usage(self):
        """A secret is found by its usage."""
        secret = self.define('two')
        self.assertIs(secret, self.connection.secret_lookup_by_usage(
            libvirt.VIR_SECRET_USAGE_TYPE_VTPM, 'two'))
        self.assert_refused("Secret not found: no secret with matching usage 'three'",
                            self.connection.secret_lookup_by_usage,
                            libvirt.VIR_SECRET_USAGE_TYPE_VTPM, 'three')

    def test_events(self):
        """Defining a secret and setting its value publish events."""
        for event in (libvirt.VIR_SECRET_EVENT_ID_LIFECYCLE,
                      libvirt.VIR_SECRET_EVENT_ID_VALUE_CHANGED):
            self.connection.connect_secret_event_register_any(event, None)
        self.connection.secret_set_value(self.define(), b'hidden', 0)
        self.assertEqual(['secret_event_lifecycle', 'secret_event_value_changed'],
                         [message[0] for message in self.recorder.messages])


class TestNetworksAndPools(ObjectCase):

    def test_default_network(self):
        """The default network is active and persistent."""
        [network] = self.connection.connect_list_all_networks(1, 0)
        self.assertEqual('default', network.name)
        self.assert_fits(self.connection.network_get_xml_desc(network, 0), 'network.rng')

    def test_unknown_network(self):
        """The lookup of an unknown network fails."""
        uuid = Randomness(9).uuid()
        self.assert_refused(f"Network not found: no network with matching uuid '{uuid}'",
                            self.connection.network_lookup_by_uuid, uuids.UUID(uuid).bytes)

    def test_default_pool(self):
        """The default storage pool has free space."""
        pool = self.connection.storage_pool_lookup_by_name('default')
        state, capacity, allocation, available = self.connection.storage_pool_get_info(pool)
        self.assertEqual(libvirt.VIR_STORAGE_POOL_RUNNING, state)
        self.assertEqual(capacity, allocation + available)
        self.assert_fits(self.connection.storage_pool_get_xml_desc(pool, 0), 'storagepool.rng')


class TestNodeDevices(ObjectCase):

    def names(self, flags=0):
        """Return the names of the devices that match the filters."""
        return [device.name
                for device in self.connection.connect_list_all_node_devices(1, flags)]

    def test_devices(self):
        """The host itself, its PCI devices and their interfaces are listed."""
        self.assertEqual(
            ['computer', 'pci_0000_3b_00_0', 'pci_0000_18_00_0',
             f"net_eth0_{hosts.MAC.replace(':', '_')}"], self.names())

    def test_documents_fit_the_schema(self):
        """Each device's XML matches libvirt's schema."""
        self.connection.node_device_create_xml(MDEV, 0)
        for name in self.names():
            self.assert_fits(self.connection.node_device_get_xml_desc(name, 0), 'nodedev.rng')

    def test_filter(self):
        """A filter lists the devices with a capability."""
        self.assertEqual(['pci_0000_3b_00_0'], self.names(
            libvirt.VIR_CONNECT_LIST_NODE_DEVICES_CAP_MDEV_TYPES))

    def test_mediated_device_takes_an_instance(self):
        """Creating a mediated device leaves its parent one instance fewer."""
        self.connection.node_device_create_xml(MDEV, 0)
        self.assertIn('<availableInstances>1</availableInstances>',
                      self.connection.node_device_get_xml_desc('pci_0000_3b_00_0', 0))

    def test_no_instance_left(self):
        """A card provides no more mediated devices than its type allows."""
        for _ in range(2):
            self.connection.node_device_create_xml(MDEV, 0)
        error = hosts.refusal(self.connection.node_device_create_xml, MDEV, 0)
        self.assertIn('No space left on device', error.message)

    def test_defined_device(self):
        """A defined device is inactive until it is created, and survives a reboot."""
        device = self.connection.node_device_define_xml(MDEV, 0)
        self.assertNotIn(device.name, self.names())
        self.connection.node_device_create(device.name, 0)
        self.assertIn(device.name, self.names())
        self.host.reboot()
        self.assertEqual([device.name], self.names(
            libvirt.VIR_CONNECT_LIST_NODE_DEVICES_INACTIVE))

    def test_unknown_device(self):
        """The lookup of an unknown device fails."""
        self.assert_refused(
            "Node device not found: no node device with matching name 'pci_0000_00_00_0'",
            self.connection.node_device_lookup_by_name, 'pci_0000_00_00_0')


class TestHost(ObjectCase):

    def test_capabilities_fit_the_schema(self):
        """The host's capabilities match libvirt's schema, with the NUMA cells."""
        text = self.connection.connect_get_capabilities()
        self.assert_fits(text, 'capability.rng')
        cells = etree.fromstring(text).findall('host/topology/cells/cell')
        self.assertEqual([str(cell.id) for cell in self.host.hardware.cells],
                         [cell.get('id') for cell in cells])

    def test_domain_capabilities_fit_the_schema(self):
        """Domain capabilities match libvirt's schema, on both machine types."""
        for machine in ('pc', 'q35'):
            for virt_type in ('kvm', 'qemu'):
                self.assert_fits(self.connection.connect_get_domain_capabilities(
                    None, 'x86_64', machine, virt_type, 0), 'domaincaps.rng')

    def test_unknown_machine(self):
        """An unknown machine type has no capabilities."""
        self.assert_refused(
            "invalid argument: the machine 'foo' is not supported by emulator "
            "'/usr/bin/qemu-system-x86_64'", self.connection.connect_get_domain_capabilities,
            None, 'x86_64', 'foo', 'kvm', 0)

    def test_free_memory_by_cell(self):
        """The cells' free memory adds up to the host's."""
        cells = self.connection.node_get_cells_free_memory(0, 16)
        self.assertEqual(self.connection.node_get_free_memory(), sum(cells))


class TestInterfaces(ObjectCase):

    def test_listing(self):
        """The interfaces of the host's network cards are up, and the loopback counts as down."""
        loopback = ('lo', '00:00:00:00:00:00')
        self.assertEqual([[('eth0', hosts.MAC), loopback], [loopback], [('eth0', hosts.MAC)]], [
            self.connection.connect_list_all_interfaces(1, flags) for flags in (0, 1, 2)])
        self.assertEqual((1, ['eth0'], 0, []), (
            self.connection.connect_num_of_interfaces(),
            self.connection.connect_list_interfaces(9),
            self.connection.connect_num_of_defined_interfaces(),
            self.connection.connect_list_defined_interfaces(9)))

    def test_document(self):
        """An interface has libvirt's XML."""
        interface = self.connection.interface_lookup_by_mac_string(hosts.MAC)
        text = self.connection.interface_get_xml_desc(interface, 0)
        self.assert_fits(text, 'interface.rng')
        self.assertIn(hosts.MAC, text)

    def test_unknown(self):
        """The lookup of an unknown interface by name or MAC address fails."""
        self.assert_refused("Interface not found: couldn't find interface named 'eth9'",
                            self.connection.interface_lookup_by_name, 'eth9')
        self.assert_refused("Interface not found: couldn't find interface with MAC address 'x'",
                            self.connection.interface_lookup_by_mac_string, 'x')


class TestNothingThere(ObjectCase):

    def test_lists(self):
        """The lists of bindings of network filters and of checkpoints are empty."""
        domain = self.connection.domain_define_xml(
            "<domain type='qemu'><name>guest</name><memory>65536</memory><os><type>hvm</type></os>"
            '</domain>')
        for call, arguments in ((self.connection.connect_list_all_nwfilter_bindings, (1, 0)),
                                (self.connection.domain_list_all_checkpoints, (domain, 1, 0))):
            self.assertEqual([], call(*arguments))

    def test_lookups(self):
        """The lookup of an unknown network filter fails."""
        self.assert_refused("Network filter not found: no nwfilter with matching name 'f'",
                            self.connection.nwfilter_lookup_by_name, 'f')


class TestNetworkPorts(ObjectCase):

    def test_ports(self):
        """An interface of a running domain is a port of its network until the domain ends."""
        network = self.connection.network_lookup_by_name('default')
        domain = self.connection.domain_define_xml(
            "<domain type='qemu'><name>guest</name><memory>65536</memory><os><type>hvm</type></os>"
            "<devices><interface type='network'><source network='default'/></interface></devices>"
            '</domain>')
        self.connection.domain_create(domain)
        (port,) = self.connection.network_list_all_ports(network, 1, 0)
        self.assertEqual(port, self.connection.network_port_lookup_by_uuid(network, port.uuid))
        self.connection.domain_destroy(domain)
        self.assertEqual([], self.connection.network_list_all_ports(network, 1, 0))

    def test_features_of_the_cpu(self):
        """The features of the hardware are those of capabilities; guests get what they can."""
        hardware = dataclasses.replace(Hardware.uniform(), features=('vmx', 'smx', 'amx-tile'))
        client = hosts.Client(hosts.recorded_host(hardware=hardware))
        root = etree.fromstring(client.connect_get_capabilities())
        self.assertEqual(['vmx', 'smx', 'amx-tile'],
                         [found.get('name') for found in root.iterfind('host/cpu/feature')])
        root = etree.fromstring(client.connect_get_domain_capabilities(
            None, 'x86_64', 'q35', 'kvm', 0))
        self.assertEqual(['vmx', 'amx-tile', 'hypervisor'], [
            found.get('name') for found in root.iterfind("cpu/mode[@name='host-model']/feature")])

    def test_machine_types(self):
        """Machine types that the hardware leaves out are in no capabilities, and refused."""
        hardware = dataclasses.replace(Hardware.uniform(), machine_types=('pc-q35-7.2',))
        client = hosts.Client(hosts.recorded_host(hardware=hardware))
        root = etree.fromstring(client.connect_get_capabilities())
        self.assertEqual({'pc-q35-7.2', 'q35'},
                         {found.text for found in root.iterfind('guest/arch/machine')})
        error = hosts.refusal(client.connect_get_domain_capabilities, None, 'x86_64', 'pc', 'kvm',
                              0)
        self.assertIn("the machine 'pc-i440fx-7.2' is not supported", error.message)
        error = hosts.refusal(client.domain_define_xml, "<domain type='qemu'><name>a</name>"
                              '<memory>65536</memory><os><type>hvm</type></os></domain>')
        self.assertIn("does not support machine type 'pc-i440fx-7.2'", error.message)
