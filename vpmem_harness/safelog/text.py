"""A text that is being redacted."""

from __future__ import annotations

import re
import string
from collections.abc import Callable

#: For texts whose lower case is longer than they are.
_ASCII_LOWER = {ord(letter): ord(letter.lower()) for letter in string.ascii_uppercase}


class Text:
    """A text, and the same text in lower case, with each character at the same place."""

    __slots__ = ('lower', 'text')

    def __init__(self, text: str) -> None:
        self.text = text
        self.lower = _lower(text)

    def set(self, text: str) -> None:
        """Put another text in place of this one."""
        if text is not self.text:
            self.text = text
            self.lower = _lower(text)

    def replace(self, pattern: re.Pattern[str],
                replacement: Callable[[str, re.Match[str]], str]) -> None:
        """Replace the group ``value`` of each match.

        :param pattern: is matched against the text in lower case.
        :param replacement: gets the value as it is in the text, and the match.
        """
        found = pattern.search(self.lower)
        if found is None:
            return
        text, lower = self.text, self.lower
        parts: list[str] = []
        done = 0
        while found is not None:
            start, end = found.span('value')
            parts += text[done:start], replacement(text[start:end], found)
            done = end
            found = pattern.search(lower, max(found.end(), end + (start == end)))
        self.set(''.join((*parts, text[done:])))


def _lower(text: str) -> str:
    lower = text.lower()
    return lower if len(lower) == len(text) else text.translate(_ASCII_LOWER)
