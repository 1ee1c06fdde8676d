"""Images in the format vpc (VHD): the dynamic variant, as qemu-img creates it.

Source: QEMU 7.2, block/vpc.c (vpc_co_create, create_dynamic_disk, calculate_geometry).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Final

from vpmem_harness.libvirtd.hypervisor.storage.files import StorageFiles

#: The unit in which space is allocated, in bytes.
BLOCK: Final = 2 << 20
#: The largest capacity in bytes.
CAPACITY_MAX: Final = 0xff000000 * 512

_SECTOR: Final = 512
_MAGIC: Final = b'conectix'
#: Magic, features, version, offset of the header, time, creator and its version and system, sizes,
#: cylinders, heads, sectors, type, checksum, UUID.
_FOOTER: Final = struct.Struct('>8sIIQI4sI4sQQHBBII16s428x')
_CHECKSUM_AT: Final = 64
_DYNAMIC: Final = 3
#: Magic, offset of nothing, offset of the table, version, entries, size of a block, checksum.
_HEADER: Final = struct.Struct('>8sQQIIII988x')
_HEADER_CHECKSUM_AT: Final = 36
_TABLE_AT: Final = 1536
#: The largest disk in sectors that cylinders, heads and sectors can describe.
_GEOMETRY_MAX: Final = 65535 * 16 * 255
_ABSENT: Final = 0xffffffff
#: A block begins with a bitmap of its sectors.
_BITMAP: Final = b'\xff' * (BLOCK // _SECTOR // 8)
_CHUNK: Final = 65536


def _geometry(sectors: int) -> tuple[int, int, int]:
    """Return the cylinders, heads and sectors per track of a disk."""
    if sectors >= 65535 * 16 * 63:
        return min(sectors, _GEOMETRY_MAX) // 255 // 16, 16, 255
    track, tracks = 17, sectors // 17
    heads = max(4, -(-tracks // 1024))
    if tracks >= heads * 1024 or heads > 16:
        track, heads, tracks = 31, 16, sectors // 31
    if tracks >= heads * 1024:
        track, heads, tracks = 63, 16, sectors // 63
    return tracks // heads, heads, track


def _layout(capacity: int) -> tuple[int, tuple[int, int, int]]:
    """Return the number of sectors, which rounds the capacity up, and the geometry."""
    wanted = min(_GEOMETRY_MAX, -(-capacity // _SECTOR))
    asked, geometry = wanted, _geometry(wanted)
    while geometry[0] * geometry[1] * geometry[2] < wanted:
        geometry = _geometry(asked)
        asked += 1
    sectors = geometry[0] * geometry[1] * geometry[2]
    return (-(-capacity // _SECTOR) if sectors == _GEOMETRY_MAX else sectors), geometry


def _with_checksum(data: bytes, at: int) -> bytes:
    return data[:at] + struct.pack('>I', ~sum(data) & 0xffffffff) + data[at + 4:]


def new_image(capacity: int, data: Iterable[tuple[int, bytes]] = ()) -> Iterator[
        tuple[int, bytes]]:
    """Yield the contents of a new image by offset; its size is the end of the last piece.

    :param data: pieces that are not zero, by increasing offset in the guest's disk, none of which
        reaches over the end of a block.
    """
    sectors, geometry = _layout(capacity)
    size = sectors * _SECTOR
    footer = _with_checksum(_FOOTER.pack(
        _MAGIC, 2, 0x10000, _SECTOR, 0, b'qemu', 0x50003, b'Wi2k', size, size, *geometry,
        _DYNAMIC, 0, bytes(16)), _CHECKSUM_AT)
    blocks = -(-size // BLOCK)
    yield 0, footer
    yield _SECTOR, _with_checksum(_HEADER.pack(
        b'cxsparse', (1 << 64) - 1, _TABLE_AT, 0x10000, blocks, BLOCK, 0), _HEADER_CHECKSUM_AT)
    end = _TABLE_AT + -(-blocks * 4 // _SECTOR) * _SECTOR
    yield _TABLE_AT, b'\xff' * (end - _TABLE_AT)
    present = -1
    for offset, piece in data:
        number = offset // BLOCK
        if number != present:
            present = number
            yield _TABLE_AT + 4 * number, struct.pack('>I', end // _SECTOR)
            yield end, _BITMAP
            end += len(_BITMAP) + BLOCK
        yield end - BLOCK + offset % BLOCK, piece
    yield end, footer


def guest_blocks(files: StorageFiles, path: str) -> Iterator[tuple[int, bytes]]:
    """Yield what is not zero in an image, by increasing offset in the guest's disk."""
    start = files.read(path, _SECTOR, _HEADER.size)
    if len(start) < _HEADER.size:
        return
    _, _, table, _, blocks, size, _ = _HEADER.unpack(start)
    if size != BLOCK:
        return
    entries = files.read(path, table, 4 * min(blocks, CAPACITY_MAX // BLOCK))
    for number, (at,) in enumerate(struct.iter_unpack('>I', entries[:len(entries) // 4 * 4])):
        if at == _ABSENT:
            continue
        for offset in range(0, BLOCK, _CHUNK):
            piece = files.read(path, at * _SECTOR + len(_BITMAP) + offset, _CHUNK)
            if any(piece):
                yield number * BLOCK + offset, piece
