"""A session with snapshots of domains that run and of domains that are off.

Everything happens in one directory, whose path is replaced in outcomes.
"""

from __future__ import annotations

import os
import re
from typing import Any

import libvirt

from tests.conformance.disk_session import MIB, TIME, DiskSession

_DISK_ONLY = libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY
_REDEFINE = libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE
_CURRENT = libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_CURRENT
_NO_METADATA = libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_NO_METADATA
_HALT = libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_HALT
_REUSE = libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_REUSE_EXT
_LIVE = libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_LIVE
_QUIESCE = libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_QUIESCE
_RUNNING = libvirt.VIR_DOMAIN_SNAPSHOT_REVERT_RUNNING
_PAUSED = libvirt.VIR_DOMAIN_SNAPSHOT_REVERT_PAUSED
_FORCE = libvirt.VIR_DOMAIN_SNAPSHOT_REVERT_FORCE
_CHILDREN = libvirt.VIR_DOMAIN_SNAPSHOT_DELETE_CHILDREN
_CHILDREN_ONLY = libvirt.VIR_DOMAIN_SNAPSHOT_DELETE_CHILDREN_ONLY
_METADATA = libvirt.VIR_DOMAIN_SNAPSHOT_DELETE_METADATA_ONLY
_NVDIMM = '''
<maxMemory slots='2' unit='MiB'>512</maxMemory>
<features><acpi/></features>
<cpu><numa><cell id='0' cpus='0-1' memory='64' unit='MiB'/></numa></cpu>
<devices>{disk}<memory model='nvdimm' access='shared'><source><path>{path}</path></source>
<target><size unit='MiB'>64</size><node>0</node><label><size unit='KiB'>128</size></label>
</target></memory></devices>'''


