"""Domains migrate between hosts, or stay if the migration fails."""

from __future__ import annotations

import libvirt
import testtools

from tests.unit.libvirtd.hypervisor import hosts
from tests.unit.libvirtd.hypervisor.domain.test_hotplug import definition
from vpmem_harness.libvirtd.hypervisor.backing import DeclaredFiles
from vpmem_harness.libvirtd.hypervisor.domain import migration
from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
from vpmem_harness.libvirtd.values import TypedParameter
from vpmem_harness.libvirtd.xml.domain import parser as domain_xml
from vpmem_harness.releases import DEBIAN_13
from vpmem_harness.serving.clock import SteppedClock

FLAGS = (libvirt.VIR_MIGRATE_LIVE | libvirt.VIR_MIGRATE_PEER2PEER
         | libvirt.VIR_MIGRATE_PERSIST_DEST | libvirt.VIR_MIGRATE_UNDEFINE_SOURCE)


HOSTDEV = """
<domain type='qemu'>
  <name>guest</name>
  <memory>65536</memory>
  <os><type arch='x86_64'>hvm</type></os>
  <devices>
    <hostdev mode='subsystem' type='pci'>
      <source><address domain='0' bus='2' slot='0' function='0'/></source>
    </hostdev>
  </devices>
</domain>
"""


