"""Finds code in tracebacks, where names of variables identify nobody and file names are useful.

A line of source follows a line ``  File "...", line N, in name`` and is indented by two more
columns. Both lines have the same prefix, such as the time and level of a log, or the bar of an
exception group.
"""

from __future__ import annotations

import os
import re
import sys
from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache

_PLACE = re.compile(
    r'''^(?P<before>.*?)\ \ File\ "[^"\n]+",\ line\ \d+
        (?:,\ in\ (?P<name>[\w.<>]+)$)?
        (?:\n(?P=before)\ {4}(?P<source>[^\n]*))?''', re.VERBOSE | re.MULTILINE)
#: Part of every text with such a line.
GUARD = '  File "'

#: The file of a traceback's line.
FILE = re.compile(r'''(?P<before>\ \ File\ \\?")(?P<path>/[^"\n\\]+)''', re.VERBOSE)

#: What stands for the directories of Python and for those that it imports from.
PYTHON, PATH = '<python>', '<sys.path>'

#: An identifier, or a chain of attributes.
_NAME = re.compile(r'[^\W\d]\w*(?:\.[^\W\d]\w*)*')
#: Parts of a line of source that are not code: string literals, also unfinished ones, comments.
_LITERAL = re.compile(r'''"(?:[^"\\]|\\.)*(?:"|$) | '(?:[^'\\]|\\.)*(?:'|$) | \#.*''', re.VERBOSE)


def pieces(text: str) -> Iterator[tuple[str, bool]]:
    """Split a text; each piece has a flag that says if it is source: a line or a function name."""
    done = 0
    for found in _PLACE.finditer(text) if GUARD in text else ():
        for group in ('name', 'source'):
            start, end = found.span(group)
            if start >= 0:
                yield text[done:start], False
                yield text[start:end], True
                done = end
    yield text[done:], False


def is_name(source: str, start: int, end: int) -> bool:
    """Return whether a part of a line of source is a plain name, outside of string literals."""
    if not _NAME.fullmatch(source, start, end):
        return False
    begins, ends = _literals(source)
    literal = bisect_right(begins, start) - 1
    return literal < 0 or ends[literal] <= start


@lru_cache(maxsize=16)
def _literals(source: str) -> tuple[list[int], list[int]]:
    spans = [found.span() for found in _LITERAL.finditer(source)]
    return [start for start, _ in spans], [end for _, end in spans]


def code_roots() -> tuple[tuple[str, str], ...]:
    """Directories of code whose paths are public, with what is shown for each; the longest first.

    A file of the harness stands as ``<vpmem_harness>/cloud/server.py`` wherever the package is
    installed, another one in ``site-packages`` as ``<sys.path>/nova/compute/manager.py``.
    """
    roots = {sys.prefix: PYTHON, sys.base_prefix: PYTHON,
             os.path.dirname(os.__file__): f'{PYTHON}/lib'}
    roots |= {entry.rstrip('/'): PATH for entry in (*sys.path, *roots)
              if os.path.basename(entry.rstrip('/')) in ('site-packages', 'dist-packages')}
    roots[os.path.dirname(os.path.dirname(os.path.abspath(__file__)))] = '<vpmem_harness>'
    return tuple(sorted(roots.items(), key=lambda item: len(item[0]), reverse=True))


def project() -> str | None:
    """Return the directory of the project under test: the current directory."""
    try:
        return os.getcwd()
    except OSError:
        return None


def place(path: str, project: str | None, before: str) -> str | None:
    """Return what is shown for a file of a traceback below the project or an entry of sys.path.

    The directories above these can identify somebody. If one of them is a home directory or is
    shared by many users, only files directly in it are shown.

    :param before: the text before the path, which has to be that of a traceback.
    """
    if not (before.endswith(('File "', 'File \\"')) and path.endswith('.py')):
        return None
    roots = [(project, '<cwd>')] if project else []
    roots += [(entry, PATH) for entry in sorted(sys.path, key=len, reverse=True)]
    for root, name in roots:
        below = path[len(root) + 1:]
        if root.startswith('/') and path.startswith(root + '/') and (
                '/' not in below or not _is_shared(root)):
            return f'{name}/{below}'
    return None


def _is_shared(root: str) -> bool:
    parent = os.path.dirname(root)
    return parent in ('/', '/home', '/Users', '/var', '/run/user') or root in (
        os.path.expanduser('~'), '/dev/shm')  # noqa: S108 - looked for, not written to
