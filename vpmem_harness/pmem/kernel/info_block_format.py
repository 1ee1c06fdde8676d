"""The bytes of info blocks (kernel: nvdimm/pfn.h ``nd_pfn_sb``, nvdimm/btt.h ``btt_sb``)."""

from __future__ import annotations

import struct
from typing import NamedTuple

from vpmem_harness.pmem.kernel import label_format, sizes
from vpmem_harness.pmem.kernel.media import InfoBlock
from vpmem_harness.pmem.kernel.namespaces import NO_UUID

SIGNATURES = {'pfn': b'NVDIMM_PFN_INFO\0', 'dax': b'NVDIMM_DAX_INFO\0',
              'btt': b'BTT_ARENA_INFO\0\0'}
#: Bytes from the start of a namespace in which its info block is.
LENGTH = sizes.INFO_BLOCK

_BLOCK = 4096
_CHECKSUM = _BLOCK - 8
_HEAD = struct.Struct('<16s16s16sIHH')
_PFN = struct.Struct('<QQIIIIIH')
_BTT = struct.Struct('<IIIIIIQQQQQ')
_MODES = {'none': 0, 'mem': 1, 'dev': 2}


class Head(NamedTuple):
    """The fields that all info blocks begin with."""

    signature: bytes
    uuid: str
    parent: str
    flags: int
    major: int
    minor: int


class PfnFields(NamedTuple):
    """The fields of an fsdax or devdax namespace."""

    dataoff: int
    npfns: int
    mode: int
    start_pad: int
    end_trunc: int
    align: int
    page_size: int
    page_struct_size: int


class BttFields(NamedTuple):
    """The fields of an arena of a sector mode namespace; offsets count from its start."""

    external_lbasize: int
    external_nlba: int
    internal_lbasize: int
    internal_nlba: int
    nfree: int
    infosize: int
    nextoff: int
    dataoff: int
    mapoff: int
    logoff: int
    info2off: int


def pack(block: InfoBlock, start: int, raw_size: int) -> bytes:
    """The first bytes of a namespace at the physical address ``start``."""
    if block.kind == 'btt':
        offset = block.data_offset - sizes.INFO_BLOCK_OFFSET
        version = (2, 0) if offset == 0 else (1, 1)
        fields = _BTT.pack(*_arena(block.sector_size, raw_size - offset))
    else:
        offset, version = sizes.INFO_BLOCK_OFFSET, (1, 4)
        end = start + raw_size
        granule = max(block.align, sizes.SUBSECTION)
        fields = _PFN.pack(
            block.data_offset, block.size // sizes.PAGE, _MODES[block.memmap], 0,
            end - sizes.align_down(end, granule), block.align & 0xFFFFFFFF, sizes.PAGE,
            sizes.PAGE_DESCRIPTOR)
    unsigned = (_HEAD.pack(SIGNATURES[block.kind], _bytes(block.uuid), _bytes(block.parent), 0,
                           *version) + fields).ljust(_BLOCK, b'\0')
    signed = unsigned[:_CHECKSUM] + struct.pack('<Q', label_format.fletcher64(unsigned))
    return (bytes(offset) + signed).ljust(LENGTH, b'\0')


def _arena(sector_size: int, size: int) -> BttFields:
    layout = sizes.btt_arena(min(size, sizes.BTT_ARENA_MAX), sector_size)
    more = size - sizes.BTT_ARENA_MAX >= sizes.BTT_ARENA_MIN
    return BttFields(sector_size, layout.sectors, layout.stride, layout.blocks,
                     sizes.BTT_FREE_BLOCKS, _BLOCK, sizes.BTT_ARENA_MAX if more else 0,
                     _BLOCK, layout.map_offset, layout.log_offset, layout.second_info_offset)


def unpack_head(data: bytes) -> Head:
    """The fields at the start of an info block."""
    signature, identifier, parent, flags, major, minor = _HEAD.unpack_from(data)
    return Head(signature, label_format.format_uuid(identifier),
                label_format.format_uuid(parent), flags, major, minor)


def unpack_pfn(data: bytes) -> PfnFields:
    """The fields behind the head of an fsdax or devdax info block."""
    return PfnFields(*_PFN.unpack_from(data, _HEAD.size))


def unpack_btt(data: bytes) -> BttFields:
    """The fields behind the head of a sector mode info block."""
    return BttFields(*_BTT.unpack_from(data, _HEAD.size))


def has_valid_checksum(data: bytes) -> bool:
    """Whether the checksum in an info block is that of its bytes."""
    block = data[:_BLOCK]
    return bool(struct.unpack_from('<Q', block, _CHECKSUM)[0]
                == label_format.fletcher64(block[:_CHECKSUM] + bytes(8)))


def _bytes(identifier: str | None) -> bytes:
    return bytes.fromhex((identifier or NO_UUID).replace('-', ''))
