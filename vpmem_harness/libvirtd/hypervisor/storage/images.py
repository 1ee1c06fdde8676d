"""The contents of volumes: recognize, create, copy, resize and wipe images.

Source: libvirt 9.0.0, src/storage/storage_util.c, src/storage_file/storage_file_probe.c.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from vpmem_harness.libvirtd.hypervisor.storage import luks, qcow2, vmdk, vpc
from vpmem_harness.libvirtd.hypervisor.storage.files import FileStatus, StorageFiles
from vpmem_harness.libvirtd.xml.storage.volume import Target, VolumeDefinition

#: Offset and bytes that identify a format. libvirt tries them in this order.
_MAGICS: Final = (
    ('iso', 32769, b'CD001'), ('cloop', 0, b'#!/bin/sh\n#V2.0 Format\nmodprobe cloop'),
    ('bochs', 0, b'Bochs Virtual HD Image'), ('vpc', 0, b'conectix'),
    ('vdi', 64, b'\x7f\x10\xda\xbe'),
    ('ploop', 0, b'WithoutFreeSpace'), ('ploop', 0, b'WithouFreSpacExt'),
    ('cow', 0, b'OOOM\0\0\0\2'), ('qcow', 0, b'QFI\xfb\0\0\0\1'), ('qed', 0, b'QED\0'),
    ('vmdk', 0, b'KDMV'))
#: Byte order, offset and unit of the capacity in the header of a format.
_CAPACITIES: Final = {'vpc': ('>Q', 40, 1), 'vdi': ('<Q', 368, 1), 'vmdk': ('<Q', 12, 512),
                      'qcow': ('>Q', 24, 1), 'qed': ('<Q', 48, 1)}
_CHUNK: Final = 1 << 20
#: The longest chain of backing files. Source: VIR_STORAGE_MAX_DEPTH in libvirt.
_CHAIN_MAX: Final = 200


@dataclass
class Image:
    """A file as a volume: its format, its sizes in bytes and its backing file."""

    status: FileStatus
    format: str
    capacity: int
    header: qcow2.Header | None = None
    encrypted: bool = False

    @property
    def backing(self) -> str | None:
        """The path of the backing file as the image has it."""
        return None if self.header is None else self.header.backing


def probe(files: StorageFiles, path: str) -> Image | None:
    """Look at the file at ``path``; None if there is none."""
    status = files.status(path)
    if status is None:
        return None
    if status.kind == 'directory':
        return Image(status, 'dir', status.size)
    start = files.read(path, 0, qcow2.HEADER_MAX)
    header = qcow2.read_header(start)
    if header is not None:
        return Image(status, 'qcow2', header.capacity, header)
    payload = luks.payload(start)
    if payload is not None:
        return Image(status, 'raw', max(0, status.size - payload), encrypted=True)
    for form, offset, magic in _MAGICS:
        if start.startswith(magic, offset):
            return Image(status, form, _capacity(form, start) or status.size)
    return Image(status, 'raw', status.size)


def _capacity(form: str, start: bytes) -> int | None:
    if form not in _CAPACITIES:
        return None
    order, offset, unit = _CAPACITIES[form]
    if len(start) < offset + struct.calcsize(order):
        return None
    return int(struct.unpack_from(order, start, offset)[0]) * unit


def backing_path(path: str, backing: str) -> str:
    """Return the absolute path of an image's backing file."""
    return os.path.normpath(os.path.join(os.path.dirname(path), backing))


def describe(target: Target, image: Image) -> None:
    """Set what a file's status says, which libvirt reads again and again."""
    status = image.status
    target.permissions.mode = status.mode
    target.permissions.owner = status.owner
    target.permissions.group = status.group
    target.timestamps = status.times


