"""Limits of disks and interfaces, disk updates, lifecycle actions, and signals to guests."""

from __future__ import annotations

import libvirt
from lxml import etree

from tests.unit.libvirtd.hypervisor import hosts
from tests.unit.libvirtd.hypervisor.domain.test_hotplug import CONFIG, LIVE
from tests.unit.libvirtd.hypervisor.domain.test_lifecycle import LifecycleCase, minimal
from vpmem_harness.libvirtd.values import TypedParameter

DEVICES = """<devices>
  <disk type='file'><source file='/images/root'/><target dev='vda' bus='virtio'/></disk>
  <disk type='file'><source file='/images/data'/><target dev='vdb' bus='virtio'/></disk>
  <interface type='network'><source network='default'/><target dev='tap7'/></interface>
  <interface type='user'><target dev='tap8'/></interface>
</devices>"""


class LimitCase(LifecycleCase):

    def setUp(self):
        super().setUp()
        self.domain = self.define(minimal().replace('</domain>', f'{DEVICES}</domain>'))

    def limit(self, disk, flags=CONFIG, **limits):
        self.connection.domain_set_block_io_tune(self.domain, disk, [
            TypedParameter.string(name, value) if isinstance(value, str)
            else TypedParameter.ullong(name, value) for name, value in limits.items()], flags)

    def limits(self, disk, flags=CONFIG):
        return {param.name: param.value for param in
                self.connection.domain_get_block_io_tune(self.domain, disk, 20, flags)
                if param.value}

    def shape(self, interface, flags=CONFIG, **rates):
        self.connection.domain_set_interface_parameters(self.domain, interface, [
            TypedParameter.uint(name.replace('_', '.'), value)
            for name, value in rates.items()], flags)

    def rates(self, interface):
        return {param.name: param.value for param in
                self.connection.domain_get_interface_parameters(
                    self.domain, interface, 7, CONFIG) if param.value}


class TestThresholds(LimitCase):

    def refusal(self, device):
        return hosts.refusal(self.connection.domain_set_block_threshold, self.domain, device, 5, 0)

    def test_a_domain_that_is_off(self):
        """A threshold needs a domain that runs."""
        self.assertEqual('domain is not running', self.refusal('vda').str2)

    def test_disks(self):
        """A threshold is for a disk by its target, or for a source by its index."""
        self.connection.domain_create(self.domain)
        self.assertEqual([None, None, None], [
            self.refusal(device) for device in ('vda', 'vda[2]', 'vdb[1]')])

    def test_what_is_no_disk(self):
        """A device that the domain lacks is not found, and one that cannot be read is named."""
        self.connection.domain_create(self.domain)
        self.assertEqual(
            ["failed to find disk 'vdc'", "failed to find disk 'vda[1]'",
             "failed to parse block device 'vda['"],
            [self.refusal(device).str2 for device in ('vdc', 'vda[1]', 'vda[')])


