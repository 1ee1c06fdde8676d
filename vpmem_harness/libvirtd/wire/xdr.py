"""XDR (RFC 4506) for the table's shapes, compiled once per shape.

A shape becomes a ``Codec``: a pair of closures over precompiled ``struct.Struct`` objects, which
read and write adjacent fields of fixed size together.

Decoding accepts what libvirtd accepts, which decodes with libtirpc's XDR functions:

- every number but 0 marks an optional value as present (go-libvirt sends 0x01000000);
- the contents of padding, and the bytes after the value, do not matter;
- numbers of less than 32 bits are truncated;
- a string ends at its first NUL.

Encoding is canonical: a value has one encoding, whatever bytes it was decoded from. Strings are
UTF-8; other bytes are decoded to surrogates (``surrogateescape``) and encoded unchanged.

Source: xdr.c, xdr_array.c and xdr_reference.c of libtirpc 1.3.3; virNetMessageDecodePayload in
src/rpc/virnetmessage.c of libvirt 9.0.0.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, Final

from vpmem_harness.libvirtd import values
from vpmem_harness.libvirtd.wire import primitives, shapes
from vpmem_harness.libvirtd.wire.primitives import STRING_MAX, Codec, XDRError
from vpmem_harness.plurals import counted

__all__ = ['STRING_MAX', 'Codec', 'XDRError', 'compile_type']


def _typed_param() -> Codec:
    string = primitives.string()
    scalar = primitives.scalar
    members = {values.INT: scalar('int'), values.UINT: scalar('uint'),
               values.LLONG: scalar('hyper'), values.ULLONG: scalar('uhyper'),
               values.DOUBLE: scalar('double'), values.BOOLEAN: scalar('int'),
               values.STRING: string}
    make = values.TypedParameter

    def read(buffer: bytes, at: int) -> tuple[values.TypedParameter, int]:
        name, at = string.read(buffer, at)
        (kind,) = primitives.INT.unpack_from(buffer, at)
        member = members.get(kind)
        if member is None:
            raise XDRError(f'invalid type of a typed parameter: {kind}')
        value, at = member.read(buffer, at + 4)
        return make(name, kind, value), at

    def write(value: values.TypedParameter, out: Callable[[bytes], Any]) -> None:
        name, kind, content = value
        member = members.get(kind)
        if member is None:
            raise XDRError(f'invalid type of a typed parameter: {kind}')
        string.write(name, out)
        out(primitives.INT.pack(kind))
        member.write(content, out)

    return Codec(read, write)


def _optional(of: Codec) -> Codec:
    unpack, read_present = primitives.UINT.unpack_from, of.read

    def read(buffer: bytes, at: int) -> tuple[Any, int]:
        (present,) = unpack(buffer, at)
        return read_present(buffer, at + 4) if present else (None, at + 4)

    def write(value: Any, out: Callable[[bytes], Any]) -> None:
        if value is None:
            out(primitives.UINT.pack(0))
        else:
            out(primitives.UINT.pack(1))
            of.write(value, out)

    return Codec(read, write)


def _list(of: Codec, limit: int) -> Codec:
    read_one, write_one = of

    def read(buffer: bytes, at: int) -> tuple[list[Any], int]:
        (count,) = primitives.UINT.unpack_from(buffer, at)
        primitives.check_count(count, limit)
        at += 4
        items = []
        for _ in range(count):
            item, at = read_one(buffer, at)
            items.append(item)
        return items, at

    def write(value: Sequence[Any], out: Callable[[bytes], Any]) -> None:
        primitives.check_count(len(value), limit)
        out(primitives.UINT.pack(len(value)))
        for item in value:
            write_one(item, out)

    return Codec(read, write)


#: The types that named shapes decode to; other shapes decode to tuples.
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
    """Split fields into runs (first, last + 1, format); format is None for variable sizes."""
    runs: list[tuple[int, int, str | None]] = []
    for index, field in enumerate(fields):
        letter = None
        if isinstance(field.type, shapes.Scalar):
            letter = primitives.FORMATS.get(field.type.name)
        if letter and runs and runs[-1][2]:
            first, _, formats = runs[-1]
            runs[-1] = (first, index + 1, f'{formats}{letter}')
        else:
            runs.append((index, index + 1, letter))
    return runs


def _write_nothing(value: tuple[()], out: Callable[[bytes], Any]) -> None:
    if value != ():
        raise XDRError(f'expected no value, got {value!r}')


_NOTHING: Final = Codec(lambda buffer, at: ((), at), _write_nothing)


def _one(name: str, of: Codec) -> Codec:
    """Codec of a shape with a single field, as most results have."""
    read_one, write_one = of

    def read(buffer: bytes, at: int) -> tuple[Any, int]:
        item, at = read_one(buffer, at)
        return (item,), at

    def write(value: Any, out: Callable[[bytes], Any]) -> None:
        if not isinstance(value, tuple):
            value = (getattr(value, name),)
        if len(value) != 1:
            raise XDRError(f'expected {name} alone, got {len(value)} values')
        write_one(value[0], out)

    return Codec(read, write)


def _struct(shape: shapes.Struct) -> Codec:
    if not shape.fields:
        return _NOTHING
    handle = _HANDLES.get(shape.name or '')
    make: Callable[[list[Any]], Any] = handle._make if handle else tuple
    names = handle._fields if handle else tuple(field.name for field in shape.fields)
    count = len(names)
    if count == 1 and handle is None:
        return _one(names[0], compile_type(shape.fields[0].type))
    fetch = attrgetter(*names) if count > 1 else lambda value: (getattr(value, names[0]),)
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
            value = fetch(value)
        if len(value) != count:
            raise XDRError(f'expected {", ".join(names) or "no values"}, '
                           f'got {counted(len(value), "value")}')
        for first, end, writer, fixed in writers:
            if fixed:
                out(writer(*value[first:end]))
            else:
                writer(value[first], out)

    return Codec(read, write)


@functools.cache
def compile_type(shape: shapes.Type) -> Codec:
    """Compile a shape; a shape is compiled only once."""
    match shape:
        case shapes.Scalar(name):
            return primitives.scalar(name)
        case shapes.String():
            return primitives.string()
        case shapes.UUID():
            return primitives.uuid_bytes()
        case shapes.Opaque(limit):
            return primitives.opaque(limit)
        case shapes.Chars(limit, fixed):
            return primitives.chars(limit, fixed)
        case shapes.TypedParam():
            return _typed_param()
        case shapes.Optional(of):
            return _optional(compile_type(of))
        case shapes.ListOf(shapes.Scalar(name), limit) if name in primitives.FORMATS:
            return primitives.numbers(name, limit)
        case shapes.ListOf(of, limit):
            return _list(compile_type(of), limit)
        case shapes.Struct():
            return _struct(shape)
