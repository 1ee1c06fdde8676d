"""Hypervisors of two releases: migration between them, upgrade, and what a reboot starts."""

from __future__ import annotations

import fixtures
import libvirt
import testtools

from tests.unit.libvirtd.hypervisor import hosts
from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.releases import DEBIAN_12, DEBIAN_13
from vpmem_harness.serving.clock import SteppedClock

_FLAGS = (libvirt.VIR_MIGRATE_LIVE | libvirt.VIR_MIGRATE_PEER2PEER
          | libvirt.VIR_MIGRATE_PERSIST_DEST | libvirt.VIR_MIGRATE_UNDEFINE_SOURCE)
_XML = ("<domain type='qemu'><name>guest</name><memory>65536</memory>"
        "<os><type machine='{machine}'>hvm</type></os>"
        "<cpu><topology sockets='1' cores='1' threads='1'/></cpu></domain>")


class MigrationTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        clock, network = SteppedClock(), hosts.Network()
        for release in (DEBIAN_12, DEBIAN_13):
            network.add(release.name, clock=clock, release=release)
        self.hosts = network

    def migrate(self, source, target, machine):
        """Migrate a new guest, and return its definition at the destination."""
        client = hosts.Client(self.hosts[source])
        domain = client.domain_define_xml(_XML.format(machine=machine))
        client.domain_create(domain)
        client.domain_migrate_perform3_params(
            domain, f'qemu+tcp://{target}/system', [], b'', _FLAGS).result()
        arrived = self.hosts[target].domains.by_name('guest')
        return hosts.Client(self.hosts[target]).domain_get_xml_desc(
            arrived, libvirt.VIR_DOMAIN_XML_INACTIVE)

    def test_a_guest_moves_to_the_newer_release(self):
        """The newer QEMU has the machine type; the newer libvirt completes the definition."""
        xml = self.migrate('debian12', 'debian13', 'q35')
        self.assertIn("machine='pc-q35-7.2'", xml)
        self.assertIn("clusters='1'", xml)
        self.assertIn("<watchdog model='itco' action='reset'/>", xml)

    def test_a_guest_of_an_old_machine_type_moves_back(self):
        """The older libvirt ignores what it does not know."""
        xml = self.migrate('debian13', 'debian12', 'pc-q35-7.2')
        self.assertNotIn('clusters', xml)
        self.assertNotIn('watchdog', xml)

    def test_a_newer_machine_type_is_refused(self):
        """The older QEMU lacks the machine type; the guest stays where it is."""
        error = self.assertRaises(LibvirtError, self.migrate, 'debian13', 'debian12', 'q35')
        self.assertEqual(
            "unsupported configuration: Emulator '/usr/bin/qemu-system-x86_64' does not support "
            "machine type 'pc-q35-10.0'", str(error))
        self.assertEqual([], list(self.hosts['debian12'].domains))
        self.assertTrue(self.hosts['debian13'].domains.by_name('guest').active)


class UpgradeTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.host = hosts.recorded_host(release=DEBIAN_12)
        self.client = hosts.Client(self.host)

    def define(self, machine):
        domain = self.client.domain_define_xml(_XML.format(machine=machine))
        domain.autostart = True
        return domain

    def upgrade(self, release):
        self.host.upgrade(release)
        self.host.reboot()

    def test_domains_stay(self):
        """Persistent domains keep their machine type, and start on the new release."""
        domain = self.define('q35')
        self.upgrade(DEBIAN_13)
        self.assertTrue(domain.active)
        xml = self.client.domain_get_xml_desc(domain, 0)
        self.assertIn("machine='pc-q35-7.2'", xml)
        self.assertIn("<watchdog model='itco'", xml)
        self.assertEqual(11_003_000, self.client.connect_get_lib_version())
        self.assertIn('pc-q35-10.0', self.client.connect_get_capabilities())

    def test_a_removed_machine_type(self):
        """A domain whose machine type is gone stays defined; its start is refused."""
        log = self.useFixture(fixtures.FakeLogger())
        domain = self.define('pc-i440fx-2.3')
        self.upgrade(DEBIAN_13)
        self.assertFalse(domain.active)
        self.assertIn("Failed to autostart VM 'guest'", log.output)
        error = hosts.refusal(self.client.domain_create, domain)
        self.assertIn("does not support machine type 'pc-i440fx-2.3'", str(error))
        self.upgrade(DEBIAN_12)
        self.assertTrue(domain.active)

    def test_autostart_once(self):
        """A domain that is to start once starts at the next reboot only."""
        self.upgrade(DEBIAN_13)
        domain = self.client.domain_define_xml(_XML.format(machine='pc'))
        self.client.domain_set_autostart_once(domain, 1)
        self.assertEqual(1, self.client.domain_get_autostart_once(domain))
        self.host.reboot()
        self.assertTrue(domain.active)
        self.assertEqual(0, self.client.domain_get_autostart_once(domain))
        self.host.reboot()
        self.assertFalse(domain.active)

    def test_autostart_once_of_a_transient_domain(self):
        """A transient domain cannot start at a reboot."""
        domain = self.client.domain_create_xml(_XML.format(machine='pc'), 0)
        error = hosts.refusal(self.client.domain_set_autostart_once, domain, 1)
        self.assertEqual('Requested operation is not valid: cannot set autostart for transient '
                         'domain', str(error))

    def test_graphics_reload(self):
        """Reloading VNC's certificates needs a running domain and a known type."""
        domain = self.client.domain_define_xml(_XML.format(machine='pc'))
        self.assertIsNone(self.client.domain_graphics_reload(domain, 0, 0))
        error = hosts.refusal(self.client.domain_graphics_reload, domain, 1, 0)
        self.assertEqual('Requested operation is not valid: domain is not running', str(error))
        error = hosts.refusal(self.client.domain_graphics_reload, domain, 7, 0)
        self.assertEqual('type must be less than 2', str(error))


class DefinitionTest(testtools.TestCase):

    XML = ("<domain type='qemu'><name>guest</name><memory>65536</memory><vcpu>{count}</vcpu>"
           "<os><type machine='pc-q35-7.2'>hvm</type></os></domain>")

    def define(self, release, count):
        client = hosts.Client(hosts.recorded_host(release=release))
        return client.domain_get_xml_desc(
            client.domain_define_xml(self.XML.format(count=count)), 0)

    def test_many_vcpus(self):
        """More than 255 vCPUs need interrupt remapping, which the newer libvirt adds."""
        self.assertNotIn('iommu', self.define(DEBIAN_13, 255))
        xml = self.define(DEBIAN_13, 256)
        self.assertIn("<driver intremap='on' eim='on'/>", xml)
        self.assertIn("<ioapic driver='qemu'/>", xml)
        error = self.assertRaises(LibvirtError, self.define, DEBIAN_12, 256)
        self.assertIn('more than 255 vCPUs require extended interrupt mode', str(error))
