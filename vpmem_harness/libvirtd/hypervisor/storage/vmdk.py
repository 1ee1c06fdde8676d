"""Images in the format vmdk: the sparse variant in one file, as qemu-img creates it.

Source: QEMU 7.2, block/vmdk.c (vmdk_init_extent, vmdk_co_do_create).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Final

from vpmem_harness.libvirtd.hypervisor.storage.files import StorageFiles

#: The unit in which space is allocated, in bytes.
GRAIN: Final = 65536
#: The largest capacity in bytes that is simulated.
CAPACITY_MAX: Final = 64 << 40

_SECTOR: Final = 512
_MAGIC: Final = b'KDMV'
#: Magic, version, flags, capacity, grain, offset and size of the description, entries per grain
#: table, offsets of both grain directories and of the grains, all in sectors; then whether the
#: image is dirty, bytes that show a transfer as text, and the compression.
_HEADER: Final = struct.Struct('<4sIIQQQQIQQQB4sH')
_FLAGS: Final = 3       # the end of lines is checked, and the second directory is used
_TEXT_CHECK: Final = b'\n \r\n'
_DESCRIPTION_SECTORS: Final = 20
_TABLE_ENTRIES: Final = 512
_TABLE_SECTORS: Final = _TABLE_ENTRIES * 4 // _SECTOR
_DESCRIPTION: Final = """\
# Disk DescriptorFile
version=1
CID=fffffffe
parentCID=ffffffff
createType="monolithicSparse"

# Extent description
RW {sectors} SPARSE "{name}"

# The Disk Data Base
#DDB

ddb.virtualHWVersion = "4"
ddb.geometry.cylinders = "{cylinders}"
ddb.geometry.heads = "16"
ddb.geometry.sectors = "63"
ddb.adapterType = "ide"
ddb.toolsVersion = "2147483647"
"""


def _round(number: int, unit: int) -> int:
    return -(-number // unit)


def new_image(name: str, capacity: int,
              data: Iterable[tuple[int, bytes]] = ()) -> Iterator[tuple[int, bytes]]:
    """Yield the contents of a new image by offset; its size is the end of the last piece.

    :param name: the name of the file.
    :param data: grains that are not zero, by increasing offset in the guest's disk.
    """
    sectors = _round(capacity, _SECTOR)
    tables = _round(_round(sectors * _SECTOR, GRAIN), _TABLE_ENTRIES)
    directory = _round(tables * 4, _SECTOR)
    second = 1 + _DESCRIPTION_SECTORS
    first = second + directory + tables * _TABLE_SECTORS
    end = _round(first + directory + tables * _TABLE_SECTORS, GRAIN // _SECTOR) * GRAIN
    yield 0, _HEADER.pack(_MAGIC, 1, _FLAGS, sectors, GRAIN // _SECTOR, 1, _DESCRIPTION_SECTORS,
                          _TABLE_ENTRIES, second, first, end // _SECTOR, 0, _TEXT_CHECK, 0)
    yield _SECTOR, _DESCRIPTION.format(
        sectors=sectors, name=name, cylinders=sectors // (63 * 16)).encode(
            errors='surrogateescape')
    for start in (second, first):
        entries = range(start + directory, start + directory + tables * _TABLE_SECTORS,
                        _TABLE_SECTORS)
        yield start * _SECTOR, struct.pack(f'<{tables}I', *entries)
    yield end - 1, b'\0'
    for offset, grain in data:
        entry = struct.pack('<I', end // _SECTOR)
        for start in (second, first):
            yield (start + directory) * _SECTOR + offset // GRAIN * 4, entry
        yield end, grain
        end += GRAIN


def guest_blocks(files: StorageFiles, path: str) -> Iterator[tuple[int, bytes]]:
    """Yield the grains of an image by increasing offset in the guest's disk."""
    start = files.read(path, 0, _HEADER.size)
    if len(start) < _HEADER.size:
        return
    _, _, _, sectors, grain, _, _, entries, _, directory, *_ = _HEADER.unpack(start)
    if not grain or grain * _SECTOR > 1 << 21 or not 0 < entries <= _TABLE_ENTRIES:
        return
    count = _round(_round(sectors, grain), entries)
    for number in range(min(count, CAPACITY_MAX // GRAIN // _TABLE_ENTRIES)):
        (table,) = _words(files, path, directory * _SECTOR + 4 * number, 1)
        if not table:
            continue
        for index, at in enumerate(_words(files, path, table * _SECTOR, entries)):
            if at > 1:      # 1 is a grain of zeroes
                yield ((number * entries + index) * grain * _SECTOR,
                       files.read(path, at * _SECTOR, grain * _SECTOR))


def _words(files: StorageFiles, path: str, offset: int, count: int) -> tuple[int, ...]:
    """Return a number of 32-bit numbers, zero beyond the end of the file."""
    return struct.unpack(f'<{count}I', files.read(path, offset, 4 * count).ljust(4 * count, b'\0'))
