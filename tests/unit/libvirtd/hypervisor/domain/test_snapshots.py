"""Disk snapshots, and their listings."""

from __future__ import annotations

import libvirt
from lxml import etree

from tests.unit.libvirtd.hypervisor import hosts
from tests.unit.libvirtd.hypervisor.domain.test_lifecycle import LifecycleCase, minimal
from vpmem_harness import releases
from vpmem_harness.libvirtd.values import SnapshotHandle

DISK_ONLY = libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY
METADATA_ONLY = libvirt.VIR_DOMAIN_SNAPSHOT_DELETE_METADATA_ONLY
DISKS = """<devices>
  <disk type='file'><source file='/images/root.img'/><target dev='vda' bus='virtio'/></disk>
  <disk type='file' device='cdrom'><target dev='hda' bus='ide'/></disk>
  <disk type='file'><source file='/images/data'/><target dev='vdb' bus='virtio'/></disk>
</devices>"""

QCOW2 = """<devices>
  <disk type='file'><driver name='qemu' type='qcow2'/><source file='/images/disk'/>
  <target dev='vda' bus='virtio'/></disk>
</devices>"""


class SnapshotCase(LifecycleCase):

    def setUp(self):
        super().setUp()
        self.domain = self.define(minimal().replace('</domain>', f'{DISKS}</domain>'))

    def take(self, name, content='', flags=0):
        self.connection.domain_snapshot_create_xml(
            self.domain, f'<domainsnapshot><name>{name}</name>{content}</domainsnapshot>',
            DISK_ONLY | flags)

    def sources(self):
        return {source.getparent().find('target').get('dev'): source.get('file')
                for source in self.xml(self.domain).findall('devices/disk/source')}

    def names(self, flags=0):
        return self.connection.domain_snapshot_list_names(self.domain, 99, flags)


class TestDisks(SnapshotCase):

    def test_off(self):
        """A domain that is off gets new files on top of all disks with a medium."""
        self.take('one')
        self.assertEqual({'vda': '/images/root.one', 'vdb': '/images/data.one'}, self.sources())

    def test_running(self):
        """A running domain gets new files, live and in its configuration."""
        self.connection.domain_create(self.domain)
        self.take('one')
        self.assertEqual({'vda': '/images/root.one', 'vdb': '/images/data.one'}, self.sources())
        self.connection.domain_destroy(self.domain)
        self.assertEqual({'vda': '/images/root.one', 'vdb': '/images/data.one'}, self.sources())

    def test_chosen(self):
        """A disk with snapshot='no' keeps its file, and one with a new file gets that."""
        self.take('one', "<disks><disk name='vda'><source file='/mine'/></disk>"
                         "<disk name='vdb' snapshot='no'/></disks>")
        self.assertEqual({'vda': '/mine', 'vdb': '/images/data'}, self.sources())

    def test_nothing(self):
        """A snapshot without any disk is refused."""
        self.assert_refused(
            'unsupported configuration: nothing selected for snapshot', self.take, 'one',
            "<disks><disk name='vda' snapshot='no'/><disk name='vdb' snapshot='no'/></disks>")

    def test_not_there(self):
        """A disk that does not exist is refused."""
        self.assert_refused("unsupported configuration: no disk named 'vdz'", self.take, 'one',
                            "<disks><disk name='vdz'/></disks>")

    def test_twice(self):
        """A disk cannot be listed twice, even by target and by file."""
        self.assert_refused("unsupported configuration: disk '/images/data' specified twice",
                            self.take, 'one', "<disks><disk name='vdb'/>"
                            "<disk name='/images/data'/></disks>")

    def test_two_of_a_name(self):
        """Two disks cannot get the same file."""
        self.connection.domain_undefine(self.domain)
        self.domain = self.define(minimal().replace('</domain>', DISKS.replace(
            '/images/data', '/images/root.raw') + '</domain>'))
        self.assert_refused(
            "unsupported configuration: cannot generate external snapshot name for disk 'vdb': "
            "collision with disk 'vda'", self.take, 'one')

    def test_halt(self):
        """The halt flag ends the guest."""
        self.connection.domain_create(self.domain)
        self.take('one', flags=libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_HALT)
        self.assertEqual((libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_FROM_SNAPSHOT),
                         tuple(self.connection.domain_get_state(self.domain, 0)))

    def test_no_directory(self):
        """If one of the new files cannot be created, no disk gets a new file."""
        self.assert_refused(
            "internal error: Child process (/usr/bin/qemu-img create -f qcow2 -o "
            "backing_fmt=raw,backing_file=/images/data /none/x) unexpected exit status 1: "
            "qemu-img: /none/x: Could not create '/none/x': No such file or directory\n",
            self.take, 'one', "<disks><disk name='vdb'><source file='/none/x'/></disk></disks>")
        self.assertEqual({'vda': '/images/root.img', 'vdb': '/images/data'}, self.sources())
        self.assertIsNone(self.host.backing.stat('/images/root.one'))


