"""The bytes of a label area: index blocks and labels.

Source: UEFI specification 2.7, section 13.19 "NVDIMM Label Protocol", which version 1.1 of the
NVDIMM Namespace Specification precedes (kernel: nvdimm/label.h). All numbers are little-endian.
"""

from __future__ import annotations

import itertools
import os
import struct
import uuid
from typing import NamedTuple

from vpmem_harness.pmem.kernel.sizes import align_up

SIGNATURE = b'NAMESPACE_INDEX\0'
#: Index blocks start and end at multiples of this.
INDEX_ALIGN = 256

#: Bytes of a label by the version of the area.
LABEL_SIZES = {'1.1': 128, '1.2': 256}

_INDEX = struct.Struct('<16s3sBIQQQQIHHQ')
_LABEL = struct.Struct('<16s64sIHHQQQQI')
_CHECKSUM = struct.Struct('<Q')
_INDEX_CHECKSUM = _INDEX.size - _CHECKSUM.size
_TYPE_GUID = 128
_ABSTRACTION_GUID = 144
_LABEL_CHECKSUM = 248
_NAME_LENGTH = 64

#: A label whose counterparts on the other DIMMs are not all written yet.
UPDATING = 8


def _guid(*fields: int) -> bytes:
    first, second, third, high, low, node = fields
    return uuid.UUID(fields=(first, second, third, high, low, node)).bytes_le


#: The GUID of persistent memory, and those of the claim classes.
PMEM_GUID = _guid(0x66F0D379, 0xB4F3, 0x4074, 0xAC, 0x43, 0x0D3318B78CDB)
CLAIM_GUIDS = {
    '': bytes(16),
    'btt': _guid(0x8AED63A2, 0x29A2, 0x4C66, 0x8B, 0x12, 0xF05D15D3922A),
    'btt2': _guid(0x18633BFC, 0x1735, 0x4217, 0x8A, 0xC9, 0x17239282D3F8),
    'pfn': _guid(0x266400BA, 0xFB9F, 0x4677, 0xBC, 0xB0, 0x968F11D0D225),
    'dax': _guid(0x97A86D9C, 0x3CDD, 0x4EDA, 0x98, 0x6F, 0x5068B4F80088)}
_CLAIMS = {guid: claim for claim, guid in CLAIM_GUIDS.items()}


class Label(NamedTuple):
    """One label: the part of a namespace that lies on one DIMM."""

    uuid: str
    name: str
    position: int
    ways: int
    cookie: int
    sector_size: int
    dpa: int
    size: int
    claim: str = ''
    flags: int = 0
    slot: int = 0


class IndexHeader(NamedTuple):
    """The fields of an index block before its bitmap, valid or not."""

    signature: bytes
    flags: bytes
    label_size: int
    sequence: int
    offset: int
    size: int
    other_offset: int
    label_offset: int
    slots: int
    major: int
    minor: int
    checksum: int


HEADER_SIZE = _INDEX.size


def fletcher64(data: bytes) -> int:
    """The checksum of index blocks and of version 1.2 labels (kernel: ``nd_fletcher64``)."""
    sums = list(itertools.accumulate(struct.unpack(f'<{len(data) // 4}I', data)))
    low, high = sums[-1] & 0xFFFFFFFF, sum(sums) & 0xFFFFFFFF
    return int(high << 32 | low)


def index_size(slots: int) -> int:
    """Bytes of an index block for so many slots."""
    return align_up(HEADER_SIZE + -(-slots // 8), INDEX_ALIGN)


def slot_count(area_size: int, label_size: int) -> int:
    """How many labels an area holds (kernel: ``nvdimm_num_label_slots``)."""
    return (area_size - 2 * index_size(area_size // label_size)) // label_size


def unpack_header(data: bytes) -> IndexHeader:
    """The fields at the start of ``data``."""
    return IndexHeader(*_INDEX.unpack_from(data))


def pack_index(header: IndexHeader, bitmap: bytes) -> bytes:
    """An index block with its checksum; ``bitmap`` is all that follows the header."""
    unsigned = _INDEX.pack(*header._replace(checksum=0)) + bitmap
    return (unsigned[:_INDEX_CHECKSUM] + _CHECKSUM.pack(fletcher64(unsigned)) + bitmap)


def has_valid_checksum(block: bytes) -> bool:
    """Whether the checksum in an index block is that of its bytes."""
    blank = block[:_INDEX_CHECKSUM] + bytes(8) + block[HEADER_SIZE:]
    return bool(_CHECKSUM.unpack_from(block, _INDEX_CHECKSUM)[0] == fletcher64(blank))


def pack_label(label: Label, label_size: int) -> bytes:
    """The bytes of a label; those of version 1.2 have GUIDs and a checksum."""
    name = os.fsencode(label.name)[:_NAME_LENGTH - 1]
    data = bytearray(label_size)
    _LABEL.pack_into(data, 0, bytes.fromhex(label.uuid.replace('-', '')), name, label.flags,
                     label.ways, label.position, label.cookie, label.sector_size, label.dpa,
                     label.size, label.slot)
    if label_size > _TYPE_GUID:
        data[_TYPE_GUID:_ABSTRACTION_GUID] = PMEM_GUID
        data[_ABSTRACTION_GUID:_ABSTRACTION_GUID + 16] = CLAIM_GUIDS[label.claim]
        _CHECKSUM.pack_into(data, _LABEL_CHECKSUM, fletcher64(bytes(data)))
    return bytes(data)


def unpack_label(data: bytes) -> Label:
    """The label in ``data``; a claim class that is not known reads as ``unknown``."""
    (identifier, name, flags, ways, position, cookie, sector_size, dpa, size,
     slot) = _LABEL.unpack_from(data)
    claim = ''
    if len(data) > _TYPE_GUID:
        claim = _CLAIMS.get(data[_ABSTRACTION_GUID:_ABSTRACTION_GUID + 16], 'unknown')
    return Label(format_uuid(identifier), os.fsdecode(name[:-1].split(b'\0', 1)[0]), position, ways,
                 cookie, sector_size, dpa, size, claim, flags, slot)


def is_valid_label(data: bytes, slot: int) -> bool:
    """Whether the kernel takes ``data`` for the label in ``slot`` (kernel: ``slot_valid``)."""
    label = unpack_label(data)
    if label.slot != slot or (label.dpa | label.size) % 4096:
        return False
    if len(data) <= _TYPE_GUID:
        return True
    blank = data[:_LABEL_CHECKSUM] + bytes(8)
    return bool(_CHECKSUM.unpack_from(data, _LABEL_CHECKSUM)[0] == fletcher64(blank))


def guids(data: bytes) -> tuple[str, str]:
    """The GUIDs of type and abstraction, as ndctl prints them: byte by byte."""
    return (format_uuid(data[_TYPE_GUID:_ABSTRACTION_GUID]),
            format_uuid(data[_ABSTRACTION_GUID:_ABSTRACTION_GUID + 16]))


def format_uuid(data: bytes) -> str:
    """Sixteen bytes in the canonical form."""
    digits = data.hex()
    return '-'.join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
