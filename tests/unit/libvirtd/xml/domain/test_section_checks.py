"""Invalid sections of domain XML are refused."""

from __future__ import annotations

from tests.unit.libvirtd.xml.domain.test_parser import DomainCase, xml
from vpmem_harness.libvirtd.errors import LibvirtError

CELL = "<cell id='{}' cpus='{}' memory='32768'>{}</cell>"


class SectionCase(DomainCase):

    def assert_refused(self, message, more):
        """Check that a domain with that section is refused with that message."""
        error = self.assertRaises(LibvirtError, self.parse, xml(more=more))
        self.assertEqual(message, error.message)


class TestTuning(SectionCase):

    def test_shares_out_of_range(self):
        """Shares of CPU time have limits."""
        self.assert_refused("unsupported configuration: Value of cputune 'shares' must be in range "
                            '[2, 262144]', '<cputune><shares>1</shares></cputune>')

    def test_vcpu_pinned_twice(self):
        """A vCPU is pinned once."""
        pin = "<vcpupin vcpu='0' cpuset='0'/>"
        self.assert_refused("internal error: duplicate vcpupin for vcpu '0'",
                            f'<cputune>{pin}{pin}</cputune>')

    def test_set_of_cpus_that_is_none(self):
        """A set of CPUs consists of numbers."""
        self.assert_refused("invalid argument: Failed to parse bitmap 'all'",
                            "<cputune><emulatorpin cpuset='all'/></cputune>")

    def test_iothread_that_is_not_there(self):
        """Only I/O threads that exist are pinned."""
        self.assert_refused("unsupported configuration: Cannot find 'iothread' : 1",
                            "<cputune><iothreadpin iothread='1' cpuset='0'/></cputune>")

    def test_scheduler_without_a_priority(self):
        """Real-time schedulers need a priority."""
        self.assert_refused(
            "XML error: Missing required attribute 'priority' in element 'vcpusched'",
            "<cputune><vcpusched vcpus='0' scheduler='fifo'/></cputune>")

    def test_scheduler_of_no_vcpu(self):
        """Only vCPUs that exist have a scheduler."""
        self.assert_refused(
            "unsupported configuration: vCPU '2' is not present in domain definition",
            "<cputune><vcpusched vcpus='0-9' scheduler='batch'/></cputune>")

    def test_node_without_cells(self):
        """The memory of a cell is placed only if there are cells."""
        self.assert_refused(
            "XML error: Element 'memnode' is invalid without any guest NUMA cells",
            "<numatune><memnode cellid='0' mode='strict' nodeset='0'/></numatune>")

    def test_pages_of_two_sizes(self):
        """All memory has pages of one size."""
        pages = "<page size='2' unit='M'/><page size='1' unit='G'/>"
        self.assert_refused('two master hugepages detected: 1048576 and 2048',
                            f'<memoryBacking><hugepages>{pages}</hugepages></memoryBacking>')

    def test_iothread_ids(self):
        """An I/O thread has an ID of its own."""
        thread = "<iothread id='2'/>"
        self.assert_refused("XML error: duplicate iothread id '2' found",
                            f'<iothreadids>{thread}{thread}</iothreadids>')


