"""Backups of domains, and what they block."""

from __future__ import annotations

import libvirt
from lxml import etree

from tests.unit.libvirtd.hypervisor.domain.test_checkpoints import SNAPSHOT, CheckpointCase

PULL = '<domainbackup mode="pull"><server transport="unix" socket="/run/nbd"/>{}</domainbackup>'
PUSH = '<domainbackup>{}</domainbackup>'
JOB_COMPLETED = libvirt.VIR_DOMAIN_EVENT_ID_JOB_COMPLETED
BLOCKED = ('Timed out during operation: cannot acquire state change lock '
           '(held by monitor=remoteDispatchDomainBackupBegin)')


class BackupCase(CheckpointCase):

    def begin(self, document=PULL, content='', checkpoint=None):
        self.connection.domain_backup_begin(
            self.domain, document.format(content), checkpoint and
            f'<domaincheckpoint><name>{checkpoint}</name></domaincheckpoint>', 0)

    def statistics(self, flags=0):
        kind, found = self.connection.domain_get_job_stats(self.domain, flags)
        return kind, {each.name: each.value for each in found}

    def files(self):
        return sorted(name for name in self.host.backing.storage.names('/images')
                      if name.startswith('disk'))


class TestPush(BackupCase):

    def test_file(self):
        """A push backup leaves a file whose name ends with that of its checkpoint."""
        self.begin(PUSH, checkpoint='one')
        self.assertEqual(['disk', 'disk.one'], self.files())

    def test_complete(self):
        """A push backup is complete at once, and has copied the whole disk."""
        self.begin(PUSH)
        kind, found = self.statistics(libvirt.VIR_DOMAIN_JOB_STATS_COMPLETED)
        self.assertEqual((libvirt.VIR_DOMAIN_JOB_COMPLETED, True), (kind, found['success']))
        self.assertEqual(found['disk_total'], found['disk_processed'])

    def test_incremental(self):
        """An incremental backup requires a checkpoint."""
        self.assert_refused(
            "Domain checkpoint not found: Checkpoint 'one' for incremental backup of disk 'vda' "
            'not found', self.begin, PUSH, '<incremental>one</incremental>')

    def test_existing_file(self):
        """A file that exists is not overwritten, and no checkpoint is created."""
        self.assert_refused(
            "invalid argument: store '/images/data' for backup of 'vda' exists", self.begin, PUSH,
            '<disks><disk name="vda" type="file"><target file="/images/data"/></disk></disks>',
            'one')
        self.assertEqual({}, self.parents())


class TestPull(BackupCase):

    def test_document(self):
        """The document of a running backup names its exports."""
        self.begin()
        root = etree.fromstring(self.connection.domain_backup_get_xml_desc(self.domain, 0))
        self.assertEqual('vda', root.find('disks/disk').get('exportname'))

    def test_abort(self):
        """A client that aborts a pull backup completes it, and its scratch file is deleted."""
        self.begin(checkpoint='one')
        self.assertEqual(['disk', 'disk.one'], self.files())
        self.connection.domain_abort_job(self.domain)
        self.assertEqual(['disk'], self.files())
        kind, found = self.statistics(libvirt.VIR_DOMAIN_JOB_STATS_COMPLETED)
        self.assertEqual(libvirt.VIR_DOMAIN_JOB_COMPLETED, kind)
        self.assertEqual('Operation canceled', found['errmsg'])
        self.assertEqual({'one': None}, self.parents())

    def test_destroy(self):
        """The end of a guest cancels its backup."""
        self.begin(checkpoint='one')
        self.connection.domain_destroy(self.domain)
        self.assertEqual(['disk'], self.files())
        kind, _ = self.statistics(libvirt.VIR_DOMAIN_JOB_STATS_COMPLETED)
        self.assertEqual(libvirt.VIR_DOMAIN_JOB_CANCELLED, kind)

    def test_event(self):
        """The end of a backup publishes the statistics of its job."""
        seen = []
        self.addCleanup(self.host.on_event(lambda event, domain, *fields: seen.append(
            (event, fields))))
        self.begin()
        self.connection.domain_abort_job(self.domain)
        fields = next(fields for event, fields in seen if event == JOB_COMPLETED)
        self.assertEqual(['operation', 'time_elapsed', 'disk_temp_used', 'disk_temp_total',
                          'success', 'errmsg'], [each.name for each in fields[0]])

    def test_port(self):
        """A server without a socket requires a port."""
        self.assert_refused(
            'Operation not supported: <domainbackup> must specify TCP port for now', self.begin,
            '<domainbackup mode="pull"><server name="localhost"/></domainbackup>')

    def test_exports(self):
        """Two exports with one name are refused, and the scratch files are deleted."""
        self.connection.domain_destroy(self.domain)
        self.domain = self.define(self.connection.domain_get_xml_desc(self.domain, 0).replace(
            '</devices>', "<disk type='file'><driver name='qemu' type='qcow2'/>"
            "<source file='/images/data'/><target dev='vdb' bus='virtio'/></disk></devices>"))
        self.connection.domain_create(self.domain)
        disks = ''.join(f'<disk name="{name}" exportname="x"><scratch file="/images/disk.{name}"/>'
                        '<driver type="qcow2"/></disk>' for name in ('vda', 'vdb'))
        self.assert_refused("internal error: unable to execute QEMU command 'block-export-add': "
                            "NBD server already has export named 'x'",
                            self.begin, PULL, f'<disks>{disks}</disks>')
        self.assertEqual(['disk'], self.files())


class TestBlocked(BackupCase):

    def setUp(self):
        super().setUp()
        self.begin()

    def test_jobs(self):
        """A running backup blocks other jobs of its domain."""
        client = self.connection
        for call, arguments in (
                (self.begin, (PUSH,)), (client.domain_managed_save, (self.domain, 0)),
                (client.domain_save, (self.domain, '/images/save')),
                (client.domain_core_dump, (self.domain, '/images/core', 0)),
                (client.domain_snapshot_create_xml, (self.domain, SNAPSHOT, 0))):
            self.assert_refused(BLOCKED, call, *arguments,
                                code=libvirt.VIR_ERR_OPERATION_TIMEOUT)

    def test_block_jobs(self):
        """A disk in a backup refuses other block jobs, and to be resized."""
        self.assert_refused("Operation not supported: disk 'vda' already in active block job",
                            self.connection.domain_block_pull, self.domain, 'vda', 0, 0)
        self.assert_refused("internal error: unable to execute QEMU command 'block_resize': "
                            "Device '(null)' is in use",
                            self.connection.domain_block_resize, self.domain, 'vda', 2048, 0)

    def test_checkpoints(self):
        """Checkpoints are created and deleted beside a running backup."""
        self.connection.domain_checkpoint_delete(self.create('one'), 0)
        self.assertEqual({}, self.parents())

    def test_block_job(self):
        """A client that aborts the block job of a disk ends the backup."""
        self.connection.domain_block_job_abort(self.domain, 'vda', 0)
        self.assert_refused('Domain backup job id not found: no domain backup job present',
                            self.connection.domain_backup_get_xml_desc, self.domain, 0)
