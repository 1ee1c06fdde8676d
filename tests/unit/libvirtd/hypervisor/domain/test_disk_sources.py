"""The images behind the disks of domains."""

from __future__ import annotations

import libvirt
import testtools
from lxml import etree

from tests.unit.libvirtd.hypervisor import hosts

GUEST = """<domain type='qemu'><name>guest</name><memory>65536</memory><os><type>hvm</type></os>
<devices>{disks}<disk type='file' device='cdrom'><target dev='hda' bus='ide'/></disk></devices>
</domain>"""
DISK = ("<disk type='{kind}' device='disk'><driver name='qemu' type='{form}'/><source {source}/>"
        "<target dev='{target}' bus='virtio'/></disk>")
QCOW2 = "<allocation>0</allocation><target><format type='qcow2'/></target>"
VOLUME = "<volume><name>{name}</name><capacity>1073741824</capacity>{more}</volume>"
MISSING = "Cannot access storage file '/images/none': No such file or directory"


class DiskSourcesTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.host = hosts.recorded_host()
        self.client = hosts.Client(self.host)
        self.pool = self.client.storage_pool_lookup_by_name('default')

    def disk(self, source, *, kind='file', form='raw', target='vda'):
        return DISK.format(kind=kind, form=form, source=source, target=target)

    def start(self, *disks):
        """Define and start a guest with these disks."""
        domain = self.client.domain_define_xml(GUEST.format(disks=''.join(disks)))
        self.client.domain_create(domain)
        return domain

    def volume(self, name, more=''):
        """Create a volume of 1 GiB; return its path."""
        return self.client.storage_vol_get_path(self.client.storage_vol_create_xml(
            self.pool, VOLUME.format(name=name, more=more), 0))

    def refusal(self, call, *arguments):
        """Return the text of the error of a call."""
        return hosts.refusal(call, *arguments).message

    def test_start(self):
        """A guest whose image does not exist cannot start."""
        self.assertEqual(MISSING, self.refusal(self.start, self.disk("file='/images/none'")))

    def test_attach(self):
        """A disk whose image does not exist cannot be attached to a running guest."""
        domain = self.start(self.disk("file='/images/disk'"))
        self.assertEqual(MISSING, self.refusal(
            self.client.domain_attach_device, domain,
            self.disk("file='/images/none'", target='vdb')))

    def test_medium(self):
        """A medium that does not exist cannot be inserted."""
        domain = self.start(self.disk("file='/images/disk'"))
        self.assertEqual(MISSING, self.refusal(
            self.client.domain_update_device_flags, domain,
            "<disk type='file' device='cdrom'><source file='/images/none'/>"
            "<target dev='hda' bus='ide'/></disk>", libvirt.VIR_DOMAIN_AFFECT_LIVE))

    def test_optional_medium(self):
        """A guest starts without a missing medium that is optional."""
        domain = self.start(
            "<disk type='file' device='cdrom'><source file='/images/none' "
            "startupPolicy='optional'/><target dev='hdb' bus='ide'/></disk>")
        self.assertNotIn('/images/none', self.client.domain_get_xml_desc(domain, 0))

    def test_capacity(self):
        """The capacity of a qcow2 image is that of its header."""
        path = self.volume('image', QCOW2)
        domain = self.start(self.disk(f"file='{path}'", form='qcow2'))
        allocation, capacity, physical = self.client.domain_get_block_info(domain, 'vda', 0)
        self.assertEqual((200704, 1 << 30, 196624), (allocation, capacity, physical))

    def test_sizes_that_are_0(self):
        """The statistics of a domain that is off omit sizes that are 0."""
        domain = self.start(self.disk("file='/images/disk'"))
        self.client.domain_destroy(domain)
        [(_, params)] = self.client.connect_get_all_domain_stats([], 0, 0)
        names = {parameter.name for parameter in params}
        self.assertIn('block.0.capacity', names)
        self.assertNotIn('block.0.allocation', names)

    def test_chain(self):
        """The live XML has the images below a disk's own, with the next indexes."""
        base = self.volume('base', QCOW2)
        top = self.volume('top', f"{QCOW2}<backingStore><path>{base}</path><format type='qcow2'/>"
                          '</backingStore>')
        domain = self.start(self.disk(f"file='{top}'", form='qcow2'))
        disk = etree.fromstring(self.client.domain_get_xml_desc(domain, 0)).find('devices/disk')
        self.assertEqual(('2', '3', base), (
            disk.find('source').get('index'), disk.find('backingStore').get('index'),
            disk.find('backingStore/source').get('file')))

    def test_broken_chain(self):
        """A guest whose image lacks the image below it cannot start."""
        base = self.volume('base', QCOW2)
        top = self.volume('top', f"{QCOW2}<backingStore><path>{base}</path><format type='qcow2'/>"
                          '</backingStore>')
        self.client.storage_vol_delete(self.client.storage_vol_lookup_by_path(base), 0)
        self.assertEqual(
            f"Cannot access backing file '{base}' of storage file '{top}': No such file or "
            'directory',
            self.refusal(self.start, self.disk(f"file='{top}'", form='qcow2')))

    def test_volume(self):
        """A disk can name a volume of an active pool."""
        self.volume('disk')
        source = "pool='default' volume='{}'"
        self.start(self.disk(source.format('disk'), kind='volume'))
        self.assertEqual("Storage volume not found: no storage vol with matching name 'none'",
                         self.refusal(self.host.disk_sources.check, etree.fromstring(
                             self.disk(source.format('none'), kind='volume'))))

    def test_snapshot(self):
        """The new image of a snapshot exists, on top of the old one."""
        domain = self.start(self.disk("file='/images/disk'"))
        self.client.domain_snapshot_create_xml(
            domain, '<domainsnapshot><name>s</name></domainsnapshot>',
            libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY)
        self.client.domain_destroy(domain)
        self.client.domain_create(domain)
        self.assertIn('/images/disk.s', self.client.domain_get_xml_desc(domain, 0))
