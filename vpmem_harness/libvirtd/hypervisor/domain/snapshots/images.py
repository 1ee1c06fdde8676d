"""Snapshots in the images of disks.

Source: QEMU 7.2, block/qcow2-snapshot.c, migration/savevm.c.
"""

from __future__ import annotations

import libvirt

from vpmem_harness.libvirtd.errors import internal
from vpmem_harness.libvirtd.hypervisor.backing import Backing
from vpmem_harness.libvirtd.hypervisor.domain.images.bitmaps import ImageBitmaps
from vpmem_harness.libvirtd.hypervisor.domain.snapshots.snapshot import Snapshot
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.devices import disks
from vpmem_harness.libvirtd.xml.etree import Element

#: QEMU's reason not to load a snapshot of an image with bitmaps.
_BITMAPS = 'Device has active dirty bitmaps'


class ImageSnapshots:
    """The names of the snapshots that each image of a host contains."""

    def __init__(self, backing: Backing, bitmaps: ImageBitmaps) -> None:
        self._backing = backing
        self._bitmaps = bitmaps
        self._names: dict[str, set[str]] = {}

    def _of(self, path: str) -> set[str]:
        if self._backing.stat(path) is None:
            self._names.pop(path, None)
        return self._names.setdefault(path, set())

    def take(self, snapshot: Snapshot, definition: Definition) -> None:
        """Take a snapshot of every image of a domain that the snapshot includes."""
        for path in _paths(snapshot, definition):
            self._of(path).add(snapshot.name)

    def forget(self, snapshot: Snapshot, definition: Definition) -> None:
        """Delete a snapshot from the images, as far as they contain it."""
        for path in _paths(snapshot, definition):
            self._of(path).discard(snapshot.name)

    def failure(self, snapshot: Snapshot, definition: Definition) -> str | None:
        """Return why QEMU cannot load a snapshot with memory, None if it can."""
        paths = _paths(snapshot, definition)
        if not all(snapshot.name in self._of(path) for path in paths):
            return f"Snapshot '{snapshot.name}' does not exist in one or more devices"
        if any(self._bitmaps.any(path) for path in paths):
            return _BITMAPS
        return None

    def apply(self, snapshot: Snapshot, definition: Definition) -> None:
        """Refuse to revert images that have bitmaps, or do not contain the snapshot."""
        for path in _paths(snapshot, definition):
            has_bitmaps = self._bitmaps.any(path)
            if has_bitmaps or snapshot.name not in self._of(path):
                cause = (_BITMAPS if has_bitmaps
                         else 'Failed to load snapshot: No such file or directory')
                raise internal(
                    f'Child process (/usr/bin/qemu-img snapshot -a {snapshot.name} {path}) '
                    'unexpected exit status 1: qemu-img: Could not apply snapshot '
                    f"'{snapshot.name}': {cause}\n", domain=libvirt.VIR_FROM_NONE)


def _paths(snapshot: Snapshot, definition: Definition) -> list[str]:
    """Return the paths of the images that a snapshot includes."""
    included = {disk.get('name') for disk in snapshot.disks if disk.get('snapshot') == 'internal'}
    found: list[Element] = [disk for disk in definition.devices.findall('disk')
                            if disks.target(disk)[0] in included and disk.get('device') == 'disk']
    return [path for path in map(disks.source_path, found) if path]
