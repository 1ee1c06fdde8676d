"""Memory, vCPUs, metadata, names and parameters change live or in the configuration."""

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
        """The balloon sets a guest's memory."""
        domain = self.define()
        self.connection.domain_create(domain)
        self.connection.domain_set_memory_flags(domain, 32768, LIVE)
        self.assertEqual((65536, 32768), self.connection.domain_get_info(domain)[1:3])

    def test_maximum_of_a_running_domain(self):
        """The maximum memory of a running domain cannot change."""
        domain = self.define()
        self.connection.domain_create(domain)
        self.assert_refused('Requested operation is not valid: cannot resize the maximum memory '
                            'on an active domain', self.connection.domain_set_memory_flags,
                            domain, 131072, LIVE | libvirt.VIR_DOMAIN_MEM_MAXIMUM)

    def test_maximum_with_cells(self):
        """The maximum memory of a domain with NUMA cells cannot be set."""
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
        """A domain can have fewer vCPUs than its maximum."""
        self.connection.domain_set_vcpus_flags(self.domain, 2, CONFIG)
        self.assertEqual(2, self.connection.domain_get_vcpus_flags(self.domain, CONFIG))
        self.assertEqual(4, self.connection.domain_get_vcpus_flags(
            self.domain, CONFIG | libvirt.VIR_DOMAIN_VCPU_MAXIMUM))

    def test_more(self):
        """A domain cannot have more vCPUs than its maximum."""
        self.assert_refused(
            'invalid argument: requested vcpus is greater than max allowable vcpus for the '
            'persistent domain: 5 > 4', self.connection.domain_set_vcpus_flags,
            self.domain, 5, CONFIG)

    def test_live_needs_a_running_domain(self):
        """A live change needs a running domain."""
        self.assert_refused('Requested operation is not valid: domain is not running',
                            self.connection.domain_set_vcpus, self.domain, 2)

    def test_pinning(self):
        """A vCPU's CPU map is the one that it is pinned to."""
        self.connection.domain_pin_vcpu_flags(self.domain, 1, b'\x02', CONFIG)
        maps, count = self.connection.domain_get_vcpu_pin_info(self.domain, 4, 1, CONFIG)
        self.assertEqual((b'\x03\x02\x03\x03', 4), (maps, count))


class TestMetadata(LifecycleCase):

    def test_element(self):
        """A metadata element is returned without its prefix, which the domain's XML has."""
        domain = self.define()
        self.connection.domain_set_metadata(domain, ELEMENT, "<a b='1'><c/></a>", 'app', URI,
                                            CONFIG)
        self.assertEqual('<a b="1">\n  <c/>\n</a>',
                         self.connection.domain_get_metadata(domain, ELEMENT, URI, CONFIG))
        self.assertIn(f'    <app:a xmlns:app="{URI}" b="1">\n      <app:c/>\n    </app:a>\n',
                      self.connection.domain_get_xml_desc(domain, 0))

    def test_removed(self):
        """A removed element is gone."""
        domain = self.define()
        self.connection.domain_set_metadata(domain, TITLE, 'a title', None, None, CONFIG)
        self.connection.domain_set_metadata(domain, TITLE, None, None, None, CONFIG)
        self.assert_refused('metadata not found: Requested metadata element is not present',
                            self.connection.domain_get_metadata, domain, TITLE, None, CONFIG)

    def test_event(self):
        """A change of metadata publishes an event with the namespace."""
        domain = self.define()
        self.connection.connect_domain_event_callback_register_any(
            libvirt.VIR_DOMAIN_EVENT_ID_METADATA_CHANGE, None)
        self.connection.domain_set_metadata(domain, ELEMENT, '<a/>', 'app', URI, CONFIG)
        self.assertEqual(('domain_event_callback_metadata_change', ELEMENT, URI),
                         (self.recorder.messages[0][0], *self.recorder.messages[0][3:]))


