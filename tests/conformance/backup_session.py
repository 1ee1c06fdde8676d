"""A session with backups of domains.

Everything happens in one directory, whose path is replaced in outcomes.
"""

from __future__ import annotations

import contextlib
import os
import re
from typing import Any

import libvirt

from tests.conformance.disk_session import MIB, TIME, DiskSession
from vpmem_harness.libvirtd.hypervisor.storage import qcow2

_REUSE = libvirt.VIR_DOMAIN_BACKUP_BEGIN_REUSE_EXTERNAL
_COMPLETED = libvirt.VIR_DOMAIN_JOB_STATS_COMPLETED
_KEEP = libvirt.VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED
_LIVE = libvirt.VIR_DOMAIN_AFFECT_LIVE
_DISK_ONLY = libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY
_FORGET = libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
_SCSI = "<controller type='scsi' model='virtio-scsi'/>"
#: The time in the names of files that have no checkpoint's name, and in statistics.
_SUFFIX = re.compile(r'(<directory>/\w+)\.\d{10}\b')


class _Session(DiskSession):
    """The steps of a session on one connection."""

    @staticmethod
    def plain(text: str) -> str:
        return _SUFFIX.sub(r'\1.<time>', TIME.sub('', text))

    def raw(self, name: str) -> str:
        """Create a raw image of 1 MiB, and return its path."""
        with open(self.path(name), 'wb') as stream:
            stream.truncate(MIB)
        os.chmod(self.path(name), 0o666)        # noqa: S103 - for a daemon of another user
        return self.path(name)

    def begin(self, name: str, domain: libvirt.virDomain, xml: str = '', mode: str = 'push',
              checkpoint: str | None = None, flags: int = 0) -> bool:
        """Begin a backup, and return whether it began."""
        server = ('' if mode == 'push' or '<server' in xml
                  else f'<server transport="unix" socket="{self.path("nbd")}"/>')
        described = None if checkpoint is None else (
            f'<domaincheckpoint><name>{checkpoint}</name></domaincheckpoint>')
        return self.step(name, domain.backupBegin, f'<domainbackup mode="{mode}">{server}{xml}'
                         '</domainbackup>', described, flags) == 0

    def settle(self, domain: libvirt.virDomain) -> None:
        """Wait for the end of a domain's job."""
        with contextlib.suppress(libvirt.libvirtError):
            for _ in range(100000):
                if not domain.jobInfo()[0]:
                    return

    def ended(self, name: str, domain: libvirt.virDomain) -> None:
        """Wait for the end of a backup, and record what it leaves."""
        self.settle(domain)
        self.step(f'{name}: statistics', lambda: self.statistics(domain, _COMPLETED | _KEEP))
        self.step(f'{name}: files', self.files)
        self.step(f'{name}: checkpoints', domain.listAllCheckpoints, 0)
        self.step(f'{name}: events', lambda: _sorted_jobs(self.log.read(self.connection)))

    def statistics(self, domain: libvirt.virDomain, flags: int = 0) -> dict[str, Any]:
        return {name: value for name, value in domain.jobStats(flags).items()
                if name != 'time_elapsed'}

    def files(self) -> dict[str, Any]:
        """The files of the directory: what their headers say, and whether they are private."""
        found = {}
        for name in sorted(os.listdir(self.directory)):
            with contextlib.suppress(OSError), open(self.path(name), 'rb') as stream:
                header = qcow2.read_header(stream.read(qcow2.HEADER_MAX))
                found[re.sub(r'\.\d{10}$', '.<time>', name)] = [
                    oct(os.stat(stream.fileno()).st_mode & 0o777),
                    os.stat(stream.fileno()).st_size if header is None else
                    [header.version, header.capacity, header.backing, header.backing_format]]
        return found

    def clean(self, *names: str) -> None:
        """Delete the files that backups have left."""
        for name in os.listdir(self.directory):
            if name.startswith(names) and '.' in name:
                os.unlink(self.path(name))

    def document(self, name: str, domain: libvirt.virDomain) -> None:
        """Record the XML of the running backup."""
        self.step(name, lambda: [_SUFFIX.sub(r'\1.<time>', line.strip().replace(
            self.directory, '<directory>')) for line in domain.backupGetXMLDesc().splitlines()])

    def refusals(self) -> None:
        """Documents and flags that are refused."""
        step = self.step
        guest = self.define('guest', self.disk(self.image('a')),
                            self.disk(self.raw('c'), 'vdc', 'raw'),
                            self.disk(None, 'hda', 'raw', 'ide', 'cdrom'))
        self.begin('off', guest)
        self.begin('off, unknown disk', guest, '<disks><disk name="vdz"/></disks>')
        step('off: document', guest.backupGetXMLDesc, 0)
        guest.create()
        self.log.read(self.connection)
        step('document', guest.backupGetXMLDesc, 0)
        step('document, unknown flags', guest.backupGetXMLDesc, 1)
        for name, xml in (('broken', '<domainbackup'), ('another root', '<domain/>'),
                          ('empty', ''), ('mode', '<domainbackup mode="strange"/>')):
            step(f'begin, {name}', guest.backupBegin, xml, None, 0)
        step('begin, broken checkpoint', guest.backupBegin, '<domainbackup/>',
             '<domaincheckpoint', 0)
        step('begin, flags', guest.backupBegin, '<domainbackup/>', None, 1 << 20)
        reader = self.world.read.lookupByName('guest')
        step('reader: begin', reader.backupBegin, '<domainbackup/>', None, 0)
        step('reader: document', reader.backupGetXMLDesc, 0)
        vda = '<disks><disk name="vda" type="file"{}>{}</disk></disks>'
        for name, mode, xml in (
                ('server of a push', 'push', '<server name="localhost" port="10809"/>'),
                ('no port', 'pull', '<server name="localhost"/>'),
                ('port 0', 'pull', '<server name="localhost" port="0"/>'),
                ('large port', 'pull', '<server name="localhost" port="70000"/>'),
                ('bad port', 'pull', '<server name="localhost" port="x"/>'),
                ('relative socket', 'pull', '<server transport="unix" socket="nbd"/>'),
                ('no socket', 'pull', '<server transport="unix"/>'),
                ('rdma', 'pull', '<server transport="rdma" name="localhost" port="10809"/>'),
                ('tls', 'pull', '<server name="localhost" port="10809" tls="yes"/>'),
                ('unknown disk', 'push', '<disks><disk name="vdz" type="file"/></disks>'),
                ('disk without a type', 'push', '<disks><disk name="vda"/></disks>'),
                ('disk without a name', 'push', '<disks><disk type="file"/></disks>'),
                ('disk twice', 'push', '<disks><disk name="vda" type="file"/>'
                 '<disk name="vda" type="file"/></disks>'),
                ('disk by path', 'push',
                 f'<disks><disk name="{self.path("a")}" type="file"/></disks>'),
                ('empty drive', 'push', '<disks><disk name="hda" type="file"/></disks>'),
                ('network', 'push', '<disks><disk name="vda" type="network"/></disks>'),
                ('relative target', 'push', vda.format('', '<target file="x"/>')),
                ('scratch of a push', 'push', vda.format('', '<scratch file="/x"/>')),
                ('target of a pull', 'pull', vda.format('', '<target file="/x"/>')),
                ('unknown format', 'push', vda.format('', '<driver type="strange"/>')),
                ('raw scratch', 'pull', vda.format('', '<driver type="raw"/>')),
                ('no disk', 'push', '<disks><disk name="vda" backup="no"/></disks>'),
                ('incremental without a checkpoint', 'push',
                 vda.format(' backupmode="incremental"', '')),
                ('incremental to nothing', 'push', vda.format(' incremental="none"', '')),
                ('all incremental to nothing', 'push', '<incremental>none</incremental>'),
                ('existing target', 'push',
                 vda.format('', f'<target file="{self.path("c")}"/>')),
                ('existing scratch', 'pull',
                 vda.format('', f'<scratch file="{self.path("c")}"/>')),
                ('missing directory', 'push',
                 vda.format('', f'<target file="{self.path("none/x")}"/>')),
                ('missing block device', 'push', '<disks><disk name="vda" type="block">'
                 f'<target dev="{self.path("none")}"/></disk></disks>')):
            self.begin(f'refuse: {name}', guest, xml, mode)
        self.begin('refuse: reuse a missing file', guest,
                   vda.format('', f'<target file="{self.path("none")}"/>'), flags=_REUSE)
        self.begin('refuse: checkpoint of a raw disk', guest, checkpoint='x')
        self.begin('refuse: checkpoint, existing target', guest,
                   vda.format('', f'<target file="{self.path("c")}"/>'), checkpoint='x')
        step('refused: checkpoints', guest.listAllCheckpoints, 0)
        step('refused: files', self.files)
        step('refused: events', self.log.read, self.connection)
        guest.destroy()
        guest = self.define('guest')
        guest.create()
        self.begin('refuse: no disk in the domain', guest)
        guest.destroy()
        guest = self.define('guest', self.disk(self.path('a')).replace(
            '</disk>', '<transient/></disk>'))
        guest.create()
        self.begin('refuse: transient disk', guest)
        guest.destroy()
        self.log.read(self.connection)

    def push(self) -> None:
        """Backups that QEMU writes to files."""
        guest = self.define('guest', self.disk(self.image('a')), _SCSI,
                            self.disk(self.image('b'), 'sda', bus='scsi'),
                            self.disk(None, 'hda', 'raw', 'ide', 'cdrom'))
        guest.create()
        self.log.read(self.connection)
        disks = '<disks>{}</disks>'
        vda = f'<disk name="vda" type="file"{{}}>{{}}<target file="{self.path("a.out")}"/></disk>'
        for name, xml, checkpoint in (
                ('push, all disks', '', None),
                ('push, checkpoint', '', 'one'),
                ('push, raw', disks.format(vda.format('', '<driver type="raw"/>')), 'two'),
                ('push, qcow2', disks.format(vda.format('', '<driver type="qcow2"/>')), None),
                ('push, incremental', '<incremental>one</incremental>', 'three'),
                ('push, one incremental', disks.format(vda.format(' incremental="two"', '')
                 + '<disk name="sda" type="file" backupmode="full"><target file="'
                 f'{self.path("b.out")}"/></disk>'), None),
                ('push, no file', disks.format(
                    vda.format('', '') + '<disk name="sda" type="file"/>'), None),
                ('push, raw incremental', '<incremental>one</incremental>' + disks.format(
                    vda.format('', '<driver type="raw"/>')), None)):
            self.begin(name, guest, xml, checkpoint=checkpoint)
            self.ended(name, guest)
            self.clean('a', 'b')
        guest.checkpointLookupByName('two').delete(
            libvirt.VIR_DOMAIN_CHECKPOINT_DELETE_METADATA_ONLY)
        self.begin('push, deleted checkpoint', guest, '<incremental>two</incremental>')
        guest.checkpointCreateXML('<domaincheckpoint><name>x</name><creationTime>5</creationTime>'
                                  '</domaincheckpoint>',
                                  libvirt.VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE)
        self.begin('push, missing bitmap', guest, '<incremental>x</incremental>')
        self.image('reused')
        xml = disks.format(f'<disk name="vda" type="file"><target file="{self.path("reused")}"/>'
                           '</disk>')
        self.begin('push, reuse', guest, xml, flags=_REUSE)
        self.ended('push, reuse', guest)
        copy = f"<disk type='file'><source file='{self.path('copy')}'/></disk>"
        self.step('push: copy', guest.blockCopy, 'vda', copy, None,
                  libvirt.VIR_DOMAIN_BLOCK_COPY_TRANSIENT_JOB)
        self.begin('push, beside a copy', guest)
        self.step('push: abort the copy', guest.blockJobAbort, 'vda', 0)
        self.log.read(self.connection)
        self.step('push, statistics', lambda: self.statistics(guest, _COMPLETED))
        self.step('push, statistics again', lambda: self.statistics(guest, _COMPLETED))
        self.step('push, abort', guest.abortJob)
        guest.destroy()
        guest.undefineFlags(_FORGET)
        self.log.read(self.connection)

    def pull(self) -> None:
        """Backups that a client reads from QEMU."""
        step = self.step
        guest = self.define('guest', self.disk(self.image('p')), _SCSI,
                            self.disk(self.image('q'), 'sda', bus='scsi'),
                            self.disk(None, 'hda', 'raw', 'ide', 'cdrom'))
        guest.create()
        self.log.read(self.connection)
        for name, xml, checkpoint in (
                ('pull', '', 'one'),
                ('pull, incremental', '<incremental>one</incremental>', None),
                ('pull, names', '<disks><disk name="vda" exportname="export" incremental="one" '
                 'exportbitmap="bits" type="file"><scratch file="'
                 f'{self.path("p.scratch")}"/></disk></disks>', 'two'),
                ('pull, port', '<server name="localhost" port="10809"/><disks>'
                 f'<disk name="sda"><scratch file="{self.path("q.scratch")}"/>'
                 '<driver type="qcow2"/></disk><disk name="vda" backup="no"/></disks>', None)):
            self.begin(name, guest, xml, 'pull', checkpoint)
            self.document(f'{name}: document', guest)
            step(f'{name}: files', self.files)
            step(f'{name}: job', lambda: [*guest.jobInfo()[:1], *guest.jobInfo()[2:]])
            step(f'{name}: statistics', lambda: self.statistics(guest))
            for disk in ('vda', 'sda', 'hda'):
                step(f'{name}: block job of {disk}', guest.blockJobInfo, disk, 0)
            step(f'{name}: abort', guest.abortJob)
            self.ended(f'{name}, aborted', guest)
            step(f'{name}, aborted: document', guest.backupGetXMLDesc)
        self.blocked(guest)
        self.begin('pull, destroyed', guest, '', 'pull', 'three')
        guest.destroy()
        self.ended('pull, destroyed', guest)
        step('pull, destroyed: document', guest.backupGetXMLDesc)
        guest.create()
        self.begin('pull, block job', guest, '', 'pull')
        step('pull, block job: abort', guest.blockJobAbort, 'vda', 0)
        self.ended('pull, block job', guest)
        self.begin('pull, undefined', guest, '', 'pull')
        step('undefine', guest.undefine)
        step('pull, undefined: abort', guest.abortJob)
        self.ended('pull, undefined', guest)
        guest.destroy()
        step('destroyed: events', self.log.read, self.connection)

    def blocked(self, guest: libvirt.virDomain) -> None:
        """What a running backup blocks, and what not; libvirtd waits 30 s for some locks."""
        step = self.step
        self.begin('busy', guest, f'<disks><disk name="vda"><scratch file="{self.path("p.busy")}"/>'
                   '<driver type="qcow2"/></disk></disks>', 'pull')
        self.document('busy: document', guest)
        self.begin('busy: another backup', guest)
        self.begin('busy: broken backup', guest, '<strange/>')
        step('busy: save', guest.managedSave, 0)
        step('busy: snapshot', guest.snapshotCreateXML,
             '<domainsnapshot><name>x</name></domainsnapshot>', _DISK_ONLY)
        step('busy: snapshot with memory', guest.snapshotCreateXML,
             '<domainsnapshot><name>x</name></domainsnapshot>')
        step('busy: suspend', guest.suspend)
        step('busy: resume', guest.resume)
        step('busy: checkpoint', guest.checkpointCreateXML,
             '<domaincheckpoint><name>busy</name></domaincheckpoint>', 0)
        for name in ('busy', 'one'):
            step(f'busy: delete {name}', lambda name=name: guest.checkpointLookupByName(
                name).delete())
        copy = f"<disk type='file'><source file='{self.path('copy')}'/></disk>"
        step('busy: copy', guest.blockCopy, 'vda', copy, None, 0)
        step('busy: resize', guest.blockResize, 'vda', 17 * 1024, 0)
        step('busy: pull', guest.blockPull, 'vda', 0, 0)
        step('busy: speed', guest.blockJobSetSpeed, 'vda', 5, 0)
        step('busy: block job', guest.blockJobInfo, 'vda', 0)
        step('busy: pivot', guest.blockJobAbort, 'vda',
             libvirt.VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT)
        step('busy: abort another job', guest.blockJobAbort, 'sda', 0)
        step('busy: detach', guest.detachDeviceFlags, self.disk(self.path('p')), _LIVE)
        step('busy: metadata', guest.setMetadata, libvirt.VIR_DOMAIN_METADATA_TITLE, 'new',
             None, None, _LIVE)
        step('busy: post-copy abort', lambda: guest.abortJobFlags(
            libvirt.VIR_DOMAIN_ABORT_JOB_POSTCOPY))
        step('busy: abort', guest.abortJob)
        self.ended('busy', guest)

    def others(self) -> None:
        """Backups that collide with each other, and with snapshots."""
        step = self.step
        guest = self.define('guest', self.disk(self.image('v')), _SCSI,
                            self.disk(self.image('w'), 'sda', bus='scsi'))
        guest.create()
        other = self.define('other', self.disk(self.image('o')))
        other.create()
        self.log.read(self.connection)
        scratch = ('<disk name="{0}"{1}><scratch file="' + self.path('{2}') + '"/>'
                   '<driver type="qcow2"/></disk>')
        server = '<server name="localhost" port="10809"/><disks>{}</disks>'
        self.begin('port', guest, server.format(scratch.format('vda', '', 'v.port')), 'pull')
        self.begin('same port', other, server.format(scratch.format('vda', '', 'o.port')), 'pull')
        step('same port: files', self.files)
        step('same port: job', lambda: other.jobInfo()[0])
        step('port: speed of migrations', guest.migrateSetMaxSpeed, 5, 0)
        step('port: abort', guest.abortJob)
        self.ended('port', guest)
        self.begin('same export', guest, '<disks>{}{}</disks>'.format(*(
            scratch.format(disk, ' exportname="x"', f'{disk}.x') for disk in ('vda', 'sda'))),
            'pull', 'kept')
        self.ended('same export', guest)
        self.begin('same file', guest, '<disks>{}{}</disks>'.format(*(
            scratch.format(disk, '', 'v.same') for disk in ('vda', 'sda'))), 'pull')
        step('same file: files', self.files)
        step('one disk', guest.checkpointCreateXML, '<domaincheckpoint><name>half</name><disks>'
             '<disk name="vda"/></disks></domaincheckpoint>', 0)
        self.begin('no bitmap of a disk', guest, '<incremental>half</incremental>')
        self.begin('existing checkpoint', guest, checkpoint='half')
        for name, target in (('file as a block device', self.path('w')),
                             ('directory', self.directory)):
            kind, attribute = ('file', 'file') if name == 'directory' else ('block', 'dev')
            self.begin(name, guest, f'<disks><disk name="vda" type="{kind}"><target {attribute}="'
                       f'{target}"/></disk></disks>')
        guest.suspend()
        self.begin('paused', guest, checkpoint='paused')
        self.ended('paused', guest)
        step('snapshot', guest.snapshotCreateXML,
             '<domainsnapshot><name>s</name></domainsnapshot>', 0)
        step('revert', guest.revertToSnapshot, guest.snapshotLookupByName('s'), 0)
        step('revert: state', guest.state)
        step('revert: events', self.log.read, self.connection)

    def run(self) -> None:
        self.refusals()
        self.push()
        self.pull()
        self.others()


def _sorted_jobs(events: list[str]) -> list[str]:
    """Sort the ends of block jobs, whose order depends on QEMU's threads."""
    ends = iter(sorted(line for line in events if line.startswith('BLOCK_JOB')))
    return [next(ends) if line.startswith('BLOCK_JOB') else line for line in events]


outcomes = _Session.outcomes
