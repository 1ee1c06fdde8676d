"""Locks of images: guests of one host, of different hosts, and changes of running guests."""

from __future__ import annotations

import libvirt
import testtools

from tests.unit.libvirtd.hypervisor import hosts
from vpmem_harness.libvirtd.hypervisor.backing import BackingFile, DeclaredFiles
from vpmem_harness.randomness import Randomness

GUEST = ("<domain type='qemu'><name>{name}</name><memory>65536</memory><os><type>hvm</type></os>"
         '<features><acpi/></features><devices>{disks}</devices></domain>')
DISK = ("<disk type='{kind}' device='{device}'><driver name='qemu' type='raw'/>"
        "<source {attribute}='{path}'/><target dev='{target}' bus='{bus}'/>{more}</disk>")
LIVE = libvirt.VIR_DOMAIN_AFFECT_LIVE
WRITE = 'Failed to get "write" lock'


def disk(path='/images/disk', target='vda', more='', kind='file', device='disk', bus='virtio'):
    """Return a disk with that image."""
    return DISK.format(kind=kind, attribute='dev' if kind == 'block' else 'file', path=path,
                       target=target, more=more, device=device, bus=bus)


class ImageLockCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.host = hosts.recorded_host(backing=DeclaredFiles({
            **hosts.FILES, '/dev/sdx': BackingFile('block', hosts.MIB)}))
        self.client = hosts.Client(self.host)

    def guest(self, name, *disks, client=None):
        """Start a guest."""
        return (client or self.client).domain_create_xml(
            GUEST.format(name=name, disks=''.join(disks)), 0)

    def assert_locked(self, text, call, *arguments):
        """Check that QEMU does not get a lock."""
        error = hosts.refusal(call, *arguments)
        self.assertIsNotNone(error)
        self.assertIn(text, error.message)


class TestStart(ImageLockCase):

    def test_the_lock_is_released(self):
        """An image can be used again once its guest has ended."""
        one = self.guest('one', disk())
        self.assert_locked(f'{WRITE}\nIs another process using the image [/images/disk]?',
                           self.guest, 'two', disk())
        self.client.domain_destroy(one)
        self.guest('two', disk())

    def test_a_refused_guest_locks_nothing(self):
        """A guest that is refused leaves its other images free."""
        self.guest('one', disk())
        self.assert_locked(WRITE, self.guest, 'two', disk('/images/data', 'vdb'), disk())
        self.guest('three', disk('/images/data'))

    def test_block_devices(self):
        """QEMU locks block devices too."""
        self.guest('one', disk('/dev/sdx', kind='block'))
        self.assert_locked(WRITE, self.guest, 'two', disk('/dev/sdx', kind='block'))

    def test_other_spellings_of_a_path(self):
        """A path that is spelled differently names the same image."""
        self.guest('one', disk())
        self.assert_locked(WRITE, self.guest, 'two', disk('/images/../images/disk'))

    def test_hosts_do_not_lock_each_other(self):
        """The same path on two hosts names two files."""
        other = hosts.Client(hosts.recorded_host('other'))
        self.guest('one', disk())
        self.guest('one', disk(), client=other)

    def test_crash_and_reboot(self):
        """A host that restarts has no locks."""
        self.guest('one', disk())
        self.host.reboot()
        self.guest('two', disk())


class TestChanges(ImageLockCase):

    def test_attach_and_detach(self):
        """A disk locks its image from its attachment to its detachment."""
        one, two = self.guest('one'), self.guest('two')
        self.client.domain_attach_device_flags(one, disk(), LIVE)
        self.assert_locked(f"'device_add': {WRITE}", self.client.domain_attach_device_flags, two,
                           disk(), LIVE)
        self.client.domain_detach_device_flags(one, disk(), LIVE)
        self.client.domain_attach_device_flags(two, disk(), LIVE)

    def test_media(self):
        """A medium locks its image until it is changed."""
        drive = {'target': 'hda', 'device': 'cdrom', 'bus': 'ide'}
        one = self.guest('one', disk('/images/cd', **drive))
        self.assert_locked(WRITE, self.guest, 'two', disk('/images/cd'))
        self.client.domain_update_device_flags(one, disk('/images/other', **drive), LIVE)
        self.guest('two', disk('/images/cd'))
        self.assert_locked("'blockdev-insert-medium': Failed to get shared \"write\" lock",
                           self.client.domain_update_device_flags, one,
                           disk('/images/cd', **drive), LIVE)

    def test_copy(self):
        """The destination of a copy is locked until the job is cancelled."""
        one = self.guest('one', disk())
        self.client.domain_block_copy(
            one, 'vda', "<disk type='file'><source file='/images/copy'/></disk>", [],
            libvirt.VIR_DOMAIN_BLOCK_COPY_TRANSIENT_JOB)
        self.assert_locked(WRITE, self.guest, 'two', disk('/images/copy'))
        self.client.domain_block_job_abort(one, 'vda', 0)
        self.guest('two', disk('/images/copy'))


class TestMigration(ImageLockCase):

    def test_shared_images(self):
        """A guest migrates with its images on shared storage; the source is free afterwards."""
        network = hosts.Network()
        source, destination = (hosts.Client(network.add(name, randomness=Randomness(number)))
                               for number, name in enumerate(('one', 'two')))
        domain = self.guest('guest', disk(), client=source)
        source.domain_migrate_perform3_params(
            domain, 'qemu+tcp://two/system', [], b'',
            libvirt.VIR_MIGRATE_LIVE | libvirt.VIR_MIGRATE_PEER2PEER | libvirt.VIR_MIGRATE_UNSAFE)
        self.client = destination
        self.assert_locked(WRITE, self.guest, 'other', disk())
        self.guest('other', disk(), client=source)
