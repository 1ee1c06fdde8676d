"""Stable pseudonyms for values that must not be shown."""

from __future__ import annotations

import json
import os
import re
import tempfile
import threading
import uuid
from collections.abc import Callable, Mapping

from vpmem_harness.exceptions import InvalidInputError, unreadable, unwritable

#: A pseudonym as it stands in a text.
PSEUDONYM = re.compile(r'<(?:uuid|host|ip|mac|path|id|user|email|serial):[0-9a-z]+>')


class Pseudonyms:
    """The pseudonyms of one run.

    The same value of the same kind keeps its pseudonym, so that a log can still be followed. A
    pseudonym reveals only the kind of its value and when it was first seen. UUIDs get letters,
    ``<uuid:a>``, other values numbers, ``<host:1>``.

    Thread-safe. Only this object knows the values: :meth:`resolve` and :meth:`save` are for the
    user who started the run.
    """

    def __init__(self) -> None:
        self._names: dict[tuple[str, str], str] = {}
        self._values: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        self._lock = threading.Lock()

    def of(self, kind: str, value: str) -> str:
        """Return the pseudonym of a value of that kind."""
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
        """Return the value of each pseudonym. Never log it."""
        with self._lock:
            return dict(self._values)

    def resolve(self, text: str) -> str:
        """Replace this run's pseudonyms in a text with their values."""
        return resolve(text, self.spelled())

    def spelled(self) -> dict[str, str]:
        """Return the value of each pseudonym in its usual spelling. Never log it."""
        return {name: _SPELLINGS.get(name[1:].partition(':')[0], str)(value)
                for name, value in self.values().items()}

    def save(self, path: str) -> None:
        """Write the values of the pseudonyms as JSON, to a file that only its owner can read.

        :raises InvalidInputError: see :func:`check_place`; also if the file cannot be written.
        """
        check_place(path)
        try:
            self._write(path)
        except OSError as error:
            raise unwritable('file for pseudonyms', path, error) from error

    def _write(self, path: str) -> None:
        descriptor, unnamed = tempfile.mkstemp(dir=os.path.dirname(path) or '.')    # of mode 0600
        try:
            with open(descriptor, 'w') as stream:
                json.dump(self.spelled(), stream, indent=1)
            os.replace(unnamed, path)
        except BaseException:
            os.unlink(unnamed)
            raise


def check_place(path: str) -> None:
    """Create the directory of the file, for its owner only, unless it exists.

    :raises InvalidInputError: if it cannot be made, or if other users could replace the file.
    """
    directory = os.path.dirname(path) or '.'
    try:
        os.makedirs(directory, mode=0o700, exist_ok=True)
    except OSError as error:
        raise unwritable('file for pseudonyms', path, error) from error
    found = os.stat(directory)
    if found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise InvalidInputError(
            'file for pseudonyms', got=f'mode {found.st_mode & 0o7777:o} of {directory!r}',
            expected='a directory of your own that nobody else may write to',
            remedy='name one that is not there yet: it is made for you alone')
    if os.path.isdir(path):
        raise InvalidInputError('file for pseudonyms', expected='a file', got='a directory',
                                remedy=f'name a file in {path!r}')


def load(path: str) -> dict[str, str]:
    """Read a file written by :meth:`Pseudonyms.save`.

    :raises InvalidInputError: if it is not such a file.
    """
    try:
        with open(path) as stream:
            values = json.load(stream)
        if not isinstance(values, dict) or not all(map(PSEUDONYM.fullmatch, values)):
            raise ValueError('no pseudonyms')
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable('file of pseudonyms', path, error, expected='one that a run has saved',
                         remedy='use another path') from error
    except ValueError as error:
        raise InvalidInputError('file of pseudonyms', expected='one that a run has saved',
                                got=f'{path!r} ({error})', remedy='use another path') from error
    return values


def resolve(text: str, values: Mapping[str, str]) -> str:
    """Replace pseudonyms in a text with their values."""
    return PSEUDONYM.sub(lambda found: values.get(found[0], found[0]), text)


#: The usual spelling of a value that is stored in another form.
_SPELLINGS: dict[str, Callable[[str], str]] = {
    'uuid': lambda value: str(uuid.UUID(value)),
    'mac': lambda value: ':'.join(re.findall('..', value)),
}


def letters(count: int) -> str:
    """Return the count in letters: a, b, ... z, aa, ab, ..."""
    text = ''
    while count:
        count, rest = divmod(count - 1, 26)
        text = chr(ord('a') + rest) + text
    return text
