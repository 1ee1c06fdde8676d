"""What is changed of a domain is changed, now or from its next start on."""

from __future__ import annotations

import libvirt

from tests.unit.libvirtd.hypervisor import hosts
from tests.unit.libvirtd.hypervisor.domain.test_hotplug import CONFIG, LIVE, definition
from tests.unit.libvirtd.hypervisor.domain.test_lifecycle import LifecycleCase, minimal
from vpmem_harness.libvirtd.values import TypedParameter

ELEMENT, TITLE = libvirt.VIR_DOMAIN_METADATA_ELEMENT, libvirt.VIR_DOMAIN_METADATA_TITLE
URI = 'http://example.com/app'


class TestMemory(LifecycleCase):

    def test_balloon(self):
        """The balloon leaves a guest what it is told to."""
        domain = self.define()
        self.connection.domain_create(domain)
        self.connection.domain_set_memory_flags(domain, 32768, LIVE)
        self.assertEqual((65536, 32768), self.connection.domain_get_info(domain)[1:3])

    def test_maximum_of_a_running_domain(self):
        """A running domain's maximum stays."""
        domain = self.define()
        self.connection.domain_create(domain)
        self.assert_refused('Requested operation is not valid: cannot resize the maximum memory '
                            'on an active domain', self.connection.domain_set_memory_flags,
                            domain, 131072, LIVE | libvirt.VIR_DOMAIN_MEM_MAXIMUM)

    def test_maximum_with_cells(self):
        """With NUMA cells the maximum follows from them."""
        domain = self.define(definition('nova-pc-2nvdimm'))
        self.assert_refused(
            'Requested operation is not valid: initial memory size of a domain with NUMA nodes '
            'cannot be modified with this API', self.connection.domain_set_max_memory,
            domain, 131072)


class TestVcpus(LifecycleCase):

    def setUp(self):
        super().setUp()
        self.domain = self.define(minimal().replace('<memory>', '<vcpu>4</vcpu><memory>'))

    def test_fewer(self):
        """A domain can have fewer vCPUs than it could."""
        self.connection.domain_set_vcpus_flags(self.domain, 2, CONFIG)
        self.assertEqual(2, self.connection.domain_get_vcpus_flags(self.domain, CONFIG))
        self.assertEqual(4, self.connection.domain_get_vcpus_flags(
            self.domain, CONFIG | libvirt.VIR_DOMAIN_VCPU_MAXIMUM))

    def test_more(self):
        """A domain cannot have more vCPUs than it could."""
        self.assert_refused(
            'invalid argument: requested vcpus is greater than max allowable vcpus for the '
            'persistent domain: 5 > 4', self.connection.domain_set_vcpus_flags,
            self.domain, 5, CONFIG)

    def test_live_needs_a_running_domain(self):
        """What is off has nothing live to change."""
        self.assert_refused('Requested operation is not valid: domain is not running',
                            self.connection.domain_set_vcpus, self.domain, 2)

    def test_pinning(self):
        """A pinned vCPU is shown where it was pinned to."""
        self.connection.domain_pin_vcpu_flags(self.domain, 1, b'\x02', CONFIG)
        maps, count = self.connection.domain_get_vcpu_pin_info(self.domain, 4, 1, CONFIG)
        self.assertEqual((b'\x03\x02\x03\x03', 4), (maps, count))


