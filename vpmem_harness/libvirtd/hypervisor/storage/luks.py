"""Encrypted images in the format LUKS, version 1, as qemu-img creates them.

Nothing is encrypted: a new image has no keys, and its contents are stored as they are written.
Source: QEMU 7.2, crypto/block-luks-priv.h (QCryptoBlockLUKSHeader) and crypto/block-luks.c.
"""

from __future__ import annotations

import struct
from typing import Final

#: The offset of the guest's data in bytes.
PAYLOAD: Final = 4040 * 512
#: The bytes that a new image takes on disk.
ALLOCATION: Final = 256 * 1024

_SECTOR: Final = 512
_MAGIC: Final = b'LUKS\xba\xbe'
#: Magic, version, cipher, its mode, hash, offset of the payload in sectors, length of the key,
#: digest of the key with its salt and iterations, UUID.
_HEADER: Final = struct.Struct('>6sH32s32s32sII20s32sI40s')
#: Whether a slot is used, iterations, salt, offset of the key in sectors, stripes.
_SLOT: Final = struct.Struct('>II32sII')
_USED, _UNUSED = 0x00ac71f3, 0x0000dead
_SLOTS, _STRIPES, _KEY = 8, 4000, 64
_FIRST_SLOT, _SLOT_SECTORS = 8, 504


def header(uuid: str) -> bytes:
    """Return the header of a new image."""
    slots = b''.join(_SLOT.pack(_UNUSED if number else _USED, 0, b'',
                                _FIRST_SLOT + _SLOT_SECTORS * number, _STRIPES)
                     for number in range(_SLOTS))
    return _HEADER.pack(_MAGIC, 1, b'aes', b'xts-plain64', b'sha256', PAYLOAD // _SECTOR, _KEY,
                        b'', b'', 0, uuid.encode()) + slots


def payload(start: bytes) -> int | None:
    """Return the offset of the data in bytes, by the start of a file; None if it is no image."""
    if len(start) < _HEADER.size or not start.startswith(_MAGIC + b'\0\1'):
        return None
    return int(_HEADER.unpack_from(start)[5]) * _SECTOR
