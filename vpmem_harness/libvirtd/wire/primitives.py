"""XDR primitives (RFC 4506): numbers, bytes and text.

The module ``xdr`` describes what decoding accepts.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from vpmem_harness.plurals import counted

#: Maximum bytes of a string.  Source: REMOTE_STRING_MAX, src/remote/remote_protocol.x.
STRING_MAX: Final = 4194304

Reader = Callable[[bytes, int], tuple[Any, int]]
Writer = Callable[[Any, Callable[[bytes], Any]], None]


class XDRError(Exception):
    """Bytes that do not decode, or a value that does not encode."""


class Codec(NamedTuple):
    """Decodes and encodes values of one shape."""

    read: Reader
    write: Writer

    def decode(self, buffer: bytes, start: int = 0) -> Any:
        """Decode the value that begins at ``start``; raises ``XDRError``."""
        try:
            return self.read(buffer, start)[0]
        except struct.error as error:
            raise XDRError(f'the message is too short: {error}') from None

    def encode(self, value: Any) -> bytes:
        """Encode a value; raises ``XDRError`` if it does not have the shape."""
        pieces: list[bytes] = []
        try:
            self.write(value, pieces.append)
        except (struct.error, TypeError, ValueError, AttributeError) as error:
            raise XDRError(f'the value does not have the shape: {error}') from error
        return b''.join(pieces)


INT: Final = struct.Struct('>i')
UINT: Final = struct.Struct('>I')
_PADDING: Final = (b'', b'\0\0\0', b'\0\0', b'\0')   # by length modulo 4
FORMATS: Final = {'int': 'i', 'uint': 'I', 'hyper': 'q', 'uhyper': 'Q', 'double': 'd'}
_RANGES: Final = {'char': range(-128, 128), 'uchar': range(256), 'ushort': range(65536)}


def _too_long(length: int, limit: int, left: int) -> XDRError:
    """Return the error for a length beyond its limit, or beyond the bytes that are left."""
    if length > limit:
        return XDRError(f'{length} bytes, the limit is {limit}')
    return XDRError(f'expected {counted(length, "byte")} with padding, got {counted(left, "byte")}')


def read_opaque(limit: int) -> Reader:
    """Return a reader of a length, that many bytes, and their padding."""
    unpack = UINT.unpack_from

    def read(buffer: bytes, at: int) -> tuple[bytes, int]:
        (length,) = unpack(buffer, at)
        start = at + 4
        end = start + (length + 3 & -4)
        if length > limit or end > len(buffer):
            raise _too_long(length, limit, len(buffer) - start)
        return buffer[start:start + length], end

    return read


def opaque(limit: int) -> Codec:
    """Codec of ``opaque<limit>``: up to ``limit`` bytes."""
    def write(value: bytes, out: Callable[[bytes], Any]) -> None:
        length = len(value)
        if length > limit:
            raise XDRError(f'{length} bytes, the limit is {limit}')
        out(UINT.pack(length) + value + _PADDING[length & 3])

    return Codec(read_opaque(limit), write)


def string() -> Codec:
    """Codec of ``string<REMOTE_STRING_MAX>``; as in C, a NUL ends the decoded text."""
    unpack, pack = UINT.unpack_from, UINT.pack

    def read(buffer: bytes, at: int) -> tuple[str, int]:
        (length,) = unpack(buffer, at)
        start = at + 4
        end = start + (length + 3 & -4)
        if length > STRING_MAX or end > len(buffer):
            raise _too_long(length, STRING_MAX, len(buffer) - start)
        value = buffer[start:start + length]
        if 0 in value:
            value = value[:value.index(0)]
        return value.decode('utf-8', 'surrogateescape'), end

    def write(value: str, out: Callable[[bytes], Any]) -> None:
        text = value.encode('utf-8', 'surrogateescape')
        length = len(text)
        if length > STRING_MAX:
            raise XDRError(f'{length} bytes, the limit is {STRING_MAX}')
        out(pack(length) + text + _PADDING[length & 3])

    return Codec(read, write)


def scalar(name: str) -> Codec:
    """Codec of a 32 or 64 bit number, by the name of its type."""
    if name in _RANGES:
        return small(_RANGES[name])
    packer = struct.Struct('>' + FORMATS[name])
    unpack, pack, size = packer.unpack_from, packer.pack, packer.size

    def read(buffer: bytes, at: int) -> tuple[Any, int]:
        return unpack(buffer, at)[0], at + size

    def write(value: Any, out: Callable[[bytes], Any]) -> None:
        out(pack(value))

    return Codec(read, write)


def small(span: range) -> Codec:
    """Codec of a number of less than 32 bits, which takes 32 on the wire.

    Decoding keeps the lowest bits, as a conversion in C does.
    """
    least, count = span.start, len(span)

    def read(buffer: bytes, at: int) -> tuple[int, int]:
        (value,) = INT.unpack_from(buffer, at)
        return (value - least) % count + least, at + 4

    def write(value: int, out: Callable[[bytes], Any]) -> None:
        if value not in span:
            raise XDRError(f'{value!r} is out of range')
        out(INT.pack(value))

    return Codec(read, write)


def uuid_bytes() -> Codec:
    """Codec of a UUID: decodes to 16 bytes; encodes bytes, a ``uuid.UUID`` or a string."""
    def read(buffer: bytes, at: int) -> tuple[bytes, int]:
        end = at + 16
        if end > len(buffer):
            raise XDRError('the message ends inside a UUID')
        return buffer[at:end], end

    def write(value: Any, out: Callable[[bytes], Any]) -> None:
        if not isinstance(value, bytes):
            value = (value if isinstance(value, uuid.UUID) else uuid.UUID(value)).bytes
        if len(value) != 16:
            raise XDRError(f'a UUID has 16 bytes, got {len(value)}')
        out(value)

    return Codec(read, write)


def chars(limit: int, fixed: bool) -> Codec:
    """Codec of ``char[N]``, padded with zeroes, or ``char<N>``; each byte takes 32 bits.

    ``char<N>`` includes the NUL that terminates a C string, because the client relies on it. The
    decoded text ends at the first NUL, or with the array if there is none.
    """
    def read(buffer: bytes, at: int) -> tuple[str, int]:
        count = limit
        if not fixed:
            (count,) = UINT.unpack_from(buffer, at)
            at += 4
        if count > limit:
            raise XDRError(f'{count} characters, the limit is {limit}')
        numbers = struct.unpack_from(f'>{count}i', buffer, at)
        text = bytes(number & 255 for number in numbers).partition(b'\0')[0]
        return text.decode('utf-8', 'surrogateescape'), at + 4 * count

    def write(value: str, out: Callable[[bytes], Any]) -> None:
        text = value.encode('utf-8', 'surrogateescape')
        if fixed:
            text = text.ljust(limit, b'\0')
        else:
            text += b'\0'
            out(UINT.pack(len(text)))
        if len(text) > limit:
            raise XDRError(f'{len(text)} characters, the limit is {limit}')
        out(struct.pack(f'>{len(text)}i', *struct.unpack(f'{len(text)}b', text)))

    return Codec(read, write)


def check_count(count: int, limit: int) -> None:
    """Raise ``XDRError`` if a list has more than ``limit`` items."""
    if count > limit:
        raise XDRError(f'a list of {count} items, the limit is {limit}')


def numbers(name: str, limit: int) -> Codec:
    """Codec of a list of numbers, packed with a single call of ``struct``."""
    letter = FORMATS[name]
    size = struct.calcsize('>' + letter)

    def read(buffer: bytes, at: int) -> tuple[list[Any], int]:
        (count,) = UINT.unpack_from(buffer, at)
        check_count(count, limit)
        at += 4
        return list(struct.unpack_from(f'>{count}{letter}', buffer, at)), at + size * count

    def write(value: Sequence[Any], out: Callable[[bytes], Any]) -> None:
        check_count(len(value), limit)
        out(struct.pack(f'>I{len(value)}{letter}', len(value), *value))

    return Codec(read, write)
