"""Text files that a user names; ``-`` is standard input."""

from __future__ import annotations

import sys
from pathlib import Path

#: The name of standard input in place of a file's.
STANDARD_INPUT = '-'


def read_text(path: str | Path) -> str:
    """Return the text of a file, or of standard input for ``-``.

    :raises OSError: if it cannot be read.
    :raises UnicodeDecodeError: if it is not text in UTF-8.
    """
    if str(path) != STANDARD_INPUT:
        return Path(path).read_text('utf-8')
    if sys.stdin is None:
        raise OSError('standard input is closed')
    return sys.stdin.read()


class TextFiles:
    """The files that a description names, each read once however many hosts name it.

    :param standard_input: the text for ``-``; read from standard input when needed if None.
    """

    def __init__(self, standard_input: str | None = None) -> None:
        self._texts = {} if standard_input is None else {STANDARD_INPUT: standard_input}

    def read(self, name: str, directory: Path) -> str:
        """Return the text of a file; its path is relative to ``directory``.

        :raises OSError: if it cannot be read.
        :raises UnicodeDecodeError: if it is not text in UTF-8.
        """
        path = name if name == STANDARD_INPUT else str(directory / name)
        if path not in self._texts:
            self._texts[path] = read_text(path)
        return self._texts[path]
