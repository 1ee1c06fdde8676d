"""A text that is being redacted."""

from __future__ import annotations

import re
import string
from collections.abc import Callable

#: For texts whose lower case is longer than they are.
_ASCII_LOWER = {ord(letter): ord(letter.lower()) for letter in string.ascii_uppercase}


class Text:
    """A text, and the same text in lower case, with each character at the same place."""

    __slots__ = ('_lower', '_text')

    def __init__(self, text: str) -> None:
        self._text = text
        self._lower: str | None = None

    @property
    def text(self) -> str:
        """The text."""
        return self._text

    @text.setter
    def text(self, text: str) -> None:
        if text != self._text:
            self._text = text
            self._lower = None

    @property
    def lower(self) -> str:
        """The text in lower case."""
        lower = self._lower
        if lower is None:
            lower = self._text.lower()
            if len(lower) != len(self._text):
                lower = self._text.translate(_ASCII_LOWER)
            self._lower = lower
        return lower

    def replace(self, pattern: re.Pattern[str],
                replacement: Callable[[str, re.Match[str]], str]) -> None:
        """Replace the group ``value`` of each match.

        :param pattern: is matched against the text in lower case.
        :param replacement: gets the value as it is in the text, and the match.
        """
        found = pattern.search(self.lower)
        if found is None:
            return
        text, lower = self._text, self.lower
        parts: list[str] = []
        done = 0
        while found is not None:
            start, end = found.span('value')
            parts += text[done:start], replacement(text[start:end], found)
            done = end
            found = pattern.search(lower, max(found.end(), end + (start == end)))
        self.text = ''.join((*parts, text[done:]))
