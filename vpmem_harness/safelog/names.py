"""The rule for names of hosts and users: which names are hidden, and where.

A name is hidden

1. in every place that is known to hold the name of a host or user, whatever the name is: the
   value of a key (``host=x``, ``"user": "x"``), the host of a URI, both sides of an ``@``, the
   start of a syslog line. :mod:`vpmem_harness.safelog.patterns` defines these places.
2. wherever it appears as a word, if you protected it, if it is the name of this machine or its
   user, or if it was hidden in a place (1) before, and if it is *distinctive*: see
   :func:`is_distinctive`. A machine called ``server`` or ``nova-compute`` has an ordinary name.
   Such a name is hidden in the places (1), and after a noun: ``on host server``, ``host 'server'``.
3. wherever it has the form of a host name with a domain: see
   :mod:`vpmem_harness.safelog.domains`.

A name that you protect yourself is hidden as in (2) even if it is an ordinary word.

Names of simulated hosts are not secret and are always shown, unless you protected them. These are
the names that the harness announced with ``Redactor.simulate()``, and its default names ``host1``,
``host2`` and so on, unless the machine itself has that name.
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

#: Default names of simulated hosts.
SIMULATED = re.compile(r'host[1-9]\d{0,3}')

_PARTS = re.compile(r'[-_.]+')


@lru_cache(maxsize=4096)
def is_distinctive(name: str) -> bool:
    """Return whether a name identifies a machine or a person wherever it appears.

    A name that consists of ordinary words does not, nor does a number or a single letter.
    """
    lower = name.lower()
    if len(name) < 2 or lower in patterns.HARMLESS or not any(map(str.isalpha, name)):
        return False
    return not all(_is_ordinary(part) for part in _PARTS.split(lower) if part)


def has_distinctive_form(name: str) -> bool:
    """Return whether a distinctive name cannot be a word of prose: it has a digit, for example."""
    return (len(name) > 2 and is_distinctive(name) and not name.isalpha()) or (
        name[1:] != name[1:].lower() and is_distinctive(name))


def _is_ordinary(word: str) -> bool:
    return (word in WORDS or word in patterns.HARMLESS or word in _PYTHON
            or word in _words_of_modules())


_PYTHON = frozenset(name.lower() for name in (
    *sys.stdlib_module_names, *keyword.kwlist, *dir(builtins)))


@cache
def _words_of_modules() -> frozenset[str]:
    """Return the words in the names of the harness's modules, which appear in tracebacks."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    names = [name for _, folders, files in os.walk(package) for name in (*folders, *files)]
    return frozenset(re.findall('[a-z]+', ' '.join(names)))


@lru_cache(maxsize=4096)
def word_pattern(word: str) -> re.Pattern[str]:
    """Return a pattern for the word on its own. It also matches pseudonyms, to skip them."""
    return re.compile(rf'{PSEUDONYM.pattern}|(?<![A-Za-z0-9])({re.escape(word)})(?![A-Za-z0-9])')


def places_of(text: str, word: str) -> Iterator[int]:
    """Yield the places of a protected word in a text, except for names in source."""
    offset = 0
    for piece, source in tracebacks.pieces(text):
        yield from (offset + found.start() for found in word_pattern(word).finditer(piece)
                    if stands_there(source, found))
        offset += len(piece)


def stands_there(source: bool, found: re.Match[str]) -> bool:
    """Return whether a match of a word's pattern is the word, not a pseudonym or name in source."""
    return bool(found[1]) and not (source and tracebacks.is_name(found.string, *found.span(1)))


@lru_cache(maxsize=64)
def ordinary_pattern(name: str) -> re.Pattern[str]:
    """Return a pattern for an ordinary name that is not part of a name with dots or dashes."""
    return re.compile(rf'{re.escape(name)}(?<![\w./<-]{re.escape(name)})(?![\w/>-]|\.\w)')


#: The text before an ordinary name that is used as the name of a host or user.
_BEFORE = {
    kind: re.compile(
        rf'''(?:\b(?:on|for|from|to|of|at|with|by|as|via)\s+(?:the\s+)?(?:compute\s+)?(?:{nouns})
               \s+["']? | \b(?:{nouns})\s+["'] {address})\Z''', re.VERBOSE)
    for kind, nouns, address in (('host', 'host|node|hypervisor|machine', '| @'),
                                 ('user', 'user|account|owner', ''))}


def follows_a_noun(kind: str, found: re.Match[str]) -> bool:
    """Return whether an ordinary name follows a noun such as ``host``, or is in an address."""
    before = found.string[max(0, found.start() - 48):found.start()]
    return (_BEFORE[kind].search(before) is not None
            or (kind == 'user' and found.string[found.end():found.end() + 1] == '@'))
