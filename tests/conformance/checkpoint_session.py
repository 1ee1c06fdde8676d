"""A session with checkpoints of domains.

Everything happens in one directory, whose path is replaced in outcomes.
"""

from __future__ import annotations

import os
import re
from typing import Any

import libvirt

from tests.conformance.disk_session import TIME, DiskSession

_REDEFINE = libvirt.VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE
_VALIDATE = libvirt.VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE_VALIDATE
_QUIESCE = libvirt.VIR_DOMAIN_CHECKPOINT_CREATE_QUIESCE
_CHILDREN = libvirt.VIR_DOMAIN_CHECKPOINT_DELETE_CHILDREN
_CHILDREN_ONLY = libvirt.VIR_DOMAIN_CHECKPOINT_DELETE_CHILDREN_ONLY
_METADATA = libvirt.VIR_DOMAIN_CHECKPOINT_DELETE_METADATA_ONLY
_SIZE = libvirt.VIR_DOMAIN_CHECKPOINT_XML_SIZE
_NO_DOMAIN = libvirt.VIR_DOMAIN_CHECKPOINT_XML_NO_DOMAIN
_SECURE = libvirt.VIR_DOMAIN_CHECKPOINT_XML_SECURE
_DISK_ONLY = libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY
_NO_METADATA = libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_NO_METADATA
_FORGET = (libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
           | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
           | libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE)
_ACTIVE = libvirt.VIR_DOMAIN_BLOCK_COMMIT_ACTIVE
_PIVOT = libvirt.VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT
_OTHERS = "<controller type='scsi' model='virtio-scsi'/><graphics type='vnc' passwd='geheim'/>"


