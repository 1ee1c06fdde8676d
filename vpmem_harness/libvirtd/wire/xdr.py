"""XDR (RFC 4506) for the table's shapes, compiled once per shape.

A shape becomes a ``Codec``: a pair of closures over precompiled ``struct.Struct`` objects, with
neighbouring fields of fixed size read and written in one go.

The codec is strict, so that what decodes encodes to the same bytes again: padding is zero, an
absent or present pointer is 0 or 1, small numbers are in range, nothing is left over.  (libvirt
ignores the contents of padding and what follows the arguments; no client sends either.)  Strings
are UTF-8; other bytes come through as surrogates (``surrogateescape``).
"""

from __future__ import annotations

import functools
import struct
import uuid
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, Final, NamedTuple

from vpmem_harness.libvirtd import values
from vpmem_harness.libvirtd.wire import shapes

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


_INT: Final = struct.Struct('>i')
_UINT: Final = struct.Struct('>I')
_NO_PADDING: Final = (b'', b'\0\0\0', b'\0\0', b'\0')   # by length modulo 4
_FORMATS: Final = {'int': 'i', 'uint': 'I', 'hyper': 'q', 'uhyper': 'Q', 'double': 'd'}
_RANGES: Final = {'char': range(-128, 128), 'uchar': range(256), 'ushort': range(65536)}


def _read_opaque(limit: int) -> Reader:
    unpack = _UINT.unpack_from

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


def _write_bytes(value: bytes, limit: int, write: Callable[[bytes], Any]) -> None:
    length = len(value)
    if length > limit:
        raise XDRError(f'{length} bytes where {limit} are the limit')
    write(_UINT.pack(length) + value + _NO_PADDING[length & 3])


def _opaque(limit: int) -> Codec:
    def write(value: bytes, out: Callable[[bytes], Any]) -> None:
        _write_bytes(bytes(value) if not isinstance(value, bytes) else value, limit, out)

    return Codec(_read_opaque(limit), write)


def _string() -> Codec:
    read_bytes = _read_opaque(STRING_MAX)

    def read(buffer: bytes, at: int) -> tuple[str, int]:
        value, at = read_bytes(buffer, at)
        return value.decode('utf-8', 'surrogateescape'), at

    def write(value: str, out: Callable[[bytes], Any]) -> None:
        _write_bytes(value.encode('utf-8', 'surrogateescape'), STRING_MAX, out)

    return Codec(read, write)


def _scalar(name: str) -> Codec:
    if name in _RANGES:
        return _small(_RANGES[name])
    packer = struct.Struct('>' + _FORMATS[name])
    unpack, pack, size = packer.unpack_from, packer.pack, packer.size

    def read(buffer: bytes, at: int) -> tuple[Any, int]:
        return unpack(buffer, at)[0], at + size

    def write(value: Any, out: Callable[[bytes], Any]) -> None:
        out(pack(value))

    return Codec(read, write)


def _small(span: range) -> Codec:
    def read(buffer: bytes, at: int) -> tuple[int, int]:
        (value,) = _INT.unpack_from(buffer, at)
        if value not in span:
            raise XDRError(f'{value} is out of range')
        return value, at + 4

    def write(value: int, out: Callable[[bytes], Any]) -> None:
        if value not in span:
            raise XDRError(f'{value!r} is out of range')
        out(_INT.pack(value))

    return Codec(read, write)


def _uuid() -> Codec:
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


