"""Hides paths below home and temporary directories, and shortens paths of code.

Outside of quotes, a text does not say whether a space belongs to a path. It does if it is escaped,
if such a file exists, or if the path was protected or seen in quotes.
"""

from __future__ import annotations

import os
import re
import tempfile
import urllib.parse
from collections.abc import Iterator
from functools import lru_cache

from vpmem_harness.safelog import names, tracebacks
from vpmem_harness.safelog.pseudonyms import Pseudonyms

#: How many words after a path are tried as the rest of a name with spaces.
_WORDS = 6

#: How many paths with spaces are remembered.
_SPACED_MAX = 256

_WORD = re.compile(r'''[ ]+[^\s'"<>:,;()\[\]{}|\\&?#*/]+''')

#: A character of a path outside of quotes.
_CHARACTER = r'''[^\s'"<>:,;()\[\]{}|\\&?\#*]|\\[ ()&]'''


class Paths:
    """Replaces paths with pseudonyms.

    :param home: the home directory of the machine's user. Outside of ``/home``, paths below it are
        hidden only if its name is distinctive: ``/var/lib/nova`` and ``/opt/stack`` are shown.
    """

    def __init__(self, pseudonyms: Pseudonyms, home: str) -> None:
        self._pseudonyms = pseudonyms
        roots = _roots(home)
        self._guards = (*(root + '/' for root in roots), '%2F')
        self._pattern = _pattern(roots)
        self._roots: tuple[tuple[str, str], ...] = ()
        self._code = tracebacks.code_roots()
        self._project = tracebacks.project()
        self._rest = re.compile(f'(?:{_CHARACTER})*')
        #: Directories and files whose paths contain spaces.
        self._spaced: set[str] = set()

    def protect(self, path: str) -> None:
        """Replace this path with a pseudonym, and show the names below it."""
        root = path.rstrip('/')
        roots = {*self._roots, (root, self._pseudonyms.of('path', root))}
        self._roots = tuple(sorted(roots, reverse=True))

    def redact(self, text: str) -> str:
        """Return the text with pseudonyms for its paths."""
        if '/' not in text and '%2F' not in text:
            return text
        if tracebacks.GUARD in text:
            text = tracebacks.FILE.sub(self._file, text)
        if any(map(text.__contains__, self._guards)):
            text = self._replaced(text)
        for root, name in self._roots:
            if root in text:
                text = text.replace(root, name)
        return text

    def _file(self, found: re.Match[str]) -> str:
        place = self._place(found['path'], found['before'])
        return found['before'] + (place or found['path'])

    def _place(self, path: str, before: str) -> str | None:
        for root, name in self._code:
            if path.startswith(root + '/') and name != tracebacks.PYTHON:
                return name + path[len(root):]
        return tracebacks.place(path, self._project, before)

    def _replaced(self, text: str) -> str:
        pieces: list[str] = []
        position = 0
        while found := self._pattern.search(text, position):
            start, end = found.span()
            if ' ' in found[0]:
                self._remember(found[0])
            elif text[end:end + 1] == ' ':
                end = self._end(text, start, end)
            pieces += text[position:start], self._path(text[start:end], text, start)
            position = end
        return ''.join([*pieces, text[position:]])

    def _remember(self, path: str) -> None:
        while ' ' in path and len(self._spaced) < _SPACED_MAX:
            self._spaced.add(path)
            path = os.path.dirname(path)

    def _end(self, text: str, start: int, end: int) -> int:
        """Return where a path ends whose names may contain spaces."""
        while text[end:end + 1] == ' ':
            longest = max((start + len(known) for known in self._known()
                           if text.startswith(known, start)), default=end)
            if os.path.lexists(os.path.dirname(text[start:end])):
                longest = max(longest, self._end_of_existing(text, start, end))
            if longest <= end:
                break
            rest = self._rest.match(text, longest)
            end = longest if rest is None else rest.end()
        return end

    def _end_of_existing(self, text: str, start: int, end: int) -> int:
        longest = position = end
        for _ in range(_WORDS):
            word = _WORD.match(text, position)
            if word is None:
                break
            position = word.end()
            for candidate in {text[start:position], text[start:position].rstrip('.')}:
                if os.path.lexists(candidate):
                    longest = max(longest, start + len(candidate))
        return longest

    def _known(self) -> Iterator[str]:
        yield from (root for root, _ in (*self._roots, *self._code))
        yield from tuple(self._spaced)      # another thread may add one

    def _path(self, path: str, text: str, start: int) -> str:
        if path.startswith('%'):
            return self._pseudonyms.of('path', urllib.parse.unquote(path))
        bare = path.rstrip('.')
        for root, name in (*self._roots, *self._code):
            if bare == root or bare.startswith(root + '/'):
                # In quotes this can be a command line with more paths.
                return name + self._replaced(path[len(root):])
        before = text[max(0, start - 8):start]
        name = (tracebacks.place(bare, self._project, before)
                or self._pseudonyms.of('path', bare))
        return name + path[len(bare):]


def _roots(home: str) -> tuple[str, ...]:
    """Return the directories that contain homes and temporary files."""
    roots = {'/home', '/root', '/Users', '/tmp', '/var/tmp', '/dev/shm', '/run/user',  # noqa: S108
             tempfile.gettempdir()}
    if names.is_distinctive(os.path.basename(home.rstrip('/'))):
        roots.add(home)
    return tuple(sorted(
        (root.rstrip('/') for root in roots if root.startswith('/') and root != '/'),
        key=lambda root: (-len(root), root)))


@lru_cache(maxsize=64)
def _pattern(roots: tuple[str, ...]) -> re.Pattern[str]:
    """Return a pattern for paths below these directories, also in quotes and in queries of URIs."""
    either = '|'.join(map(re.escape, roots))
    quoted = '|'.join(re.escape(urllib.parse.quote(root, safe='')) for root in roots)
    return re.compile(
        rf'''(?<=")(?:{either})/[^"\n\\]+(?=\\*") | (?<=')(?:{either})/[^'\n\\]+(?=\\*')
          | (?<=>)(?:{either})/[^<>\n]+(?=</)
          | (?<![\w.~-])(?:{either})/(?:{_CHARACTER})+
          | (?:{quoted})%2F[\w.%~+-]+''', re.VERBOSE)
