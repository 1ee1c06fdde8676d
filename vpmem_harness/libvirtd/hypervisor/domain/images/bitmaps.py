"""Dirty bitmaps in the images of disks, which note what a guest writes since a checkpoint.

Source: libvirt 9.0.0, src/qemu/qemu_block.c (qemuBlockBitmapChainIsValid,
qemuBlockGetBitmapMergeActions); QEMU 7.2, block/monitor/bitmap-qmp-cmds.c.
"""

from __future__ import annotations

import contextlib

from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.hypervisor.backing import Backing
from vpmem_harness.libvirtd.hypervisor.domain.disk_sources import DiskSources
from vpmem_harness.libvirtd.xml.devices import disk_chain
from vpmem_harness.libvirtd.xml.etree import Element


class ImageBitmaps:
    """The names of the bitmaps that each image of a host contains.

    Guests write nothing, so every bitmap is empty.
    """

    def __init__(self, backing: Backing, sources: DiskSources) -> None:
        self._backing = backing
        self._sources = sources
        self._names: dict[str, set[str]] = {}

    def save(self) -> dict[str, set[str]]:
        """Return the names of bitmaps by the path of their image."""
        return {path: set(names) for path in list(self._names) if (names := self._of(path))}

    def restore(self, saved: dict[str, set[str]]) -> None:
        """Restore what :meth:`save` has returned."""
        self._names = {path: set(names) for path, names in saved.items()}

    def _of(self, path: str | None) -> set[str]:
        if path is None:
            return set()
        if self._backing.stat(path) is None:
            self._names.pop(path, None)
            return set()
        return self._names.get(path, set())

    def _chain(self, disk: Element) -> list[str | None]:
        """Return the paths of a disk's images, the topmost first."""
        paths = disk_chain.paths(disk)
        with contextlib.suppress(LibvirtError):     # a pool can be stopped while guests run
            paths[0] = self._sources.path(disk)
        return paths

    def add(self, disk: Element, name: str) -> None:
        """Add a bitmap to a disk's topmost image."""
        path = self._chain(disk)[0]
        if path is not None:
            self._names.setdefault(path, set()).add(name)

    def any(self, path: str) -> bool:
        """Whether the image at ``path`` contains bitmaps."""
        return bool(self._of(path))

    def on_top(self, disk: Element, name: str) -> bool:
        """Whether a disk's topmost image contains a bitmap."""
        return name in self._of(self._chain(disk)[0])

    def present(self, disk: Element, name: str) -> bool:
        """Whether any image of a disk contains a bitmap."""
        return bool([path for path in self._chain(disk) if name in self._of(path)])

    def valid(self, disk: Element, name: str) -> bool:
        """Whether images of a disk contain a bitmap, without a gap between them."""
        present = ''.join('x' if name in self._of(path) else ' ' for path in self._chain(disk))
        return bool(present.strip()) and ' ' not in present.strip()

    def discard(self, disk: Element, name: str) -> None:
        """Remove a bitmap from all images of a disk."""
        for path in self._chain(disk):
            self._of(path).discard(name)

    def propagate(self, disk: Element) -> None:
        """Add the bitmaps of the image below to a new topmost image."""
        top, *below = self._chain(disk)
        if top is not None and below:
            self.copy(below[0], top)

    def merge(self, disk: Element, path: str) -> None:
        """Merge the bitmaps of the image at ``path`` into the one below it in a disk's chain."""
        chain = self._chain(disk)
        if path in chain[:-1]:
            self.copy(path, chain[chain.index(path) + 1])

    def copy(self, source: str | None, target: str | None) -> None:
        """Copy the bitmaps of an image to another one."""
        if target is not None and (names := self._of(source)):
            self._names.setdefault(target, set()).update(names)
