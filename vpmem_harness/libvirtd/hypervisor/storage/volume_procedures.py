"""Procedures for storage volumes.

Source: libvirt 9.0.0, src/storage/storage_driver.c.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Final

import libvirt

from vpmem_harness.libvirtd.errors import (
    LibvirtError,
    bad_argument,
    internal,
    system_error,
)
from vpmem_harness.libvirtd.hypervisor.driver_checks import check_flags
from vpmem_harness.libvirtd.hypervisor.procedure_group import ProcedureGroup, procedure
from vpmem_harness.libvirtd.hypervisor.storage import images
from vpmem_harness.libvirtd.hypervisor.storage.pool import Pool, Volume
from vpmem_harness.libvirtd.hypervisor.storage.storage import Storage
from vpmem_harness.libvirtd.hypervisor.storage.transfers import Transfer
from vpmem_harness.libvirtd.stream import Streamed
from vpmem_harness.libvirtd.values import StoragePoolHandle, StorageVolHandle, signed
from vpmem_harness.libvirtd.xml.storage import volume as volume_xml
from vpmem_harness.libvirtd.xml.storage.common import FROM, sanitize

_VALIDATE: Final = libvirt.VIR_STORAGE_VOL_CREATE_VALIDATE
_METADATA: Final = libvirt.VIR_STORAGE_VOL_CREATE_PREALLOC_METADATA
_ALLOCATE: Final = libvirt.VIR_STORAGE_VOL_RESIZE_ALLOCATE
_DELTA: Final = libvirt.VIR_STORAGE_VOL_RESIZE_DELTA
_SHRINK: Final = libvirt.VIR_STORAGE_VOL_RESIZE_SHRINK
#: The names of the patterns for scrub(1), which a host does not have, by libvirt's number.
_PATTERNS: Final = ('zero', 'nnsa', 'dod', 'bsi', 'gutmann', 'schneier', 'pfitzner7', 'pfitzner33',
                    'random', 'trim')
_TYPES: Final = {'file': libvirt.VIR_STORAGE_VOL_FILE, 'block': libvirt.VIR_STORAGE_VOL_BLOCK,
                 'dir': libvirt.VIR_STORAGE_VOL_DIR}


class StorageVolumeProcedures(ProcedureGroup):
    """Procedures for storage volumes."""

    @property
    def _storage(self) -> Storage:
        return self.hypervisor.storage

    def _volume(self, handle: StorageVolHandle) -> tuple[Pool, Volume]:
        """Return the pool and the volume of a client's reference."""
        pool = self._storage.pools.by_name(handle.pool)
        pool.check_active()
        return pool, pool.volume(handle.name)

    @procedure
    def storage_vol_lookup_by_name(self, handle: StoragePoolHandle,
                                   name: str) -> StorageVolHandle:
        """Return the volume with that name."""
        pool = self.connection.storage_pools.pool(handle)
        pool.check_active()
        return pool.handle(pool.volume(name))

    @procedure
    def storage_vol_lookup_by_path(self, path: str) -> StorageVolHandle:
        """Return the volume at that path."""
        clean = sanitize(path)
        found = self._storage.pools.at_path(clean)
        if found is None:
            more = '' if clean == path else f' ({clean})'
            raise LibvirtError(libvirt.VIR_ERR_NO_STORAGE_VOL,
                               f"no storage vol with matching path '{path}'{more}", domain=FROM)
        return found[0].handle(found[1])

    @procedure
    def storage_vol_lookup_by_key(self, key: str) -> StorageVolHandle:
        """Return the volume with that key."""
        found = self._storage.pools.search(lambda pool: next(
            (volume for volume in pool.volumes.values() if volume.key == key), None))
        if found is None:
            raise LibvirtError(libvirt.VIR_ERR_NO_STORAGE_VOL,
                               f'no storage vol with matching key {key}', domain=FROM)
        return found[0].handle(found[1])

    @procedure
    def storage_vol_create_xml(self, handle: StoragePoolHandle, xml: str,
                               flags: int) -> StorageVolHandle:
        """Create a volume."""
        check_flags('storageVolCreateXML', flags, _METADATA | _VALIDATE, domain=FROM)
        pool = self.connection.storage_pools.pool(handle)
        pool.check_active()
        backend = self._storage.backend(pool.type)
        wanted = volume_xml.parse(xml, files=backend.files, backed=True,
                                  validate=bool(flags & _VALIDATE))
        if not wanted.capacity and not backend.files:
            raise LibvirtError(libvirt.VIR_ERR_NO_SUPPORT,
                               'volume capacity required for this storage pool', domain=FROM)
        if wanted.name in pool.volumes:
            raise LibvirtError(libvirt.VIR_ERR_STORAGE_VOL_EXIST, f"'{wanted.name}'", domain=FROM)
        if wanted.allocation is None:
            wanted.allocation = wanted.capacity
        return self._add(pool, backend.create(pool, wanted, flags & ~_VALIDATE, None))

    @procedure
    def storage_vol_create_xml_from(self, handle: StoragePoolHandle, xml: str,
                                    source: StorageVolHandle, flags: int) -> StorageVolHandle:
        """Create a volume with the contents of another one."""
        check_flags('storageVolCreateXMLFrom', flags, _METADATA | _VALIDATE
                    | libvirt.VIR_STORAGE_VOL_CREATE_REFLINK, domain=FROM)
        pool = self.connection.storage_pools.pool(handle)
        source_pool = pool if handle.name == source.pool \
            else self._storage.pools.by_name(source.pool)
        pool.check_active()
        source_pool.check_active()
        backend = self._storage.backend(pool.type)
        original = source_pool.volume(source.name)
        wanted = volume_xml.parse(xml, files=backend.files, cloned=True,
                                  validate=bool(flags & _VALIDATE))
        if wanted.name in pool.volumes:
            raise internal(f"storage volume name '{wanted.name}' already in use.", domain=FROM)
        wanted.capacity = max(wanted.capacity or 0, original.capacity)
        if wanted.allocation is None:
            wanted.allocation = wanted.capacity
        return self._add(pool, backend.create(pool, wanted, flags & ~_VALIDATE, original))

    def _add(self, pool: Pool, volume: Volume) -> StorageVolHandle:
        pool.volumes[volume.name] = volume
        pool.use(volume.allocation)
        return pool.handle(volume)

    @procedure
    def storage_vol_delete(self, handle: StorageVolHandle, flags: int) -> None:
        """Remove a volume."""
        pool, volume = self._volume(handle)
        name = 'LogicalDeleteVol' if pool.type == 'logical' else 'VolDeleteLocal'
        check_flags(f'virStorageBackend{name}', flags, 0, domain=FROM)
        self._storage.backend(pool.type).remove(volume)
        pool.use(-volume.allocation)
        del pool.volumes[volume.name]

    @procedure
    def storage_vol_resize(self, handle: StorageVolHandle, capacity: int, flags: int) -> None:
        """Change the capacity of a volume."""
        check_flags('storageVolResize', flags, _ALLOCATE | _DELTA | _SHRINK, domain=FROM)
        pool, volume = self._volume(handle)
        wanted = capacity
        if flags & _DELTA:
            wanted = (volume.capacity - min(capacity, volume.capacity) if flags & _SHRINK
                      else volume.capacity + capacity) % (1 << 64)
        if wanted < volume.allocation:
            raise bad_argument("can't shrink capacity below existing allocation", domain=FROM)
        if wanted < volume.capacity and not flags & _SHRINK:
            raise bad_argument("Can't shrink capacity below current capacity unless shrink flag "
                               'explicitly specified', domain=FROM)
        delta = wanted - volume.allocation if flags & _ALLOCATE else 0
        if delta > pool.available:
            raise LibvirtError(libvirt.VIR_ERR_OPERATION_FAILED,
                               'Not enough space left in storage pool', domain=FROM)
        try:
            self._storage.backend(pool.type).resize(volume, wanted,
                                                    allocate=bool(flags & _ALLOCATE))
        except (OSError, OverflowError) as found:
            raise system_error(getattr(found, 'errno', None) or errno.EFBIG,
                               f"Failed to truncate file '{volume.path}'",
                               domain=libvirt.VIR_FROM_NONE) from None
        volume.capacity = wanted
        if flags & _ALLOCATE:
            volume.allocation = wanted
            pool.use(delta)

    @procedure
    def storage_vol_wipe(self, handle: StorageVolHandle, flags: int) -> None:
        """Overwrite a volume with zeroes."""
        self._wipe(handle, 0, flags)

    @procedure
    def storage_vol_wipe_pattern(self, handle: StorageVolHandle, algorithm: int,
                                 flags: int) -> None:
        """Overwrite a volume; a host has no program for other patterns than zeroes."""
        self._wipe(handle, algorithm, flags)

    def _wipe(self, handle: StorageVolHandle, algorithm: int, flags: int) -> None:
        check_flags('storageVolWipePattern', flags, 0, domain=FROM)
        if algorithm >= len(_PATTERNS):
            raise bad_argument(f'wiping algorithm {signed(algorithm)} not supported', domain=FROM)
        pool, volume = self._volume(handle)
        if volume.sparse:
            raise LibvirtError(libvirt.VIR_ERR_NO_SUPPORT,
                               f"logical volume '{volume.path}' is sparse, volume wipe not "
                               'supported', domain=FROM)
        files = self.hypervisor.backing.storage
        status = files.status(volume.path)
        if status is None or status.kind == 'directory':
            raise system_error(errno.ENOENT if status is None else errno.EISDIR,
                               f"Failed to open storage volume with path '{volume.path}'",
                               domain=FROM)
        pattern = _PATTERNS[algorithm]
        if pattern == 'trim':
            raise LibvirtError(libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED,
                               "'trim' algorithm not supported", domain=FROM)
        if pattern != 'zero':
            raise system_error(errno.ENOENT, "Cannot find 'scrub' in path",
                               domain=libvirt.VIR_FROM_NONE)
        images.wipe(files, volume.path, status)
        if volume.type == 'file':
            # libvirt keeps what the new contents do not say.
            volume.target.format, volume.target.features = 'raw', None
        self._storage.backend(pool.type).look(volume)

    @procedure
    def storage_vol_upload(self, handle: StorageVolHandle, offset: int, length: int,
                           flags: int) -> Streamed:
        """Write what the client sends to a volume, and refresh the pool at the end."""
        sparse = libvirt.VIR_STORAGE_VOL_UPLOAD_SPARSE_STREAM
        check_flags('storageVolUpload', flags, sparse, domain=FROM)
        pool, volume = self._volume(handle)

        def ended() -> None:
            if pool.active:
                self._storage.refresh_after_upload(pool)
        return self._transfer(volume, offset, length, sends=False, sparse=bool(flags & sparse),
                              ended=ended)

    @procedure
    def storage_vol_download(self, handle: StorageVolHandle, offset: int, length: int,
                             flags: int) -> Streamed:
        """Send the contents of a volume to the client."""
        sparse = libvirt.VIR_STORAGE_VOL_DOWNLOAD_SPARSE_STREAM
        check_flags('storageVolDownload', flags, sparse, domain=FROM)
        _, volume = self._volume(handle)
        return self._transfer(volume, offset, length, sends=True, sparse=bool(flags & sparse),
                              ended=lambda: None)

    def _transfer(self, volume: Volume, offset: int, length: int, *, sends: bool, sparse: bool,
                  ended: Callable[[], None]) -> Streamed:
        files = self.hypervisor.backing.storage
        status = files.status(volume.path)
        if status is None:
            raise system_error(errno.ENOENT, f"Unable to open stream for '{volume.path}'",
                               domain=libvirt.VIR_FROM_STREAMS)
        if status.kind == 'directory':
            raise system_error(errno.EISDIR, f"Unable to open stream for '{volume.path}'",
                               domain=libvirt.VIR_FROM_STREAMS)
        return Streamed(Transfer(files, volume.path, offset, length, sends=sends, sparse=sparse,
                                 lock=self.hypervisor.lock, ended=ended))

    @procedure
    def storage_vol_get_info(self, handle: StorageVolHandle) -> tuple[int, int, int]:
        """Return the type, the capacity and the allocation in bytes."""
        return self._info(handle, 0)

    @procedure
    def storage_vol_get_info_flags(self, handle: StorageVolHandle,
                                   flags: int) -> tuple[int, int, int]:
        """Return the type, the capacity and the allocation or physical size in bytes."""
        return self._info(handle, flags)

    def _info(self, handle: StorageVolHandle, flags: int) -> tuple[int, int, int]:
        physical = libvirt.VIR_STORAGE_VOL_GET_PHYSICAL
        check_flags('storageVolGetInfoFlags', flags, physical, domain=FROM)
        volume = self._looked_at(handle)
        return (int(_TYPES[volume.type]), volume.capacity,
                volume.physical if flags & physical else volume.allocation)

    def _looked_at(self, handle: StorageVolHandle) -> Volume:
        pool, volume = self._volume(handle)
        if pool.type != 'logical':
            self._storage.backend(pool.type).look(volume)
        return volume

    @procedure
    def storage_vol_get_xml_desc(self, handle: StorageVolHandle, flags: int) -> str:
        """Return a volume's XML."""
        check_flags('storageVolGetXMLDesc', flags, 0, domain=FROM)
        return self._looked_at(handle).xml()

    @procedure
    def storage_vol_get_path(self, handle: StorageVolHandle) -> str:
        """Return the path of a volume."""
        return self._volume(handle)[1].path