def _chars(limit: int, fixed: bool) -> Codec:
    span = _RANGES['char']

    def read(buffer: bytes, at: int) -> tuple[str, int]:
        count = limit
        if not fixed:
            (count,) = _UINT.unpack_from(buffer, at)
            at += 4
        if count > limit:
            raise XDRError(f'{count} characters where {limit} are the limit')
        numbers = struct.unpack_from(f'>{count}i', buffer, at)
        if not all(number in span for number in numbers):
            raise XDRError('a character is out of range')
        text = bytes(number & 255 for number in numbers).decode('utf-8', 'surrogateescape')
        return text.rstrip('\0') if fixed else text, at + 4 * count

    def write(value: str, out: Callable[[bytes], Any]) -> None:
        text = value.encode('utf-8', 'surrogateescape')
        if len(text) > limit:
            raise XDRError(f'{len(text)} characters where {limit} are the limit')
        if fixed:
            text = text.ljust(limit, b'\0')
        else:
            out(_UINT.pack(len(text)))
        signed = struct.unpack(f'{len(text)}b', text)
        out(struct.pack(f'>{len(signed)}i', *signed))

    return Codec(read, write)


def _typed_param() -> Codec:
    string = _string()
    members = {values.INT: _scalar('int'), values.UINT: _scalar('uint'),
               values.LLONG: _scalar('hyper'), values.ULLONG: _scalar('uhyper'),
               values.DOUBLE: _scalar('double'), values.BOOLEAN: _scalar('int'),
               values.STRING: string}
    make = values.TypedParameter

    def read(buffer: bytes, at: int) -> tuple[values.TypedParameter, int]:
        name, at = string.read(buffer, at)
        (kind,) = _INT.unpack_from(buffer, at)
        member = members.get(kind)
        if member is None:
            raise XDRError(f'{kind} is no type of a typed parameter')
        value, at = member.read(buffer, at + 4)
        return make(name, kind, value), at

    def write(value: values.TypedParameter, out: Callable[[bytes], Any]) -> None:
        name, kind, content = value
        member = members.get(kind)
        if member is None:
            raise XDRError(f'{kind} is no type of a typed parameter')
        string.write(name, out)
        out(_INT.pack(kind))
        member.write(content, out)

    return Codec(read, write)


def _optional(of: Codec) -> Codec:
    def read(buffer: bytes, at: int) -> tuple[Any, int]:
        (present,) = _UINT.unpack_from(buffer, at)
        if present == 0:
            return None, at + 4
        if present != 1:
            raise XDRError(f'{present} says neither absent nor present')
        return of.read(buffer, at + 4)

    def write(value: Any, out: Callable[[bytes], Any]) -> None:
        if value is None:
            out(_UINT.pack(0))
        else:
            out(_UINT.pack(1))
            of.write(value, out)

    return Codec(read, write)


def _check_count(count: int, limit: int) -> None:
    if count > limit:
        raise XDRError(f'a list of {count} where {limit} are the limit')


def _list(of: Codec, limit: int) -> Codec:
    read_one, write_one = of

    def read(buffer: bytes, at: int) -> tuple[list[Any], int]:
        (count,) = _UINT.unpack_from(buffer, at)
        _check_count(count, limit)
        at += 4
        items = []
        for _ in range(count):
            item, at = read_one(buffer, at)
            items.append(item)
        return items, at

    def write(value: Sequence[Any], out: Callable[[bytes], Any]) -> None:
        _check_count(len(value), limit)
        out(_UINT.pack(len(value)))
        for item in value:
            write_one(item, out)

    return Codec(read, write)


def _numbers(letter: str, limit: int) -> Codec:
    """A list of numbers of one size: one call of ``struct``, however many."""
    size = struct.calcsize('>' + letter)

    def read(buffer: bytes, at: int) -> tuple[list[Any], int]:
        (count,) = _UINT.unpack_from(buffer, at)
        _check_count(count, limit)
        at += 4
        return list(struct.unpack_from(f'>{count}{letter}', buffer, at)), at + size * count

    def write(value: Sequence[Any], out: Callable[[bytes], Any]) -> None:
        _check_count(len(value), limit)
        out(struct.pack(f'>I{len(value)}{letter}', len(value), *value))

    return Codec(read, write)


