"""Interleave sets: which DIMMs in which order form a region, and the cookie that identifies them.

Follows the kernel's acpi/nfit/core.c (``acpi_nfit_init_interleave_set``).
"""

from __future__ import annotations

import functools
import struct
from typing import NamedTuple

#: The vendor identifier that QEMU gives its NVDIMMs.
VENDOR = 0x8086

#: Bytes of the region that one DIMM provides before the next one's turn.
LINE = 4096


class Identity(NamedTuple):
    """Serial number, vendor, place and date of manufacture of a DIMM, as in the NFIT."""

    serial: int
    vendor: int = VENDOR
    place: int = 0
    date: int = 0


@functools.cache
def cookie(members: tuple[Identity, ...], version: str | None) -> int:
    """The interleave set's cookie, which ties labels to the DIMMs in their positions.

    :param members: the set's DIMMs, in order
    :param version: the label version; without labels the cookie is version 1.2's
    """
    described = b''
    for position, (serial, vendor, place, date) in enumerate(members):
        offset = position * LINE
        if version == '1.1':
            described += struct.pack('<QII', offset, serial, 0)
        else:
            described += struct.pack('<QIHHB31x', offset, serial, vendor, date, place)
    low = high = 0
    for (word,) in struct.iter_unpack('<I', described):
        low = (low + word) % 2**32
        high = (high + low) % 2**32
    return high << 32 | low
