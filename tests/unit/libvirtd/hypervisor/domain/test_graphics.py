"""Where the graphics of running guests listen."""

from __future__ import annotations

import libvirt
import testtools
from lxml import etree

from tests.unit.libvirtd.hypervisor import hosts

INACTIVE = libvirt.VIR_DOMAIN_XML_INACTIVE
DOMAIN = ("<domain type='qemu'><name>{}</name><memory unit='MiB'>64</memory>"
          "<os><type machine='pc'>hvm</type></os><devices>{}</devices></domain>")
FIXED = "<graphics type='{}' port='5905' autoport='no'/>"
SOCKETS = '/var/lib/libvirt/qemu/domain-1-guest'


def graphics(kind, listens):
    """Return graphics."""
    return f"<graphics type='{kind}'>{listens}</graphics>"


class GraphicsTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.client = hosts.Client(hosts.recorded_host())

    def start(self, *devices, name='guest'):
        """Define and start a domain."""
        domain = self.client.domain_define_xml(DOMAIN.format(name, ''.join(devices)))
        self.client.domain_create(domain)
        return domain

    def graphics(self, domain, flags=0):
        """Return the graphics of a domain."""
        return etree.fromstring(self.client.domain_get_xml_desc(domain, flags)).find(
            'devices/graphics')

    def assert_refused(self, message, *devices):
        """Check that a domain with those devices is refused."""
        error = hosts.refusal(self.start, *devices)
        self.assertEqual(message, None if error is None else error.message)

    def test_socket(self):
        """libvirt chooses the path of a socket when the guest starts."""
        domain = self.start(graphics('vnc', "<listen type='socket'/>"))
        live = self.graphics(domain)
        self.assertEqual(f'{SOCKETS}/vnc.sock', live.get('socket'))
        self.assertEqual(f'{SOCKETS}/vnc.sock', live.find('listen').get('socket'))
        inactive = self.graphics(domain, INACTIVE)
        self.assertEqual(({'type': 'vnc'}, {'type': 'socket'}),
                         (inactive.attrib, inactive.find('listen').attrib))

    def test_socket_of_spice(self):
        """Only VNC has an attribute for its socket as well."""
        live = self.graphics(self.start(graphics('spice', "<listen type='socket'/>")))
        self.assertIsNone(live.get('socket'))
        self.assertEqual(f'{SOCKETS}/spice.sock', live.find('listen').get('socket'))

    def test_network(self):
        """Graphics listen at the host's address on a network."""
        listen = "<listen type='network' network='default'/>"
        domain = self.start(graphics('spice', listen))
        live = self.graphics(domain)
        self.assertTrue(live.get('listen'))
        self.assertEqual(live.get('listen'), live.find('listen').get('address'))
        self.assertIsNone(self.graphics(domain, INACTIVE).find('listen').get('address'))

    def test_network_that_is_not_there(self):
        """The network that graphics listen on exists."""
        self.assert_refused("Network not found: no network with matching name 'none-such'",
                            graphics('vnc', "<listen type='network' network='none-such'/>"))

    def test_two_sockets(self):
        """Both ways to name the socket of VNC name the same one."""
        self.assert_refused("unsupported configuration: graphics 'socket' attribute '/a' must "
                            "match 'socket' attribute of first listen element (found '/b')",
                            "<graphics type='vnc' socket='/a'><listen type='socket' socket='/b'/>"
                            '</graphics>')

    def test_port_in_use(self):
        """Two graphics cannot have one port."""
        self.assert_refused('internal error: Failed to reserve port 5905',
                            FIXED.format('vnc'), FIXED.format('spice'))

    def test_several(self):
        """A guest has one device of each type of graphics, which listens in one place."""
        self.assert_refused(
            'unsupported configuration: only 1 graphics device of each type (sdl, vnc, spice, '
            'headless, dbus) is supported', "<graphics type='vnc'/>" * 2)
        error = hosts.refusal(lambda: self.start(
            graphics('vnc', "<listen type='address'/><listen type='socket'/>"), name='other'))
        self.assertEqual('unsupported configuration: QEMU does not support multiple listens for '
                         'one graphics device.', error.message)
