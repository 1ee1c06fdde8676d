"""Attaching and detaching devices succeeds or fails as recorded."""

from __future__ import annotations

import json

import libvirt
import testtools

from tests.unit.libvirtd.hypervisor import hosts

NVDIMM = """<memory model='nvdimm' access='shared'><source><path>/srv/pmem/{file}</path>
<alignsize>2048</alignsize></source><target><size>{size}</size><node>0</node>
<label><size>2048</size></label></target></memory>"""
LIVE, CONFIG = libvirt.VIR_DOMAIN_AFFECT_LIVE, libvirt.VIR_DOMAIN_AFFECT_CONFIG


def definition(name: str) -> str:
    """Return the recorded XML of that name."""
    recorded = json.loads((hosts.GOLDEN / 'nvdimm-definitions.json').read_text())
    return next(case['xml'] for case in recorded if case['name'] == name)


class HotPlugCase(testtools.TestCase):

    def started(self, name='nova-pc-2nvdimm'):
        """Start a recorded domain."""
        self.host = hosts.recorded_host()
        self.connection = hosts.Client(self.host)
        domain = self.connection.domain_define_xml(definition(name))
        self.connection.domain_create(domain)
        self.recorder = hosts.Recorder(self.connection)
        return domain


class TestRecordedRefusals(HotPlugCase):

    def setUp(self):
        super().setUp()
        steps = json.loads((hosts.GOLDEN / 'nova-pc-2nvdimm.hotplug.json').read_text())
        self.recorded = {step['step']: step for step in steps}

    def check(self, step, call, *arguments):
        """Compare a call's error with the recorded one."""
        error = hosts.refusal(call, *arguments)
        expected = self.recorded[step]['error']
        self.assertIsNotNone(error)
        for field in ('code', 'domain', 'message', 'level', 'str1', 'str2', 'int1', 'int2'):
            self.assertEqual(expected[field], getattr(error, field), field)

    def test_no_room_live(self):
        """A running domain refuses a device beyond maxMemory."""
        domain = self.started()
        self.check('attach live: no free slot', self.connection.domain_attach_device_flags,
                   domain, NVDIMM.format(file='ns_2', size=131072), LIVE)

    def test_no_room_in_the_configuration(self):
        """A configuration refuses a device beyond maxMemory."""
        domain = self.started()
        self.check('attach config: no free slot', self.connection.domain_attach_device_flags,
                   domain, NVDIMM.format(file='ns_2', size=131072), CONFIG)

    def test_unknown_device_live(self):
        """A running domain refuses to detach a device that it does not have."""
        domain = self.started()
        self.check('detach live unknown', self.connection.domain_detach_device_flags,
                   domain, NVDIMM.format(file='ns_2', size=131072), LIVE)

    def test_unknown_device_in_the_configuration(self):
        """A configuration refuses to detach a device that it does not have."""
        domain = self.started()
        self.check('detach config unknown', self.connection.domain_detach_device_flags,
                   domain, NVDIMM.format(file='ns_2', size=131072), CONFIG)

    def test_nvdimm_stays(self):
        """QEMU refuses to unplug an NVDIMM."""
        domain = self.started()
        self.check('detach live known', self.connection.domain_detach_device_flags,
                   domain, NVDIMM.format(file='ns_1', size=129024), LIVE)

    def test_balloon_above_maximum(self):
        """A guest's memory cannot exceed its maximum."""
        domain = self.started()
        self.check('setMemoryFlags live above', self.connection.domain_set_memory_flags,
                   domain, 1048576, LIVE)


class TestFreeSlot(HotPlugCase):

    def test_nvdimm_goes_into_the_next_slot(self):
        """An NVDIMM takes the lowest free slot, and an address behind the existing memory."""
        domain = self.started('free-slot-hotplug')
        self.connection.domain_attach_device_flags(
            domain, NVDIMM.format(file='ns_1', size=129024), LIVE)
        xml = self.connection.domain_get_xml_desc(domain, 0)
        self.assertIn("<alias name='nvdimm1'/>\n"
                      "      <address type='dimm' slot='1' base='0x107e00000'/>", xml)

    def test_total_memory_grows(self):
        """A plugged NVDIMM adds to the domain's maximum memory, not to the guest's memory."""
        domain = self.started('free-slot-hotplug')
        self.connection.domain_attach_device_flags(
            domain, NVDIMM.format(file='ns_1', size=129024), LIVE)
        self.assertEqual((325632, 65536), self.connection.domain_get_info(domain)[1:3])

    def test_path_is_opened(self):
        """The domain opens the file of a new device."""
        domain = self.started('free-slot-hotplug')
        self.connection.domain_attach_device_flags(
            domain, NVDIMM.format(file='ns_1', size=129024), LIVE)
        self.assertEqual([domain.uuid_text], self.host.backing.open_by['/srv/pmem/ns_1'])

    def test_configuration_only(self):
        """A device that is attached to the configuration is absent until the next start."""
        domain = self.started('free-slot-hotplug')
        self.connection.domain_attach_device_flags(
            domain, NVDIMM.format(file='ns_1', size=129024), CONFIG)
        self.assertEqual(1, len(domain.live.memory_devices))
        self.assertEqual(2, len(domain.config.memory_devices))


