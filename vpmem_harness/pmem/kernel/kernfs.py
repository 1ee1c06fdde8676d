"""The order of listings of ndctl and daxctl: that of sysfs, reversed.

sysfs sorts the names in a directory by a hash of the name, and the libraries of ndctl and daxctl
prepend each name that they read to their list (kernel:
fs/kernfs/dir.c ``kernfs_name_hash``, include/linux/stringhash.h).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import TypeVar

T = TypeVar('T')

_MASK = 2**64 - 1
_GOLDEN_RATIO = 0x61C8864680B583EB
_LAST = 0x7FFFFFFF


@cache
def name_hash(name: str, old: bool = False) -> int:
    """The hash by which sysfs sorts ``name`` in its directory.

    :param old: for a kernel before 4.8, which uses the lower half of the hash
    """
    value = 0
    for byte in name.encode():
        value = ((value + (byte << 4) + (byte >> 4)) * 11) & _MASK
    value = (value if old else ((value * _GOLDEN_RATIO) & _MASK) >> 32) & _LAST
    if value < 2:
        value += 2
    return min(value, _LAST - 1)


def listing_order(things: Iterable[T], name: Callable[[T], str], *, old: bool = False) -> list[T]:
    """``things`` in the order of listings of ndctl and daxctl.

    :param old: for a kernel before 4.8
    """
    return sorted(things, key=lambda thing: (name_hash(name(thing), old), name(thing)),
                  reverse=True)
