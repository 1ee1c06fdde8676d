"""Sizes of namespaces: how much of its capacity a namespace can use.

All sizes and addresses are in bytes. The rules are those of Linux 6.1 on x86, where a ``struct
page`` takes 64 bytes (kernel: nvdimm/pfn_devs.c ``nd_pfn_init``, nvdimm/btt.c), and hold for each
recorded creation in ``tests/golden/ndctl/sizes.tsv``.
"""

from __future__ import annotations

import re
from typing import NamedTuple

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB
TIB = 1024 * GIB

PAGE = 4 * KIB
#: Bytes of a page descriptor, which the kernel keeps in the namespace if its map is ``dev``.
PAGE_DESCRIPTOR = 64
#: Bytes at the start of a namespace that the kernel reserves for its info block.
INFO_BLOCK = 8 * KIB
#: Offset of the info block of a pfn, a dax or a version 1.1 btt in the namespace.
INFO_BLOCK_OFFSET = 4 * KIB
#: The granule of memory hot-plug, to which device memory is aligned.
SUBSECTION = 2 * MIB
#: The region's default alignment (kernel: MEMREMAP_COMPAT_ALIGN_MAX); the smallest namespace.
REGION_ALIGN = 16 * MIB
MIN_NAMESPACE = 16 * MIB

#: The alignments that the kernel offers for devdax and fsdax.
ALIGNMENTS = (4 * KIB, 2 * MIB, 1 * GIB)
DEFAULT_ALIGN = 2 * MIB

#: The sector sizes that a btt offers, and those that a label can hold.
BTT_SECTOR_SIZES = (512, 520, 528, 4096, 4104, 4160, 4224)
LABEL_SECTOR_SIZES = (512, 4096)
DEFAULT_SECTOR_SIZE = 4096

BTT_ARENA_MIN = 16 * MIB
BTT_ARENA_MAX = 512 * GIB
BTT_FREE_BLOCKS = 256
_BTT_MAP_ENTRY = 4
_BTT_LOG_GROUP = 64


class Arena(NamedTuple):
    """The layout of one arena of a sector mode namespace; offsets count from its start."""

    sectors: int
    blocks: int
    stride: int
    map_offset: int
    log_offset: int
    second_info_offset: int


def align_up(value: int, align: int) -> int:
    """``value``, rounded up to a multiple of ``align``."""
    return -(-value // align) * align


def align_down(value: int, align: int) -> int:
    """``value``, rounded down to a multiple of ``align``."""
    return value // align * align


def dax_extent(start: int, raw: int, memmap: str, align: int) -> tuple[int, int] | None:
    """The data of a devdax or fsdax namespace: address and size, or None.

    :param start: the physical address of the namespace
    :param raw: the capacity that it takes
    :param memmap: ``dev`` (the page descriptors stand in the namespace) or ``mem``
    :param align: the namespace's alignment

    It is None if alignment leaves nothing, and the kernel refuses to enable the namespace. The size
    can be 0: Linux 6.1 enables such a namespace without a device node.
    """
    granule = max(align, SUBSECTION)
    pages = (raw - INFO_BLOCK) // PAGE
    reserved = INFO_BLOCK + (PAGE_DESCRIPTOR * pages if memmap == 'dev' else 0)
    data = align_up(start + reserved, granule)
    if data - start >= raw:
        return None
    return data, align_down(start + raw, granule) - data


def btt_size(raw: int, sector_size: int, info_offset: int = INFO_BLOCK_OFFSET) -> int | None:
    """The size of a sector mode namespace, None when it is too small to be one.

    :param raw: the capacity that it takes
    :param sector_size: bytes that a sector holds, metadata included
    :param info_offset: where its first info block stands: 4 KiB in version 1.1, 0 in version 2.0,
        which the kernel writes to namespaces with version 1.2 labels
    """
    left = raw - info_offset
    if left < BTT_ARENA_MIN:
        return None
    sectors = 0
    while left >= BTT_ARENA_MIN:
        arena = min(left, BTT_ARENA_MAX)
        left -= arena
        sectors += btt_arena(arena, sector_size).sectors
    # Bytes of a sector beyond 512 or 4096 are metadata, which does not count.
    return sectors * (4096 if sector_size >= 4096 else 512)


def btt_arena(size: int, sector_size: int) -> Arena:
    """The layout of an arena of ``size`` bytes (kernel: nvdimm/btt.c ``alloc_arena``)."""
    stride = align_up(sector_size, 64)
    log = align_up(BTT_FREE_BLOCKS * _BTT_LOG_GROUP, PAGE)
    available = align_down(size, PAGE) - 2 * PAGE - log
    blocks = (available - PAGE) // (stride + _BTT_MAP_ENTRY)
    mapping = align_up(blocks * _BTT_MAP_ENTRY, PAGE)
    map_offset = PAGE + available - mapping
    return Arena(blocks - BTT_FREE_BLOCKS, blocks, stride, map_offset, map_offset + mapping,
                 map_offset + mapping + log)


def region_align(size: int, ways: int) -> int:
    """The alignment of the sizes of a region's namespaces (kernel: ``default_align``)."""
    align = REGION_ALIGN if size >= REGION_ALIGN else PAGE
    return align * ways if align % ways else align


def parse_size(text: str) -> tuple[int, int] | None:
    """Bytes and unit of a size as ndctl reads it, None when it is none.

    ``0x`` and ``0`` introduce hexadecimal and octal numbers, K, M, G and T (either case) are
    powers of 1024 (ndctl: util/size.c). An empty number counts as 0, as with C's strtoull.
    """
    value, rest = scan_number(text)
    unit = {'': 1, 'k': KIB, 'm': MIB, 'g': GIB, 't': TIB}.get(rest.lower())
    if unit is None or value * unit >= 2**64 - 1:
        return None
    return value * unit, unit


_NUMBER = re.compile('[ \\t\\n\\v\\f\\r]*([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)')


_LONG = re.compile('[ \\t\\n\\v\\f\\r]*([+-]?)([0-9]+)')
_MOST_DIGITS = 100


def scan_number(text: str) -> tuple[int, str]:
    """The number at the start of ``text`` and the rest of it, as C's strtoull reads base 0."""
    found = _NUMBER.match(text)
    if found is None:
        return 0, text
    sign, digits = found.groups()
    base = 16 if digits[1:2] in ('x', 'X') else 8 if digits[0] == '0' else 10
    value = min(decimal(digits) if base == 10 else int(digits, base), 2**64 - 1)
    return ((-value) % 2**64 if sign == '-' else value), text[found.end():]


def decimal(digits: str) -> int:
    """Convert decimal digits; of a number that is out of any range, only the first ones.

    Python refuses to convert very long numbers (sys.set_int_max_str_digits).
    """
    return int(digits.lstrip('0')[:_MOST_DIGITS] or '0')


def long_number(text: str) -> int | None:
    """The number that is the whole text, as C's strtol reads it; None if there is more.

    An empty text counts as 0 (ndctl: util/parse-options.c, OPTION_UINTEGER).
    """
    found = _LONG.fullmatch(text)
    if found is None:
        return None if text else 0
    value = decimal(found[2])
    return max(-value, -2**63) if found[1] == '-' else min(value, 2**63 - 1)
