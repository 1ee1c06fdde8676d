"""Hides paths below home and temporary directories, and shortens paths of code."""

from __future__ import annotations

import os
import re
import tempfile
import urllib.parse
from functools import lru_cache

from vpmem_harness.safelog import names, tracebacks
from vpmem_harness.safelog.pseudonyms import Pseudonyms


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
            text = self._pattern.sub(self._path, text)
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

    def _path(self, found: re.Match[str]) -> str:
        path = found[0]
        if path.startswith('%'):
            return self._pseudonyms.of('path', urllib.parse.unquote(path))
        bare = path.rstrip('.')
        for root, name in (*self._roots, *self._code):
            if bare == root or bare.startswith(root + '/'):
                # In quotes this can be a command line with more paths.
                return name + self._pattern.sub(self._path, path[len(root):])
        before = found.string[max(0, found.start() - 8):found.start()]
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
          | (?<![\w.~-])(?:{either})/[^\s'"<>:,;()\[\]{{}}|\\&?\#*]+
          | (?:{quoted})%2F[\w.%~+-]+''', re.VERBOSE)
