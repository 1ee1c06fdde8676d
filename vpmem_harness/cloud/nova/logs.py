"""Logs and output of Nova's processes."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

#: Matches log lines with a warning, an error or a part of a traceback.
_COMPLAINT = re.compile(r'\S+ \S+ \d+ (WARNING|ERROR|CRITICAL) ')

#: Maximum number of such lines per log.
_LOGGED = 200

#: Maximum number of characters of the last output.
_LAST = 4000


def sizes(directory: Path) -> dict[str, int]:
    """Return how many bytes each log in a directory has."""
    return {file.name: file.stat().st_size for file in directory.glob('*.log')}


def complaints(directory: Path, skipped: Mapping[str, int] = MappingProxyType({})) -> str:
    """Return the warnings and errors in the logs of a directory, by process.

    :param skipped: the number of bytes to skip at the beginning of each log, by its name.
    """
    parts = []
    for file in sorted(directory.glob('*.log')):
        with file.open('rb') as stream:
            stream.seek(skipped.get(file.name, 0))
            lines = stream.read().decode('utf-8', 'replace').splitlines()
        found = [line for line in lines if _COMPLAINT.match(line)]
        parts += [f'{file.stem}:', *found[-_LOGGED:]] if found else []
    return '\n'.join(parts)


def last_words(directory: Path, name: str) -> str:
    """Return the last output of a process, or the end of its log."""
    with contextlib.suppress(OSError):
        text = (directory / f'{name}.out').read_text()
        return text[-_LAST:] or (directory / f'{name}.log').read_text()[-_LAST:]
    return 'it left no word'