class TestRename(LifecycleCase):

    def test_renamed(self):
        """A renamed domain is found only by its new name."""
        domain = self.define()
        self.connection.domain_rename(domain, 'other', 0)
        self.assertEqual('other', self.connection.domain_lookup_by_name('other').name)
        self.assertIsNotNone(hosts.refusal(self.connection.domain_lookup_by_name, 'guest'))

    def test_running(self):
        """A running domain cannot be renamed."""
        domain = self.define()
        self.connection.domain_create(domain)
        self.assert_refused('Requested operation is not valid: cannot rename active domain',
                            self.connection.domain_rename, domain, 'other', 0)


class TestParameters(LifecycleCase):

    def test_scheduler(self):
        """A scheduler parameter is returned as set, and is in the XML."""
        domain = self.define()
        self.connection.domain_set_scheduler_parameters_flags(
            domain, [TypedParameter.ullong('cpu_shares', 512)], CONFIG)
        params = self.connection.domain_get_scheduler_parameters_flags(domain, 9, CONFIG)
        self.assertIn(TypedParameter.ullong('cpu_shares', 512), params)
        self.assertIn('<shares>512</shares>', self.connection.domain_get_xml_desc(domain, 0))

    def test_scheduler_without_parameters(self):
        """Parameters of the scheduler that a configuration does not have are 0."""
        domain = self.define()
        params = self.connection.domain_get_scheduler_parameters(domain, 9)
        self.assertEqual({0}, {parameter.value for parameter in params})

    def test_numa(self):
        """A nodeset is returned as set."""
        domain = self.define()
        self.connection.domain_set_numa_parameters(
            domain, [TypedParameter.string('numa_nodeset', '0')], CONFIG)
        params = self.connection.domain_get_numa_parameters(domain, 2, CONFIG)
        self.assertIn(TypedParameter.string('numa_nodeset', '0'), params)

    def test_strict_memory_stays(self):
        """A running guest whose memory is bound strictly refuses another nodeset."""
        domain = self.define(minimal().replace(
            '</domain>', "<numatune><memory mode='strict' nodeset='0'/></numatune></domain>"))
        self.connection.domain_create(domain)
        self.assert_refused(
            'Requested operation is not valid: change of nodeset for running domain requires '
            'restrictive numa mode', self.connection.domain_set_numa_parameters, domain,
            [TypedParameter.string('numa_nodeset', '0')], LIVE)


    def test_unbound_memory_moves(self):
        """A running guest without numatune accepts a nodeset."""
        domain = self.define()
        self.connection.domain_create(domain)
        self.connection.domain_set_numa_parameters(
            domain, [TypedParameter.string('numa_nodeset', '0')], LIVE)
        self.assertIn("<memory mode='strict' nodeset='0'/>",
                      self.connection.domain_get_xml_desc(domain, 0))

    def test_node_that_is_not_there(self):
        """A running guest refuses a NUMA node that the host does not have."""
        domain = self.define()
        self.connection.domain_create(domain)
        self.assert_refused(
            'unsupported configuration: NUMA node 9 is unavailable',
            self.connection.domain_set_numa_parameters, domain,
            [TypedParameter.string('numa_nodeset', '9')], LIVE,
            code=libvirt.VIR_ERR_CONFIG_UNSUPPORTED, domain=libvirt.VIR_FROM_NONE)

    def test_mode_alone(self):
        """A mode without a nodeset is refused."""
        self.assert_refused(
            "unsupported configuration: nodeset for NUMA memory tuning must be set if 'placement' "
            "is 'static'", self.connection.domain_set_numa_parameters, self.define(),
            [TypedParameter.int_('numa_mode', 0)], CONFIG)

    def test_devices_of_blkiotune(self):
        """A device has a weight until it is set to 0."""
        domain = self.define()
        for value in ('/dev/sda,200,/dev/sdb,300', '/dev/sda,0'):
            self.connection.domain_set_blkio_parameters(
                domain, [TypedParameter.string('device_weight', value)], CONFIG)
        params = self.connection.domain_get_blkio_parameters(domain, 9, CONFIG)
        self.assertIn(TypedParameter.string('device_weight', '/dev/sdb,300'), params)

    def test_devices_that_do_not_parse(self):
        """A device without a value is refused."""
        self.assert_refused(
            "invalid argument: unable to parse blkio device 'device_weight' '/dev/sda'",
            self.connection.domain_set_blkio_parameters, self.define(),
            [TypedParameter.string('device_weight', '/dev/sda')], CONFIG)

    def test_parameters_of_another_type(self):
        """A parameter of the wrong type is refused."""
        self.assert_refused(
            "invalid argument: invalid type 'string' for parameter 'cpu_shares', expected 'ullong'",
            self.connection.domain_set_scheduler_parameters, self.define(),
            [TypedParameter.string('cpu_shares', 'many')])