def create(files: StorageFiles, path: str, wanted: VolumeDefinition, *,
           source: tuple[str, Image] | None = None, preallocate: bool = False,
           compat: str = '0.10') -> None:
    """Create the file of a new volume.

    :param source: the path and the image to copy, or None for an empty volume.
    :param compat: the compatibility of a qcow2 image that does not name one, ``0.10`` or ``1.1``.
    :param preallocate: whether a qcow2 image gets its metadata, or all its space.
    :raises OSError: a file cannot be created or read.
    """
    capacity = wanted.capacity or 0
    mode = 0o600 if wanted.target.permissions.mode is None else wanted.target.permissions.mode
    if wanted.target.format == 'dir':
        files.make_directory(path, 0o711 if wanted.target.permissions.mode is None else mode)
        return
    if source is not None and not wanted.target.format == source[1].format == 'raw':
        capacity = source[1].capacity       # qemu-img keeps it
    files.create(path, mode)
    if wanted.target.encryption is not None:
        files.write(path, 0, luks.header(wanted.target.encryption.secrets[0][1]))
        files.truncate(path, luks.PAYLOAD + capacity)
        files.allocate(path, luks.ALLOCATION)
        return
    pieces = _contents(files, *source) if source is not None else iter(())
    if wanted.target.format in ('vmdk', 'vpc'):
        grains = _in_clusters(pieces, vmdk.GRAIN)
        for offset, piece in (vpc.new_image(capacity, grains) if wanted.target.format == 'vpc' else
                              vmdk.new_image(os.path.basename(path), capacity, grains)):
            files.write(path, offset, piece)
        return
    if wanted.target.format != 'qcow2':
        files.truncate(path, capacity)
        if wanted.allocation and (source is None or wanted.allocation >= source[1].capacity):
            files.allocate(path, min(wanted.allocation, capacity) if source else wanted.allocation)
        for offset, piece in pieces:
            files.write(path, offset, piece)
        return
    backing = wanted.backing
    cluster = wanted.target.cluster_size or qcow2.DEFAULT_CLUSTER
    if not capacity and backing is not None and backing.path is not None:
        lower = probe(files, backing_path(path, backing.path))
        capacity = 0 if lower is None else lower.capacity
    for offset, piece in qcow2.new_image(
            capacity, version=2 if (wanted.target.compat or compat) == '0.10' else 3,
            cluster=cluster,
            features=wanted.target.features or (),
            backing=None if backing is None else backing.path,
            backing_format=None if backing is None else backing.format,
            data=_in_clusters(pieces, cluster)):
        files.write(path, offset, piece)
    if preallocate:
        size = qcow2.full_size(capacity, cluster)
        files.truncate(path, size)
        if (capacity if wanted.allocation is None else wanted.allocation) >= capacity:
            files.allocate(path, size)


def _in_clusters(pieces: Iterator[tuple[int, bytes]], cluster: int) -> Iterator[tuple[int, bytes]]:
    """Yield the clusters that are not zero, by increasing offset."""
    at, buffer = -1, bytearray()
    for offset, piece in pieces:
        done = 0
        while done < len(piece):
            number, start = divmod(offset + done, cluster)
            if number != at:
                if any(buffer):
                    yield at * cluster, bytes(buffer)
                at, buffer = number, bytearray(cluster)
            part = piece[done:done + cluster - start]
            buffer[start:start + len(part)] = part
            done += len(part)
    if any(buffer):
        yield at * cluster, bytes(buffer)


def _contents(files: StorageFiles, path: str, image: Image,
              depth: int = 0) -> Iterator[tuple[int, bytes]]:
    """Yield what a guest reads from an image, by increasing offset, without holes."""
    if image.format in ('vmdk', 'vpc'):
        blocks = (vmdk if image.format == 'vmdk' else vpc).guest_blocks(files, path)
        yield from ((offset, piece[:image.capacity - offset]) for offset, piece in blocks)
        return
    if image.header is None:
        for start, end in files.sections(path, 0, image.status.size):
            for offset in range(start, end, _CHUNK):
                yield offset, files.read(path, offset, min(_CHUNK, end - offset))
        return
    merged: dict[int, bytes] = {}
    if image.backing is not None:
        lower_path = backing_path(path, image.backing)
        lower = probe(files, lower_path)
        if lower is not None and depth < _CHAIN_MAX:
            merged.update(_in_clusters(_contents(files, lower_path, lower, depth + 1),
                                       image.header.cluster))
    try:
        merged.update(qcow2.guest_clusters(files, path, image.header))
    except ValueError:
        return
    for offset in sorted(merged):
        if merged[offset]:
            yield offset, merged[offset][:image.capacity - offset]


def resize(files: StorageFiles, path: str, image: Image, capacity: int, *,
           allocate: bool = False) -> None:
    """Change the capacity of an image."""
    if image.header is not None:
        qcow2.resize(files, path, image.header, -(-capacity // 512) * 512)
    else:
        files.truncate(path, capacity)
        if allocate:
            files.allocate(path, capacity)


def wipe(files: StorageFiles, path: str, status: FileStatus) -> None:
    """Overwrite a file with zeroes: a sparse one keeps its holes."""
    files.truncate(path, 0)
    files.truncate(path, status.size)
    if status.allocation >= status.size:
        # libvirt writes as many zeroes as the file has bytes allocated.
        files.truncate(path, max(status.size, status.allocation)
                       if status.kind == 'regular' else status.size)
        files.allocate(path, status.allocation)