class TestMetadata(LifecycleCase):

    def test_element(self):
        """An element of a namespace comes back without it; the domain's XML has the prefix."""
        domain = self.define()
        self.connection.domain_set_metadata(domain, ELEMENT, "<a b='1'><c/></a>", 'app', URI,
                                            CONFIG)
        self.assertEqual('<a b="1">\n  <c/>\n</a>',
                         self.connection.domain_get_metadata(domain, ELEMENT, URI, CONFIG))
        self.assertIn(f'    <app:a xmlns:app="{URI}" b="1">\n      <app:c/>\n    </app:a>\n',
                      self.connection.domain_get_xml_desc(domain, 0))

    def test_removed(self):
        """What was removed is not there."""
        domain = self.define()
        self.connection.domain_set_metadata(domain, TITLE, 'a title', None, None, CONFIG)
        self.connection.domain_set_metadata(domain, TITLE, None, None, None, CONFIG)
        self.assert_refused('metadata not found: Requested metadata element is not present',
                            self.connection.domain_get_metadata, domain, TITLE, None, CONFIG)

    def test_event(self):
        """A change is told, with the namespace."""
        domain = self.define()
        self.connection.connect_domain_event_callback_register_any(
            libvirt.VIR_DOMAIN_EVENT_ID_METADATA_CHANGE, None)
        self.connection.domain_set_metadata(domain, ELEMENT, '<a/>', 'app', URI, CONFIG)
        self.assertEqual(('domain_event_callback_metadata_change', ELEMENT, URI),
                         (self.recorder.messages[0][0], *self.recorder.messages[0][3:]))


class TestRename(LifecycleCase):

    def test_renamed(self):
        """A domain is known by its new name alone."""
        domain = self.define()
        self.connection.domain_rename(domain, 'other', 0)
        self.assertEqual('other', self.connection.domain_lookup_by_name('other').name)
        self.assertIsNotNone(hosts.refusal(self.connection.domain_lookup_by_name, 'guest'))

    def test_running(self):
        """A running domain keeps its name."""
        domain = self.define()
        self.connection.domain_create(domain)
        self.assert_refused('Requested operation is not valid: cannot rename active domain',
                            self.connection.domain_rename, domain, 'other', 0)


class TestParameters(LifecycleCase):

    def test_scheduler(self):
        """A share of the CPUs that was set is told, and stands in the document."""
        domain = self.define()
        self.connection.domain_set_scheduler_parameters_flags(
            domain, [TypedParameter.ullong('cpu_shares', 512)], CONFIG)
        params = self.connection.domain_get_scheduler_parameters_flags(domain, 9, CONFIG)
        self.assertIn(TypedParameter.ullong('cpu_shares', 512), params)
        self.assertIn('<shares>512</shares>', self.connection.domain_get_xml_desc(domain, 0))

    def test_numa(self):
        """The nodes that memory may come from are told."""
        domain = self.define()
        self.connection.domain_set_numa_parameters(
            domain, [TypedParameter.string('numa_nodeset', '0')], CONFIG)
        params = self.connection.domain_get_numa_parameters(domain, 2, CONFIG)
        self.assertIn(TypedParameter.string('numa_nodeset', '0'), params)

    def test_strict_memory_stays(self):
        """Memory that is bound strictly is not moved while the guest runs."""
        domain = self.define()
        self.connection.domain_create(domain)
        self.assert_refused(
            'Requested operation is not valid: change of nodeset for running domain requires '
            'restrictive numa mode', self.connection.domain_set_numa_parameters, domain,
            [TypedParameter.string('numa_nodeset', '0')], LIVE)


class TestAgent(LifecycleCase):

    def test_no_channel(self):
        """Without a channel there is no agent."""
        domain = self.define()
        self.connection.domain_create(domain)
        self.assert_refused('argument unsupported: QEMU guest agent is not configured',
                            self.connection.domain_set_time, domain, 0, 0, 0,
                            code=libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED)

    def test_nobody_listens(self):
        """With a channel the agent is silent."""
        domain = self.define(minimal().replace(
            '</domain>', "<devices><channel type='unix'><target type='virtio' "
            "name='org.qemu.guest_agent.0'/></channel></devices></domain>"))
        self.connection.domain_create(domain)
        self.assert_refused('Guest agent is not responding: QEMU guest agent is not connected',
                            self.connection.domain_fsfreeze, domain, [], 0,
                            code=libvirt.VIR_ERR_AGENT_UNRESPONSIVE)