#: What a named shape decodes to; the rest become tuples.
_HANDLES: Final[dict[str, Any]] = {
    'domain': values.DomainHandle,
    'network': values.NetworkHandle,
    'network_port': values.NetworkPortHandle,
    'nwfilter': values.NWFilterHandle,
    'nwfilter_binding': values.NWFilterBindingHandle,
    'interface': values.InterfaceHandle,
    'storage_pool': values.StoragePoolHandle,
    'storage_vol': values.StorageVolHandle,
    'node_device': values.NodeDeviceHandle,
    'secret': values.SecretHandle,
    'checkpoint': values.CheckpointHandle,
    'snapshot': values.SnapshotHandle,
}


def _runs(fields: tuple[shapes.Field, ...]) -> list[tuple[int, int, str | None]]:
    """Cuts the fields into (first, last + 1, format) runs; no format for what has no fixed size."""
    runs: list[tuple[int, int, str | None]] = []
    for index, field in enumerate(fields):
        letter = _FORMATS.get(field.type.name) if isinstance(field.type, shapes.Scalar) else None
        if letter and runs and runs[-1][2]:
            first, _, formats = runs[-1]
            runs[-1] = (first, index + 1, f'{formats}{letter}')
        else:
            runs.append((index, index + 1, letter))
    return runs


def _write_nothing(value: tuple[()], out: Callable[[bytes], Any]) -> None:
    if value != ():
        raise XDRError(f'{value!r} where nothing is due')


_NOTHING: Final = Codec(lambda buffer, at: ((), at), _write_nothing)


def _struct(shape: shapes.Struct) -> Codec:
    if not shape.fields:
        return _NOTHING
    handle = _HANDLES.get(shape.name or '')
    make: Callable[[list[Any]], Any] = handle._make if handle else tuple
    names = handle._fields if handle else tuple(field.name for field in shape.fields)
    count = len(names)
    fetch = attrgetter(*names) if count > 1 else None
    readers: list[tuple[Callable[..., Any], int]] = []
    writers: list[tuple[int, int, Callable[..., Any], bool]] = []
    for first, end, letters in _runs(shape.fields):
        if letters:
            packer = struct.Struct('>' + letters)
            readers.append((packer.unpack_from, packer.size))
            writers.append((first, end, packer.pack, True))
        else:
            codec = compile_type(shape.fields[first].type)
            readers.append((codec.read, 0))
            writers.append((first, end, codec.write, False))

    def read(buffer: bytes, at: int) -> tuple[Any, int]:
        items: list[Any] = []
        for reader, size in readers:
            if size:
                items += reader(buffer, at)
                at += size
            else:
                item, at = reader(buffer, at)
                items.append(item)
        return make(items), at

    def write(value: Any, out: Callable[[bytes], Any]) -> None:
        if not isinstance(value, tuple):
            value = fetch(value) if fetch else (getattr(value, names[0]),)
        if len(value) != count:
            raise XDRError(f'{len(value)} values where {", ".join(names) or "none"} are due')
        for first, end, writer, fixed in writers:
            if fixed:
                out(writer(*value[first:end]))
            else:
                writer(value[first], out)

    return Codec(read, write)


@functools.cache
def compile_type(shape: shapes.Type) -> Codec:
    """Compiles a shape; the same shape is compiled once."""
    match shape:
        case shapes.Scalar(name):
            return _scalar(name)
        case shapes.String():
            return _string()
        case shapes.UUID():
            return _uuid()
        case shapes.Opaque(limit):
            return _opaque(limit)
        case shapes.Chars(limit, fixed):
            return _chars(limit, fixed)
        case shapes.TypedParam():
            return _typed_param()
        case shapes.Optional(of):
            return _optional(compile_type(of))
        case shapes.ListOf(shapes.Scalar(name), limit) if name in _FORMATS:
            return _numbers(_FORMATS[name], limit)
        case shapes.ListOf(of, limit):
            return _list(compile_type(of), limit)
        case shapes.Struct():
            return _struct(shape)
