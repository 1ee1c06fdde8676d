"""Independent XDR implementation on ``xdrlib3``, and strategies for values."""

from __future__ import annotations

import uuid
from typing import Any

import xdrlib3
from hypothesis import strategies as st

from vpmem_harness.libvirtd import values
from vpmem_harness.libvirtd.wire import shapes

_PACK = {'int': 'int', 'uint': 'uint', 'hyper': 'hyper', 'uhyper': 'uhyper', 'double': 'double',
         'char': 'int', 'uchar': 'int', 'ushort': 'int'}
_MEMBERS = {values.INT: 'int', values.UINT: 'uint', values.LLONG: 'hyper',
            values.ULLONG: 'uhyper', values.DOUBLE: 'double', values.BOOLEAN: 'int'}
_RANGES = {'int': (-2**31, 2**31 - 1), 'uint': (0, 2**32 - 1), 'hyper': (-2**63, 2**63 - 1),
           'uhyper': (0, 2**64 - 1), 'char': (-128, 127), 'uchar': (0, 255), 'ushort': (0, 65535)}


def pack(packer: xdrlib3.Packer, shape: shapes.Type, value: Any) -> None:
    """Pack a value of the shape."""
    match shape:
        case shapes.Scalar(name):
            getattr(packer, f'pack_{_PACK[name]}')(value)
        case shapes.String():
            packer.pack_string(value.encode())
        case shapes.UUID():
            packer.pack_fopaque(16, value)
        case shapes.Opaque():
            packer.pack_opaque(value)
        case shapes.Chars(limit, fixed):
            text = value.encode().ljust(limit, b'\0') if fixed else value.encode() + b'\0'
            if not fixed:
                packer.pack_uint(len(text))
            for byte in text:
                packer.pack_int(byte - 256 if byte > 127 else byte)
        case shapes.TypedParam():
            packer.pack_string(value.name.encode())
            packer.pack_int(value.type)
            if value.type == values.STRING:
                packer.pack_string(value.value.encode())
            else:
                getattr(packer, f'pack_{_MEMBERS[value.type]}')(value.value)
        case shapes.Optional(of):
            packer.pack_bool(value is not None)
            if value is not None:
                pack(packer, of, value)
        case shapes.ListOf(of):
            packer.pack_uint(len(value))
            for item in value:
                pack(packer, of, item)
        case shapes.Struct(fields):
            for field, item in zip(fields, value, strict=True):
                pack(packer, field.type, item)


def encode(shape: shapes.Type, value: Any) -> bytes:
    packer = xdrlib3.Packer()
    pack(packer, shape, value)
    return bytes(packer.get_buffer())


def _numbers(name: str) -> st.SearchStrategy[Any]:
    if name == 'double':
        return st.floats(allow_nan=False)
    return st.integers(*_RANGES[name])


def text(max_size: int) -> st.SearchStrategy[str]:
    """Strategy for text that a C string can hold."""
    return st.text(st.characters(exclude_characters='\0', exclude_categories=['Cs']),
                   max_size=max_size)


def typed_params() -> st.SearchStrategy[values.TypedParameter]:
    name = text(20)
    return st.one_of(
        *(st.builds(values.TypedParameter, name, st.just(kind), _numbers(member))
          for kind, member in _MEMBERS.items()),
        st.builds(values.TypedParameter, name, st.just(values.STRING), name))


def fitting(shape: shapes.Type) -> st.SearchStrategy[Any]:
    """Strategy for values of the shape."""
    match shape:
        case shapes.Scalar(name):
            return _numbers(name)
        case shapes.String():
            return text(40)
        case shapes.UUID():
            return st.builds(lambda number: uuid.UUID(int=number).bytes,
                             st.integers(0, 2**128 - 1))
        case shapes.Opaque(limit):
            return st.binary(max_size=min(limit, 40))
        case shapes.Chars(_, True):
            return st.text('abcxyz_64', max_size=8)
        case shapes.Chars(_, False):
            return text(10)
        case shapes.TypedParam():
            return typed_params()
        case shapes.Optional(of):
            return st.none() | fitting(of)
        case shapes.ListOf(of, limit):
            return st.lists(fitting(of), max_size=min(limit, 3))
        case shapes.Struct(fields):
            return st.tuples(*(fitting(field.type) for field in fields))
    raise AssertionError(shape)