class TestInterfaces(HotPlugCase):

    def setUp(self):
        super().setUp()
        self.xml = (f"<interface type='bridge'><mac address='{hosts.MAC}'/>"
                    "<source bridge='br0'/><model type='virtio'/></interface>")

    def test_interface_comes_and_goes(self):
        """An unplugged interface is gone after its event."""
        domain = self.started()
        self.connection.connect_domain_event_callback_register_any(
            libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, None)
        self.connection.domain_attach_device_flags(domain, self.xml, LIVE)
        self.connection.domain_detach_device_flags(domain, self.xml, LIVE)
        self.assertEqual([('domain_event_callback_device_removed', 'net0')],
                         [(name, body[1]) for name, _, body in self.recorder.messages])
        self.assertEqual([], domain.live.devices.findall('interface'))

    def test_guest_that_does_not_let_go(self):
        """A device stays attached if the guest does not release it."""
        domain = self.started()
        self.host.guests.releases_devices = False
        self.connection.domain_attach_device_flags(domain, self.xml, LIVE)
        self.connection.domain_detach_device_flags(domain, self.xml, LIVE)
        self.assertEqual(1, len(domain.live.devices.findall('interface')))


PLAIN = """<domain type='qemu'><name>guest</name><memory>65536</memory>
<maxMemory slots='4'>1048576</maxMemory><os><type machine='{machine}'>hvm</type></os>
<features><acpi/></features><cpu><numa><cell id='0' cpus='0' memory='65536'/></numa></cpu>
<devices>{devices}</devices></domain>"""
DIMM = "<memory model='dimm'><target><size>131072</size><node>0</node></target></memory>"


class TestFirstNvdimm(HotPlugCase):

    def start(self, machine='pc', devices=''):
        """Start a domain without an NVDIMM."""
        self.host = hosts.recorded_host()
        self.connection = hosts.Client(self.host)
        domain = self.connection.domain_define_xml(
            PLAIN.format(machine=machine, devices=devices))
        self.connection.domain_create(domain)
        return domain

    def test_a_guest_without_one(self):
        """QEMU refuses an NVDIMM if the guest was started without one, even beside a DIMM."""
        for machine, devices in (('pc', ''), ('q35', ''), ('pc', DIMM)):
            domain = self.start(machine, devices)
            error = hosts.refusal(self.connection.domain_attach_device_flags, domain,
                                  NVDIMM.format(file='ns_0', size=131072), LIVE)
            self.assertEqual(
                "internal error: unable to execute QEMU command 'device_add': nvdimm is not "
                "enabled: missing 'nvdimm' in '-M'", error.message)

    def test_after_the_next_start(self):
        """An NVDIMM in the configuration allows others after the next start."""
        domain = self.start()
        self.connection.domain_attach_device_flags(
            domain, NVDIMM.format(file='ns_0', size=131072), CONFIG)
        self.connection.domain_destroy(domain)
        self.connection.domain_create(domain)
        self.connection.domain_attach_device_flags(
            domain, NVDIMM.format(file='ns_2', size=131072), LIVE)
        self.assertEqual(2, len(domain.live.memory_devices))


class TestDiskIndexes(HotPlugCase):

    DISKS = """<disk type='file' device='disk'><source file='/images/disk'/>
    <target dev='vda' bus='virtio'/></disk><disk type='file' device='cdrom'>
    <target dev='hda' bus='ide'/></disk>"""

    def setUp(self):
        super().setUp()
        self.connection = hosts.Client(hosts.recorded_host())

    def start(self):
        """Start a domain with a disk and an empty CD-ROM."""
        domain = self.connection.domain_define_xml(PLAIN.format(machine='pc', devices=self.DISKS))
        self.connection.domain_create(domain)
        return domain

    def indexes(self, domain):
        return [source.get('index') for source in domain.live.devices.findall('disk/source')]

    def test_an_empty_drive_takes_an_index(self):
        """An empty CD-ROM that follows a disk takes index 1."""
        self.assertEqual(['2'], self.indexes(self.start()))

    def test_a_new_medium(self):
        """A medium gets an index that no source has had since the start."""
        domain = self.start()
        for file in ('/images/one', '/images/two'):
            self.connection.domain_update_device_flags(
                domain, f"<disk type='file' device='cdrom'><source file='{file}'/>"
                "<target dev='hda' bus='ide'/><readonly/></disk>", LIVE)
        self.assertEqual(['2', '4'], self.indexes(domain))

    def refused(self, message, size, path='vda', flags=0):
        self.connection = hosts.Client(hosts.recorded_host())
        error = hosts.refusal(self.connection.domain_block_resize, self.start(), path, size, flags)
        self.assertEqual(message, error.message)

    def test_sizes_that_overflow(self):
        """A disk is not resized to more bytes than a number holds."""
        self.refused('numerical overflow: size must be less than 18014398509481983', 1 << 60)
        self.refused("internal error: unable to execute QEMU command 'block_resize': Invalid "
                     "parameter type for 'size', expected: integer", 1 << 63, flags=1)

    def test_an_empty_drive(self):
        """An empty drive is not resized."""
        self.refused("Operation not supported: can't resize empty or readonly disk 'hda'", 1,
                     path='hda')


class TestNumbers(HotPlugCase):

    def refused(self, message, call, xml):
        """Check that a call on a running domain is refused with that message."""
        domain = self.started()
        error = hosts.refusal(getattr(self.connection, call), domain, xml, LIVE)
        self.assertEqual(message, error.message)

    def test_address_of_a_host_device(self):
        """An address of a PCI device that is no number is refused when it is detached, too."""
        self.refused(
            "XML error: Invalid value for attribute 'bus' in element 'address': 'x'. Expected "
            'non-negative integer value', 'domain_detach_device_flags',
            "<hostdev mode='subsystem' type='pci'><source><address domain='0' bus='x' slot='0' "
            "function='0'/></source></hostdev>")

    def test_index_of_a_controller(self):
        """An index that is no number is refused when the controller is attached, too."""
        self.refused(
            "XML error: Invalid value for attribute 'index' in element 'controller': 'x'. Expected "
            'integer value', 'domain_attach_device_flags', "<controller type='scsi' index='x'/>")
