"""Stable names for values that must not be shown."""

from __future__ import annotations

import json
import os
import re
import threading

#: A pseudonym as it stands in a text.
PSEUDONYM = re.compile(r'<(?:uuid|host|ip|mac|path|id|user):[0-9a-z]+>')


class Pseudonyms:
    """What each value is called during one run.

    The same value of the same kind keeps its pseudonym, so that a log can still be followed; the
    pseudonym says nothing about the value but its kind and when it was first seen. UUIDs get
    letters, ``<uuid:a>``, the others numbers, ``<host:1>``.

    Thread-safe. The values behind the pseudonyms are known here alone: :meth:`resolve` and
    :meth:`save` are for the user whose run it was.
    """

    def __init__(self) -> None:
        self._names: dict[tuple[str, str], str] = {}
        self._values: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        self._lock = threading.Lock()

    def of(self, kind: str, value: str) -> str:
        """The pseudonym of a value of that kind."""
        known = self._names.get((kind, value))
        if known is not None:
            return known
        with self._lock:
            if (kind, value) not in self._names:
                count = self._counts[kind] = self._counts.get(kind, 0) + 1
                name = f'<{kind}:{letters(count) if kind == "uuid" else count}>'
                self._values[name] = value
                self._names[kind, value] = name
            return self._names[kind, value]

    def values(self) -> dict[str, str]:
        """The value behind each pseudonym. Never to be logged."""
        with self._lock:
            return dict(self._values)

    def resolve(self, text: str) -> str:
        """The text with the values in place of this run's pseudonyms."""
        return PSEUDONYM.sub(lambda found: self._values.get(found[0], found[0]), text)

    def save(self, path: str) -> None:
        """Write the values behind the pseudonyms as JSON, to a file that only its owner reads."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with open(descriptor, 'w') as stream:
            # A file that was there already keeps its mode otherwise.
            os.fchmod(descriptor, 0o600)
            json.dump(self.values(), stream, indent=1)


def letters(count: int) -> str:
    """The count in letters: a, b, ... z, aa, ab, ..."""
    text = ''
    while count:
        count, rest = divmod(count - 1, 26)
        text = chr(ord('a') + rest) + text
    return text