class TestDisks(LimitCase):

    def test_none(self):
        """A disk without limits has twenty parameters that are zero or empty."""
        params = self.connection.domain_get_block_io_tune(self.domain, 'vda', 20, CONFIG)
        self.assertEqual((20, {}), (len(params), self.limits('vda')))

    def test_family(self):
        """A limit replaces its family and leaves the others."""
        self.limit('vda', total_bytes_sec=9, read_iops_sec=5)
        self.limit('vda', write_bytes_sec=7)
        self.assertEqual({'write_bytes_sec': 7, 'read_iops_sec': 5}, self.limits('vda'))

    def test_lifted(self):
        """Zero removes a limit."""
        self.limit('vda', total_bytes_sec=9)
        self.limit('vda', total_bytes_sec=0)
        self.assertEqual({}, self.limits('vda'))

    def test_total_and_part(self):
        """A total and its parts cannot be limited together."""
        self.assert_refused('invalid argument: total and read/write of bytes_sec cannot be set at '
                            'the same time', self.limit, 'vda', total_bytes_sec=9,
                            read_bytes_sec=9)

    def test_group(self):
        """The disks of a group share their limits."""
        self.limit('vda', total_bytes_sec=9, group_name='g')
        self.limit('vdb', group_name='g')
        self.limit('vdb', total_bytes_sec=8)
        self.assertEqual({'total_bytes_sec': 8, 'group_name': 'g'}, self.limits('vda'))

    def test_empty_group(self):
        """A group needs a limit."""
        self.assert_refused(
            'unsupported configuration: creating a new group/updating existing with all tune '
            'parameters zero is not supported', self.limit, 'vda', group_name='g')

    def test_maximum(self):
        """The burst limit of a running guest cannot be lower than its limit."""
        self.connection.domain_create(self.domain)
        self.assert_refused(
            "unsupported configuration: value 'total_bytes_sec_max' cannot be smaller than "
            "'total_bytes_sec'", self.limit, 'vda', LIVE, total_bytes_sec=9,
            total_bytes_sec_max=8)

    def test_too_much(self):
        """A limit cannot exceed QEMU's maximum."""
        self.assert_refused(
            'argument unsupported: block I/O throttle limit value must be no more than '
            '1000000000000000', self.limit, 'vda', total_bytes_sec=10**15 + 1)

    def test_unknown(self):
        """Unknown parameters are refused."""
        self.assert_refused("argument unsupported: parameter 'speed' not supported",
                            self.limit, 'vda', speed=9)

    def test_not_there(self):
        """An unknown disk is refused."""
        self.assert_refused("invalid argument: missing persistent configuration for disk 'vdz'",
                            self.limit, 'vdz', total_bytes_sec=9)

    def test_event(self):
        """A new limit of a running guest publishes an event."""
        recorder = hosts.Recorder(self.connection)
        self.connection.connect_domain_event_callback_register_any(
            libvirt.VIR_DOMAIN_EVENT_ID_TUNABLE, None)
        self.connection.domain_create(self.domain)
        self.limit('vda', LIVE, total_bytes_sec=9)
        params = recorder.messages[-1][3]
        self.assertEqual([('blkdeviotune.disk', 'vda'), ('blkdeviotune.total_bytes_sec', 9)],
                         [(param.name, param.value) for param in params])

    def test_order(self):
        """The limits have libvirt's place and order in the XML."""
        self.limit('vda', total_iops_sec=3, size_iops_sec=4, total_bytes_sec=9)
        disk = self.xml(self.domain).find('devices/disk')
        self.assertEqual(['driver', 'source', 'target', 'iotune', 'address'],
                         [child.tag for child in disk])
        self.assertEqual(['total_bytes_sec', 'total_iops_sec', 'size_iops_sec'],
                         [child.tag for child in disk.find('iotune')])


    def test_driver(self):
        """An update cannot change the cache mode of a running guest's disk."""
        self.connection.domain_create(self.domain)
        self.assert_refused(
            "Operation not supported: cannot modify field 'cache' of the disk",
            self.connection.domain_update_device_flags, self.domain,
            "<disk type='file'><driver name='qemu' cache='none'/><source file='/images/root'/>"
            "<target dev='vda' bus='virtio'/></disk>", LIVE)

    def test_everything_but_the_medium(self):
        """An update of a running guest's disk cannot change its serial, limits or address."""
        self.connection.domain_create(self.domain)
        for field, inner in (
                ('serial', '<serial>s1</serial>'),
                ('blkdeviotune total_bytes_sec',
                 '<iotune><total_bytes_sec>9</total_bytes_sec></iotune>'),
                ('transient', '<transient/>'),
                ('readonly', '<readonly/>'),
                ('address', "<address type='pci' domain='0' bus='0' slot='9' function='0'/>")):
            self.assert_refused(
                f"Operation not supported: cannot modify field '{field}' of the disk",
                self.connection.domain_update_device_flags, self.domain,
                "<disk type='file'><source file='/images/root'/>"
                f"<target dev='vda' bus='virtio'/>{inner}</disk>", LIVE)

    def test_nothing_to_change(self):
        """An update without changes succeeds."""
        self.connection.domain_create(self.domain)
        disk = self.xml(self.domain).find('devices/disk')
        self.connection.domain_update_device_flags(
            self.domain, etree.tostring(disk).decode(), LIVE)
        self.assertEqual('/images/root',
                         self.xml(self.domain).find('devices/disk/source').get('file'))


