"""The images behind the disks of domains: they must exist, and may have a chain of backing files.

Source: libvirt 9.0.0, src/qemu/qemu_domain.c (qemuDomainDetermineDiskChain),
src/storage_file/storage_source.c (virStorageSourceReportBrokenChain), src/storage/
storage_driver.c (virDomainDiskTranslateSourcePool); QEMU creates the file of an overlay.
"""

from __future__ import annotations

import contextlib
import errno
import os
from dataclasses import dataclass
from typing import Final

import libvirt

from vpmem_harness.libvirtd.errors import system_error, unsupported
from vpmem_harness.libvirtd.hypervisor.backing import Backing
from vpmem_harness.libvirtd.hypervisor.storage import images, qcow2
from vpmem_harness.libvirtd.hypervisor.storage.pool import PoolList
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.devices import disk_chain, disks
from vpmem_harness.libvirtd.xml.etree import Element, add, drop, element

_FROM: Final = libvirt.VIR_FROM_STORAGE
#: The longest chain of backing files.
_CHAIN_MAX: Final = 200
#: The types of disks whose source is a path of the host.
_LOCAL: Final = ('file', 'block', 'volume')


@dataclass(frozen=True)
class Sizes:
    """The sizes of an image in bytes."""

    capacity: int
    allocation: int
    physical: int