class TestListings(SnapshotCase):

    def setUp(self):
        super().setUp()
        self.take('one')
        self.connection.domain_create(self.domain)
        self.take('two')
        self.take('three')

    def test_all(self):
        """All snapshots are listed without filters."""
        self.assertEqual(['one', 'two', 'three'], self.names())

    def test_states(self):
        """A snapshot is inactive or disk-only, depending on the domain's state."""
        self.assertEqual(['one'], self.names(libvirt.VIR_DOMAIN_SNAPSHOT_LIST_INACTIVE))
        self.assertEqual(['two', 'three'],
                         self.names(libvirt.VIR_DOMAIN_SNAPSHOT_LIST_DISK_ONLY))
        self.assertEqual([], self.names(libvirt.VIR_DOMAIN_SNAPSHOT_LIST_ACTIVE))
        self.assertEqual(['one', 'two', 'three'],
                         self.names(libvirt.VIR_DOMAIN_SNAPSHOT_LIST_INACTIVE
                                    | libvirt.VIR_DOMAIN_SNAPSHOT_LIST_DISK_ONLY))

    def test_places(self):
        """All snapshots are external."""
        self.assertEqual([], self.names(libvirt.VIR_DOMAIN_SNAPSHOT_LIST_INTERNAL))
        self.assertEqual(3, self.connection.domain_snapshot_num(
            self.domain, libvirt.VIR_DOMAIN_SNAPSHOT_LIST_EXTERNAL))

    def test_metadata(self):
        """All snapshots have metadata."""
        self.assertEqual([], self.names(libvirt.VIR_DOMAIN_SNAPSHOT_LIST_NO_METADATA))

    def test_tree(self):
        """Listings filter by roots, leaves, and snapshots with children."""
        self.assertEqual(['one'], self.names(libvirt.VIR_DOMAIN_SNAPSHOT_LIST_ROOTS))
        self.assertEqual(['three'], self.names(libvirt.VIR_DOMAIN_SNAPSHOT_LIST_LEAVES))
        self.assertEqual(['one', 'two'], self.names(libvirt.VIR_DOMAIN_SNAPSHOT_LIST_NO_LEAVES))

    def test_children(self):
        """A snapshot lists its children or all of its descendants."""
        one = SnapshotHandle('one', self.domain)
        self.assertEqual(['two'],
                         self.connection.domain_snapshot_list_children_names(one, 99, 0))
        self.assertEqual(2, self.connection.domain_snapshot_num_children(
            one, libvirt.VIR_DOMAIN_SNAPSHOT_LIST_DESCENDANTS))

    def test_delete(self):
        """The children of a deleted snapshot move to its parent."""
        self.connection.domain_snapshot_delete(SnapshotHandle('two', self.domain), METADATA_ONLY)
        parent = self.connection.domain_snapshot_get_parent(
            SnapshotHandle('three', self.domain), 0)
        self.assertEqual((['one', 'three'], 'one'), (self.names(), parent.name))

    def test_delete_children(self):
        """A flag deletes the children too."""
        self.connection.domain_snapshot_delete(
            SnapshotHandle('two', self.domain),
            METADATA_ONLY | libvirt.VIR_DOMAIN_SNAPSHOT_DELETE_CHILDREN)
        self.assertEqual(['one'], self.names())

    def test_delete_only_children(self):
        """Another flag deletes only the children, and the snapshot becomes the current one."""
        self.connection.domain_snapshot_delete(
            SnapshotHandle('one', self.domain),
            METADATA_ONLY | libvirt.VIR_DOMAIN_SNAPSHOT_DELETE_CHILDREN_ONLY)
        self.assertEqual((['one'], 'one'), (
            self.names(), self.connection.domain_snapshot_current(self.domain, 0).name))


