"""A session with guests that share images, whose locks QEMU keeps.

Everything happens in one directory, whose path is replaced in outcomes.
"""

from __future__ import annotations

import os
import re
from typing import Any

import libvirt

from tests.conformance.calls.world import Outcome, Session, World, with_texts
from vpmem_harness.libvirtd.hypervisor.storage import qcow2

_MIB = 1024**2
_LIVE = libvirt.VIR_DOMAIN_AFFECT_LIVE
_FORM = libvirt.VIR_DOMAIN_BLOCK_COMMIT_ACTIVE
_PIVOT = libvirt.VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT
_DISK_ONLY = (libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY
              | libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_NO_METADATA)
_READ, _SHARED = '<readonly/>', '<shareable/>'
_BOTH = _READ + _SHARED
#: Image to the one below it, with its format.
_IMAGES = {'raw': None, 'other': None, 'q': None, 'top': ('q', 'qcow2'), 'top2': ('q', 'qcow2'),
           'on-raw': ('raw', 'raw'), 'highest': ('top', 'qcow2')}
#: Two disks of two guests: image, format, and more of the disk; the bus, if it is not virtio.
_CASES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    **{f'raw {first or "w"} then {second or "w"}': (('raw', 'raw', first), ('raw', 'raw', second))
       for first in ('', _READ, _SHARED, _BOTH) for second in ('', _READ, _SHARED, _BOTH)},
    **{f'qcow2 {first or "w"} then {second or "w"}': (('q', 'qcow2', first),
                                                      ('q', 'qcow2', second))
       for first in ('', _READ) for second in ('', _READ)},
    'backing file then overlay': (('q', 'qcow2', ''), ('top', 'qcow2', '')),
    'overlay then backing file': (('top', 'qcow2', ''), ('q', 'qcow2', '')),
    'overlay then reader of its backing file': (('top', 'qcow2', ''), ('q', 'qcow2', _READ)),
    'two overlays': (('top', 'qcow2', ''), ('top2', 'qcow2', '')),
    'middle of a chain': (('top', 'qcow2', ''), ('highest', 'qcow2', '')),
    'end of a chain': (('q', 'qcow2', ''), ('highest', 'qcow2', '')),
    'raw then overlay': (('raw', 'raw', ''), ('on-raw', 'qcow2', '')),
    'shared raw then overlay': (('raw', 'raw', _SHARED), ('on-raw', 'qcow2', '')),
    'overlay then raw': (('on-raw', 'qcow2', ''), ('raw', 'raw', '')),
    'qcow2 as raw then qcow2': (('q', 'raw', ''), ('q', 'qcow2', '')),
    'qcow2 then as raw': (('q', 'qcow2', ''), ('q', 'raw', '')),
    'ide': (('raw', 'raw', '', 'ide'), ('raw', 'raw', '', 'ide')),
    'sata': (('raw', 'raw', '', 'sata'), ('raw', 'raw', '', 'sata')),
    'scsi': (('raw', 'raw', '', 'scsi'), ('raw', 'raw', '', 'scsi')),
    'usb': (('raw', 'raw', '', 'usb'), ('raw', 'raw', '', 'usb')),
    'cdrom': (('raw', 'raw', '', 'cdrom'), ('raw', 'raw', '', 'cdrom')),
    'disk then cdrom': (('raw', 'raw', ''), ('raw', 'raw', '', 'cdrom')),
    'cdrom then disk': (('raw', 'raw', '', 'cdrom'), ('raw', 'raw', '')),
    'floppy': (('raw', 'raw', '', 'fdc'), ('raw', 'raw', '', 'fdc')),
    'driver of raw': (('raw', 'raw', ''), ('raw', 'raw', '<serial>s</serial><boot order="2"/>')),
}
_TARGETS = {'virtio': 'vda', 'ide': 'hda', 'cdrom': 'hda', 'fdc': 'fda'}
#: The time in QEMU's messages, and what races decide before it.
_TIME = re.compile(r'\d{4}-\d\d-\d\dT[\d:.]+Z (?=qemu-system)')
_ENDED = re.compile('(process exited while connecting to|qemu unexpectedly closed the) monitor')