class DiskSources:
    """Looks for the images of a host's disks."""

    def __init__(self, backing: Backing, pools: PoolList) -> None:
        self._backing = backing
        self._pools = pools

    def path(self, disk: Element) -> str | None:
        """Return the path of a disk's source on the host, None if it has none there.

        :raises LibvirtError: the pool of a volume is not active, or there is no such volume.
        """
        source = disk.find('source')
        kind = disk.get('type', 'file')
        if source is None or kind not in _LOCAL:
            return None
        if kind != 'volume':
            return source.get('file') or source.get('dev')
        if not source.get('pool'):
            return None
        pool = self._pools.by_name(source.get('pool', ''))
        if not pool.active:
            raise unsupported(f"storage pool '{pool.name}' containing volume "
                              f"'{source.get('volume')}' is not active",
                              domain=libvirt.VIR_FROM_STORAGE)
        return pool.volume(source.get('volume', '')).path

    def prepare(self, definition: Definition) -> None:
        """Check the images of a domain that starts, and describe their chains.

        A medium with the startup policy ``optional`` is left out if its image is missing.

        :raises LibvirtError: an image, or one below it, does not exist.
        """
        for disk in definition.devices.findall('disk'):
            source = disk.find('source')
            optional = source is not None and source.get('startupPolicy') == 'optional'
            path = self.path(disk)
            if optional and path is not None and self._backing.stat(path) is None:
                if disk.get('device') in ('cdrom', 'floppy'):
                    drop(disk, 'source')
                else:
                    definition.devices.remove(disk)
                continue
            self.check(disk)

    def check(self, disk: Element) -> None:
        """Check a disk's images, and describe those below the last one that it names.

        :raises LibvirtError: one of them does not exist.
        """
        path = self.path(disk)
        if not path:
            return
        self._check_exists(path)
        form = disks.driver_format(disk)
        if form == 'raw':
            return
        parent = disk
        for store in disk_chain.images(disk)[1:]:
            named, parent = path, store
            path, form = disks.source_path(store) or '', disk_chain.image_format(store)
            self._check_exists(path, below=named)
        if parent.find('backingStore') is not None:
            return
        lower = self._lower(path, form)
        for _ in range(_CHAIN_MAX):
            if lower is None:
                break
            below, below_form = lower
            self._check_exists(below, below=path)
            store = add(parent, 'backingStore', type='file')
            add(store, 'format', type=below_form)
            add(store, 'source', file=below)
            parent, path, lower = store, below, self._lower(below, below_form)
        parent.append(element('backingStore'))

    def _check_exists(self, path: str, *, below: str | None = None) -> None:
        if self._backing.stat(path) is None:
            what = (f"storage file '{path}'" if below is None
                    else f"backing file '{path}' of storage file '{below}'")
            raise system_error(errno.ENOENT, f'Cannot access {what}', domain=_FROM)

    def _image(self, path: str) -> images.Image | None:
        try:
            return images.probe(self._backing.storage, path)
        except OSError:
            return None

    def _lower(self, path: str, form: str) -> tuple[str, str] | None:
        """Return path and format of the image below another one."""
        image = None if form == 'raw' else self._image(path)
        if image is None or image.header is None or image.header.backing is None:
            return None
        return (images.backing_path(path, image.header.backing),
                image.header.backing_format or 'raw')

    def sizes(self, disk: Element) -> Sizes | None:
        """Return the sizes of a disk's image; None if the host does not know them."""
        path = self.path(disk)
        image = self._image(path) if path else None
        if image is None or image.format == 'dir' or image.status.kind == 'block':
            return None
        raw = disks.driver_format(disk) == 'raw'
        return Sizes(image.status.size if raw else image.capacity, image.status.allocation,
                     image.status.size)

    def resize(self, disk: Element, size: int) -> bool:
        """Resize a disk's image; return whether it could be resized."""
        path = self.path(disk)
        image = None if not path or self.sizes(disk) is None else self._image(path)
        if path is None or image is None:
            return False
        raw = disks.driver_format(disk) == 'raw'
        try:
            if raw:
                self._backing.storage.truncate(path, size)
            else:
                images.resize(self._backing.storage, path, image, size)
        except (OSError, OverflowError):
            return False
        return True

    def make_overlay(self, disk: Element, path: str) -> bool:
        """Create the file of an image on top of a disk's current one; return whether it is new.

        :raises OSError: the file cannot be created.
        """
        storage = self._backing.storage
        below, sizes = self.path(disk), self.sizes(disk)
        if below is None:
            return False
        found = storage.status(path)
        if found is not None and found.size:
            return False
        if found is None:
            storage.create(path, 0o600)
        self.write_image(path, 'qcow2', 0 if sizes is None else sizes.capacity, below,
                         disks.driver_format(disk))
        return found is None

    def write_image(self, path: str, form: str, capacity: int, backing: str | None = None,
                    backing_format: str | None = None) -> None:
        """Make an existing file an image: of QEMU's version of qcow2, or without a header.

        :param form: the format of the image.
        :param capacity: its size in bytes for a guest.
        :param backing: the path of the image below it in qcow2, with ``backing_format``.
        :raises OSError: the file cannot be written.
        """
        storage = self._backing.storage
        if form != 'qcow2':
            storage.truncate(path, capacity)
            return
        for offset, piece in qcow2.new_image(capacity, version=3, backing=backing,
                                             backing_format=backing_format):
            storage.write(path, offset, piece)

    def make_copy(self, disk: Element, path: str, form: str = 'raw',
                  below: Element | None = None) -> None:
        """Create the file of a copy of a disk, as large as the disk, if it can be created.

        :param form: the format of the copy.
        :param below: the image that stays below the copy.
        """
        storage, sizes = self._backing.storage, self.sizes(disk)
        capacity = 0 if sizes is None else sizes.capacity
        with contextlib.suppress(OSError):
            if storage.status(path) is None and storage.status(os.path.dirname(path)) is not None:
                storage.create(path, 0o600)
                self.write_image(
                    path, form, capacity, None if below is None else disks.source_path(below),
                    None if below is None else disk_chain.image_format(below))

    def set_backing(self, image: Element, lower: Element | None) -> None:
        """Note in the file of an image which image is below it, if it is a file in qcow2."""
        path = disks.source_path(image)
        found = self._image(path) if path else None
        if path is None or found is None or found.header is None or found.format != 'qcow2':
            return
        with contextlib.suppress(OSError):
            qcow2.set_backing(self._backing.storage, path,
                              None if lower is None else disks.source_path(lower),
                              'raw' if lower is None else disk_chain.image_format(lower))
