"""What XDR (RFC 4506) builds everything from: numbers, bytes and text."""

from __future__ import annotations

import struct
import uuid
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

#: The longest string.  Source: REMOTE_STRING_MAX, src/remote/remote_protocol.x.
STRING_MAX: Final = 4194304

Reader = Callable[[bytes, int], tuple[Any, int]]
Writer = Callable[[Any, Callable[[bytes], Any]], None]


class XDRError(Exception):
    """Bytes that are not of the shape, or a value that does not fit it."""


class Codec(NamedTuple):
    """Reads and writes one shape."""

    read: Reader
    write: Writer

    def decode(self, payload: bytes) -> Any:
        """Returns the value that the payload holds, all of it; raises ``XDRError``."""
        try:
            value, at = self.read(payload, 0)
        except struct.error as error:
            raise XDRError(f'the message is too short: {error}') from None
        if at != len(payload):
            raise XDRError(f'{len(payload) - at} bytes are left over')
        return value

    def encode(self, value: Any) -> bytes:
        """Returns the payload for a value; raises ``XDRError`` where it does not fit."""
        pieces: list[bytes] = []
        try:
            self.write(value, pieces.append)
        except (struct.error, TypeError, ValueError, AttributeError) as error:
            raise XDRError(f'the value does not fit the shape: {error}') from error
        return b''.join(pieces)


INT: Final = struct.Struct('>i')
UINT: Final = struct.Struct('>I')
_NO_PADDING: Final = (b'', b'\0\0\0', b'\0\0', b'\0')   # by length modulo 4
FORMATS: Final = {'int': 'i', 'uint': 'I', 'hyper': 'q', 'uhyper': 'Q', 'double': 'd'}
_RANGES: Final = {'char': range(-128, 128), 'uchar': range(256), 'ushort': range(65536)}


def read_opaque(limit: int) -> Reader:
    """Reads a length, that many bytes, and the padding behind them."""
    unpack = UINT.unpack_from

    def read(buffer: bytes, at: int) -> tuple[bytes, int]:
        (length,) = unpack(buffer, at)
        if length > limit:
            raise XDRError(f'{length} bytes where {limit} are the limit')
        start = at + 4
        stop = start + length
        padding = _NO_PADDING[length & 3]
        end = stop + len(padding)
        if end > len(buffer):
            raise XDRError(f'{length} bytes announced, {len(buffer) - start} came')
        if buffer[stop:end] != padding:
            raise XDRError('padding is not zero')
        return buffer[start:stop], end

    return read


def opaque(limit: int) -> Codec:
    """Bytes, as many as come, up to the limit."""
    def write(value: bytes, out: Callable[[bytes], Any]) -> None:
        length = len(value)
        if length > limit:
            raise XDRError(f'{length} bytes where {limit} are the limit')
        out(UINT.pack(length) + value + _NO_PADDING[length & 3])

    return Codec(read_opaque(limit), write)


def string() -> Codec:
    """Text, up to the longest that there is."""
    read_bytes = read_opaque(STRING_MAX)

    def read(buffer: bytes, at: int) -> tuple[str, int]:
        value, at = read_bytes(buffer, at)
        return value.decode('utf-8', 'surrogateescape'), at

    pack = UINT.pack

    def write(value: str, out: Callable[[bytes], Any]) -> None:
        text = value.encode('utf-8', 'surrogateescape')
        length = len(text)
        if length > STRING_MAX:
            raise XDRError(f'{length} bytes where {STRING_MAX} are the limit')
        out(pack(length) + text + _NO_PADDING[length & 3])

    return Codec(read, write)


def scalar(name: str) -> Codec:
    """A number, by the name of its type."""
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
    """A number of fewer than 32 bits, in a word of 32."""
    def read(buffer: bytes, at: int) -> tuple[int, int]:
        (value,) = INT.unpack_from(buffer, at)
        if value not in span:
            raise XDRError(f'{value} is out of range')
        return value, at + 4

    def write(value: int, out: Callable[[bytes], Any]) -> None:
        if value not in span:
            raise XDRError(f'{value!r} is out of range')
        out(INT.pack(value))

    return Codec(read, write)


def uuid_bytes() -> Codec:
    """A UUID's 16 bytes; a ``uuid.UUID`` and its string are taken, too."""
    def read(buffer: bytes, at: int) -> tuple[bytes, int]:
        end = at + 16
        if end > len(buffer):
            raise XDRError('the message ends within a UUID')
        return buffer[at:end], end

    def write(value: Any, out: Callable[[bytes], Any]) -> None:
        if not isinstance(value, bytes):
            value = (value if isinstance(value, uuid.UUID) else uuid.UUID(value)).bytes
        if len(value) != 16:
            raise XDRError(f'{len(value)} bytes are no UUID')
        out(value)

    return Codec(read, write)


def chars(limit: int, fixed: bool) -> Codec:
    """Text of which each byte takes a word: ``char[N]`` filled up with zeroes, or ``char<N>``.

    The latter carries the NUL at the end of a C string, which the client relies on and the text
    does not have.
    """
    span = _RANGES['char']

    def read(buffer: bytes, at: int) -> tuple[str, int]:
        count = limit
        if not fixed:
            (count,) = UINT.unpack_from(buffer, at)
            at += 4
        if count > limit:
            raise XDRError(f'{count} characters where {limit} are the limit')
        numbers = struct.unpack_from(f'>{count}i', buffer, at)
        if not all(number in span for number in numbers):
            raise XDRError('a character is out of range')
        text = bytes(number & 255 for number in numbers)
        if fixed:
            text = text.rstrip(b'\0')
        elif text.endswith(b'\0'):
            text = text[:-1]
        else:
            raise XDRError('the end of the text is missing')
        return text.decode('utf-8', 'surrogateescape'), at + 4 * count

    def write(value: str, out: Callable[[bytes], Any]) -> None:
        text = value.encode('utf-8', 'surrogateescape')
        if fixed:
            text = text.ljust(limit, b'\0')
        else:
            text += b'\0'
            out(UINT.pack(len(text)))
        if len(text) > limit:
            raise XDRError(f'{len(text)} characters where {limit} are the limit')
        out(struct.pack(f'>{len(text)}i', *struct.unpack(f'{len(text)}b', text)))

    return Codec(read, write)


def check_count(count: int, limit: int) -> None:
    """Raises where a list has more items than it may."""
    if count > limit:
        raise XDRError(f'a list of {count} where {limit} are the limit')


def numbers(name: str, limit: int) -> Codec:
    """A list of numbers of one size: one call of ``struct``, however many."""
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
