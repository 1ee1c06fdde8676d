"""Disk snapshots, and their listings."""

from __future__ import annotations

import libvirt

from tests.unit.libvirtd.hypervisor.domain.test_lifecycle import LifecycleCase, minimal
from vpmem_harness.libvirtd.values import SnapshotHandle

DISK_ONLY = libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY
METADATA_ONLY = libvirt.VIR_DOMAIN_SNAPSHOT_DELETE_METADATA_ONLY
DISKS = """<devices>
  <disk type='file'><source file='/images/root.img'/><target dev='vda' bus='virtio'/></disk>
  <disk type='file' device='cdrom'><target dev='hda' bus='ide'/></disk>
  <disk type='file'><source file='/images/data'/><target dev='vdb' bus='virtio'/></disk>
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

    def test_redefine(self):
        """Redefining a snapshot is refused."""
        self.assert_refused(
            'Operation not supported: only snapshots of disks '
            '(VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY) are simulated',
            self.take, 'one', flags=libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE)
        self.assertEqual([], self.names())


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