class TestSections(SectionCase):

    def test_unknown_enlightenment(self):
        """An enlightenment is one that libvirt knows."""
        self.assert_refused(
            'unsupported configuration: unsupported HyperV Enlightenment feature: fast',
            "<features><hyperv><fast state='on'/></hyperv></features>")

    def test_feature_of_another_architecture(self):
        """An x86 has no GIC."""
        self.assert_refused(
            "unsupported configuration: The 'gic' feature is not supported for architecture "
            "'x86_64' or machine type 'pc-i440fx-7.2'", "<features><gic version='2'/></features>")

    def test_feature_without_a_model(self):
        """Features of a CPU need its model."""
        self.assert_refused('XML error: Non-empty feature list specified without CPU model',
                            "<cpu><feature policy='require' name='vmx'/></cpu>")

    def test_feature_twice(self):
        """A feature of a CPU is listed once."""
        feature = "<feature policy='require' name='vmx'/>"
        self.assert_refused("XML error: CPU feature 'vmx' specified more than once",
                            f'<cpu><model>qemu64</model>{feature}{feature}</cpu>')

    def test_distance_to_itself(self):
        """The distance of a NUMA cell to another one is more than to itself."""
        far = "<distances><sibling id='1' value='10'/></distances>"
        self.assert_refused(
            "XML error: 'value 10' is invalid for 'sibling id 1' under NUMA 'cell id 0'",
            f"<cpu><numa>{CELL.format(0, 0, far)}{CELL.format(1, 1, '')}</numa></cpu>")

    def test_distance_to_nowhere(self):
        """Distances are those between cells that exist."""
        for number, message in (
                ('2', "'sibling_id 2' does not refer to a valid cell within NUMA 'cell id 0'"),
                ('x', "Invalid value for attribute 'id' in element 'sibling': 'x'. Expected "
                      'non-negative integer value')):
            far = f"<distances><sibling id='{number}' value='21'/></distances>"
            self.assert_refused(
                f'XML error: {message}',
                f"<cpu><numa>{CELL.format(0, 0, far)}{CELL.format(1, 1, '')}</numa></cpu>")

    def test_time_zone_without_a_name(self):
        """A clock in a time zone names it."""
        self.assert_refused(
            "internal error: missing 'timezone' attribute for clock with offset='timezone'",
            "<clock offset='timezone'/>")

    def test_policy_of_a_timer(self):
        """A timer has only policies that QEMU provides."""
        self.assert_refused("unsupported configuration: unsupported pit tickpolicy 'merge'",
                            "<clock><timer name='pit' tickpolicy='merge'/></clock>")

    def test_other_uuid_in_the_bios(self):
        """The UUID in the BIOS is that of the domain."""
        text = xml().replace('<name>', '<uuid>{}</uuid><name>').replace(
            '</domain>', "<sysinfo type='smbios'><system><entry name='uuid'>{}</entry></system>"
            '</sysinfo></domain>').format('1' * 32, '2' * 32)
        error = self.assertRaises(LibvirtError, self.parse, text)
        self.assertEqual('UUID mismatch between <uuid> and <sysinfo>', error.message)

    def test_static_label_without_a_label(self):
        """A static security label has one."""
        self.assert_refused('XML error: security label is missing',
                            "<seclabel type='static' model='dac'/>")

    def test_lock_failure(self):
        """The action after the loss of a lock is one that libvirt knows."""
        self.assert_refused('unsupported configuration: unknown on_lockfailure action: panic',
                            '<on_lockfailure>panic</on_lockfailure>')

    def test_resources(self):
        """A domain has one place for its resources, and a short name in Fibre Channel."""
        self.assert_refused('XML error: only one resource element is supported',
                            '<resource><partition>/a</partition></resource>' * 2)
        self.assert_refused(
            "invalid argument: Fibre Channel 'appid' string length must be between [1, 128]",
            f"<resource><fibrechannel appid='{'x' * 129}'/></resource>")

    def test_map_of_users(self):
        """A map of users begins with root, and comes with a map of groups."""
        entry = "<{} start='{}' target='1000' count='10'/>"
        for entries, message in (
                (entry.format('uid', 0), 'unsupported configuration: uid and gid should be mapped '
                                         'both'),
                (entry.format('uid', 1), 'unsupported configuration: You must map the root user of '
                                         'container'),
                (entry.format('uid', 'x'), 'XML error: invalid idmap start/target/count settings')):
            self.assert_refused(message, f'<idmap>{entries}</idmap>')

    def test_cache_of_translations(self):
        """The cache of QEMU's code generator has whole MiB, and KVM has none."""
        features = '<features><tcg><tb-cache>{}</tb-cache></tcg></features>'
        self.assert_refused("unsupported configuration: TCG features are incompatible with domain "
                            "type 'kvm'", features.format(2048))
        self.assertNotIn('tcg', self.printed(more=features.format(0)))
        error = self.assertRaises(LibvirtError, self.parse, xml(
            more=features.format(100)).replace("type='kvm'", "type='qemu'"))
        self.assertEqual('unsupported configuration: tb-cache size must be an integer multiple of '
                         'MiB', error.message)