class MemoryCase(LifecycleCase):
    """A domain with one qcow2 image, and its snapshots."""

    def setUp(self):
        super().setUp()
        self.domain = self.define(minimal().replace('</domain>', f'{QCOW2}</domain>'))

    def take(self, name, content='', flags=0):
        return self.connection.domain_snapshot_create_xml(
            self.domain, f'<domainsnapshot><name>{name}</name>{content}</domainsnapshot>', flags)

    def document(self, snapshot):
        return etree.fromstring(self.connection.domain_snapshot_get_xml_desc(snapshot, 0))

    def state(self):
        return tuple(self.connection.domain_get_state(self.domain, 0))


class TestRevert(MemoryCase):

    def test_memory(self):
        """A running domain's snapshot has its memory, and a domain that is off runs from it."""
        self.connection.domain_create(self.domain)
        taken = self.take('one')
        self.connection.domain_destroy(self.domain)
        self.connection.domain_revert_to_snapshot(taken, 0)
        self.assertEqual((libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_RUNNING_FROM_SNAPSHOT),
                         self.state())

    def test_configuration(self):
        """A domain gets the configuration of the time of the snapshot."""
        taken = self.take('one')
        self.connection.domain_set_metadata(
            self.domain, libvirt.VIR_DOMAIN_METADATA_TITLE, 'new', None, None,
            libvirt.VIR_DOMAIN_AFFECT_CONFIG)
        self.connection.domain_revert_to_snapshot(taken, 0)
        self.assertIsNone(self.xml(self.domain).find('title'))

    def test_name(self):
        """A domain that was renamed keeps its name."""
        taken = self.take('one')
        self.connection.domain_rename(self.domain, 'renamed', 0)
        self.connection.domain_revert_to_snapshot(taken, 0)
        self.assertEqual('renamed', self.xml(self.domain).findtext('name'))

    def test_failed_start(self):
        """A domain whose disk is gone is off after the attempt, and has failed."""
        self.connection.domain_create(self.domain)
        taken = self.take('one')
        del self.host.backing.files['/images/disk']
        self.host.backing.storage.remove('/images/disk')
        self.assert_refused("Cannot access storage file '/images/disk': No such file or directory",
                            self.connection.domain_revert_to_snapshot, taken, 0)
        self.assertEqual((libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_FAILED),
                         self.state())

    def test_upgrade(self):
        """A snapshot survives an upgrade of the host."""
        taken = self.take('one')
        self.host.upgrade(releases.choose('debian13'))
        self.host.reboot()
        self.connection.domain_revert_to_snapshot(taken, 0)
        self.assertEqual('one', self.connection.domain_snapshot_current(self.domain, 0).name)

    def test_audit(self):
        """A revert writes to the domain's NVDIMMs, even if the guest stays paused."""
        self.connection.domain_undefine(self.domain)
        self.domain = self.define((hosts.GOLDEN / 'nova-pc-2nvdimm.define.xml').read_text().replace(
            '</devices>', QCOW2.replace('<devices>', '')))
        self.connection.domain_create(self.domain)
        taken = self.take('one')
        written = self.host.backing.written_by['/srv/pmem/ns_0']
        before = len(written)
        self.connection.domain_revert_to_snapshot(taken, libvirt.VIR_DOMAIN_SNAPSHOT_REVERT_PAUSED)
        self.assertEqual(1, len(written) - before)


class TestMemoryFile(MemoryCase):

    def test_file(self):
        """A snapshot with an external memory is a saved image, and gives each disk a new file."""
        self.connection.domain_create(self.domain)
        taken = self.take('one', "<memory file='/images/memory'/>")
        self.assertEqual(('external', '/images/memory'), tuple(
            self.document(taken).find('memory').attrib.values()))
        self.assertIn('<name>', self.connection.domain_save_image_get_xml_desc(
            '/images/memory', 0))

    def test_job(self):
        """The job that saved the memory is the last one that has ended."""
        self.connection.domain_create(self.domain)
        self.take('one', "<memory file='/images/memory'/>")
        kind, values = self.connection.domain_get_job_stats(
            self.domain, libvirt.VIR_DOMAIN_JOB_STATS_COMPLETED)
        self.assertEqual(
            (libvirt.VIR_DOMAIN_JOB_COMPLETED, libvirt.VIR_DOMAIN_JOB_OPERATION_SNAPSHOT),
            (kind, next(value.value for value in values if value.name == 'operation')))

    def test_manual(self):
        """A guest stays paused for the disk of which the client takes a snapshot itself."""
        self.connection.domain_create(self.domain)
        self.take('one', "<memory file='/images/memory'/><disks>"
                         "<disk name='vda' snapshot='manual'/></disks>")
        self.assertEqual((libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_SNAPSHOT),
                         self.state())
