"""JSON in the format of ndctl and daxctl: json-c's pretty form, with their number formats."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from json.encoder import encode_basestring
from typing import TypeAlias

from vpmem_harness.pmem.kernel.sizes import GIB, MIB, TIB

Json: TypeAlias = 'Mapping[str, Json] | Sequence[Json] | str | int | float'

#: Sizes below this are plain numbers even in the human-readable form.
_PLAIN_BELOW = 5_120_000


def pretty(value: Json, indent: str = '') -> str:
    """``value`` over several lines, indented by two spaces a level, with slashes escaped."""
    kind = type(value)
    if kind is int:
        return str(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        return 'true' if value else 'false'
    if isinstance(value, float):
        return _real(value)
    deeper = indent + '  '
    if isinstance(value, Mapping):
        entries = [_key(key) + (str(entry) if type(entry) is int else pretty(entry, deeper))
                   for key, entry in value.items()]
        opening, closing = '{', '}'
    else:
        entries = [pretty(entry, deeper) for entry in value]
        opening, closing = '[', ']'
    if not entries:
        return f'{opening}\n{indent}{closing}'
    separator = f',\n{deeper}'
    return f'{opening}\n{deeper}{separator.join(entries)}\n{indent}{closing}'


class LongReal(float):
    """A number that json-c before 0.13 prints: with six decimals."""


def _real(value: float) -> str:
    """A number as json-c prints it: 17 digits, and a fraction always."""
    if isinstance(value, LongReal):
        return f'{value:.6f}'
    text = f'{value:.17g}'
    return text if set('.en') & set(text) else f'{text}.0'


def _text(value: str) -> str:
    text = encode_basestring(value)
    return text.replace('/', '\\/') if '/' in text else text


@functools.cache
def _key(key: str) -> str:
    return f'{_text(key)}:'


def size(value: int, human: bool, *, terabytes: bool = True) -> Json:
    """A size: bytes, or ``4.00 GiB (4.29 GB)`` for people (ndctl: util/json.c).

    :param terabytes: whether large sizes are in terabytes, as since ndctl 74
    """
    if not human or value < _PLAIN_BELOW:
        return value
    if value < 2 * GIB:
        binary, decimal, letter = MIB, 10**6, 'M'
    elif value < 2 * TIB or not terabytes:
        binary, decimal, letter = GIB, 10**9, 'G'
    else:
        binary, decimal, letter = TIB, 10**12, 'T'
    # Hundredths, rounded as the C code rounds them.
    first = (value * 200 // binary + 1) // 2
    second = (value // (decimal // 200) + 1) // 2
    return (f'{first // 100}.{first % 100:02d} {letter}iB '
            f'({second // 100}.{second % 100:02d} {letter}B)')


def number(value: int, human: bool, *, unsigned: bool = True) -> Json:
    """An identifier or offset: a number, or hexadecimal digits for people.

    :param unsigned: False for a version of ndctl that prints large numbers as negative ones
    """
    if not human:
        return value if unsigned or value < 2**63 else value - 2**64
    return hex(value) if value else '0'
