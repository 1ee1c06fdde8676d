"""A session with block jobs: commits, pulls and copies of disks with and without a chain.

Everything happens in one directory, whose path is replaced in outcomes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

import libvirt

from tests.conformance.event_session import EventSession
from vpmem_harness.libvirtd.hypervisor.storage import qcow2

_MIB = 1024**2
_ACTIVE = libvirt.VIR_DOMAIN_BLOCK_COMMIT_ACTIVE
_SHALLOW = libvirt.VIR_DOMAIN_BLOCK_COMMIT_SHALLOW
_COPY = libvirt.VIR_DOMAIN_BLOCK_REBASE_COPY
_RAW = libvirt.VIR_DOMAIN_BLOCK_REBASE_COPY_RAW
_REUSE = libvirt.VIR_DOMAIN_BLOCK_REBASE_REUSE_EXT
_RELATIVE = libvirt.VIR_DOMAIN_BLOCK_REBASE_RELATIVE
_PIVOT = libvirt.VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT
_TRANSIENT = libvirt.VIR_DOMAIN_BLOCK_COPY_TRANSIENT_JOB

_DEVICES = '''<devices>
<disk type='file' device='disk'><driver type='qcow2'/><source file='{top}'/>
<target dev='vda' bus='virtio'/></disk>
<disk type='file' device='disk'><driver type='qcow2'/><source file='{single}'/>
<target dev='vdb' bus='virtio'/></disk>
<disk type='file' device='disk'><driver type='raw'/><source file='{raw}'/>
<target dev='vdc' bus='virtio'/></disk>
<disk type='file' device='cdrom'><target dev='hda' bus='ide'/></disk></devices>'''


class _Session(EventSession):

    guest: libvirt.virDomain

    def _image(self, name: str, below: str | None = None) -> None:
        with open(self.path(name), 'wb') as stream:
            for offset, piece in qcow2.new_image(
                    8 * _MIB, version=3, backing_format='qcow2',
                    backing=None if below is None else self.path(below)):
                stream.seek(offset)
                stream.write(piece)
        os.chmod(self.path(name), 0o666)        # noqa: S103 - in a private directory

    def _images(self) -> str:
        self._image('base')
        self._image('mid', 'base')
        self._image('top', 'mid')
        self._image('single')
        for name, size in (('raw', _MIB), ('exists', 1)):
            with open(self.path(name), 'wb') as stream:
                stream.truncate(size)
            os.chmod(self.path(name), 0o666)    # noqa: S103 - in a private directory
        return _DEVICES.format(**{name: self.path(name) for name in ('top', 'single', 'raw')})

    def _begin(self, name: str, *, transient: bool = True) -> None:
        devices = self._images()
        self.guest = (self.world.write.createXML(self.world.xml(name, more=devices)) if transient
                      else self.world.start(name, more=devices))
        self.log.read(self.world.write)

    def _end(self) -> None:
        self.guest.destroy()
        for name in os.listdir(self.directory):
            os.unlink(self.path(name))

    def refused(self, name: str, call: Callable[..., Any], *arguments: Any) -> None:
        """Make a call that fails."""
        self.world.step(name, call, *arguments)

    def job(self, name: str, call: Callable[..., Any], *arguments: Any) -> None:
        """Make a call that changes a job; wait for its event, and record the disk."""
        if self.world.step(name, call, *arguments) is None:
            return
        seen: list[str] = []
        while not any(event.startswith('BLOCK_JOB_2') for event in seen):
            seen += self.log.read(self.world.write)
        self.world.step(f'{name}: events', lambda: seen)
        self.world.step(f'{name}: disk', self._disk, arguments[0])

    def _disk(self, target: str, flags: int = 0) -> str | None:
        found = re.search(rf"<disk (?:(?!<disk ).)*?<target dev='{target}'",
                          self.guest.XMLDesc(flags), re.DOTALL)
        return None if found is None else found.group()

    def off(self) -> None:
        guest = self.world.define('off', more=self._images())
        for number, arguments in enumerate((
                ('vda', None, None, 0, 0), ('vda', None, None, 0, _ACTIVE),
                ('zzz', None, None, 0, 0), ('vda', 'x', None, 0, 0),
                ('vda', None, None, 0, _SHALLOW), ('vda', None, None, 0, 1 << 9),
                ('hda', None, None, 0, 0))):
            self.refused(f'off: commit {number}', guest.blockCommit, *arguments)
        for number, arguments in enumerate((
                ('vda', None, 0, 0), ('vda', 'x', 0, _COPY), ('vda', '/x', 0, _COPY),
                ('vda', None, 0, _RELATIVE), ('zzz', None, 0, 0), ('vda', None, 0, _RAW))):
            self.refused(f'off: rebase {number}', guest.blockRebase, *arguments)
        for number, xml in enumerate((
                self._copy('x'), self._copy('/x'), '<disk/>', '<a/>', '<x')):
            self.refused(f'off: copy {number}', guest.blockCopy, 'vda', xml)
        self.refused('off: pull', guest.blockPull, 'zzz')

    def _copy(self, path: str, form: str = 'qcow2') -> str:
        return (f"<disk type='file'><driver type='{form}'/>"
                f"<source file='{self.path(path)}'/></disk>" if path[:1] not in 'x/' else
                f"<disk type='file'><source file='{path}'/></disk>")

    def refusals(self) -> None:
        self._begin('refusals')
        guest, base, mid, top = self.guest, *(self.path(name) for name in ('base', 'mid', 'top'))
        for number, arguments in enumerate((
                ('vda', None, None, 0, 0), ('vda', 'x', None, 0, 0),
                ('vda', 'x', None, 0, _ACTIVE), ('vda', None, 'x', 0, 0), ('vda', mid, top, 0, 0),
                ('vda', top, None, 0, _ACTIVE), ('vda', mid, mid, 0, 0), ('vda', top, mid, 0, 0),
                ('vda', base, None, 0, _ACTIVE | _SHALLOW), ('vda', mid, None, 0, _SHALLOW),
                ('vda', None, base, 0, 0), ('vda', None, mid, 0, _ACTIVE),
                ('vda', 'vda[9]', None, 0, _ACTIVE), ('vda', 'vdb[1]', None, 0, _ACTIVE),
                ('vda', 'vda', None, 0, _ACTIVE), ('vda', '1', None, 0, _ACTIVE),
                ('vda', 'vda[0]', None, 0, _ACTIVE),
                ('hda', None, None, 0, 0), ('vdb', None, None, 0, _ACTIVE),
                ('vdc', None, None, 0, _ACTIVE), ('zzz', None, None, 0, 0),
                ('vda', None, None, 1 << 50, _ACTIVE))):
            self.refused(f'commit {number}', guest.blockCommit, *arguments)
        for number, arguments in enumerate((
                ('vda', 'x', 0, 0), ('vda', top, 0, 0), ('vda', 'vda[9]', 0, 0),
                ('hda', None, 0, 0), ('vda', None, 1 << 60, 0), ('vda', 'x', 0, _COPY),
                ('vda', self.path('exists'), 0, _COPY),
                ('vda', self.path('none'), 0, _COPY | _REUSE),
                ('hda', self.path('new'), 0, _COPY), ('hda', self.path('exists'), 0, _COPY))):
            self.refused(f'rebase {number}', guest.blockRebase, *arguments)
        for number, (xml, parameters) in enumerate((
                (self._copy('exists'), {}), (self._copy('new'), {'granularity': 3}),
                (self._copy('new'), {'bandwidth': 1 << 63}),
                (self._copy('new'), {'buf-size': 1 << 63}),
                (self._copy('new', 'foo'), {}), ('<disk/>', {}),
                ("<disk type='block'><source dev='/none'/></disk>", {}),
                ("<disk type='foo'><source dev='/none'/></disk>", {}))):
            self.refused(f'copy {number}', guest.blockCopy, 'vda', xml, parameters)
        for name, target in (('none', 'vdb'), ('empty', 'hda'), ('unknown', 'zzz')):
            self.refused(f'abort: {name}', guest.blockJobAbort, target)
            self.refused(f'info: {name}', guest.blockJobInfo, target)
            self.refused(f'speed: {name}', guest.blockJobSetSpeed, target, 5)
        self._end()

    def commits(self) -> None:
        self._begin('commits')
        guest, mid = self.guest, self.path('mid')
        self.job('commit the middle', guest.blockCommit, 'vda', None, mid, 0, 0)
        self.job('commit the top', guest.blockCommit, 'vda', None, None, 0, _ACTIVE)
        self.world.step('info of a commit', guest.blockJobInfo, 'vda')
        self.refused('commit again', guest.blockCommit, 'vda', None, None, 0, _ACTIVE)
        self.refused('pull beside it', guest.blockPull, 'vda')
        self.refused('detach beside it', guest.detachDevice,
                     "<disk type='file'><target dev='vda' bus='virtio'/></disk>")
        self.refused('save beside it', guest.save, self.path('saved'))
        self.refused('resize beside it', guest.blockResize, 'vda', 16 * _MIB, 1)
        self.job('abort', guest.blockJobAbort, 'vda')
        self.job('commit once more', guest.blockCommit, 'vda', None, None, 0, _ACTIVE)
        self.job('pivot', guest.blockJobAbort, 'vda', _PIVOT)
        self._end()
        self._begin('shallow')
        guest = self.guest
        self.job('commit to the next', guest.blockCommit, 'vda', None, None, 0,
                 _ACTIVE | _SHALLOW)
        self.job('pivot to the next', guest.blockJobAbort, 'vda', _PIVOT)
        self._end()

    def pulls(self) -> None:
        self._begin('pulls')
        guest = self.guest
        self.job('pull to the next', guest.blockRebase, 'vda', self.path('mid'), 0, 0)
        self.job('pull a part', guest.blockRebase, 'vda', self.path('base'), 0, 0)
        self.job('pull', guest.blockPull, 'vda')
        self.job('pull again', guest.blockPull, 'vda')
        self.job('pull a raw disk', guest.blockPull, 'vdc')
        self._end()

    def copies(self) -> None:
        self._begin('copies')
        guest = self.guest
        self.job('copy', guest.blockCopy, 'vda', self._copy('one'))
        self.world.step('info of a copy', guest.blockJobInfo, 'vda')
        self.world.step('speed', guest.blockJobSetSpeed, 'vda', 5)
        self.world.step('info with the speed', guest.blockJobInfo, 'vda')
        self.job('abort the copy', guest.blockJobAbort, 'vda')
        self.job('shallow copy', guest.blockCopy, 'vda', self._copy('two'), {},
                 libvirt.VIR_DOMAIN_BLOCK_COPY_SHALLOW)
        self.job('pivot to the copy', guest.blockJobAbort, 'vda', _PIVOT)
        self.job('copy by rebase', guest.blockRebase, 'vda', self.path('three'), 0,
                 _COPY | _RAW)
        self.job('pivot to it', guest.blockJobAbort, 'vda', _PIVOT)
        self.job('copy of a raw disk', guest.blockCopy, 'vdc', self._copy('four'))
        self.job('pivot to qcow2', guest.blockJobAbort, 'vdc', _PIVOT)
        self._end()

    def statistics(self) -> None:
        self._begin('statistics')
        guest, step = self.guest, self.world.step
        for flags in (0, libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_BACKING):
            step(f'names of statistics, flags {flags}', self._statistics, flags)
        for number, (device, threshold) in enumerate((
                ('vda', 5), ('vda[5]', 7), ('vda[9]', 7), ('vdb', 0), ('hda', 7), ('vdc', 1 << 40),
                ('vda[4]', 0))):
            step(f'threshold {number}', guest.setBlockThreshold, device, threshold)
            step(f'thresholds {number}', self._thresholds)
        self._end()

    def _all(self, flags: int) -> dict[str, object]:
        return self.world.write.domainListGetStats(
            [self.guest], libvirt.VIR_DOMAIN_STATS_BLOCK, flags)[0][1]

    def _statistics(self, flags: int) -> list[object]:
        """Return the names of the statistics, and those values that do not change by themselves."""
        return [[name, value if name.rpartition('.')[2] in (
            'count', 'name', 'path', 'backingIndex', 'capacity') else None]
            for name, value in self._all(flags).items()]

    def _thresholds(self) -> dict[str, object]:
        return {name: value for name, value in self._all(
            libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_BACKING).items() if 'threshold' in name}

    def persistent(self) -> None:
        self._begin('persistent', transient=False)
        guest = self.guest
        self.refused('copy of a persistent domain', guest.blockCopy, 'vda', self._copy('one'))
        self.job('transient copy', guest.blockCopy, 'vda', self._copy('one', 'raw'), {},
                 _TRANSIENT)
        self.job('pivot to the transient copy', guest.blockJobAbort, 'vda', _PIVOT)
        self._configured('a copy')
        self._end()
        self._begin('shallow copy', transient=False)
        guest = self.guest
        self.job('transient shallow copy', guest.blockCopy, 'vda', self._copy('one'), {},
                 _TRANSIENT | libvirt.VIR_DOMAIN_BLOCK_COPY_SHALLOW)
        self.job('pivot to the shallow copy', guest.blockJobAbort, 'vda', _PIVOT)
        self._configured('a shallow copy')
        self._end()
        self._begin('commit', transient=False)
        guest = self.guest
        self.job('commit of a configured disk', guest.blockCommit, 'vda', None, None, 0,
                 _ACTIVE | _SHALLOW)
        self.job('pivot of a configured disk', guest.blockJobAbort, 'vda', _PIVOT)
        self._configured('a commit')
        self.job('pull of a configured disk', guest.blockPull, 'vda')
        self._configured('a pull')
        self._end()

    def _configured(self, name: str) -> None:
        self.world.step(f'configuration after {name}', self._disk, 'vda',
                        libvirt.VIR_DOMAIN_XML_INACTIVE)

    def run(self) -> None:
        for part in (self.off, self.refusals, self.commits, self.pulls, self.copies,
                     self.statistics, self.persistent):
            part()


outcomes = _Session.outcomes
