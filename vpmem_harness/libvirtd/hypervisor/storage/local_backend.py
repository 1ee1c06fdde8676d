"""Pools that are a directory of files, perhaps on a file system that is mounted for it.

Source: libvirt 9.0.0, src/storage/storage_backend_fs.c and storage_util.c.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Mapping
from typing import Final

import libvirt

from vpmem_harness.libvirtd.errors import (
    LibvirtError,
    bad_argument,
    internal,
    invalid,
    system_error,
    unsupported,
)
from vpmem_harness.libvirtd.hypervisor.backing import Backing
from vpmem_harness.libvirtd.hypervisor.driver_checks import check_exclusive_flags, check_flags
from vpmem_harness.libvirtd.hypervisor.secrets import Secret
from vpmem_harness.libvirtd.hypervisor.storage import image_checks, images, qcow2
from vpmem_harness.libvirtd.hypervisor.storage.backend import (
    NO_OVERWRITE,
    OVERWRITE,
    failed,
    file_error,
)
from vpmem_harness.libvirtd.hypervisor.storage.pool import Pool, Volume
from vpmem_harness.libvirtd.xml.storage.common import FROM, Permissions
from vpmem_harness.libvirtd.xml.storage.pool import parse_source
from vpmem_harness.libvirtd.xml.storage.volume import Encryption, Target, VolumeDefinition
from vpmem_harness.releases import Release

_METADATA: Final = libvirt.VIR_STORAGE_VOL_CREATE_PREALLOC_METADATA
_REFLINK: Final = libvirt.VIR_STORAGE_VOL_CREATE_REFLINK
#: The mode of a new directory of a pool.
_POOL_MODE: Final = 0o711


class LocalBackend:
    """Pools that are a directory: ``dir``, ``fs`` and ``netfs``."""

    files = True

    def __init__(self, kind: str, backing: Backing, secrets: Mapping[bytes, Secret],
                 release: Callable[[], Release]) -> None:
        self._release = release
        self._kind = kind
        self._secrets = secrets
        self._backing = backing
        self._files = backing.storage

    def build(self, pool: Pool, flags: int) -> None:
        """Make the directory and, with a flag, a file system on the device."""
        function = 'virStorageBackendFileSystemBuild'
        check_flags(function, flags, OVERWRITE | NO_OVERWRITE, domain=FROM)
        check_exclusive_flags(function, flags, 'VIR_STORAGE_POOL_BUILD_OVERWRITE',
                              'VIR_STORAGE_POOL_BUILD_NO_OVERWRITE', domain=FROM)
        path = pool.definition.path
        if '/' not in path:
            raise bad_argument(f"path '{path}' is not absolute", domain=FROM)
        mode = pool.definition.permissions.mode
        if mode is None and self._files.status(path) is None:
            mode = _POOL_MODE
        try:
            self._files.make_directory(path, mode)
        except OSError as found:
            raise system_error(found.errno or errno.EIO, f"failed to create directory '{path}'",
                               domain=libvirt.VIR_FROM_NONE) from None
        if not flags:
            return
        if not pool.definition.source.devices:
            raise invalid(f"No source device specified when formatting pool '{pool.name}'",
                          domain=FROM)
        if self._backing.stat(pool.definition.source.devices[0][0]) is None:
            raise invalid(f"Source device does not exist when formatting pool '{pool.name}'",
                          domain=FROM)

    def is_there(self, pool: Pool) -> bool:
        """Return whether the directory exists or, for other types, is mounted."""
        if self._kind == 'dir':
            return self._files.status(pool.definition.path) is not None
        return pool.mounted

    def start(self, pool: Pool) -> None:
        """Mount the source; simulated servers export everything."""
        if self._kind == 'dir':
            return
        definition, source = pool.definition, pool.definition.source
        options = 'nodev,nosuid,noexec'
        options += ''.join(f',{option}' for option in definition.mount_options)
        if self._kind == 'netfs':
            if len(source.hosts) != 1:
                raise unsupported('expected exactly 1 host for the storage pool', domain=FROM)
            kind = '' if source.format in ('auto', 'nfs') else f' -t {source.format}'
            what = f'{source.hosts[0][0]}:{source.dir}'
        else:
            if len(source.devices) != 1:
                raise unsupported('expected exactly 1 device for the storage pool', domain=FROM)
            kind = f' -t {source.format}'
            what = source.devices[0][0]
        problem = None
        if self._files.status(definition.path) is None:
            problem = 'mount point does not exist.'
        elif self._kind == 'fs' and self._backing.stat(what) is None:
            problem = f'special device {what} does not exist.'
        if problem:
            raise failed(
                f'/bin/mount -o {options}{kind} {what} {definition.path}', 32,
                f'mount: {definition.path}: {problem}\n       dmesg(1) may have more information '
                'after failed mount system call.\n')
        pool.mounted = True

    def refresh(self, pool: Pool) -> None:
        """List the directory, and read the sizes of its file system."""
        path = pool.definition.path
        pool.volumes.clear()
        try:
            names = self._files.names(path)
            for name in names:
                if not any(ord(letter) < 32 or ord(letter) == 127 for letter in name):
                    self._add(pool, name)
            status = self._files.status(path)
            size, free = self._files.space(path)
        except OSError as found:
            raise system_error(found.errno or errno.EIO, f"cannot open directory '{path}'",
                               domain=libvirt.VIR_FROM_NONE) from None
        if status is not None:
            pool.definition.permissions = Permissions(status.mode, status.owner, status.group)
        pool.capacity, pool.available = size, free
        pool.allocation = size - free

    def _add(self, pool: Pool, name: str) -> None:
        path = f'{pool.definition.path}/{name}'
        try:
            image = images.probe(self._files, path)
        except OSError:
            return
        if image is not None:
            volume = Volume(name, path, 'file', Target(path, 'raw'), key=path)
            self._fill(volume, image)
            pool.volumes[name] = volume

    def _fill(self, volume: Volume, image: images.Image) -> None:
        """Set everything that a file's contents say about it."""
        volume.type = 'dir' if image.format == 'dir' else 'file'
        target = volume.target
        target.format = image.format
        images.describe(target, image)
        volume.capacity, volume.physical = image.capacity, image.status.size
        volume.allocation = image.status.allocation
        header = image.header
        target.compat = None if header is None else header.compat
        target.cluster_size = 0 if header is None else header.cluster
        target.features = None
        if header is not None and header.version >= 3:
            target.features = header.features
        volume.backing = None
        if header is not None and header.backing is not None:
            path = images.backing_path(volume.path, header.backing)
            lower = self._probed(path)
            volume.backing = Target(path, header.backing_format or (
                'raw' if lower is None else lower.format))
            if lower is not None:
                images.describe(volume.backing, lower)

    def _probed(self, path: str) -> images.Image | None:
        try:
            return images.probe(self._files, path)
        except OSError:
            return None

    def stop(self, pool: Pool) -> None:
        """Unmount the source."""
        pool.mounted = False

    def delete(self, pool: Pool) -> None:
        """Remove the directory, which must be empty."""
        try:
            self._files.remove_directory(pool.definition.path)
        except OSError as found:
            raise file_error(found, f"failed to remove pool '{pool.definition.path}'") from None

    def find_sources(self, specification: str | None, flags: int) -> str:
        """Refuse: the host sees no server."""
        if self._kind != 'netfs':
            raise LibvirtError(libvirt.VIR_ERR_NO_SUPPORT,
                               f"pool type '{self._kind}' does not support source discovery",
                               domain=FROM)
        check_flags('virStorageBackendFileSystemNetFindPoolSources', flags, 0, domain=FROM)
        if specification is None:
            raise bad_argument('hostname must be specified for netfs sources', domain=FROM)
        hosts = parse_source(specification, 'netfs').hosts
        if len(hosts) != 1:
            raise unsupported('Expected exactly 1 host for the storage pool', domain=FROM)
        raise LibvirtError(libvirt.VIR_ERR_OPERATION_FAILED,
                           f"no storage pools were found on host '{hosts[0][0]}'", domain=FROM)

    def create(self, pool: Pool, wanted: VolumeDefinition, flags: int,
               source: Volume | None) -> Volume:
        """Create a file or directory."""
        if '/' in wanted.name:
            raise invalid(f"volume name '{wanted.name}' cannot contain '/'", domain=FROM)
        path = f'{pool.definition.path}/{wanted.name}'
        if self._files.status(path) is not None:
            raise invalid(f"volume target path '{path}' already exists", domain=FROM)
        self._check_new(pool, wanted, flags, source)
        image = None if source is None else self._probed(source.path)
        try:
            images.create(self._files, path, wanted, preallocate=bool(flags & _METADATA),
                          compat=self._compat(),
                          source=None if source is None or image is None else (source.path, image))
        except (OSError, OverflowError) as found:
            with contextlib.suppress(OSError):
                self._files.remove(path)
            problem = found if isinstance(found, OSError) else OSError(errno.EFBIG, '')
            raise file_error(problem, f"cannot extend file '{path}'") from None
        kind = 'dir' if wanted.target.format == 'dir' else 'file'
        target = wanted.target
        target.path = path
        volume = Volume(wanted.name, path, kind, target, wanted.capacity or 0,
                        backing=wanted.backing, key=path)
        self.look(volume)
        return volume

    def _check_new(self, pool: Pool, wanted: VolumeDefinition, flags: int,
                   source: Volume | None) -> None:
        form, backing = wanted.target.format, wanted.backing
        source_raw = source is None or source.type == 'block' or source.target.format == 'raw'
        encryption = wanted.target.encryption
        if encryption is not None:
            image_checks.check_encrypted(wanted, encryption, self._secrets, source=source)
        elif form == 'dir':
            check_flags('createFileDir', flags, 0, domain=FROM)
            if source is not None:
                raise internal('cannot copy from volume to a directory volume', domain=FROM)
            if backing is not None:
                raise LibvirtError(libvirt.VIR_ERR_NO_SUPPORT, 'backing storage not supported for '
                                   'directories volumes', domain=FROM)
        elif form == 'raw' and source_raw:
            check_flags('storageBackendCreateRaw', flags, _METADATA | _REFLINK, domain=FROM)
            if flags & _METADATA:
                raise unsupported('metadata preallocation is not supported for raw volumes',
                                  domain=FROM)
            if backing is not None:
                raise LibvirtError(libvirt.VIR_ERR_NO_SUPPORT,
                                   'backing storage not supported for raw volumes', domain=FROM)
        elif form == 'ploop':
            raise internal('unable to find ploop, please install ploop tools', domain=FROM)
        elif form in ('qcow', 'qed', 'vdi') or (
                form in image_checks.CAPACITIES and backing is not None):
            raise unsupported(f"creation of volumes with format '{form}' is not simulated",
                              domain=FROM)
        else:
            check_flags('storageBackendCreateQemuImg', flags, _METADATA, domain=FROM)
            self._check_image(pool, wanted, flags)

    def _check_image(self, pool: Pool, wanted: VolumeDefinition, flags: int) -> None:
        target, backing = wanted.target, wanted.backing
        for unwanted, what in ((flags & _METADATA, 'metadata preallocation'),
                               (target.compat, 'compatibility option'),
                               (target.features, 'format features')):
            if unwanted and target.format != 'qcow2':
                raise unsupported(f'{what} only available with qcow2', domain=FROM)
        if backing is not None:
            if target.format == 'raw':
                raise unsupported('cannot set backing store for raw volume', domain=FROM)
            if flags & _METADATA:
                raise unsupported('metadata preallocation conflicts with backing store',
                                  domain=FROM)
            path = os.path.join(pool.definition.path, backing.path or '')
            if self._files.status(path) is None:
                raise system_error(errno.ENOENT,
                                   f'inaccessible backing store volume {backing.path}',
                                   domain=FROM)
        for feature in target.features or ():
            if target.compat == '0.10':
                name = feature if feature == 'lazy_refcounts' else f"'{feature}'"
                raise unsupported(f'{name} not supported with compat level {target.compat}',
                                  domain=FROM)
        if target.format == 'qcow2':
            self._check_qcow2(pool, wanted)
        elif target.format not in ('raw', 'iso'):
            image_checks.check_foreign(f'{pool.definition.path}/{wanted.name}', wanted)

    def _check_qcow2(self, pool: Pool, wanted: VolumeDefinition) -> None:
        """Refuse what qemu-img 7.2 refuses."""
        target, backing = wanted.target, wanted.backing
        path = f'{pool.definition.path}/{wanted.name}'
        cluster = target.cluster_size or qcow2.DEFAULT_CLUSTER
        problem = None
        if cluster & (cluster - 1) or not 512 <= cluster <= 1 << 21:
            problem = 'Cluster size must be a power of two between 512 and 2048k'
        elif (wanted.capacity or 0) > qcow2.capacity_max(cluster):
            problem = ("The image size is too large for file format 'qcow2' (try using a larger "
                       'cluster size)')
        if problem is None:
            return
        options = [f'backing_fmt={backing.format}'] if backing is not None else []
        options.append(f'compat={target.compat or self._compat()}')
        if target.cluster_size:
            options.append(f'cluster_size={target.cluster_size}')
        options += ['lazy_refcounts'] if 'lazy_refcounts' in (target.features or ()) else []
        base = '' if backing is None else f' -b {backing.path}'
        raise failed(
            f'/usr/bin/qemu-img create -f qcow2{base} -o {",".join(options)} {path} '
            f'{-(-(wanted.capacity or 0) // 1024)}K', 1, f'qemu-img: {path}: {problem}\n')

    def _compat(self) -> str:
        """Return the compatibility of new qcow2 images."""
        return '1.1' if self._release().modern_images else '0.10'

    def look(self, volume: Volume) -> None:
        """Read the sizes and permissions of the file, and those of its backing file."""
        try:
            image = images.probe(self._files, volume.path)
        except OSError as found:
            raise file_error(found, f"cannot open volume '{volume.path}'") from None
        if image is None:
            raise LibvirtError(libvirt.VIR_ERR_NO_STORAGE_VOL,
                               f"no storage vol with matching path '{volume.path}'", domain=FROM)
        images.describe(volume.target, image)
        if image.encrypted and volume.target.encryption is None:
            volume.target.encryption = Encryption('luks')
        volume.allocation, volume.physical = image.status.allocation, image.status.size
        if image.format != 'dir':
            same = image.format == volume.target.format
            volume.capacity = image.capacity if same or volume.target.format == 'raw' \
                else volume.capacity
        else:
            volume.capacity = image.status.size
        if volume.backing is not None and volume.backing.path is not None:
            lower = self._probed(images.backing_path(volume.path, volume.backing.path))
            if lower is not None:
                images.describe(volume.backing, lower)

    def remove(self, volume: Volume) -> None:
        """Remove the file or the empty directory."""
        try:
            if volume.type == 'dir':
                self._files.remove_directory(volume.path)
            else:
                self._files.remove(volume.path)
        except FileNotFoundError:
            return
        except OSError as found:
            what = 'remove directory' if volume.type == 'dir' else 'unlink file'
            raise file_error(found, f"cannot {what} '{volume.path}'") from None

    def resize(self, volume: Volume, capacity: int, *, allocate: bool) -> None:
        """Change the capacity of an image."""
        image = self._probed(volume.path)
        if image is None:
            raise system_error(errno.ENOENT, f"Unable to open '{volume.path}'",
                               domain=libvirt.VIR_FROM_NONE)
        if volume.target.format != 'raw' and allocate:
            raise LibvirtError(libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
                               'preallocate is only supported for raw type volume', domain=FROM)
        header = image.header
        if header is not None and capacity > qcow2.capacity_max(header.cluster):
            shrink = ' --shrink' if capacity < volume.capacity else ''
            raise failed(
                f'/usr/bin/qemu-img resize{shrink} {volume.path} {-(-capacity // 512) * 512}', 1,
                'qemu-img: Failed to grow the L1 table: File too large\n')
        images.resize(self._files, volume.path, image, capacity, allocate=allocate)
