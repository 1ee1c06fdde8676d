"""Numbers, sizes and bitmaps as libvirt parses them."""

from __future__ import annotations

import functools
import re
from typing import Final

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.xml.etree import Element, first

#: Bytes in a unit. Source: libvirt 9.0.0, src/util/virutil.c (virScaleInteger).
_POWERS = {'k': 1, 'm': 2, 'g': 3, 't': 4, 'p': 5, 'e': 6}

_WHOLE = re.compile(r'\s*\+?([0-9]+)')
_INTEGER = re.compile(r'\s*[-+]?[0-9]+')

#: How many numbers a set such as that of CPUs or NUMA nodes may hold.
#: Source: libvirt 9.0.0, src/conf/domain_conf.h (VIR_DOMAIN_CPUMASK_LEN).
BITMAP_SIZE = 16384

#: The largest size that libvirt accepts, in bytes.
MAX_BYTES = 2**63 - 1


#: The digits of a number that :func:`shortened` keeps. Python always converts 640.
MOST_DIGITS: Final = 600
_LONG = re.compile(rf'0*([0-9]{{{MOST_DIGITS},}})')


def shortened(text: str) -> str:
    """Remove digits of numbers that are too long for Python's ``int``.

    libvirt's numbers have 20 digits at most, so that such a number is out of range before and
    after. Source: Python's sys.set_int_max_str_digits.
    """
    return text if len(text) < MOST_DIGITS else _LONG.sub(
        lambda number: number[1].lstrip('0')[:MOST_DIGITS] or '0', text)


def whole(text: str | None) -> int | None:
    """Parse an unsigned number, None if invalid; leading blanks are allowed.

    Source: libvirt 9.0.0, src/util/virstring.c (virStrToLong_ullp).
    """
    match = None if text is None else _WHOLE.fullmatch(shortened(text))
    if match is None:
        return None
    number = int(match[1])
    if number >= 2**64:
        return None
    return number


def is_integer(text: str) -> bool:
    """Whether a text is a number with or without a sign; leading blanks are allowed."""
    return _INTEGER.fullmatch(text) is not None


@functools.lru_cache(64)
def unit_bytes(unit: str) -> int | None:
    """Return the bytes of a unit such as ``k``, ``KiB``, ``kB`` or ``bytes``; None if unknown."""
    lower = unit.lower()
    if lower in ('b', 'byte', 'bytes'):
        return 1
    power = _POWERS.get(lower[:1])
    if power is None:
        return None
    if lower[1:] in ('', 'ib'):
        return int(1024**power)
    return int(1000**power) if lower[1:] == 'b' else None


def kib(parent: Element, path: str, *, required: bool = False) -> int:
    """Return the size at ``path`` below ``parent`` in KiB, rounded up; 0 if there is none.

    :param path: the path, as libvirt's errors show it.
    :raises LibvirtError: VIR_ERR_XML_ERROR if it is not a number, or required and missing;
        VIR_ERR_INVALID_ARG for an unknown unit; VIR_ERR_OVERFLOW if it is too large.
        Source: libvirt 9.0.0, src/conf/domain_conf.c (virDomainParseMemory).
    """
    found = parent if path == '.' else first(
        parent, path.removeprefix('./').removesuffix('[1]'))
    text = None if found is None else found.text
    return _kib(text, '' if found is None else found.get('unit') or '', path, required=required)


def kib_attribute(element: Element, name: str, unit: str) -> int:
    """Return the size in KiB from a required attribute and the attribute of its unit."""
    return _kib(element.get(name), element.get(unit) or '', f'./@{name}', required=True)


def _kib(text: str | None, unit: str, path: str, *, required: bool) -> int:
    if not text:
        if required:
            raise LibvirtError(libvirt.VIR_ERR_XML_ERROR,
                               f"missing element or attribute '{path}'",
                               domain=libvirt.VIR_FROM_XML)
        return 0
    number = whole(text)
    if number is None:
        raise LibvirtError(libvirt.VIR_ERR_XML_ERROR,
                           f"Invalid value '{text}' for element or attribute '{path}'",
                           domain=libvirt.VIR_FROM_XML)
    factor = unit_bytes(unit) if unit else 1024
    if factor is None:
        raise LibvirtError(libvirt.VIR_ERR_INVALID_ARG, f"unknown suffix '{unit}'",
                           domain=libvirt.VIR_FROM_NONE)
    if number * factor > MAX_BYTES:
        raise LibvirtError(libvirt.VIR_ERR_OVERFLOW, f'value too large: {number}{unit}',
                           domain=libvirt.VIR_FROM_NONE)
    size = -(-number * factor // 1024)
    if size >= -(-MAX_BYTES // 1024):
        raise LibvirtError(libvirt.VIR_ERR_OVERFLOW, 'size value too large',
                           domain=libvirt.VIR_FROM_DOMAIN)
    return size


def bitmap(text: str) -> set[int] | None:
    """Parse a set of numbers such as ``0-3,^2,8``; None if malformed.

    Source: libvirt 9.0.0, src/util/virbitmap.c (virBitmapParse).
    """
    numbers: set[int] = set()
    if not text.strip():
        return numbers
    for part in shortened(text).split(','):
        match = re.fullmatch(r'\s*(\^?)([0-9]+)(?:-([0-9]+))?\s*', part)
        if match is None:
            return None
        low = int(match.group(2))
        high = int(match.group(3) or low)
        if high < low or high >= BITMAP_SIZE or (match.group(1) and match.group(3)):
            return None
        if match.group(1):
            numbers.discard(low)
        else:
            numbers.update(range(low, high + 1))
    return numbers


def format_bitmap(numbers: set[int]) -> str:
    """Format a set of numbers as libvirt does: ``0-1,3``."""
    parts: list[str] = []
    ordered = sorted(numbers)
    at = 0
    while at < len(ordered):
        end = at
        while end + 1 < len(ordered) and ordered[end + 1] == ordered[end] + 1:
            end += 1
        parts.append(str(ordered[at]) if at == end else f'{ordered[at]}-{ordered[end]}')
        at = end + 1
    return ','.join(parts)
