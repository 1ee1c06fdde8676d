"""Which names of hosts and users are hidden, and where: the rule in one place.

A name is hidden

1. wherever its place says that it names a host or a user, whatever it is: as the value of a key
   (``host=x``, ``"user": "x"``), in a URI, before and behind an ``@``, at the start of a line of
   syslog. :mod:`vpmem_harness.safelog.patterns` has these places.
2. wherever it stands as a word of its own, if you protected it, if this machine or its user has
   this name, or if it was hidden in a place before, and if it is *telling*: see
   :func:`is_telling`. A machine called ``server`` or ``nova-compute`` has an ordinary name. Such a
   name is hidden in the places of (1), and where a host is spoken of: ``on host server``,
   ``root@server``, ``host 'server'``.
3. wherever it has the form of a host name with a domain: see
   :mod:`vpmem_harness.safelog.domains`.

A name that you protect yourself is hidden as in (2), even if it is an ordinary word.

Names of simulated hosts are no secret and are shown wherever they stand, unless you protected
them: those that the harness was told of, and the harness's own names, ``host1``, ``host2``, and so
on, unless the machine itself has that name.
"""

from __future__ import annotations

import builtins
import keyword
import os
import re
import sys
from collections.abc import Iterator
from functools import cache, lru_cache

from vpmem_harness.safelog import patterns, tracebacks
from vpmem_harness.safelog.pseudonyms import PSEUDONYM
from vpmem_harness.safelog.vocabulary import WORDS

#: How the harness names the hosts that nobody has named.
SIMULATED = re.compile(r'host[1-9]\d{0,3}')

_PARTS = re.compile(r'[-_.]+')


@lru_cache(maxsize=4096)
def is_telling(name: str) -> bool:
    """Whether the name tells one machine or person from others, wherever it stands.

    A name that consists of ordinary words does not, nor does a number or a single letter.
    """
    lower = name.lower()
    if len(name) < 2 or lower in patterns.HARMLESS or not any(map(str.isalpha, name)):
        return False
    return not all(_is_ordinary(part) for part in _PARTS.split(lower) if part)


def is_marked(name: str) -> bool:
    """Whether the form of the name alone keeps it from being taken for a word of prose."""
    return (len(name) > 2 and is_telling(name) and not name.isalpha()) or (
        name[1:] != name[1:].lower() and is_telling(name))


def _is_ordinary(word: str) -> bool:
    return (word in WORDS or word in patterns.HARMLESS or word in _PYTHON
            or word in _words_of_modules())


_PYTHON = frozenset(name.lower() for name in (
    *sys.stdlib_module_names, *keyword.kwlist, *dir(builtins)))


@cache
def _words_of_modules() -> frozenset[str]:
    """The words in the names of the harness's own modules: they stand in every traceback."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    names = [name for _, folders, files in os.walk(package) for name in (*folders, *files)]
    return frozenset(re.findall('[a-z]+', ' '.join(names)))


@lru_cache(maxsize=4096)
def word_pattern(word: str) -> re.Pattern[str]:
    """The word on its own, or a pseudonym, in which it is not looked for."""
    return re.compile(rf'{PSEUDONYM.pattern}|(?<![A-Za-z0-9])({re.escape(word)})(?![A-Za-z0-9])')


def places_of(text: str, word: str) -> Iterator[int]:
    """Where in a text a protected word stands as one, and not as a name in source."""
    offset = 0
    for piece, source in tracebacks.pieces(text):
        yield from (offset + found.start() for found in word_pattern(word).finditer(piece)
                    if stands_there(source, found))
        offset += len(piece)


def stands_there(source: bool, found: re.Match[str]) -> bool:
    """Whether a match of a word's pattern is the word, and not a pseudonym or a name in source."""
    return bool(found[1]) and not (source and tracebacks.is_name(found.string, *found.span(1)))


@lru_cache(maxsize=64)
def ordinary_pattern(name: str) -> re.Pattern[str]:
    """An ordinary name as a word of its own, and not as a part of a name with dots or dashes."""
    return re.compile(rf'{re.escape(name)}(?<![\w./<-]{re.escape(name)})(?![\w/>-]|\.\w)')


#: What stands before an ordinary name where a host or a user is spoken of.
_BEFORE = {
    kind: re.compile(
        rf'''(?:\b(?:on|for|from|to|of|at|with|by|as|via)\s+(?:the\s+)?(?:compute\s+)?(?:{nouns})
               \s+["']? | \b(?:{nouns})\s+["'] {address})\Z''', re.VERBOSE)
    for kind, nouns, address in (('host', 'host|node|hypervisor|machine', '| @'),
                                 ('user', 'user|account|owner', ''))}


def is_spoken_of(kind: str, found: re.Match[str]) -> bool:
    """Whether the match of an ordinary name stands where a host or a user is spoken of."""
    before = found.string[max(0, found.start() - 48):found.start()]
    return (_BEFORE[kind].search(before) is not None
            or (kind == 'user' and found.string[found.end():found.end() + 1] == '@'))