class _Session(DiskSession):
    """The steps of a session on one connection."""

    @staticmethod
    def plain(text: str) -> str:
        return TIME.sub('', text)

    def state(self, name: str, domain: libvirt.virDomain) -> None:
        """Record a domain's state, its disks and snapshots, and its events so far."""
        def look() -> dict[str, Any]:
            return {'state': domain.state(), 'persistent': domain.isPersistent(),
                    'disks': re.findall(r"<source file='([^']*)'", domain.XMLDesc()),
                    'configured': re.findall(r"<source file='([^']*)'", domain.XMLDesc(
                        libvirt.VIR_DOMAIN_XML_INACTIVE)),
                    'tree': {snapshot.getName(): _parent(snapshot) for snapshot in sorted(
                        domain.listAllSnapshots(), key=lambda each: str(each.getName()))},
                    'current': domain.snapshotCurrent().getName()
                    if domain.hasCurrentSnapshot() else None,
                    'files': sorted(os.listdir(self.directory))}
        self.step(f'{name}: domain', look)
        self.step(f'{name}: events', self.log.read, self.connection)

    def create(self, name: str, domain: libvirt.virDomain, xml: str, flags: int = 0,
               ) -> libvirt.virDomainSnapshot | None:
        """Take a snapshot, and record its document."""
        made: libvirt.virDomainSnapshot | None = self.step(
            name, domain.snapshotCreateXML, f'<domainsnapshot>{xml}</domainsnapshot>', flags)
        if made is not None and not flags & _NO_METADATA:
            self.document(f'{name}: document', made)
        return made

    def document(self, name: str, snapshot: libvirt.virDomainSnapshot) -> None:
        """Record a snapshot's XML, without the definitions in it."""
        def read() -> list[str]:
            text = re.sub(r'<creationTime>\d+<', '<creationTime>0<', snapshot.getXMLDesc())
            text = re.sub(r'(<(domain|inactiveDomain)\b)[^>]*>.*?</\2>', r'\1/>', text,
                          flags=re.DOTALL)
            return [line.strip() for line in text.splitlines()]
        self.step(name, read)

    def off(self) -> None:
        """Snapshots of a domain that is off."""
        step = self.step
        guest = self.define('guest', self.disk(self.image('disk')),
                            self.disk(None, 'hda', 'raw', 'ide', 'cdrom'))
        self.log.read(self.connection)
        for name, xml in (('broken', '<domainsnapshot'), ('another root', '<domain/>'),
                          ('unknown disk', '<domainsnapshot><disks><disk name="vdz"/></disks>'
                           '</domainsnapshot>')):
            step(f'off: create, {name}', guest.snapshotCreateXML, xml, 0)
        for name, flags in (('live', _LIVE), ('quiesce', _QUIESCE), ('unknown', 1 << 20),
                            ('current', _CURRENT), ('live and redefine', _LIVE | _REDEFINE)):
            step(f'off: create with flags, {name}', guest.snapshotCreateXML,
                 '<domainsnapshot><name>x</name></domainsnapshot>', flags)
        for name, xml in (
                ('slash', '<name>a/b</name>'), ('dot', '<name>.a</name>'),
                ('manual memory', '<memory snapshot="manual"/>'),
                ('internal memory', '<memory snapshot="internal"/>'),
                ('bad memory', '<memory snapshot="strange"/>'),
                ('external memory', f'<memory snapshot="external" file="{self.path("m")}"/>'),
                ('memory without a file', '<memory snapshot="external"/>'),
                ('memory in a file', f'<memory file="{self.path("m")}"/>'),
                ('internal memory in a file', '<memory snapshot="internal" file="/x"/>'),
                ('no disks', '<disks><disk name="vda" snapshot="no"/></disks>'),
                ('manual disk', '<disks><disk name="vda" snapshot="manual"/></disks>'),
                ('external drive', '<disks><disk name="hda" snapshot="external"/></disks>'),
                ('internal drive', '<disks><disk name="hda" snapshot="internal"/></disks>'),
                ('external disk', '<disks><disk name="vda" snapshot="external"/></disks>'),
                ('bad mode', '<disks><disk name="vda" snapshot="strange"/></disks>'),
                ('disk without a name', '<disks><disk snapshot="no"/></disks>'),
                ('disk twice', '<disks><disk name="vda"/><disk name="vda"/></disks>'),
                ('three disks', '<disks><disk name="vda"/><disk name="hda"/>'
                 '<disk name="x"/></disks>'),
                ('relative path', '<disks><disk name="vda"><source file="x"/></disk></disks>'),
                ('unknown format', '<disks><disk name="vda"><driver type="x"/></disk></disks>'),
                ('volume', '<disks><disk name="vda" type="volume"/></disks>'),
                ('unknown type', '<disks><disk name="vda" type="strange"/></disks>')):
            self.create(f'off: {name}', guest, f'<name>x</name>{xml}' if '<name>' not in xml
                        else xml)
        self.state('off, refused', guest)
        first = self.create('off: first', guest,
                            '<name>first</name><description>the first</description>')
        self.create('off: second', guest, '<name>second</name>')
        self.create('off: first again', guest, '<name>first</name>')
        self.create('off: without metadata', guest, '<name>hidden</name>', _NO_METADATA)
        self.create('off: halted', guest, '<name>halted</name>', _HALT)
        self.state('off, taken', guest)
        if first is None:
            return
        step('off: revert', guest.revertToSnapshot, first, 0)
        self.state('off, reverted', guest)
        step('off: revert, both', guest.revertToSnapshot, first, _RUNNING | _PAUSED)
        step('off: revert, unknown flags', guest.revertToSnapshot, first, 1 << 20)
        step('off: revert as paused', guest.revertToSnapshot, first, _PAUSED)
        self.state('off, reverted as paused', guest)
        step('off: revert as running', guest.revertToSnapshot, first, _RUNNING)
        self.state('off, reverted as running', guest)
        step('off: revert a running domain', guest.revertToSnapshot, first, 0)
        self.state('off, reverted a running domain', guest)
        self.create('off: branch', guest, '<name>branch</name>')
        step('off: undefine', guest.undefine)
        step('off: rename', guest.rename, 'other', 0)
        step('off: delete the first', first.delete, 0)
        self.state('off, deleted the first', guest)
        step('off: delete it again', first.delete, 0)
        step('off: revert to a deleted one', guest.revertToSnapshot, first, 0)
        second = guest.snapshotLookupByName('second')
        step('off: delete, unknown flags', second.delete, 1 << 20)
        step('off: delete, both', second.delete, _CHILDREN | _CHILDREN_ONLY)
        step('off: delete the children alone', second.delete, _CHILDREN_ONLY)
        self.state('off, deleted the children alone', guest)
        self.create('off: third', guest, '<name>third</name>')
        step('off: delete metadata', second.delete, _METADATA)
        self.state('off, deleted metadata', guest)
        step('off: undefine with metadata', guest.undefineFlags,
             libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA)
        self.step('off, undefined: events', self.log.read, self.connection)

    def running(self) -> None:
        """Snapshots with the memory of a running domain."""
        step = self.step
        guest = self.define('guest', self.disk(self.image('disk')))
        guest.create()
        self.log.read(self.connection)
        for name, xml in (
                ('no memory', '<memory snapshot="no"/>'),
                ('disk excluded', '<disks><disk name="vda" snapshot="no"/></disks>'),
                ('external disk', '<disks><disk name="vda" snapshot="external"/></disks>'),
                ('external memory, internal disk', f'<memory file="{self.path("m")}"/>'
                 '<disks><disk name="vda" snapshot="internal"/></disks>'),
                ('relative memory', '<memory file="m"/>')):
            self.create(f'running: {name}', guest, f'<name>x</name>{xml}')
        step('running: disk only, with memory', guest.snapshotCreateXML,
             f'<domainsnapshot><memory file="{self.path("m")}"/></domainsnapshot>', _DISK_ONLY)
        step('running: disk only, internal', guest.snapshotCreateXML, '<domainsnapshot><disks>'
             '<disk name="vda" snapshot="internal"/></disks></domainsnapshot>', _DISK_ONLY)
        step('running: live', guest.snapshotCreateXML, '<domainsnapshot/>', _LIVE)
        first = self.create('running: first', guest, '<name>first</name>')
        self.state('running, first', guest)
        guest.suspend()
        second = self.create('running: second, paused', guest, '<name>second</name>')
        self.state('running, second', guest)
        if first is None or second is None:
            return
        step('running: revert', guest.revertToSnapshot, first, 0)
        self.state('running, reverted', guest)
        step('running: revert to the paused one', guest.revertToSnapshot, second, 0)
        self.state('running, reverted to the paused one', guest)
        step('running: revert to the paused one as running', guest.revertToSnapshot, second,
             _RUNNING)
        self.state('running, reverted to the paused one as running', guest)
        step('running: revert as paused, forced', guest.revertToSnapshot, first, _PAUSED | _FORCE)
        self.state('running, reverted as paused', guest)
        guest.destroy()
        self.log.read(self.connection)
        step('running: revert a domain that is off', guest.revertToSnapshot, first, 0)
        self.state('running, reverted a domain that is off', guest)
        third = self.create('running: halted', guest, '<name>third</name>', _HALT)
        self.state('running, halted', guest)
        if third is None:
            return
        step('running: undefine', guest.undefine)
        guest.create()
        guest.managedSave()
        self.create('running: of a saved domain', guest, '<name>saved</name>')
        saved = guest.snapshotLookupByName('saved')
        step('running: revert a saved domain', guest.revertToSnapshot, saved, 0)
        step('running: revert a saved domain, forced', guest.revertToSnapshot, saved, _FORCE)
        self.state('running, reverted a saved domain', guest)
        step('running: managed save', guest.hasManagedSaveImage)
        guest.managedSaveRemove() if guest.hasManagedSaveImage() else None
        # libvirtd 9.0.0 crashes if the children that it deletes have children themselves.
        step('running: delete the grandchild', saved.delete, 0)
        step('running: delete with the children', first.delete, _CHILDREN)
        self.state('running, deleted with the children', guest)
        guest.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA)
        guest = self.world.write.createXML(self.world.xml(
            'guest', more=f'<devices>{self.disk(self.path("disk"))}</devices>'))
        self.log.read(self.connection)
        self.create('transient: halted', guest, '<name>x</name>', _HALT)
        first = self.create('transient: first', guest, '<name>first</name>')
        if first is not None:
            step('transient: revert', guest.revertToSnapshot, first, 0)
            self.state('transient, reverted', guest)
            step('transient: delete', first.delete, 0)
        guest.destroy()
        step('transient, destroyed: events', self.log.read, self.connection)

    def other_disks(self) -> None:
        """Domains without disks that can store a snapshot."""
        with open(self.path('raw'), 'wb') as stream:
            stream.truncate(MIB)
        os.chmod(self.path('raw'), 0o666)       # noqa: S103 - for a daemon of another user
        guest = self.define('guest', self.disk(self.path('raw'), form='raw'))
        self.create('raw: off', guest, '<name>x</name>')
        guest.create()
        self.create('raw: running', guest, '<name>x</name>')
        guest.destroy()
        guest = self.define('guest')
        self.create('no disk: off', guest, '<name>x</name>')
        guest.create()
        self.create('no disk: running', guest, '<name>x</name>')
        self.create('no disk: disk only', guest, '<name>x</name>', _DISK_ONLY)
        guest.destroy()
        with open(self.path('nvdimm'), 'wb') as stream:
            stream.truncate(64 * MIB)
        os.chmod(self.path('nvdimm'), 0o666)    # noqa: S103 - for a daemon of another user
        guest = self.world.define('guest', more=_NVDIMM.format(
            disk=self.disk(self.image('disk')), path=self.path('nvdimm')))
        guest.create()
        first = self.create('nvdimm: running', guest, '<name>first</name>')
        self.create('nvdimm: memory in a file', guest,
                    f'<name>file</name><memory file="{self.path("m")}"/>')
        self.state('nvdimm', guest)
        if first is not None:
            self.step('nvdimm: revert', guest.revertToSnapshot, first, 0)
            self.state('nvdimm, reverted', guest)
        guest.destroy()
        for snapshot in guest.listAllSnapshots():
            snapshot.delete(_METADATA)
        self.log.read(self.connection)

    def external(self) -> None:
        """Snapshots in new files."""
        step = self.step
        for name in os.listdir(self.directory):
            os.unlink(self.path(name))
        guest = self.define('guest', self.disk(self.image('disk.img')))
        self.log.read(self.connection)
        self.create('external: off', guest, '<name>off</name>', _DISK_ONLY)
        self.state('external, off', guest)
        self.create('external: off again, file exists', guest, '<name>x</name><disks>'
                    f'<disk name="vda"><source file="{self.path("disk.img")}"/></disk></disks>',
                    _DISK_ONLY)
        self.create('external: reuse a missing file', guest, '<name>x</name><disks>'
                    f'<disk name="vda"><source file="{self.path("none")}"/></disk></disks>',
                    _DISK_ONLY | _REUSE)
        guest.create()
        self.create('external: disk', guest, '<name>disk</name>', _DISK_ONLY)
        self.state('external, disk', guest)
        both = self.create('external: memory', guest,
                           f'<name>both</name><memory file="{self.path("memory")}"/>')
        self.state('external, memory', guest)
        self.create('external: memory alone, live', guest,
                    f'<name>live</name><memory file="{self.path("live")}"/>', _LIVE)
        self.state('external, live', guest)
        step('external: delete the active one', guest.snapshotLookupByName('live').delete, 0)
        self.state('external, deleted the active one', guest)
        self.create('external: live again', guest,
                    f'<name>live</name><memory file="{self.path("live")}"/>', _LIVE)
        self.create('external: mixed with internal ones', guest, '<name>internal</name>')
        step('external: revert', guest.revertToSnapshot, both, 0)
        self.create('external: halted', guest, '<name>halted</name>', _HALT | _DISK_ONLY)
        self.state('external, halted', guest)
        step('external: undefine', guest.undefine)
        for name, flags in (('children', _CHILDREN), ('children alone', _CHILDREN_ONLY)):
            step(f'external: delete, {name}', both.delete, flags)
        step('external: delete the live one',
             guest.snapshotLookupByName('live').delete, _METADATA)
        step('external: delete the last', guest.snapshotLookupByName('halted').delete, 0)
        self.state('external, deleted the last', guest)
        guest.create()
        self.log.read(self.connection)
        step('external: delete the internal one', guest.snapshotLookupByName('internal').delete, 0)
        step('external: delete the one with memory', both.delete, 0)
        self.state('external, deleted the one with memory', guest)
        guest.destroy()
        step('external: delete the first', guest.snapshotLookupByName('off').delete, 0)
        self.state('external, deleted the first', guest)
        for snapshot in guest.listAllSnapshots():
            snapshot.delete(_METADATA)
        guest.undefine()
        self.log.read(self.connection)

    def redefinition(self) -> None:
        """Snapshots that a client defines."""
        step = self.step
        guest = self.define('guest', self.disk(self.image('disk')))
        first = self.create('redefine: first', guest, '<name>first</name>')
        second = self.create('redefine: second', guest, '<name>second</name>')
        if first is None or second is None:
            return
        text, child = first.getXMLDesc(), second.getXMLDesc()

        def redefine(name: str, xml: str, flags: int = 0) -> None:
            step(f'redefine: {name}', guest.snapshotCreateXML, xml, _REDEFINE | flags)
        redefine('no name', text.replace('<name>first</name>', '', 1))
        redefine('no time', re.sub('<creationTime>.*?</creationTime>', '', text))
        redefine('no state', text.replace('<state>shutoff</state>', ''))
        redefine('bad state', text.replace('>shutoff<', '>strange<', 1))
        redefine('another state', text.replace('>shutoff<', '>running<', 1))
        redefine('disk state', text.replace('>shutoff<', '>disk-snapshot<', 1))
        redefine('disk only', text, _DISK_ONLY)
        redefine('own parent', child.replace('<name>first</name>', '<name>second</name>', 1))
        redefine('missing parent', child.replace('<name>first</name>', '<name>none</name>', 1))
        redefine('cycle', text.replace(
            '<creationTime>', '<parent><name>second</name></parent><creationTime>', 1))
        redefine('another domain', text.replace(guest.UUIDString(), self.world.uuid('else')))
        redefine('halt', text, _HALT)
        redefine('no metadata', text, _NO_METADATA)
        redefine('unchanged', text)
        redefine('current', text, _CURRENT)
        self.state('redefine, current', guest)
        redefine('description', text.replace('<state>', '<description>new</description><state>'))
        self.document('redefine: described', first)
        redefine('new', text.replace('<name>first</name>', '<name>new</name>', 1))
        redefine('new as child', child.replace('<name>second</name>', '<name>child</name>', 1))
        redefine('without a domain', re.sub('<domain .*</domain>', '', text.replace(
            '<name>first</name>', '<name>bare</name>', 1), flags=re.DOTALL))
        self.state('redefine, new', guest)
        step('redefine: revert to a new one', guest.revertToSnapshot,
             guest.snapshotLookupByName('new'), 0)
        self.state('redefine, reverted', guest)
        second.delete(0)
        redefine('deleted one', child)
        self.state('redefine, deleted one', guest)
        self.listings(guest)
        guest.create()
        guest.snapshotCreateXML('<domainsnapshot><name>online</name></domainsnapshot>')
        online = guest.snapshotLookupByName('online')
        text = online.getXMLDesc()
        online.delete(0)
        redefine('running', text)
        self.document('redefine: running, document', online)
        redefine('running, off', text.replace('>running<', '>shutoff<'))
        redefine('running, paused', text.replace('>running<', '>paused<'))
        redefine('running, memory', text.replace(
            '>running<', '>paused<').replace("memory snapshot='internal'", "memory snapshot='no'"))
        self.log.read(self.connection)
        step('redefine: revert to a running one', guest.revertToSnapshot, online)
        self.state('redefine, reverted to a running one', guest)
        guest.create()
        step('redefine: delete a running one', online.delete, 0)
        guest.destroy()
        guest.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA)

    def listings(self, guest: libvirt.virDomain) -> None:
        """Listings with filters."""
        for bit in range(12):
            self.step(f'list: flag {bit}', lambda flag: sorted(
                snapshot.getName() for snapshot in guest.listAllSnapshots(flag)), 1 << bit)
            self.step(f'list: children, flag {bit}', lambda flag: sorted(
                snapshot.getName() for snapshot in guest.snapshotLookupByName(
                    'first').listAllChildren(flag)), 1 << bit)

    def run(self) -> None:
        for part in (self.off, self.running, self.other_disks, self.external, self.redefinition):
            part()


def _parent(snapshot: libvirt.virDomainSnapshot) -> str | None:
    try:
        return str(snapshot.getParent().getName())
    except libvirt.libvirtError:
        return None


outcomes = _Session.outcomes
