"""Shapes of arguments and results, and the notation of the procedure table.

A shape is a sequence of fields, ``name:type``, separated by blanks::

    dom:domain params:typed_param[64] flags:uint

A type is one of

- ``int uint hyper uhyper double``: 32 and 64 bit numbers; ``uchar ushort char`` are smaller
  numbers that take 32 bits on the wire;
- ``string``: at most 4 MiB;
- ``uuid``: 16 bytes; ``opaque[N]``: at most N bytes; ``chars*N``: text of N bytes, padded with
  zeroes, where each byte takes 32 bits on the wire; ``chars[N]``: the same with at most N bytes,
  including the terminating NUL;
- ``typed_param``: libvirt's typed parameter;
- the name of another shape, or a shape in parentheses.

``type?`` is optional, ``type[N]`` is a list of at most N items.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

SCALARS = frozenset(('int', 'uint', 'hyper', 'uhyper', 'double', 'uchar', 'ushort', 'char'))


@dataclass(frozen=True, slots=True)
class Scalar:
    name: str


@dataclass(frozen=True, slots=True)
class String:
    pass


@dataclass(frozen=True, slots=True)
class UUID:
    pass


@dataclass(frozen=True, slots=True)
class Opaque:
    limit: int


@dataclass(frozen=True, slots=True)
class Chars:
    limit: int
    fixed: bool


@dataclass(frozen=True, slots=True)
class TypedParam:
    pass


@dataclass(frozen=True, slots=True)
class Optional:
    of: Type


@dataclass(frozen=True, slots=True)
class ListOf:
    of: Type
    limit: int


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    type: Type


@dataclass(frozen=True, slots=True)
class Struct:
    """A sequence of fields; ``name`` is None for an anonymous shape."""

    fields: tuple[Field, ...]
    name: str | None = None


Type = Scalar | String | UUID | Opaque | Chars | TypedParam | Optional | ListOf | Struct

_TOKEN = re.compile(r'\s*(?:(\w+)|([:()?\[\]*]))')


class _Reader:
    """Parser of the notation."""

    def __init__(self, text: str, named: Mapping[str, Struct]) -> None:
        self._tokens: list[str] = [word or sign for word, sign in _TOKEN.findall(text)]
        self._at = 0
        self._named = named

    def fields(self, end: str | None = None) -> tuple[Field, ...]:
        fields = []
        while self._peek() != end:
            name = self._next()
            self._expect(':')
            fields.append(Field(name, self._type()))
        return tuple(fields)

    def _type(self) -> Type:
        word = self._next()
        of: Type
        if word == '(':
            of = Struct(self.fields(')'))
            self._expect(')')
        elif word == 'opaque':
            return Opaque(self._limit())
        elif word == 'chars':
            fixed = self._peek() == '*'
            return Chars(int(self._next() and self._next()) if fixed else self._limit(), fixed)
        elif word in SCALARS:
            of = Scalar(word)
        elif word == 'string':
            of = String()
        elif word == 'uuid':
            of = UUID()
        elif word == 'typed_param':
            of = TypedParam()
        else:
            of = self._named[word]
        while self._peek() in ('?', '['):
            if self._peek() == '?':
                self._next()
                of = Optional(of)
            else:
                of = ListOf(of, self._limit())
        return of

    def _limit(self) -> int:
        self._expect('[')
        limit = int(self._next())
        self._expect(']')
        return limit

    def _peek(self) -> str | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _next(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1]

    def _expect(self, sign: str) -> None:
        token = self._next()
        if token != sign:
            raise ValueError(f'expected {sign!r}, got {token!r}')


def read_fields(text: str, named: Mapping[str, Struct]) -> Struct:
    """Parse a shape in the notation above; ``named`` are the shapes that it can refer to."""
    return Struct(_Reader(text, named).fields())