class TestMemoryLimits(LifecycleCase):

    def set(self, domain, flags=CONFIG, **limits):
        self.connection.domain_set_memory_parameters(
            domain, [TypedParameter.ullong(name, value) for name, value in limits.items()], flags)

    def test_no_limit(self):
        """A limit beyond libvirt's maximum is unlimited."""
        domain = self.define()
        self.set(domain, hard_limit=1 << 17)
        self.set(domain, hard_limit=(1 << 64) - 1, swap_hard_limit=(1 << 64) - 1)
        self.assertNotIn('memtune', self.connection.domain_get_xml_desc(domain, 0))

    def test_swap_below_memory(self):
        """The limit of memory cannot exceed that of memory and swap."""
        self.assert_refused(
            'invalid argument: memory hard_limit tunable value must be lower than or equal to '
            'swap_hard_limit', self.set, self.define(), hard_limit=2, swap_hard_limit=1)

    def test_limit_of_a_running_domain(self):
        """A limit beyond libvirt's maximum is refused for a running domain."""
        domain = self.define()
        self.connection.domain_create(domain)
        self.assert_refused(
            "invalid argument: Memory '18446744073709551615' must be less than 9007199254740991",
            self.set, domain, LIVE, soft_limit=(1 << 64) - 1)


class TestIoThreads(LifecycleCase):

    def test_statistics(self):
        """The statistics include the polling of each I/O thread."""
        domain = self.define(minimal().replace(
            '</domain>', "<iothreads>2</iothreads><iothreadids><iothread id='7'/></iothreadids>"
            '</domain>'))
        self.connection.domain_create(domain)
        [(_, params)] = self.connection.connect_get_all_domain_stats(
            [], libvirt.VIR_DOMAIN_STATS_IOTHREAD, 0)
        self.assertEqual(
            [('iothread.count', 2), ('iothread.7.poll-max-ns', 32768),
             ('iothread.7.poll-grow', 0), ('iothread.7.poll-shrink', 0),
             ('iothread.1.poll-max-ns', 32768), ('iothread.1.poll-grow', 0),
             ('iothread.1.poll-shrink', 0)], [(name, value) for name, _, value in params])

    def test_none(self):
        """The statistics of a domain without I/O threads have no entry for them."""
        domain = self.define()
        self.connection.domain_create(domain)
        [(_, params)] = self.connection.connect_get_all_domain_stats(
            [], libvirt.VIR_DOMAIN_STATS_IOTHREAD, 0)
        self.assertEqual([], params)


class TestAgent(LifecycleCase):

    def test_no_channel(self):
        """Without a channel there is no agent."""
        domain = self.define()
        self.connection.domain_create(domain)
        self.assert_refused('argument unsupported: QEMU guest agent is not configured',
                            self.connection.domain_set_time, domain, 0, 0, 0,
                            code=libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED)

    def test_nobody_listens(self):
        """With a channel the agent does not respond."""
        domain = self.define(minimal().replace(
            '</domain>', "<devices><channel type='unix'><target type='virtio' "
            "name='org.qemu.guest_agent.0'/></channel></devices></domain>"))
        self.connection.domain_create(domain)
        self.assert_refused('Guest agent is not responding: QEMU guest agent is not connected',
                            self.connection.domain_fsfreeze, domain, [], 0,
                            code=libvirt.VIR_ERR_AGENT_UNRESPONSIVE)
