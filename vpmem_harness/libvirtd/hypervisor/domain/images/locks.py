"""The locks that QEMU keeps on the images of running guests.

A guest that writes to an image lets no other guest read or write it, unless its disk is shareable;
a guest that reads one lets no other guest write to it, unless its disk is shareable.
Source: QEMU 7.2, block/file-posix.c (raw_check_lock_bytes), block.c (bdrv_default_perms).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.hypervisor.domain import emulator
from vpmem_harness.libvirtd.hypervisor.domain.disk_sources import DiskSources
from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
from vpmem_harness.libvirtd.hypervisor.domain.images import options
from vpmem_harness.libvirtd.hypervisor.domain.images.transient import shares_backing
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.devices import disk_chain, disks
from vpmem_harness.libvirtd.xml.etree import Element

#: Jobs during which the guest writes to another image too.
_ACTIVE_COMMIT: Final = libvirt.VIR_DOMAIN_BLOCK_JOB_TYPE_ACTIVE_COMMIT


class Lock(NamedTuple):
    """A lock on the image at a path.

    :ivar writes: whether the guest writes to the image.
    :ivar shares: whether it lets other guests write.
    """

    path: str
    writes: bool
    shares: bool


class _Use(NamedTuple):
    """The use of an image by a disk.

    :ivar raw: whether QEMU takes the lock when it attaches the disk to its device. Other formats
        lock their image when it is opened.
    """

    lock: Lock
    disk: Element
    image: Element
    raw: bool


class Conflict(Exception):
    """A lock that QEMU does not get.

    :ivar option: the option of the command line that needs it.
    :ivar raw: whether QEMU attaches the disk to its device; else it opens the image.
    """

    def __init__(self, text: str, use: _Use, definition: Definition | None) -> None:
        super().__init__(text)
        self.raw = use.raw
        self._use, self._definition = use, definition

    @property
    def message(self) -> str:
        """What QEMU prints when it starts."""
        use = self._use
        option = '' if self._definition is None else (
            f'-device {options.device(use.disk, self._definition)}: ' if self.raw
            else f'-blockdev {options.blockdev(use.disk, use.image)}: ')
        return f'{option}{self}\nIs another process using the image [{use.lock.path}]?'


class ImageLocks:
    """The locks of a host's running guests, by path."""

    def __init__(self, sources: DiskSources) -> None:
        self._sources = sources
        self._by_path: dict[str, list[Lock]] = {}
        self._by_domain: dict[bytes, list[Lock]] = {}

    def check(self, definition: Definition) -> None:
        """Refuse a guest that is about to start if another one locks its images, or it does.

        :raises Conflict: QEMU does not get a lock.
        """
        uses = [use for disk in definition.devices.findall('disk') for use in self._uses(disk)]
        self._take([use for use in uses if not use.raw] + [use for use in uses if use.raw],
                   definition)

    def check_disk(self, disk: Element) -> None:
        """Refuse a disk that is about to be attached.

        :raises Conflict: QEMU does not get a lock.
        """
        self._take(sorted(self._uses(disk), key=lambda use: use.raw), None)

    def _take(self, uses: Iterable[_Use], definition: Definition | None) -> None:
        own: list[Lock] = []
        for use in uses:
            new = use.lock
            held = self._by_path.get(_key(new.path), [])
            if own:
                held = held + [lock for lock in own if _key(lock.path) == _key(new.path)]
            if new.writes and not all(lock.shares for lock in held):
                raise Conflict('Failed to get "write" lock', use, definition)
            if not new.shares and any(lock.writes for lock in held):
                raise Conflict('Failed to get shared "write" lock', use, definition)
            own.append(new)

    def release(self, domain: Domain) -> None:
        """Release the locks of a domain that has ended."""
        for lock in self._by_domain.pop(domain.uuid, ()):
            others = self._by_path[_key(lock.path)]
            others.remove(lock)
            if not others:
                del self._by_path[_key(lock.path)]

    def refresh(self, domain: Domain) -> None:
        """Note the locks of a domain that has started, or whose disks have changed."""
        self.release(domain)
        if domain.live is None:
            return
        locks = [lock for disk in domain.live.devices.findall('disk')
                 for lock in self._locks(domain, disk)]
        if locks:
            self._by_domain[domain.uuid] = locks
        for lock in locks:
            self._by_path.setdefault(_key(lock.path), []).append(lock)

    def _locks(self, domain: Domain, disk: Element) -> Iterator[Lock]:
        """Yield the locks of a disk of a running domain, and those of its block job."""
        uses = list(self._uses(disk))
        job = domain.block_jobs.get(disks.target(disk)[0]) if domain.block_jobs else None
        for use in uses:
            committed = job is not None and job.type == _ACTIVE_COMMIT and use is uses[0]
            yield use.lock._replace(writes=True) if committed else use.lock
        path = None if job is None or job.destination is None else self._path(job.destination)
        if path:
            yield Lock(path, True, False)

    def _uses(self, disk: Element) -> Iterator[_Use]:
        """Yield the uses of a disk's images, the lowest first."""
        path = self._path(disk)
        if not path:
            return
        shareable = disk.find('shareable') is not None
        for number, image in reversed(list(enumerate(disk_chain.images(disk)))):
            raw = disk_chain.image_format(image) == 'raw'
            if number:
                below = disks.source_path(image)
                if below:
                    yield _Use(Lock(below, False, False), disk, image, raw)
            else:
                own = disk.find('readonly') is None and not shares_backing(disk)
                yield _Use(Lock(path, own, raw and shareable), disk, image, raw)

    def _path(self, disk: Element) -> str | None:
        with contextlib.suppress(LibvirtError):     # a pool can be stopped while guests run
            return self._sources.path(disk)
        return None


def check_plug(locks: ImageLocks, disk: Element, command: str) -> None:
    """Refuse a disk whose images another guest locks.

    :param command: QEMU's command that attaches an image which is open.
    :raises LibvirtError: QEMU refuses the command, or the one that opens the image.
    """
    try:
        locks.check_disk(disk)
    except Conflict as conflict:
        raise emulator.command_failed(
            command if conflict.raw else 'blockdev-add', str(conflict)) from None


def _key(path: str) -> str:
    return os.path.normpath(path)
