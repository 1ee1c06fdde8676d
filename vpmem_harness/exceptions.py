"""Errors that the harness raises.

Errors of simulated programs, such as libvirt's errors and ndctl's exit statuses, are not among
them: they reach the client the way they do on a real host.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator

#: The numbers of errors of a file system without space.
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})

#: How to put the files of hosts elsewhere.
ANOTHER_RUNTIME_DIR = 'set VPMEM_HARNESS_RUNTIME_DIR to another directory'


class HarnessError(Exception):
    """Base class of every error that the harness itself raises."""


class InvalidInputError(HarnessError, ValueError):
    """A value from the user is invalid.

    The message says what was expected, what was given, and what to do::

        >>> raise InvalidInputError('size of a DIMM', expected='a multiple of 128 MiB',
        ...                         got='100 MiB', remedy='round it up to 128MiB')
        Traceback (most recent call last):
        vpmem_harness.exceptions.InvalidInputError: size of a DIMM: expected a multiple of \
128 MiB, got 100 MiB; round it up to 128MiB

    Never pass a value that may be secret as ``got``; describe its kind instead.
    """

    def __init__(self, what: str, *, expected: str, got: str, remedy: str) -> None:
        super().__init__(f'{what}: expected {expected}, got {got}; {remedy}')
        self.what = what
        self.expected = expected
        self.got = got
        self.remedy = remedy


def unwritable(what: str, path: object, error: OSError, *, kind: str = 'file',
               remedy: str = 'use another path') -> InvalidInputError:
    """Return the error for a file or directory that cannot be written.

    :param what: its option or purpose.
    :param kind: ``file`` or ``directory``.
    :param remedy: how to use another one.
    """
    if error.errno in _FULL:
        remedy = f'free space on its file system, or {remedy}'
    return InvalidInputError(
        what, expected=f'a writable {kind}, or a path where it can be made',
        got=f'{str(path)!r} ({error.strerror or error})', remedy=remedy)


@contextlib.contextmanager
def space_in(directory: object) -> Iterator[None]:
    """Raise InvalidInputError, which names the directory, if its file system becomes full.

    Python's own error does not say what was written. Other errors pass.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise unwritable('directory of the hosts', directory, error, kind='directory',
                         remedy=ANOTHER_RUNTIME_DIR) from error


def unreadable(what: str, path: object, error: OSError | UnicodeError, *,
               expected: str = 'a text file that can be read', remedy: str = 'correct the path',
               ) -> InvalidInputError:
    """Return the error for a file that cannot be read; ``what`` is its option or purpose."""
    reason = (error.strerror or str(error)) if isinstance(error, OSError) else 'no text in UTF-8'
    return InvalidInputError(what, expected=expected, got=f'{str(path)!r} ({reason})',
                             remedy=remedy)


class NotSetUpError(InvalidInputError, AttributeError):
    """A fixture is used before its setUp or after its cleanUp."""

    def __init__(self, fixture: str, attribute: str) -> None:
        what = fixture if attribute.startswith('_') else f'{attribute} of a {fixture}'
        super().__init__(
            what, expected='a fixture that is set up', got='one that is not, or not any more',
            remedy=f'write self.useFixture({fixture}(...)), and use it within the test')
        # Python would suggest attributes of similar names, which are no help here.
        self.name = self.obj = None


class WaitTimeoutError(HarnessError, TimeoutError):
    """A wait for a state timed out.

    ``waited_for`` names the state; ``seen`` lists the states that were observed, oldest first.
    """

    def __init__(self, waited_for: str, seconds: float, seen: list[str]) -> None:
        history = ' -> '.join(seen) or 'nothing'
        super().__init__(f'waited {seconds:g} s for {waited_for}; seen: {history}')
        self.waited_for = waited_for
        self.seconds = seconds
        self.seen = seen


class LimitError(HarnessError):
    """A limit of this machine is too low, such as the number of descriptors."""