class TestInterfaces(LimitCase):

    def test_rates(self):
        """Setting the limits of one direction keeps those of the other."""
        self.shape('tap7', inbound_average=100, inbound_peak=200)
        self.shape('tap7', outbound_average=50)
        self.assertEqual({'inbound.average': 100, 'inbound.peak': 200, 'outbound.average': 50},
                         self.rates('tap7'))

    def test_lifted(self):
        """An average of zero removes the limit."""
        self.shape('tap7', inbound_average=100)
        self.shape('tap7', inbound_average=0)
        self.assertIsNone(self.xml(self.domain).find('devices/interface/bandwidth'))

    def test_kind(self):
        """User networking cannot be limited."""
        self.assert_refused(
            "unsupported configuration: setting bandwidth on interfaces of type 'user' is not "
            'implemented yet', self.shape, 'tap8', inbound_average=1)

    def test_not_there(self):
        """An unknown interface is refused."""
        self.assert_refused("invalid argument: 'tap9' is not a known interface",
                            self.shape, 'tap9', inbound_average=1)


class TestLifecycleActions(LimitCase):

    def set(self, event, action):
        self.connection.domain_set_lifecycle_action(
            self.domain, getattr(libvirt, f'VIR_DOMAIN_LIFECYCLE_{event}'),
            getattr(libvirt, f'VIR_DOMAIN_LIFECYCLE_ACTION_{action}'), CONFIG)

    def test_set(self):
        """The action is set in the configuration."""
        self.set('REBOOT', 'DESTROY')
        self.assertEqual('destroy', self.xml(self.domain).findtext('on_reboot'))

    def test_dump(self):
        """Only a crash can have a coredump action."""
        self.set('CRASH', 'COREDUMP_DESTROY')
        self.assert_refused(
            "unsupported configuration: Lifecycle event 'reboot' doesn't support "
            "'coredump-destroy' action", self.set, 'REBOOT', 'COREDUMP_DESTROY')

    def test_qemu(self):
        """QEMU's driver does not support ``preserve`` for a poweroff."""
        self.assert_refused(
            "unsupported configuration: qemu driver doesn't support the 'preserve' action for "
            "'on_reboot'/'on_poweroff'", self.set, 'POWEROFF', 'PRESERVE')


class TestGuests(LimitCase):

    def check_wake_up(self, message, features=''):
        domain = self.define(minimal('other').replace('</domain>', f'{features}</domain>'))
        self.connection.domain_create(domain)
        self.assert_refused(
            f"internal error: unable to execute QEMU command 'system_wakeup': {message}",
            self.connection.domain_pm_wakeup, domain, 0)

    def test_wake_up(self):
        """A guest that is not suspended cannot be woken."""
        self.check_wake_up('Unable to wake up: guest is not in suspended state',
                           '<features><acpi/></features>')

    def test_wake_up_without_acpi(self):
        """A guest without ACPI cannot be woken."""
        self.check_wake_up('wake-up from suspend is not supported by this guest')

    def test_suspend(self):
        """A guest without an agent cannot be suspended."""
        self.connection.domain_create(self.domain)
        self.assert_refused(
            'argument unsupported: QEMU guest agent is not configured',
            self.connection.domain_pm_suspend_for_duration, self.domain, 0, 0, 0)

    def test_launch_security(self):
        """No guest has launch security parameters."""
        self.assertEqual([], self.connection.domain_get_launch_security_info(self.domain, 0))