class _Session(Session):

    def images(self) -> None:
        """Create the images."""
        for name, below in _IMAGES.items():
            with open(self.path(name), 'wb') as stream:
                if name in ('raw', 'other'):
                    stream.truncate(16 * _MIB)
                    continue
                for offset, piece in qcow2.new_image(
                        16 * _MIB, version=3, backing=below and self.path(below[0]),
                        backing_format=below and below[1]):
                    stream.seek(offset)
                    stream.write(piece)
        for name in _IMAGES:
            os.chmod(self.path(name), 0o666)    # noqa: S103 - for a daemon of another user

    def disk(self, image: str | None, form: str = 'raw', more: str = '', bus: str = 'virtio',
             target: str = '', driver: str = '') -> str:
        source = '' if image is None else f"<source file='{self.path(image)}'/>"
        device = {'cdrom': 'cdrom', 'fdc': 'floppy'}.get(bus, 'disk')
        return (f"<disk type='file' device='{device}'><driver name='qemu' type='{form}'{driver}/>"
                f"{source}<target dev='{target or _TARGETS.get(bus, 'sda')}' "
                f"bus='{'ide' if bus == 'cdrom' else bus}'/>{more}</disk>")

    def define(self, name: str, *disks: str) -> libvirt.virDomain:
        return self.world.define(
            name, more=f"<features><acpi/></features><devices>{''.join(disks)}</devices>")

    def start(self, name: str, *disks: str) -> libvirt.virDomain:
        domain = self.define(name, *disks)
        domain.create()
        return domain

    def pairs(self) -> None:
        for name, (first, second) in _CASES.items():
            one, two = self.start('one', self.disk(*first)), self.define('two', self.disk(*second))
            self.step(f'start: {name}', two.create)
            if two.isActive():
                two.destroy()
            if second[3:] in ((), ('scsi',)):
                two = self.start('two')
                self.step(f'attach: {name}', two.attachDeviceFlags, self.disk(*second), _LIVE)
                self.step(f'disks: {name}', lambda two=two: two.XMLDesc().count('<disk '))
                two.destroy()
            one.destroy()

    def drivers(self) -> None:
        """Start guests whose disks have other options."""
        one = self.start('one', self.disk('raw'), self.disk('q', 'qcow2', target='vdb'))
        for name, driver in (('no cache', " cache='none'"), ('discard', " discard='unmap'"),
                             ('cache and discard', " cache='none' discard='unmap'"),
                             ('writeback', " cache='writeback'"),
                             ('writethrough', " cache='writethrough'"),
                             ('unsafe', " cache='unsafe'"),
                             ('zeroes', " discard='unmap' detect_zeroes='unmap'"),
                             ('native', " cache='none' io='native'")):
            for image, form in (('raw', 'raw'), ('q', 'qcow2'), ('top', 'qcow2')):
                two = self.define('two', self.disk(image, form, driver=driver))
                self.step(f'driver: {image}, {name}', two.create)
        one.destroy()
        twice = self.define('two', self.disk('raw'), self.disk('raw', target='vdb'))
        self.step('one image twice', twice.create)
        twice = self.define('two', self.disk('q', 'qcow2'), self.disk('q', 'qcow2', target='vdb'))
        self.step('one qcow2 image twice', twice.create)
        twice = self.define('two', self.disk('top', 'qcow2'), self.disk('q', 'qcow2', target='vdb'))
        self.step('an image and its backing file', twice.create)
        one = self.start('one', self.disk('q', 'qcow2'))
        mixed = self.define('two', self.disk('raw'), self.disk('raw', target='vdb'),
                            self.disk('q', 'qcow2', target='vdc'))
        self.step('blockdev before device', mixed.create)
        one.destroy()

    def life(self) -> None:
        step = self.step
        one = self.start('one', self.disk('raw'), self.disk(None, bus='cdrom'))
        two = self.define('two', self.disk('raw'))
        one.suspend()
        step('beside a paused guest', two.create)
        one.resume()
        step('after a refusal: state', two.state)
        step('insert an image in use', one.updateDeviceFlags,
             self.disk('raw', bus='cdrom'), _LIVE)
        step('insert an image', one.updateDeviceFlags, self.disk('other', bus='cdrom'), _LIVE)
        three = self.define('three', self.disk('other'))
        step('an inserted image', three.create)
        step('eject', one.updateDeviceFlags, self.disk(None, bus='cdrom'), _LIVE)
        step('an ejected image', three.create)
        step('insert an image of another guest', one.updateDeviceFlags,
             self.disk('other', bus='cdrom'), _LIVE)
        three.destroy()
        one.destroy()
        step('after the end', two.create)
        two.destroy()

    def snapshots(self) -> None:
        step = self.step
        one = self.start('one', self.disk('q', 'qcow2'))
        xml = ("<domainsnapshot><disks><disk name='vda' snapshot='external'><source file='"
               f"{self.path('new')}'/></disk></disks></domainsnapshot>")
        step('snapshot', lambda: one.snapshotCreateXML(xml, _DISK_ONLY) and None)
        step('the overlay of a snapshot', self.define('two', self.disk('new', 'qcow2')).create)
        step('a writer of the backing file', self.define('two', self.disk('q', 'qcow2')).create)
        beside = self.define('two', self.disk('top', 'qcow2'))
        step('another overlay', beside.create)
        beside.destroy()
        step('commit', one.blockCommit, 'vda', None, None, 0, _FORM)
        self._wait(one)
        step('beside a commit', beside.create)
        step('pivot', one.blockJobAbort, 'vda', _PIVOT)
        step('the backing file after the pivot',
             self.define('two', self.disk('q', 'qcow2')).create)
        one.destroy()

    def _wait(self, domain: libvirt.virDomain) -> None:
        """Wait until a commit can pivot: libvirt shows the end of the job only then."""
        for _ in range(10000):
            job = domain.blockJobInfo('vda')
            if job['cur'] == job['end']:
                return

    def saves(self) -> None:
        step = self.step
        one = self.start('one', self.disk('raw'))
        step('save', one.managedSave)
        two = self.start('two', self.disk('raw'))
        step('start a saved guest', one.create)
        step('saved guest: state', one.state)
        step('saved guest: has a saved image', one.hasManagedSaveImage)
        if one.isActive():
            step('resume a saved guest', one.resume)
            step('resumed guest: state', one.state)
            one.destroy()
        two.destroy()
        step('start a saved guest alone', one.create)
        if one.isActive():
            one.destroy()

    def outcomes(self) -> dict[str, Outcome]:
        def plain(text: str) -> str:
            text = _TIME.sub('', text.replace(self.directory, '<directory>'))
            return _ENDED.sub('QEMU ended at the monitor', text)
        return with_texts(self.world.outcomes, plain)

    def run(self) -> dict[str, Any]:
        self.images()
        self.pairs()
        self.drivers()
        self.life()
        self.snapshots()
        self.saves()
        return self.outcomes()


def outcomes(uri: str, directory: str) -> dict[str, Outcome]:
    """Return the outcome of each step on a daemon.

    :param directory: an empty directory in which the daemon can create files.
    """
    os.chmod(directory, 0o777)      # noqa: S103 - for a daemon of another user
    world = World(uri)
    try:
        return _Session(world, directory).run()
    finally:
        world.close()
