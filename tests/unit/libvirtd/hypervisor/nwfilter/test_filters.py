"""Network filters of a host: their life, and their bindings to the interfaces of guests."""

from __future__ import annotations

import libvirt
import testtools

from tests.unit.libvirtd.hypervisor import hosts
from vpmem_harness.libvirtd.hypervisor.nwfilter import packaged
from vpmem_harness.libvirtd.values import NWFilterHandle

INTERFACE = ("<interface type='ethernet'><mac address='{mac}'/><target dev='{port}'/>"
             "<filterref filter='{name}'>{more}</filterref></interface>")
GUEST = ("<domain type='qemu'><name>guest</name><memory>65536</memory><os><type>hvm</type></os>"
         '<features><acpi/></features><devices>{devices}</devices></domain>')
DROP = "<rule action='drop' direction='in'>{0}</rule>"


class FilterCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.host = hosts.recorded_host()
        self.client = hosts.Client(self.host)

    def define(self, more='', name='own', uuid=''):
        """Define a filter."""
        given = f'<uuid>{uuid}</uuid>' if uuid else ''
        return self.client.nwfilter_define_xml(f"<filter name='{name}'>{given}{more}</filter>")

    def redefine(self, handle, more):
        """Give a filter another definition."""
        return self.define(more, handle.name, handle.uuid.hex())

    def guest(self, name='own', more='', port='port0'):
        """Start a guest whose interface has a filter."""
        return self.client.domain_create_xml(GUEST.format(devices=INTERFACE.format(
            mac=hosts.MAC, port=port, name=name, more=more)), 0)

    def ports(self):
        """Return the ports that have a binding."""
        return [found.portdev for found in self.client.connect_list_all_nwfilter_bindings(1, 0)]

    def assert_refused(self, message, call, *arguments):
        """Check that a call is refused with that message."""
        error = hosts.refusal(call, *arguments)
        self.assertEqual(message, None if error is None else error.message)


class TestPackagedFilters(FilterCase):

    def test_each_host_has_its_own_uuids(self):
        """The packaged filters have other UUIDs on another host, and keep them."""
        uuids = [{found.uuid for found in client.connect_list_all_nwfilters(1, 0)}
                 for client in (self.client, self.client, hosts.Client(
                     hosts.recorded_host(randomness=self.host.randomness.derive('other'))))]
        self.assertEqual(uuids[0], uuids[1])
        self.assertEqual(set(), uuids[0] & uuids[2])
        self.assertEqual(len(packaged.definitions()), len(uuids[0]))

    def test_their_xml_defines_them_again(self):
        """The XML of a packaged filter is canonical."""
        for handle in self.client.connect_list_all_nwfilters(1, 0):
            xml = self.client.nwfilter_get_xml_desc(handle, 0)
            self.assertEqual(handle, self.client.nwfilter_define_xml(xml))
            self.assertEqual(xml, self.client.nwfilter_get_xml_desc(handle, 0))

    def test_they_can_be_removed(self):
        """A packaged filter can be undefined; guests that need it do not start then."""
        self.client.nwfilter_undefine(self.client.nwfilter_lookup_by_name('no-mac-spoofing'))
        self.assert_refused("internal error: referenced filter 'no-mac-spoofing' is missing",
                            self.guest, 'clean-traffic')


