"""Checkpoints of domains, and what they block."""

from __future__ import annotations

import libvirt
from lxml import etree

from tests.unit.libvirtd.hypervisor.domain.test_lifecycle import LifecycleCase, minimal
from tests.unit.libvirtd.hypervisor.domain.test_snapshots import QCOW2
from vpmem_harness.libvirtd.values import CheckpointHandle

REDEFINE = libvirt.VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE
VALIDATE = libvirt.VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE_VALIDATE
METADATA_ONLY = libvirt.VIR_DOMAIN_CHECKPOINT_DELETE_METADATA_ONLY
SIZE = libvirt.VIR_DOMAIN_CHECKPOINT_XML_SIZE
SNAPSHOT = '<domainsnapshot><name>s</name></domainsnapshot>'


class CheckpointCase(LifecycleCase):

    def setUp(self):
        super().setUp()
        self.domain = self.define(minimal().replace('</domain>', f'{QCOW2}</domain>'))
        self.connection.domain_create(self.domain)

    def create(self, name, content='', flags=0):
        return self.connection.domain_checkpoint_create_xml(
            self.domain, f'<domaincheckpoint><name>{name}</name>{content}</domaincheckpoint>',
            flags)

    def parents(self):
        return {each.name: self.document(each).findtext('parent/name')
                for each in self.connection.domain_list_all_checkpoints(self.domain, 1, 0)}

    def document(self, checkpoint, flags=0):
        return etree.fromstring(
            self.connection.domain_checkpoint_get_xml_desc(checkpoint, flags))

    def size(self, checkpoint):
        return self.document(checkpoint, SIZE).find('disks/disk').get('size')


class TestTree(CheckpointCase):

    def test_parent(self):
        """The parent of a new checkpoint is the one before."""
        self.create('one')
        self.create('two')
        self.assertEqual({'one': None, 'two': 'one'}, self.parents())

    def test_deleted_parent(self):
        """The children of a deleted checkpoint move to its parent."""
        self.create('one')
        two = self.create('two')
        self.create('three')
        self.connection.domain_checkpoint_delete(two, 0)
        self.assertEqual({'one': None, 'three': 'one'}, self.parents())

    def test_deleted_current(self):
        """After the current checkpoint is deleted, its parent is current."""
        self.create('one')
        self.connection.domain_checkpoint_delete(self.create('two'), 0)
        self.create('three')
        self.assertEqual('one', self.parents()['three'])

    def test_missing(self):
        """A deleted checkpoint is not found."""
        one = self.create('one')
        self.connection.domain_checkpoint_delete(one, 0)
        self.assert_refused("Domain checkpoint not found: no domain checkpoint with matching name "
                            "'one'", self.document, one,
                            code=libvirt.VIR_ERR_NO_DOMAIN_CHECKPOINT)


class TestBitmaps(CheckpointCase):

    def test_restart(self):
        """A bitmap is in the image, so it is there after a restart of the guest."""
        one = self.create('one')
        self.connection.domain_destroy(self.domain)
        self.connection.domain_create(self.domain)
        self.assertEqual('0', self.size(one))

    def test_metadata(self):
        """A bitmap whose checkpoint was forgotten occupies its name."""
        self.connection.domain_checkpoint_delete(self.create('one'), METADATA_ONLY)
        self.assert_refused("internal error: unable to execute QEMU command 'transaction': "
                            'Bitmap already exists: one', self.create, 'one')

    def test_redefinition(self):
        """A checkpoint that was forgotten can be defined again, with its bitmap."""
        one = self.create('one')
        text = self.connection.domain_checkpoint_get_xml_desc(one, 0)
        self.connection.domain_checkpoint_delete(one, METADATA_ONLY)
        self.connection.domain_checkpoint_create_xml(self.domain, text, REDEFINE | VALIDATE)
        self.assertEqual('0', self.size(one))

    def test_missing(self):
        """A redefinition with validation requires the bitmap."""
        self.assert_refused(
            "checkpoint inconsistent: missing or broken bitmap 'one' for disk 'vda'",
            self.create, 'one', '<creationTime>5</creationTime><disks><disk name="vda"/></disks>',
            REDEFINE | VALIDATE, code=libvirt.VIR_ERR_CHECKPOINT_INCONSISTENT)

    def test_overlay(self):
        """The overlay of an external snapshot of a running guest gets the bitmaps."""
        one = self.create('one')
        self.connection.domain_snapshot_create_xml(
            self.domain, SNAPSHOT, libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY)
        self.assert_refused("internal error: unable to execute QEMU command 'transaction': "
                            'Bitmap already exists: one', self._again, one)

    def _again(self, checkpoint):
        self.connection.domain_checkpoint_delete(checkpoint, METADATA_ONLY)
        self.create(checkpoint.name)

    def test_image(self):
        """An image that was deleted has no bitmaps when it is created again."""
        self.create('one')
        bitmaps = self.host.image_bitmaps
        del self.host.backing.files['/images/disk']
        self.host.backing.storage.remove('/images/disk')
        self.assertEqual({}, bitmaps.save())


class TestBlocked(CheckpointCase):

    def setUp(self):
        super().setUp()
        self.create('one')
        self.connection.domain_destroy(self.domain)

    def test_undefine(self):
        """A domain with checkpoints is undefined only with the flag for them."""
        self.assert_refused('Requested operation is not valid: cannot delete inactive domain with '
                            '1 checkpoints', self.connection.domain_undefine, self.domain)
        self.connection.domain_undefine_flags(
            self.domain, libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA)
        self.assertEqual(0, len(self.host.domains))

    def test_snapshot(self):
        """A domain that is off and has checkpoints refuses snapshots."""
        self.assert_refused(
            'Operation not supported: cannot perform block operations while checkpoint exists',
            self.connection.domain_snapshot_create_xml, self.domain, SNAPSHOT, 0)

    def test_off(self):
        """A domain that is off refuses to create and to delete checkpoints."""
        self.assert_refused('Operation not supported: cannot create checkpoint for inactive '
                            'domain', self.create, 'two')
        self.assert_refused('Operation not supported: cannot delete checkpoint for inactive '
                            'domain', self.connection.domain_checkpoint_delete,
                            CheckpointHandle('one', self.domain), 0)

    def test_listing(self):
        """A list of domains can be filtered by their checkpoints."""
        listed = self.connection.connect_list_all_domains
        self.assertEqual(1, len(listed(1, libvirt.VIR_CONNECT_LIST_DOMAINS_HAS_CHECKPOINT)))
        self.assertEqual([], listed(1, libvirt.VIR_CONNECT_LIST_DOMAINS_NO_CHECKPOINT))
