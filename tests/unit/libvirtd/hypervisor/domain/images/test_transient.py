"""Transient disks: overlays of running guests, and what libvirt refuses meanwhile."""

from __future__ import annotations

import libvirt
import testtools

from tests.unit.libvirtd.hypervisor import hosts
from vpmem_harness.libvirtd.hypervisor.domain.images import transient
from vpmem_harness.libvirtd.xml import reading

GUEST = ("<domain type='qemu'><name>{name}</name><memory>65536</memory><os><type>hvm</type></os>"
         '<features><acpi/></features><devices>{disk}</devices></domain>')
DISK = ("<disk type='file'><driver name='qemu' type='raw'/><source file='/images/disk'/>"
        "<target dev='vda' bus='virtio'/><transient{0}/></disk>")
PLAIN = DISK.format('')
LIVE = libvirt.VIR_DOMAIN_AFFECT_LIVE
OVERLAY = '/images/disk.TRANSIENT-guest'
#: Recorded from libvirt 9.0.0.
MIGRATION = ('Requested operation is not valid: migration with transient disk is not supported')
BLOCK_JOB = "Operation not supported: block jobs are not supported on transient disk 'vda'"


class TestTransientDisks(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.host = hosts.recorded_host()
        self.client = hosts.Client(self.host)

    def guest(self, disk=PLAIN, name='guest'):
        """Define and start a guest."""
        domain = self.client.domain_define_xml(GUEST.format(name=name, disk=disk))
        self.client.domain_create(domain)
        return domain

    def test_the_overlay(self):
        """A running guest's disk is an overlay; its configuration keeps the image."""
        domain = self.guest()
        self.assertIsNotNone(self.host.backing.stat(OVERLAY))
        live, config = (self.client.domain_get_xml_desc(domain, flags)
                        for flags in (0, libvirt.VIR_DOMAIN_XML_INACTIVE))
        for text in ("<driver name='qemu' type='qcow2'/>", f"<source file='{OVERLAY}' index='2'/>",
                     "<backingStore type='file' index='1'>"):
            self.assertIn(text, live)
            self.assertNotIn(text, config)

    def test_the_overlay_is_deleted(self):
        """The overlay is deleted when the guest ends."""
        self.client.domain_destroy(self.guest())
        self.assertIsNone(self.host.backing.stat(OVERLAY))

    def test_an_image_is_not_deleted(self):
        """A transient disk without an overlay, such as a drive with another medium, keeps it."""
        backing = self.host.backing
        backing.storage.create('/images/medium', 0o600)
        disk = reading.read(PLAIN.replace('/images/disk', '/images/medium'), 'disk')
        transient.remove_overlays([disk], 'guest', backing)
        self.assertIsNotNone(backing.stat('/images/medium'))

    def test_an_overlay_that_exists(self):
        """A guest whose overlay exists does not start, and leaves it alone."""
        self.host.backing.storage.create(OVERLAY, 0o600)
        error = hosts.refusal(self.guest)
        self.assertEqual(f"Operation not supported: Overlay file '{OVERLAY}' for transient disk "
                         "'vda' already exists", error.message)
        self.assertIsNotNone(self.host.backing.stat(OVERLAY))

    def test_hot_plug(self):
        """A disk that is attached gets an overlay, which is deleted at its detachment."""
        domain = self.guest('')
        self.client.domain_attach_device_flags(domain, PLAIN, LIVE)
        self.assertIsNotNone(self.host.backing.stat(OVERLAY))
        self.client.domain_detach_device_alias(domain, 'virtio-disk0', LIVE)
        self.assertIsNone(self.host.backing.stat(OVERLAY))

    def test_shared_images(self):
        """Guests share the image of a transient disk only if it says so."""
        self.guest()
        self.assertIn('Failed to get "write" lock',
                      hosts.refusal(self.guest, PLAIN, 'two').message)
        self.assertIsNone(hosts.refusal(self.guest, DISK.format(" shareBacking='yes'"), 'three'))

    def test_definitions(self):
        """The default is left out, and buses that cannot share an image are refused."""
        for bus, target, value, text in (('virtio', 'vda', 'no', '<transient/>'),
                                         ('scsi', 'sda', 'yes', "<transient shareBacking='yes'/>")):
            domain = self.client.domain_define_xml(GUEST.format(name=bus, disk=DISK.format(
                f" shareBacking='{value}'").replace('virtio', bus).replace('vda', target)))
            self.assertIn(text, self.client.domain_get_xml_desc(domain, 0))
        error = hosts.refusal(self.guest, DISK.format(" shareBacking='yes'").replace(
            'virtio', 'ide').replace('vda', 'hda'))
        self.assertEqual("unsupported configuration: disk bus 'ide' doesn't support transiend disk "
                         'backing image sharing', error.message)

    def test_refusals(self):
        """Migrations, saves, dumps and block jobs are refused."""
        domain, client = self.guest(), self.client
        for message, call, *arguments in (
                (MIGRATION, client.domain_save, '/images/saved'),
                (MIGRATION, client.domain_managed_save, 0),
                (MIGRATION, client.domain_core_dump, '/images/core', 0),
                (MIGRATION, client.domain_snapshot_create_xml, '<domainsnapshot/>', 0),
                (MIGRATION, client.domain_migrate_perform3_params, 'qemu+tcp://two/system', [],
                 b'', libvirt.VIR_MIGRATE_LIVE | libvirt.VIR_MIGRATE_PEER2PEER),
                (BLOCK_JOB, client.domain_snapshot_create_xml, '<domainsnapshot/>',
                 libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY),
                (BLOCK_JOB, client.domain_block_pull, 'vda', 0, 0),
                (BLOCK_JOB, client.domain_block_rebase, 'vda', None, 0, 0),
                (BLOCK_JOB, client.domain_block_copy, 'vda',
                 "<disk type='file'><source file='/images/copy'/></disk>", [],
                 libvirt.VIR_DOMAIN_BLOCK_COPY_TRANSIENT_JOB)):
            error = hosts.refusal(call, domain, *arguments)
            self.assertEqual(message, None if error is None else error.message)
