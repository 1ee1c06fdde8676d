"""What in a traceback is code: names in it stand for nobody, and its files are of use by name.

A line of source is told by the line above it, ``  File "...", line N, in name``, and by standing
two columns further in. Whatever is before both (the time and level that a log writes, the bar of
an exception group) has to be the same.
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
#: What every text with such a line holds.
GUARD = '  File "'

#: The file of a traceback's line.
FILE = re.compile(r'''(?P<before>\ \ File\ \\?")(?P<path>/[^"\n\\]+)''', re.VERBOSE)

#: What stands for the directories of Python and for those that it imports from.
PYTHON, PATH = '<python>', '<sys.path>'

#: An identifier, or a chain of attributes.
_NAME = re.compile(r'[^\W\d]\w*(?:\.[^\W\d]\w*)*')
#: What in a line of source is no code: string literals, also one that goes on elsewhere, comments.
_LITERAL = re.compile(r'''"(?:[^"\\]|\\.)*(?:"|$) | '(?:[^'\\]|\\.)*(?:'|$) | \#.*''', re.VERBOSE)


def pieces(text: str) -> Iterator[tuple[str, bool]]:
    """The text in pieces, and whether each is source: a line of it, or the name of a function."""
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
    """Whether what stands there in a line of source is a plain name, outside of string literals."""
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
    """The directory of the project under test: where the program runs."""
    try:
        return os.getcwd()
    except OSError:
        return None


def place(path: str, project: str | None, before: str) -> str | None:
    """A file of a traceback below the project, or below what Python imports from.

    What identifies is above these. Where one of them is somebody's home or holds the files of
    many, only what lies directly in it has a name.

    :param before: the text before the path; the path of something else has no place.
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
