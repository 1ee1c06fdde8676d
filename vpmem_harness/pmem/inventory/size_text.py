"""Parsers of sizes: ``4GiB``."""

from __future__ import annotations

import re

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.pmem.kernel import sizes

_UNITS = {'B': 1, 'KiB': sizes.KIB, 'MiB': sizes.MIB, 'GiB': sizes.GIB, 'TiB': sizes.TIB}

#: Maximum per host: the physical address space of x86 with four levels of page tables.
HOST_LIMIT = 64 * sizes.TIB


def format_size(size: int) -> str:
    """Format bytes in the largest unit that divides them: ``4GiB``, ``4030MiB``, ``7B``."""
    for unit in ('TiB', 'GiB', 'MiB', 'KiB'):
        if size and size % _UNITS[unit] == 0:
            return f'{size // _UNITS[unit]}{unit}'
    return f'{size}B'


def parse_size(text: str, what: str = 'size') -> int:
    """Parse a whole number with the unit B, KiB, MiB, GiB or TiB into bytes.

    :raises InvalidInputError: with ``what`` in its message
    """
    match = re.fullmatch(r'([0-9]{1,18})(B|KiB|MiB|GiB|TiB)', text.strip(), re.ASCII)
    if not match or int(match[1]) == 0:
        raise InvalidInputError(
            what, expected='a whole number, 1 or more, with a unit (B, KiB, MiB, GiB or TiB)',
            got=repr(text), remedy=_size_remedy(text.strip()))
    return int(match[1]) * _UNITS[match[2]]


def _size_remedy(text: str) -> str:
    if match := re.fullmatch(r'([1-9][0-9]{0,17})([kmgt])(?:b|ib)?', text, re.ASCII | re.I):
        return f'write {match[1]}{match[2].upper()}iB'
    if re.fullmatch(r'[1-9][0-9]{0,17}', text, re.ASCII):
        # Too small for bytes: the unit is missing.
        return f'write {text}GiB' if int(text) < 1024 else f'write {format_size(int(text))}'
    return 'write it as in 4GiB'


def capacity(text: str, what: str) -> int:
    """Parse the capacity of a namespace or a region into bytes."""
    size = parse_size(text, what)
    if size % sizes.REGION_ALIGN:
        rounded = sizes.align_up(size, sizes.REGION_ALIGN)
        raise InvalidInputError(what, expected='a multiple of 16MiB, as the kernel aligns regions',
                                got=text.strip(), remedy=f'round it up to {format_size(rounded)}')
    if size > HOST_LIMIT:
        raise InvalidInputError(what, expected=f'at most {format_size(HOST_LIMIT)}',
                                got=text.strip(), remedy='make it smaller')
    return size