class TestMigration(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.clock = SteppedClock()
        network = hosts.Network()
        self.one, self.two = (network.add(name, clock=self.clock, migration_seconds=10)
                              for name in ('one', 'two'))
        self.connection = hosts.Client(self.one)
        self.domain = self.connection.domain_define_xml(definition('nova-pc-2nvdimm'))
        self.connection.domain_create(self.domain)

    def migrate(self, params=(), uri='qemu+tcp://two/system', flags=FLAGS):
        """Start a migration."""
        return self.connection.domain_migrate_perform3_params(
            self.domain, uri, list(params), b'', flags)

    def arrived(self):
        """Return the domain at the destination."""
        return self.two.domains.by_name('golden-a')

    def test_guest_runs_at_the_destination(self):
        """After copying, the guest runs at the destination and is gone from the source."""
        later = self.migrate()
        self.clock.step(10)
        self.assertEqual(b'', later.result())
        self.assertEqual((libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_RUNNING_MIGRATED),
                         (self.arrived().state, self.arrived().reason))
        self.assertTrue(self.arrived().persistent)
        self.assertEqual([], list(self.one.domains))

    def test_guest_waits_at_the_destination_until_then(self):
        """While copying, the guest runs at the source and is paused at the destination."""
        self.migrate()
        self.clock.step(9)
        self.assertEqual(libvirt.VIR_DOMAIN_RUNNING, self.domain.state)
        self.assertEqual((libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_MIGRATION),
                         (self.arrived().state, self.arrived().reason))

    def test_statistics_follow_the_clock(self):
        """Half of the memory is copied after half of the time."""
        self.migrate()
        self.clock.step(5)
        kind, params = self.connection.domain_get_job_stats(self.domain, 0)
        values = {parameter.name: parameter.value for parameter in params}
        self.assertEqual(libvirt.VIR_DOMAIN_JOB_UNBOUNDED, kind)
        self.assertEqual((5000, 325632 * 512), (values['time_elapsed'],
                                                values['memory_remaining']))

    def test_bandwidth_sets_the_time(self):
        """A bandwidth limit determines the duration."""
        self.migrate([TypedParameter.ullong('bandwidth', 1)])
        self.clock.step(317)
        self.assertEqual(libvirt.VIR_DOMAIN_PAUSED, self.arrived().state)
        self.clock.step(2)
        self.assertEqual(libvirt.VIR_DOMAIN_RUNNING, self.arrived().state)

    def test_abort_undoes_it(self):
        """An aborted migration leaves the guest at the source only."""
        later = self.migrate()
        self.connection.domain_abort_job(self.domain)
        error = hosts.refusal(later.result)
        self.assertEqual('operation aborted: migration out: canceled by client', error.message)
        self.assertEqual(libvirt.VIR_DOMAIN_RUNNING, self.domain.state)
        self.assertEqual([], list(self.two.domains))

    def test_destination_that_cannot_start_it(self):
        """A destination without the guest's device refuses at once, and the guest keeps running."""
        self.two.backing = DeclaredFiles()
        error = hosts.refusal(self.migrate().result)
        self.assertEqual("Path '/srv/pmem/ns_0' is not accessible: No such file or directory",
                         error.message)
        self.assertEqual(libvirt.VIR_DOMAIN_RUNNING, self.domain.state)
        self.assertEqual([], list(self.two.domains))

    def test_destination_document_is_honoured(self):
        """The guest is started at the destination from the client's XML."""
        xml = self.connection.domain_get_xml_desc(
            self.domain, libvirt.VIR_DOMAIN_XML_MIGRATABLE).replace('ns_1', 'ns_2')
        self.migrate([TypedParameter.string('destination_xml', xml)])
        self.clock.step(10)
        self.assertIn('/srv/pmem/ns_2', self.two.backing.open_by)

    def test_lost_destination(self):
        """If the destination has lost the guest, the guest keeps running at the source."""
        later = self.migrate()
        self.two.crash()
        self.clock.step(10)
        error = hosts.refusal(later.result)
        self.assertEqual("Domain not found: no domain with matching name 'golden-a'",
                         error.message)
        self.assertEqual(libvirt.VIR_DOMAIN_RUNNING, self.domain.state)

    def test_a_device_of_the_host_ties_a_guest_until_libvirt_10(self):
        """libvirt 10.0 with QEMU 8.2.2 migrates a guest with a PCI device of the host."""
        definition = domain_xml.parse(HOSTDEV, self.one.xml_host)
        domain = Domain('guest', definition.uuid)
        domain.config = definition
        error = hosts.refusal(migration.check_allowed, domain)
        self.assertIn("cannot migrate a domain with <hostdev mode='subsystem' type='pci'>",
                      error.message)
        definition.release = DEBIAN_13
        migration.check_allowed(domain)

    def test_unknown_destination(self):
        """A migration to an unknown host fails."""
        error = hosts.refusal(self.migrate((), 'qemu+tcp://nowhere/system').result)
        self.assertEqual("unable to connect to server at 'qemu+tcp://nowhere/system': Network is "
                         'unreachable', error.message)
        self.assertIsNone(self.domain.job)

    def test_events_of_both_sides(self):
        """Each host publishes its own events."""
        stories = []
        for host in (self.one, self.two):
            connection = hosts.Client(host)
            recorder = hosts.Recorder(connection)
            connection.connect_domain_event_callback_register_any(
                libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, None)
            stories.append(recorder)
        self.migrate()
        self.clock.step(10)
        self.assertEqual(
            [(libvirt.VIR_DOMAIN_EVENT_SUSPENDED, libvirt.VIR_DOMAIN_EVENT_SUSPENDED_MIGRATED),
             (libvirt.VIR_DOMAIN_EVENT_STOPPED, libvirt.VIR_DOMAIN_EVENT_STOPPED_MIGRATED),
             (libvirt.VIR_DOMAIN_EVENT_UNDEFINED, libvirt.VIR_DOMAIN_EVENT_UNDEFINED_REMOVED)],
            [event[2:] for event in stories[0].lifecycle()])
        self.assertEqual(
            [(libvirt.VIR_DOMAIN_EVENT_STARTED, libvirt.VIR_DOMAIN_EVENT_STARTED_MIGRATED),
             (libvirt.VIR_DOMAIN_EVENT_DEFINED, libvirt.VIR_DOMAIN_EVENT_DEFINED_ADDED),
             (libvirt.VIR_DOMAIN_EVENT_RESUMED, libvirt.VIR_DOMAIN_EVENT_RESUMED_MIGRATED)],
            [event[2:] for event in stories[1].lifecycle()])