class TestGuests(FilterCase):

    def test_a_guest_binds_its_filter(self):
        """A guest's interface has a binding until the guest ends."""
        self.define()
        domain = self.guest()
        binding = self.client.nwfilter_binding_lookup_by_port_dev('port0')
        self.assertEqual('own', binding.filtername)
        self.assertIn(f'<uuid>{domain.uuid_text}</uuid>',
                      self.client.nwfilter_binding_get_xml_desc(binding, 0))
        self.client.domain_destroy(domain)
        self.assertEqual([], self.ports())

    def test_a_filter_in_use(self):
        """A filter that a guest uses, directly or not, cannot be undefined."""
        inner, outer = self.define(name='inner'), self.define("<filterref filter='inner'/>")
        domain = self.guest()
        for handle in (inner, outer):
            self.assert_refused('Requested operation is not valid: nwfilter is in use',
                                self.client.nwfilter_undefine, handle)
        self.client.domain_destroy(domain)
        self.client.nwfilter_undefine(inner)

    def test_a_new_definition_must_fit_running_guests(self):
        """A definition that a guest cannot use is refused; the old one stays."""
        handle = self.define()
        before = self.client.nwfilter_get_xml_desc(handle, 0)
        self.guest()
        self.assert_refused(
            'internal error: Cannot instantiate filter due to unresolvable variables or '
            'unavailable list elements: OTHER', self.redefine, handle,
            DROP.format("<ip srcipaddr='$OTHER'/>"))
        self.assertEqual(before, self.client.nwfilter_get_xml_desc(handle, 0))

    def test_the_address_is_learned(self):
        """A guest whose address is unknown starts, unless its filter may not learn it."""
        self.client.domain_destroy(self.guest('clean-traffic'))
        self.assert_refused(
            'internal error: Cannot instantiate filter due to unresolvable variables or '
            'unavailable list elements: IP', self.guest, 'clean-traffic',
            "<parameter name='CTRL_IP_LEARNING' value='none'/>")

    def test_a_bound_port(self):
        """A guest does not start on a port that a client has bound."""
        self.define()
        self.client.domain_destroy(self.guest())
        domain = self.guest(port='port1')
        xml = self.client.nwfilter_binding_get_xml_desc(
            self.client.nwfilter_binding_lookup_by_port_dev('port1'), 0)
        self.client.domain_destroy(domain)
        binding = self.client.nwfilter_binding_create_xml(xml, 0)
        self.assert_refused("operation failed: binding 'port1' already exists",
                            self.guest, 'own', '', 'port1')
        self.client.nwfilter_binding_delete(binding)
        self.guest(port='port1')

    def test_unplug(self):
        """An interface that is unplugged has no binding any more."""
        domain = self.guest('allow-arp')
        xml = INTERFACE.format(mac=hosts.MAC, port='port0', name='allow-arp', more='')
        self.client.domain_detach_device_flags(domain, xml, libvirt.VIR_DOMAIN_AFFECT_LIVE)
        self.assertEqual([], self.ports())

    def test_migration(self):
        """The filter of a guest that migrates is bound at the destination, not at the source."""
        network = hosts.Network()
        source, destination = (hosts.Client(network.add(name)) for name in ('one', 'two'))
        domain = source.domain_create_xml(GUEST.format(devices=INTERFACE.format(
            mac=hosts.MAC, port='port0', name='allow-arp', more='')), 0)
        source.domain_migrate_perform3_params(
            domain, 'qemu+tcp://two/system', [], b'',
            libvirt.VIR_MIGRATE_LIVE | libvirt.VIR_MIGRATE_PEER2PEER)
        self.assertEqual([0, 1], [len(client.connect_list_all_nwfilter_bindings(1, 0))
                                  for client in (source, destination)])

    def test_reboot(self):
        """No binding survives a reboot of the host; the filters do."""
        self.define()
        self.guest()
        self.host.reboot()
        self.assertEqual([], self.ports())
        self.assertEqual('own', self.client.nwfilter_lookup_by_name('own').name)


class TestSplitDaemon(FilterCase):

    def test_the_driver_of_filters(self):
        """A connection of the driver nwfilter has its procedures, and none of domains."""
        connection = self.host.connect(driver='nwfilter')
        self.assertIsNotNone(connection.find('nwfilter_define_xml'))
        self.assertIsNone(connection.find('domain_define_xml'))

    def test_no_such_filter(self):
        """A filter that does not exist is named by its UUID."""
        self.assert_refused(
            f"Network filter not found: no nwfilter with matching uuid "
            f"'{'-'.join(('0' * 8, '0' * 4, '0' * 4, '0' * 4, '0' * 12))}'",
            self.client.nwfilter_undefine, NWFilterHandle('none', bytes(16)))
