"""Images in the format qcow2: headers, the guest's data, and new images.

Source: the description of the format in QEMU 7.2, docs/interop/qcow2.txt; the order of the parts
of a new image is that of ``qemu-img create`` 7.2.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from vpmem_harness.libvirtd.hypervisor.storage.files import StorageFiles

MAGIC: Final = b'QFI\xfb'
DEFAULT_CLUSTER: Final = 65536
#: The bytes of a file that are read to recognize its format. Source: libvirt's
#: VIR_STORAGE_MAX_HEADER.
HEADER_MAX: Final = 0x8200

_HEAD: Final = struct.Struct('>4sIQIIQIIQQIIQ')
_HEAD_3: Final = struct.Struct('>QQQII')
_EXTENSION: Final = struct.Struct('>II')
_BACKING_FORMAT: Final = 0xe2792aca
_LAZY, _EXTENDED_L2 = 1, 1 << 4
_OFFSET: Final = 0x00fffffffffffe00
_COMPRESSED, _COPIED, _ZERO = 1 << 62, 1 << 63, 1
#: The largest first table in bytes.
_L1_MAX: Final = 32 << 20
#: The longest path of a backing file.
_BACKING_MAX: Final = 1023


@dataclass(frozen=True)
class Header:
    """What the header of an image says; sizes are in bytes."""

    version: int
    capacity: int
    cluster: int
    backing: str | None = None
    backing_format: str | None = None
    encrypted: bool = False
    features: tuple[str, ...] = ()
    l1_size: int = 0
    l1_offset: int = 0
    refcounts: int = 0

    @property
    def compat(self) -> str | None:
        """The level of compatibility as libvirt prints it; None for the oldest."""
        return '1.1' if self.version >= 3 else None


def capacity_max(cluster: int) -> int:
    """Return the largest capacity of an image with such clusters: its first table is limited.

    Source: QEMU 7.2, block/qcow2.h (QCOW_MAX_L1_SIZE).
    """
    return _L1_MAX // 8 * cluster * (cluster // 8)


def full_size(capacity: int, cluster: int) -> int:
    """Return the size of an image whose clusters are all allocated."""
    data = -(-capacity // cluster)
    tables = -(-data // (cluster // 8))
    clusters = 2 + max(1, -(-8 * tables // cluster)) + tables + data
    return (clusters + max(1, -(-clusters // (cluster // 2)))) * cluster


def read_header(data: bytes) -> Header | None:
    """Parse the start of a file; None if it is no qcow2 image."""
    if len(data) < _HEAD.size or not data.startswith(MAGIC):
        return None
    (_, version, backing_offset, backing_size, bits, capacity, crypt, l1_size, l1_offset,
     refcounts, _, _, _) = _HEAD.unpack_from(data)
    if version not in (2, 3) or not 9 <= bits <= 31:
        return None
    features: list[str] = []
    length = _HEAD.size
    if version == 3 and len(data) >= _HEAD.size + _HEAD_3.size:
        incompatible, compatible, _, _, length = _HEAD_3.unpack_from(data, _HEAD.size)
        features = [name for name, present in (('lazy_refcounts', compatible & _LAZY),
                                               ('extended_l2', incompatible & _EXTENDED_L2))
                    if present]
    backing = None
    if backing_offset and 0 < backing_size <= _BACKING_MAX:
        backing = os.fsdecode(data[backing_offset:backing_offset + backing_size]) or None
    return Header(version, capacity, 1 << bits, backing,
                  _backing_format(data, length, backing_offset or 1 << bits), bool(crypt),
                  tuple(features), l1_size, l1_offset, refcounts)


def _backing_format(data: bytes, at: int, end: int) -> str | None:
    while at + _EXTENSION.size <= min(end, len(data)):
        kind, length = _EXTENSION.unpack_from(data, at)
        at += _EXTENSION.size
        if kind == 0:
            return None
        if kind == _BACKING_FORMAT:
            return data[at:at + length].decode('ascii', 'replace')
        at += -(-length // 8) * 8
    return None


def new_image(capacity: int, *, version: int = 2, cluster: int = DEFAULT_CLUSTER,
              features: Iterable[str] = (), backing: str | None = None,
              backing_format: str | None = None,
              data: Iterable[tuple[int, bytes]] = ()) -> Iterator[tuple[int, bytes]]:
    """Yield the pieces of a new image: offset and contents.

    :param data: the guest's clusters that are not zero, by increasing offset.
    """
    clusters = [(offset, piece.ljust(cluster, b'\0')) for offset, piece in data]
    entries = cluster // 8
    tables = sorted({offset // cluster // entries for offset, _ in clusters})
    l1_size = max(1, -(-capacity // (cluster * entries))) if capacity else 0
    l1_clusters = max(1, -(-l1_size * 8 // cluster))
    used = 3 + l1_clusters + len(tables) + len(clusters)
    per_block = cluster // 2
    blocks = -(-(used + 16) // per_block)
    used += blocks - 1
    l1 = 2 + blocks
    table_place = {table: l1 + l1_clusters + number for number, table in enumerate(tables)}
    first = l1 + l1_clusters + len(tables)
    # QEMU writes whole clusters, but for the table at the end of an empty image.
    yield 0, _header(capacity, version, cluster, features, backing, backing_format, l1_size,
                     l1 * cluster).ljust(cluster, b'\0')
    yield cluster, b''.join(struct.pack('>Q', (2 + number) * cluster)
                            for number in range(blocks)).ljust(cluster, b'\0')
    yield 2 * cluster, (struct.pack('>H', 1) * used).ljust(blocks * cluster, b'\0')
    l1_table = bytearray(8 * l1_size)
    for table, place in table_place.items():
        struct.pack_into('>Q', l1_table, 8 * table, place * cluster | _COPIED)
    yield l1 * cluster, bytes(l1_table).ljust(l1_clusters * cluster if clusters else 0, b'\0')
    l2_tables = {table: bytearray(cluster) for table in tables}
    for number, (offset, _) in enumerate(clusters):
        table, entry = divmod(offset // cluster, entries)
        struct.pack_into('>Q', l2_tables[table], 8 * entry, (first + number) * cluster | _COPIED)
    for table, contents in l2_tables.items():
        yield table_place[table] * cluster, bytes(contents)
    for number, (_, piece) in enumerate(clusters):
        yield (first + number) * cluster, piece


def _header(capacity: int, version: int, cluster: int, features: Iterable[str],
            backing: str | None, backing_format: str | None, l1_size: int,
            l1_offset: int) -> bytes:
    extensions = b''
    if backing and backing_format:
        name = backing_format.encode()
        extensions = _EXTENSION.pack(_BACKING_FORMAT, len(name)) + name.ljust(
            -(-len(name) // 8) * 8, b'\0')
    extensions += _EXTENSION.pack(0, 0)
    more = b''
    if version == 3:
        named = set(features)
        more = _HEAD_3.pack(_EXTENDED_L2 if 'extended_l2' in named else 0,
                            _LAZY if 'lazy_refcounts' in named else 0, 0, 4,
                            _HEAD.size + _HEAD_3.size + 8) + bytes(8)
    path = os.fsencode(backing or '')
    return _HEAD.pack(MAGIC, version, _HEAD.size + len(more) + len(extensions) if path else 0,
                      len(path), cluster.bit_length() - 1, capacity, 0, l1_size, l1_offset,
                      cluster, 1, 0, 0) + more + extensions + path


def set_backing(files: StorageFiles, path: str, backing: str | None, form: str) -> None:
    """Change the backing file of an image that has one; None removes it.

    :param form: the format of the backing file.
    """
    data = bytearray(files.read(path, 0, HEADER_MAX))
    _, version, offset, *_ = _HEAD.unpack_from(data)
    if not offset:
        return
    name = os.fsencode(backing or '')
    if backing is None:
        offset = 0
    data[8:20] = struct.pack('>QI', offset, len(name))
    data[offset:offset + len(name)] = name if offset else b''
    at = _HEAD_3.unpack_from(data, _HEAD.size)[4] if version == 3 else _HEAD.size
    while at + _EXTENSION.size <= offset:
        kind, length = _EXTENSION.unpack_from(data, at)
        if kind == 0:
            break
        if kind == _BACKING_FORMAT and len(form) <= -(-length // 8) * 8:
            _EXTENSION.pack_into(data, at, kind, len(form))
            at += _EXTENSION.size
            data[at:at + 8] = form.encode().ljust(8, b'\0')
            break
        at += _EXTENSION.size + -(-length // 8) * 8
    files.write(path, 0, bytes(data))


def guest_clusters(files: StorageFiles, path: str, header: Header) -> Iterator[tuple[int, bytes]]:
    """Yield offset and contents of the guest's clusters that the image itself has.

    :raises ValueError: a cluster is compressed or encrypted.
    """
    entries = header.cluster // 8
    table = files.read(path, header.l1_offset, min(8 * header.l1_size, _L1_MAX))
    for number, (entry,) in enumerate(struct.iter_unpack('>Q', table[:len(table) // 8 * 8])):
        if not entry & _OFFSET:
            continue
        l2 = files.read(path, entry & _OFFSET, header.cluster)
        for place, (mapped,) in enumerate(struct.iter_unpack('>Q', l2[:len(l2) // 8 * 8])):
            if mapped & _COMPRESSED or header.encrypted or 'extended_l2' in header.features:
                raise ValueError('compressed and encrypted clusters are not read')
            offset = (number * entries + place) * header.cluster
            if offset >= header.capacity:
                return
            if mapped & _ZERO and header.version >= 3:
                yield offset, b''
            elif mapped & _OFFSET:
                yield offset, files.read(path, mapped & _OFFSET, header.cluster)


def resize(files: StorageFiles, path: str, header: Header, capacity: int) -> None:
    """Change the capacity of an image; its data stay where they are."""
    entries = header.cluster // 8
    wanted = max(1, -(-capacity // (header.cluster * entries)))
    l1_offset, l1_size = header.l1_offset, min(header.l1_size, _L1_MAX // 8)
    if wanted > l1_size:
        status = files.status(path)
        end = -(-(0 if status is None else status.size) // header.cluster) * header.cluster
        table = files.read(path, l1_offset, 8 * l1_size)
        room = max(1, -(-8 * l1_size // header.cluster)) * header.cluster
        if 8 * wanted > room:
            # The new table goes to the end, and the old one is free.
            places = -(-8 * wanted // header.cluster)
            _count(files, path, header, end // header.cluster, places, 1)
            _count(files, path, header, l1_offset // header.cluster, room // header.cluster, 0)
            l1_offset = end
        l1_size = wanted
        files.write(path, l1_offset, table.ljust(8 * wanted, b'\0'))
    start = bytearray(files.read(path, 0, _HEAD.size))
    struct.pack_into('>Q', start, 24, capacity)
    struct.pack_into('>IQ', start, 36, l1_size, l1_offset)
    files.write(path, 0, bytes(start))


def _count(files: StorageFiles, path: str, header: Header, first: int, number: int,
           count: int) -> None:
    """Set the reference count of clusters, as far as the image has room for it."""
    per_block = header.cluster // 2
    for cluster in range(first, first + number):
        block, entry = divmod(cluster, per_block)
        place = files.read(path, header.refcounts + 8 * block, 8)
        offset = struct.unpack('>Q', place)[0] if len(place) == 8 else 0
        if offset:
            files.write(path, offset + 2 * entry, struct.pack('>H', count))
