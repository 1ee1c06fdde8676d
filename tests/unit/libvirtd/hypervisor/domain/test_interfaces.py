"""The interfaces of running guests: their taps, filters and VLANs."""

from __future__ import annotations

import libvirt
import testtools
from lxml import etree

from tests.unit.libvirtd.hypervisor import hosts

LIVE = libvirt.VIR_DOMAIN_AFFECT_LIVE
INTERFACE = ("<interface type='{}'><mac address='{}'/><source bridge='br0' dev='eth0'/>{}"
             "<model type='virtio'/></interface>")
DOMAIN = ("<domain type='qemu'><name>{}</name><memory unit='MiB'>64</memory>"
          "<os><type machine='pc'>hvm</type></os><features><acpi/></features>"
          '<devices>{}</devices></domain>')


def interface(more='', kind='bridge'):
    """Return an interface."""
    return INTERFACE.format(kind, hosts.MAC, more)


class InterfacesTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.client = hosts.Client(hosts.recorded_host())
        self.started = 0

    def start(self, *devices):
        """Start another domain."""
        self.started += 1
        return self.client.domain_create_xml(
            DOMAIN.format(f'guest{self.started}', ''.join(devices)), 0)

    def live(self, domain):
        """Return the document of a running domain."""
        return etree.fromstring(self.client.domain_get_xml_desc(domain, 0))

    def assert_refused(self, message, *interfaces):
        """Check that interfaces cannot be started."""
        error = hosts.refusal(self.start, *interfaces)
        self.assertEqual(message, None if error is None else error.message)

    def test_tap_in_use(self):
        """Two running guests cannot have one tap."""
        tap = interface("<target dev='tap0'/>")
        self.assert_refused(
            'Requested operation is not valid: The tap0 interface already exists', tap * 2)
        first = self.start(tap)
        self.assertIsNotNone(hosts.refusal(self.start, tap))
        self.client.domain_destroy(first)
        self.start(tap)

    def test_tap_of_an_unplugged_interface(self):
        """The tap of an interface that is unplugged is free."""
        domain = self.start()
        for _ in range(2):
            self.client.domain_attach_device_flags(
                domain, interface("<target dev='tap0'/>"), LIVE)
            self.client.domain_detach_device_flags(domain, interface(), LIVE)

    def test_long_name_of_a_tap(self):
        """The name of a tap has at most 15 characters."""
        self.assert_refused(
            "Network interface name 'tap0123456789012' is too long: Numerical result out of range",
            interface("<target dev='tap0123456789012'/>"))

    def test_template_of_a_tap(self):
        """libvirt replaces %d in the name of a tap by the next number."""
        domain = self.start(interface(), interface("<target dev='tap%d'/>"))
        self.assertEqual(['vnet0', 'tap1'], [
            target.get('dev') for target in self.live(domain).findall('devices/interface/target')])

    def test_vlan(self):
        """Only Open vSwitch, SR-IOV and passed-through devices have VLANs."""
        vlan = "<vlan><tag id='42'/></vlan>"
        for kind in ('bridge', 'ethernet', 'user', 'direct'):
            self.assert_refused(f'unsupported configuration: interface {hosts.MAC} - vlan tag not '
                                'supported for this connection type', interface(vlan, kind))
        self.start(interface(f"<virtualport type='openvswitch'/>{vlan}"))

    def test_filter(self):
        """The filter of an interface exists."""
        self.assert_refused("internal error: referenced filter 'none-such' is missing",
                            interface("<filterref filter='none-such'/>"))
        self.start(interface("<filterref filter='clean-traffic'/>"))

    def test_kinds_that_cannot_be_plugged(self):
        """libvirt plugs no multicast or UDP interface into a running guest."""
        domain = self.start()
        error = hosts.refusal(self.client.domain_attach_device_flags, domain,
                              "<interface type='mcast'><source address='233.252.0.1' port='1111'/>"
                              '</interface>', LIVE)
        self.assertEqual('Operation not supported: hotplug of interface type of mcast is not '
                         'implemented yet', error.message)

    def test_resources_of_a_guest_that_does_not_start(self):
        """A guest that does not start releases its ports."""
        graphics = "<graphics type='vnc'/>"
        self.assertIsNotNone(hosts.refusal(
            self.start, graphics, interface("<filterref filter='none-such'/>")))
        port = self.live(self.start(graphics)).find('devices/graphics').get('port')
        self.assertEqual('5900', port)
