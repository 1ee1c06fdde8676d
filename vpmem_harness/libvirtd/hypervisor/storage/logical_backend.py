"""Pools that are a volume group of LVM.

A host has no volume groups until a pool is built. Source: libvirt 9.0.0,
src/storage/storage_backend_logical.c; LVM 2.03.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
from dataclasses import dataclass, field
from typing import Final

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, system_error, unsupported
from vpmem_harness.libvirtd.hypervisor.backing import Backing
from vpmem_harness.libvirtd.hypervisor.driver_checks import check_exclusive_flags, check_flags
from vpmem_harness.libvirtd.hypervisor.storage import images
from vpmem_harness.libvirtd.hypervisor.storage.backend import (
    NO_OVERWRITE,
    OVERWRITE,
    failed,
    file_error,
)
from vpmem_harness.libvirtd.hypervisor.storage.pool import Pool, Volume
from vpmem_harness.libvirtd.xml.etree import element, serialize
from vpmem_harness.libvirtd.xml.storage.common import FROM
from vpmem_harness.libvirtd.xml.storage.pool import Source
from vpmem_harness.libvirtd.xml.storage.volume import Target, VolumeDefinition

#: The extent of a volume group in bytes: the default of lvm(8).
EXTENT: Final = 4 * 1024**2


@dataclass
class VolumeGroup:
    """A volume group: its devices, its size in bytes, and its volumes.

    :ivar volumes: by name, the bytes that a volume takes and whether it is sparse.
    """

    devices: list[str] = field(default_factory=list)
    size: int = 0
    volumes: dict[str, tuple[int, bool]] = field(default_factory=dict)

    @property
    def free(self) -> int:
        """The bytes that no volume takes."""
        return self.size - sum(size for size, _ in self.volumes.values())


class LogicalBackend:
    """Pools whose volumes are logical volumes."""

    files = False

    def __init__(self, backing: Backing) -> None:
        self._backing = backing
        self._files = backing.storage
        self._groups: dict[str, VolumeGroup] = {}

    def build(self, pool: Pool, flags: int) -> None:
        """Make a volume group of the pool's devices."""
        function = 'virStorageBackendLogicalBuildPool'
        check_flags(function, flags, OVERWRITE | NO_OVERWRITE, domain=FROM)
        check_exclusive_flags(function, flags, 'VIR_STORAGE_POOL_BUILD_OVERWRITE',
                              'VIR_STORAGE_POOL_BUILD_NO_OVERWRITE', domain=FROM)
        source = pool.definition.source
        name, devices = source.name or '', [path for path, _ in source.devices]
        group = VolumeGroup(devices)
        for path in devices:
            found = self._backing.stat(path)
            if found is None:
                raise system_error(errno.ENOENT, f"cannot open device '{path}'", domain=FROM)
            group.size += found.size // EXTENT * EXTENT
        command = ' '.join(['/sbin/vgcreate', name, *devices])
        if not devices:
            raise failed(command, 3, '  No command with matching syntax recognised.  Run '
                         "'vgcreate --help' for more information.\n")
        if name in self._groups:
            raise failed(command, 5,
                         f'  A volume group called {name} already exists.\n')
        self._groups[name] = group

    def _group(self, pool: Pool) -> VolumeGroup | None:
        return self._groups.get(pool.definition.source.name or '')

    def is_there(self, pool: Pool) -> bool:
        """Return whether the volume group exists and has volumes, so that its directory exists."""
        group = self._group(pool)
        return group is not None and bool(group.volumes)

    def start(self, pool: Pool) -> None:
        """Require the volume group and, if the pool names devices, one of them."""
        name, group = pool.definition.source.name, self._group(pool)
        if group is None:
            raise unsupported(f"cannot find logical volume group name '{name}'", domain=FROM)
        devices = {path for path, _ in pool.definition.source.devices}
        if devices and not devices & set(group.devices):
            raise unsupported('cannot find any matching source devices for logical volume group '
                              f"'{name}'", domain=FROM)

    def refresh(self, pool: Pool) -> None:
        """List the volume group, and read its sizes."""
        group = self._group(pool)
        pool.volumes.clear()
        if group is None:
            name = pool.definition.source.name
            raise failed(f'/sbin/vgs --separator : --noheadings --units b --unbuffered --nosuffix '
                         f'--options vg_size,vg_free {name}', 5,
                         f'  Volume group "{name}" not found\n  Cannot process volume group '
                         f'{name}\n')
        at = 0
        for name, (size, sparse) in group.volumes.items():
            path = f'{pool.definition.path}/{name}'
            volume = Volume(name, path, 'block', Target(path), key=self._key(path), sparse=sparse,
                            extents=[(group.devices[0], at, at + size)])
            self.look(volume)
            volume.allocation = size
            pool.volumes[name] = volume
            at += size
        pool.capacity, pool.available = group.size, group.free
        pool.allocation = group.size - group.free

    def _key(self, path: str) -> str:
        """Return the UUID of a logical volume: LVM's letters and digits, by its path."""
        text = os.fsencode(path).hex()[-32:].rjust(32, '0')
        return '-'.join(text[start:stop] for start, stop in (
            (0, 6), (6, 10), (10, 14), (14, 18), (18, 22), (22, 26), (26, 32)))

    def stop(self, pool: Pool) -> None:
        """Deactivate the volumes; the volume group stays."""

    def delete(self, pool: Pool) -> None:
        """Remove the volume group and its volumes."""
        name = pool.definition.source.name or ''
        group = self._groups.pop(name, None)
        if group is None:
            raise failed(f'/sbin/vgremove -f {name}', 5, f'  Volume group "{name}" not found\n'
                         f'  Cannot process volume group {name}\n')
        for volume in group.volumes:
            with contextlib.suppress(OSError):
                self._files.remove(f'/dev/{name}/{volume}')

    def find_sources(self, specification: str | None, flags: int) -> str:
        """Return the volume groups as XML."""
        check_flags('virStorageBackendLogicalFindPoolSources', flags, 0, domain=FROM)
        root = element('sources')
        for name, group in self._groups.items():
            Source(devices=[(path, None) for path in group.devices], name=name,
                   format='lvm2').add_to(root, 'logical')
        return serialize(root) if len(root) else '<sources>\n</sources>\n'

    def create(self, pool: Pool, wanted: VolumeDefinition, flags: int,
               source: Volume | None) -> Volume:
        """Create a logical volume."""
        group = self._group(pool) or VolumeGroup()
        if wanted.target.encryption is not None:
            raise unsupported('storage pool only supports LUKS encrypted volumes', domain=FROM)
        capacity = wanted.capacity or 0
        allocation = capacity if wanted.allocation is None else wanted.allocation
        sparse = allocation != capacity
        size = -(-max(allocation, 1) // EXTENT) * EXTENT
        command = ['/sbin/lvcreate', '--name', wanted.name, '-L']
        if sparse:
            command += [f'{-(-max(allocation, 1) // 1024)}K', '--type', 'snapshot', '--virtualsize']
        command += [f'{-(-capacity // 1024)}K', pool.definition.source.name or '', '--yes']
        if not re.fullmatch(r'(?!-|\.\.?$)[\w+.-]{1,127}', wanted.name, re.ASCII):
            raise failed(' '.join(command), 3,
                         f'  Logical volume name "{wanted.name}" is invalid.\n')
        if size > group.free:
            raise failed(' '.join(command), 5, f'  Volume group "{pool.definition.source.name}" '
                         f'has insufficient free space ({group.free // EXTENT} extents): '
                         f'{size // EXTENT} required.\n')
        path = f'{pool.definition.path}/{wanted.name}'
        try:
            self._files.create(path, 0o600, block=True)
            self._files.truncate(path, -(-capacity // EXTENT) * EXTENT if sparse else size)
            if source is not None:
                for start, end in self._files.sections(source.path, 0, source.capacity):
                    self._files.write(path, start, self._files.read(source.path, start,
                                                                    end - start))
        except OSError as found:
            raise file_error(found, f"cannot open volume '{path}'") from None
        group.volumes[wanted.name] = (size, sparse)
        used = sum(taken for taken, _ in group.volumes.values())
        volume = Volume(wanted.name, path, 'block', Target(path), key=self._key(path),
                        sparse=sparse, extents=[(group.devices[0], used - size, used)])
        self.look(volume)
        volume.allocation = size
        return volume

    def look(self, volume: Volume) -> None:
        """Read the size and permissions of the device."""
        status = self._files.status(volume.path)
        if status is None:
            raise LibvirtError(libvirt.VIR_ERR_NO_STORAGE_VOL,
                               f"no storage vol with matching path '{volume.path}'", domain=FROM)
        images.describe(volume.target, images.Image(status, 'raw', status.size))
        volume.capacity = volume.physical = status.size

    def remove(self, volume: Volume) -> None:
        """Remove a logical volume."""
        for name, group in self._groups.items():
            if volume.path == f'/dev/{name}/{volume.name}':
                group.volumes.pop(volume.name, None)
        with contextlib.suppress(OSError):
            self._files.remove(volume.path)

    def resize(self, volume: Volume, capacity: int, *, allocate: bool) -> None:
        """Refuse: libvirt does not resize logical volumes."""
        raise LibvirtError(libvirt.VIR_ERR_NO_SUPPORT,
                           'storage pool does not support changing of volume capacity',
                           domain=FROM)
