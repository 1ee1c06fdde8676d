"""Filters of daxctl: which dax region or device a word on the command line names.

Follows daxctl 76's daxctl/filter.c.
"""

from __future__ import annotations

import re

_NUMBER = re.compile(r'\s*([+-]?[0-9]{1,18})')
_PAIR = re.compile(r'\s*([+-]?[0-9]{1,18})\.\s*([+-]?[0-9]{1,18})')


def is_region(number: int, word: str | None) -> bool:
    """Whether the word names the region with this number."""
    if word is None or word == 'all':
        return True
    found = _NUMBER.match(word) or _NUMBER.match(word.removeprefix('region'))
    return found is not None and int(found[1]) == number


def is_device(name: str | None, word: str | None) -> bool:
    """Whether the word names the device ``name``: as it is, or by its numbers as in ``0.1``."""
    if word is None or word in ('all', name):
        return True
    found = _PAIR.match(word)
    return found is not None and name == f'dax{int(found[1])}.{int(found[2])}'
