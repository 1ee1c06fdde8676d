"""Virtual networks: guests, leases, events and restarts."""

from __future__ import annotations

import libvirt
import testtools
from lxml import etree

from tests.unit.libvirtd.hypervisor import hosts
from vpmem_harness.libvirtd.xml import schema

GUEST = ("<domain type='qemu'><name>guest</name><memory>65536</memory><os><type>hvm</type></os>"
         "<devices><interface type='network'><mac address='{mac}'/><source network='{network}'/>"
         '</interface></devices></domain>')
NETWORK = '<network><name>{name}</name>{more}</network>'
LEASE, ARP = (libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE,
              libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_ARP)


class NetworkCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.host = hosts.recorded_host()
        self.client = hosts.Client(self.host)
        self.recorder = hosts.Recorder(self.client)
        self.default = self.client.network_lookup_by_name('default')

    def guest(self, network='default'):
        """Define and start a guest on a network."""
        domain = self.client.domain_define_xml(GUEST.format(mac=hosts.MAC, network=network))
        self.client.domain_create(domain)
        return domain

    def leases(self):
        """Return the leases of the default network."""
        return self.client.network_get_dhcp_leases(self.default, None, 1, 0)

    def assert_refused(self, message, call, *arguments):
        """Check that a call is refused with that message."""
        error = hosts.refusal(call, *arguments)
        self.assertEqual(message, None if error is None else error.message)


class TestLeases(NetworkCase):

    def test_lease(self):
        """A running guest has a lease of the first address of the range."""
        self.guest()
        [(bridge, _, _, mac, _, address, prefix, _, _)] = self.leases()
        self.assertEqual(('virbr0', hosts.MAC, '192.0.2.2', 24), (bridge, mac, address, prefix))

    def test_interface_addresses(self):
        """The guest's addresses are its leases; there are no ARP entries."""
        domain = self.guest()
        self.assertEqual(
            [('vnet0', hosts.MAC, [(libvirt.VIR_IP_ADDR_TYPE_IPV4, '192.0.2.2', 24)])],
            self.client.domain_interface_addresses(domain, LEASE, 0))
        self.assertEqual([], self.client.domain_interface_addresses(domain, ARP, 0))

    def test_reserved_address(self):
        """A guest gets the address that the network reserves for it, with its name."""
        self.client.network_update(
            self.default, libvirt.VIR_NETWORK_UPDATE_COMMAND_ADD_LAST,
            libvirt.VIR_NETWORK_SECTION_IP_DHCP_HOST, -1,
            f"<host mac='{hosts.MAC}' name='n' ip='192.0.2.77'/>", 0)
        self.guest()
        [lease] = self.leases()
        self.assertEqual(('192.0.2.77', 'n'), (lease[5], lease[7]))

    def test_expiry(self):
        """A guest renews its lease; an hour after its end the lease has expired."""
        domain = self.guest()
        self.host.clock.step(10000)
        self.assertGreater(self.leases()[0][1], self.host.clock.now())
        self.client.domain_destroy(domain)
        self.assertEqual(1, len(self.leases()))
        self.host.clock.step(3601)
        self.assertEqual([], self.leases())

    def test_no_dhcp(self):
        """A network without DHCP has no leases."""
        network = self.client.network_create_xml(NETWORK.format(name='plain', more=''))
        self.guest('plain')
        self.assertEqual([], self.client.network_get_dhcp_leases(network, None, 1, 0))


class TestGuests(NetworkCase):

    def test_no_network(self):
        """A guest on a network that does not exist cannot start."""
        self.assert_refused("Network not found: no network with matching name 'none'",
                            self.guest, 'none')

    def test_inactive_network(self):
        """A guest on an inactive network cannot start."""
        self.client.network_destroy(self.default)
        self.assert_refused("Requested operation is not valid: network 'default' is not active",
                            self.guest)

    def test_connections(self):
        """The XML of an active network counts the guests' interfaces."""
        self.guest()
        self.assertIn("<network connections='1'>",
                      self.client.network_get_xml_desc(self.default, 0))
        self.assertIn('<network>', self.client.network_get_xml_desc(
            self.default, libvirt.VIR_NETWORK_XML_INACTIVE))

    def test_port(self):
        """The port of a guest's interface names its owner, and its XML matches the schema."""
        domain = self.guest()
        [port] = self.client.network_list_all_ports(self.default, 1, 0)
        text = self.client.network_port_get_xml_desc(port, 0)
        relaxng = schema.load('networkport.rng')
        if relaxng is not None:
            self.assertTrue(relaxng.validate(etree.fromstring(text)), relaxng.error_log)
        self.assertIn(domain.uuid_text, text)
        self.assertEqual([], self.client.network_port_get_parameters(port, 0, 0))


class TestLife(NetworkCase):

    def test_events(self):
        """Each step of a network's life publishes an event."""
        self.client.connect_network_event_register_any(
            libvirt.VIR_NETWORK_EVENT_ID_LIFECYCLE, None)
        network = self.client.network_define_xml(NETWORK.format(name='net', more=''))
        self.client.network_create(network)
        self.client.network_destroy(network)
        self.client.network_undefine(network)
        self.assertEqual(
            [libvirt.VIR_NETWORK_EVENT_DEFINED, libvirt.VIR_NETWORK_EVENT_STARTED,
             libvirt.VIR_NETWORK_EVENT_STOPPED, libvirt.VIR_NETWORK_EVENT_UNDEFINED],
            [message[3] for message in self.recorder.messages])

    def test_reboot(self):
        """After a reboot the networks that start automatically are active."""
        for name in ('manual', 'automatic'):
            network = self.client.network_define_xml(NETWORK.format(name=name, more=''))
            self.client.network_create(network)
        self.client.network_set_autostart(network, 1)
        self.client.network_create_xml(NETWORK.format(name='transient', more=''))
        self.host.reboot()
        self.assertEqual({'default': True, 'manual': False, 'automatic': True},
                         {network.name: network.active for network in self.host.networks})

    def test_bridges(self):
        """Each network has a bridge of its own."""
        for name in ('one', 'two'):
            self.client.network_define_xml(NETWORK.format(name=name, more=''))
        self.assertEqual(['virbr0', 'virbr1', 'virbr2'],
                         [network.definition.bridge for network in self.host.networks])