class _Session(DiskSession):
    """The steps of a session on one connection."""

    @staticmethod
    def plain(text: str) -> str:
        return TIME.sub('', text)

    def tree(self, name: str, domain: libvirt.virDomain) -> None:
        """Record a domain's checkpoints with their parents, and the events so far."""
        self.step(f'{name}: checkpoints', lambda: {
            each.getName(): _parent(each) for each in sorted(
                domain.listAllCheckpoints(), key=lambda each: str(each.getName()))})
        self.step(f'{name}: events', self.log.read, self.connection)

    def create(self, name: str, domain: libvirt.virDomain, xml: str, flags: int = 0,
               ) -> libvirt.virDomainCheckpoint | None:
        """Create a checkpoint, and record its document."""
        made: libvirt.virDomainCheckpoint | None = self.step(
            name, domain.checkpointCreateXML, f'<domaincheckpoint>{xml}</domaincheckpoint>', flags)
        if made is not None:
            self.document(f'{name}: document', made)
        return made

    def document(self, name: str, checkpoint: libvirt.virDomainCheckpoint,
                 flags: int = 0) -> None:
        """Record a checkpoint's XML, without the definition in it."""
        def read() -> list[str]:
            text = re.sub(r'<creationTime>\d{6,}<', '<creationTime>0<',
                          checkpoint.getXMLDesc(flags))
            text = re.sub(r'<domain\b[^>]*>.*?</domain>', '<domain/>', text, flags=re.DOTALL)
            return [line.strip() for line in text.splitlines()]
        self.step(name, read)

    def off(self) -> None:
        """Checkpoints of a domain that is off."""
        step = self.step
        guest = self.define('off', self.disk(self.image('off')))
        self.create('off: create', guest, '<name>first</name>')
        self.create('off: create, broken', guest, '<name>a/b</name>')
        step('off: list', guest.listAllCheckpoints, 0)
        step('off: look up', guest.checkpointLookupByName, 'first', 0)
        step('off: look up, flags', guest.checkpointLookupByName, 'first', 1)
        self.create('off: validate', guest, '<name>first</name><creationTime>5</creationTime>',
                    _REDEFINE | _VALIDATE)
        first = self.create('off: redefine', guest,
                            '<name>first</name><creationTime>5</creationTime>', _REDEFINE)
        second = self.create('off: redefine a child', guest, '<name>second</name><parent><name>'
                             'first</name></parent><creationTime>6</creationTime><disks>'
                             '<disk name="vda"/><disk name="vdz" checkpoint="no"/></disks>',
                             _REDEFINE)
        if first is None or second is None:
            return
        self.tree('off', guest)
        self.document('off: size', first, _SIZE)
        step('off: undefine', guest.undefine)
        step('off: rename', guest.rename, 'other', 0)
        step('off: delete', first.delete, 0)
        step('off: delete metadata', first.delete, _METADATA)
        self.tree('off, deleted', guest)
        step('off: delete again', first.delete, _METADATA)
        step('off: delete again, with content', first.delete, 0)
        step('off: document of a deleted one', first.getXMLDesc, 0)
        step('off: undefine with metadata', guest.undefineFlags, _FORGET)
        step('off: undefined', second.getXMLDesc, 0)

    def refusals(self, guest: libvirt.virDomain) -> None:
        """Documents and flags that a running domain refuses."""
        for name, xml in (('broken', '<domaincheckpoint'), ('another root', '<domain/>'),
                          ('empty', ''), ('no element', '<domaincheckpoint/>x')):
            self.step(f'create, {name}', guest.checkpointCreateXML, xml, 0)
        for name, flags in (('validate alone', _VALIDATE), ('quiesce', _QUIESCE),
                            ('quiesce and redefine', _QUIESCE | _REDEFINE),
                            ('unknown', 1 << 20)):
            self.create(f'create with flags, {name}', guest, '<name>x</name>', flags)
        for name, xml in (
                ('slash', '<name>a/b</name>'), ('dot', '<name>.a</name>'),
                ('empty name', '<name/>'), ('newline', '<name>a\nb</name>'),
                ('unknown element', '<strange/>'), ('bad time', '<creationTime>x</creationTime>'),
                ('no disk elements', '<disks/>'),
                ('unknown disk', '<disks><disk name="vdz"/></disks>'),
                ('disk without a name', '<disks><disk/></disks>'),
                ('disk twice', '<disks><disk name="vda"/><disk name="vda"/></disks>'),
                ('disk twice, by path', '<disks><disk name="vda"/><disk name="'
                 f'{self.path("a")}"/></disks>'),
                ('too many disks', f'<disks>{"<disk name=%s/>" * 5}</disks>' % tuple(
                    f'"vd{letter}"' for letter in 'abcde')),
                ('bad mode', '<disks><disk name="vda" checkpoint="strange"/></disks>'),
                ('excluded with a bitmap',
                 '<disks><disk name="vda" checkpoint="no" bitmap="x"/></disks>'),
                ('another bitmap', '<disks><disk name="vda" bitmap="other"/></disks>'),
                ('raw disk', '<disks><disk name="vdc"/></disks>'),
                ('all disks', ''),
                ('empty drive', '<disks><disk name="hda"/></disks>')):
            self.create(f'refuse: {name}', guest,
                        xml if '<name' in xml and '<disk ' not in xml else f'<name>x</name>{xml}')
        self.tree('refused', guest)

    def running(self) -> None:
        """Checkpoints of a running domain."""
        step = self.step
        with open(self.path('c'), 'wb') as stream:
            stream.truncate(1024**2)
        os.chmod(self.path('c'), 0o666)         # noqa: S103 - for a daemon of another user
        devices = (self.disk(self.image('a')), self.disk(self.image('b'), 'sda', bus='scsi'),
                   self.disk(None, 'hda', 'raw', 'ide', 'cdrom'), _OTHERS)
        guest = self.define('guest', *devices, self.disk(self.path('c'), 'vdc', 'raw'))
        guest.create()
        self.log.read(self.connection)
        self.refusals(guest)
        first = self.create(
            'no selected disk', guest, '<name>none</name><disks><disk name="vda" checkpoint="no"/>'
            '<disk name="hda" checkpoint="no"/></disks>')
        self.step('no selected disk: delete', first.delete, 0) if first is not None else None
        guest.destroy()
        guest = self.define('guest', *devices)
        guest.create()
        self.log.read(self.connection)
        first = self.create('first', guest, '<name>first</name><description>the first</description>'
                            '<parent><name>x</name></parent><creationTime>7</creationTime>')
        second = self.create('second', guest, '<name>second</name><disks><disk name="'
                             f'{self.path("b")}" bitmap="second" size="5"/></disks>')
        if first is None or second is None:
            return
        self.create('first again', guest, '<name>first</name>')
        self.create('third', guest, '<name>third</name>')
        self.tree('three', guest)
        # A privileged libvirtd has a partition of its own.
        step('first: whole document', lambda: re.sub(
            r'<creationTime>\d+<', '<creationTime>0<', re.sub(
                r' *<resource>.*?</resource>\n', '', first.getXMLDesc(_SECURE), flags=re.DOTALL)))
        for name, flags in (('domain and size', _SIZE), ('size', _SIZE | _NO_DOMAIN),
                            ('no domain', _NO_DOMAIN)):
            self.document(f'second: {name}', second, flags)
        for name, flags in (('plain', 0), ('secure', _SECURE)):
            step(f'password: {name}', lambda flags=flags: 'geheim' in first.getXMLDesc(flags))
        step('document, unknown flags', first.getXMLDesc, 1 << 20)
        reader = self.world.read.lookupByName('guest').checkpointLookupByName('first')
        step('reader: secure', reader.getXMLDesc, _SECURE)
        self.document('reader: document', reader)
        self.document('reader: size', reader, _SIZE)
        step('reader: delete', reader.delete, 0)
        step('reader: create', self.world.read.lookupByName('guest').checkpointCreateXML,
             '<domaincheckpoint/>', 0)
        step('parent', second.getParent, 0)
        step('parent of the first', first.getParent, 0)
        step('parent, flags', second.getParent, 1)
        step('no name', lambda: guest.checkpointCreateXML('<domaincheckpoint/>').getName()
             .isdigit())
        guest.listAllCheckpoints(libvirt.VIR_DOMAIN_CHECKPOINT_LIST_LEAVES)[0].delete()
        self.listings(guest, first)
        self.deletions(guest)
        self.redefinition(guest)
        self.others(guest)

    def listings(self, guest: libvirt.virDomain, first: libvirt.virDomainCheckpoint) -> None:
        """Listings with filters."""
        def names(call: Any, flag: int) -> list[str]:
            return [str(each.getName()) for each in call(flag)]
        topological = libvirt.VIR_DOMAIN_CHECKPOINT_LIST_TOPOLOGICAL
        for bit in range(7):
            self.step(f'list: flag {bit}', lambda flag: sorted(
                names(guest.listAllCheckpoints, flag)), 1 << bit)
            self.step(f'list: children, flag {bit}', lambda flag: sorted(
                names(first.listAllChildren, flag)), 1 << bit)
        self.step('list: topological', names, guest.listAllCheckpoints, topological)
        self.step('list: topological children', names, first.listAllChildren, topological
                  | libvirt.VIR_DOMAIN_CHECKPOINT_LIST_DESCENDANTS)
        for name, flag in (('with', libvirt.VIR_CONNECT_LIST_DOMAINS_HAS_CHECKPOINT),
                           ('without', libvirt.VIR_CONNECT_LIST_DOMAINS_NO_CHECKPOINT)):
            self.step(f'list: domains {name} checkpoints', lambda flag: sorted(
                each.name() for each in self.connection.listAllDomains(flag)), flag)

    def deletions(self, guest: libvirt.virDomain) -> None:
        """Deletions of parts of the tree first, second, third."""
        step = self.step
        second, third = (guest.checkpointLookupByName(name) for name in ('second', 'third'))
        step('delete, unknown flags', second.delete, 1 << 20)
        step('delete, both', second.delete, _CHILDREN | _CHILDREN_ONLY)
        step('delete the middle', second.delete, 0)
        self.tree('deleted the middle', guest)
        step('delete the last', third.delete, 0)
        self.create('fourth', guest, '<name>fourth</name>')
        self.create('fifth', guest, '<name>fifth</name>')
        self.tree('five', guest)
        first, fourth = (guest.checkpointLookupByName(name) for name in ('first', 'fourth'))
        step('delete the children alone', first.delete, _CHILDREN_ONLY)
        self.tree('deleted the children alone', guest)
        self.create('sixth', guest, '<name>sixth</name>')
        sixth = guest.checkpointLookupByName('sixth')
        step('delete metadata', sixth.delete, _METADATA)
        self.create('bitmap exists', guest, '<name>sixth</name>')
        self.create('seventh', guest, '<name>seventh</name>')
        step('delete with the children', first.delete, _CHILDREN)
        self.tree('deleted with the children', guest)
        step('delete again', fourth.delete, 0)

    def redefinition(self, guest: libvirt.virDomain) -> None:
        """Checkpoints that a client describes; the bitmaps of ``sixth`` exist."""
        step = self.step
        first = self.create('first of all', guest, '<name>alpha</name>')
        second = self.create('second of all', guest, '<name>beta</name>')
        if first is None or second is None:
            return
        text, child = first.getXMLDesc(), second.getXMLDesc()

        def redefine(name: str, xml: str, flags: int = 0) -> None:
            step(f'redefine: {name}', guest.checkpointCreateXML, xml, _REDEFINE | flags)
        redefine('no name', text.replace('<name>alpha</name>', '', 1))
        redefine('no time', re.sub('<creationTime>.*?</creationTime>', '', text))
        redefine('bad time', re.sub('<creationTime>.*?</creationTime>',
                                    '<creationTime>-1</creationTime>', text))
        redefine('own parent', child.replace('<name>alpha</name>', '<name>beta</name>', 1))
        redefine('missing parent', child.replace('<name>alpha</name>', '<name>none</name>', 1))
        redefine('cycle', text.replace(
            '<creationTime>', '<parent><name>beta</name></parent><creationTime>', 1))
        redefine('another domain', text.replace(guest.UUIDString(), self.world.uuid('else')))
        redefine('unknown disk', text.replace("name='sda'", "name='vdz'"))
        redefine('another bitmap', text.replace("bitmap='alpha'", "bitmap='other'", 1))
        redefine('another bitmap, validated', text.replace("bitmap='alpha'", "bitmap='other'", 1),
                 _VALIDATE)
        redefine('unchanged', text)
        redefine('validated', text, _VALIDATE)
        redefine('described', text.replace(
            '<creationTime>', '<description>new</description><creationTime>', 1))
        self.document('redefine: described, document', first)
        redefine('missing bitmap', text.replace('alpha', 'bare'), _VALIDATE)
        redefine('new', text.replace('alpha', 'new'))
        redefine('child', child.replace('beta', 'child'))
        redefine('bitmap of a deleted one', text.replace('alpha', 'sixth'), _VALIDATE)
        bare = '<domaincheckpoint><name>bare</name><creationTime>5</creationTime>{}' \
            '</domaincheckpoint>'
        redefine('without a domain', bare.format('<disks><disk name="vda"/></disks>'))
        self.document('redefine: without a domain, document',
                      guest.checkpointLookupByName('bare'))
        self.document('redefine: without a domain, size',
                      guest.checkpointLookupByName('bare'), _SIZE)
        redefine('without disks', bare.format(''))
        self.document('redefine: without disks, document', guest.checkpointLookupByName('bare'))
        self.tree('redefined', guest)
        self.create('after the redefinitions', guest, '<name>after</name>')
        for name in ('new', 'bare'):
            step(f'redefine: delete {name}', guest.checkpointLookupByName(name).delete, 0)
        for each in guest.listAllCheckpoints():
            each.delete(_METADATA)

    def others(self, guest: libvirt.virDomain) -> None:
        """What else happens to a domain with checkpoints."""
        step = self.step
        first = self.create('others: first', guest, '<name>base</name>')
        if first is None:
            return
        self.log.read(self.connection)
        guest.destroy()
        guest.create()
        self.log.read(self.connection)
        self.document('restarted: size', first, _SIZE)
        step('snapshot with memory', guest.snapshotCreateXML,
             '<domainsnapshot><name>m</name></domainsnapshot>', _NO_METADATA)
        step('snapshot of disks', guest.snapshotCreateXML,
             '<domainsnapshot><name>s</name></domainsnapshot>', _DISK_ONLY)
        self.document('snapshot: size', first, _SIZE)
        self.create('beside a snapshot', guest, '<name>beside</name>')
        self.tree('snapshot', guest)
        step('overlay: delete the one below', first.delete, 0)
        self.tree('overlay', guest)
        guest.snapshotLookupByName('s').delete(libvirt.VIR_DOMAIN_SNAPSHOT_DELETE_METADATA_ONLY)
        for disk in ('vda', 'sda'):
            step(f'commit {disk}', guest.blockCommit, disk, None, None, 0, _ACTIVE)
            while step_of(guest, disk):
                pass
            step(f'pivot {disk}', guest.blockJobAbort, disk, _PIVOT)
        beside = guest.checkpointLookupByName('beside')
        self.log.read(self.connection)
        self.document('committed: size', beside, _SIZE)
        step('save', guest.managedSave, 0)
        step('saved: size', beside.getXMLDesc, _SIZE)
        guest.create()
        self.log.read(self.connection)
        self.document('restored: size', beside, _SIZE)
        step('unplug', guest.detachDevice, self.disk(self.path('b'), 'sda', bus='scsi'))
        self.document('unplugged: document', beside)
        self.create('unplugged: create', guest, '<name>unplugged</name>')
        step('undefine', guest.undefine)
        self.tree('transient', guest)
        self.create('transient: create', guest, '<name>transient</name>')
        step('transient: delete', beside.delete, 0)
        guest.destroy()
        step('ended', beside.getXMLDesc, 0)
        self.log.read(self.connection)
        self.offline_snapshots()

    def offline_snapshots(self) -> None:
        """Snapshots of a domain that is off and has checkpoints."""
        guest = self.define('guest', self.disk(self.image('d')))
        guest.snapshotCreateXML('<domainsnapshot><name>before</name></domainsnapshot>')
        before = guest.snapshotLookupByName('before')
        guest.create()
        first = self.create('offline: first', guest, '<name>first</name>')
        guest.destroy()
        self.step('offline: broken snapshot', guest.snapshotCreateXML, '<domainsnapshot', 0)
        self.step('offline: snapshot, unknown flags', guest.snapshotCreateXML,
                  '<domainsnapshot/>', 1 << 20)
        self.step('offline: redefine a snapshot', guest.snapshotCreateXML, before.getXMLDesc(),
                  libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE)
        self.step('offline: revert', guest.revertToSnapshot, before, 0)
        self.step('offline: revert as paused', guest.revertToSnapshot, before,
                  libvirt.VIR_DOMAIN_SNAPSHOT_REVERT_PAUSED)
        self.tree('offline, reverted', guest)
        self.step('offline: delete a snapshot', before.delete, 0)
        self.step('offline: snapshot', guest.snapshotCreateXML,
                  '<domainsnapshot><name>i</name></domainsnapshot>', 0)
        self.step('offline: snapshot of disks', guest.snapshotCreateXML,
                  '<domainsnapshot><name>s</name></domainsnapshot>', _DISK_ONLY)
        guest.create()
        if first is not None:
            self.document('offline: size', first, _SIZE)
            self.step('offline: validate', guest.checkpointCreateXML, first.getXMLDesc(),
                      _REDEFINE | _VALIDATE)
            self.step('offline: delete', first.delete, 0)
        self.step('offline: new', guest.checkpointCreateXML,
                  '<domaincheckpoint><name>new</name></domaincheckpoint>', 0)
        guest.destroy()
        self.step('offline: undefine', guest.undefineFlags,
                  libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA)
        self.step('offline: undefine all', guest.undefineFlags, _FORGET)
        guest = self.define('guest')
        guest.create()
        self.create('no disk', guest, '<name>x</name>')
        guest.destroy()
        guest = self.define('guest', self.disk(self.image('t')).replace(
            '</disk>', '<transient/></disk>'))
        guest.create()
        self.create('transient disk', guest, '<name>x</name>')
        guest.destroy()

    def run(self) -> None:
        self.off()
        self.running()


def step_of(domain: libvirt.virDomain, disk: str) -> bool:
    """Whether the commit of a disk still copies."""
    job = domain.blockJobInfo(disk)
    return bool(job) and job['cur'] != job['end']


def _parent(checkpoint: libvirt.virDomainCheckpoint) -> str | None:
    try:
        return str(checkpoint.getParent().getName())
    except libvirt.libvirtError:
        return None


outcomes = _Session.outcomes
