"""Standard output whose errors say what could not be written."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import TextIO

#: Exit status if the reader has closed the pipe, as a shell counts SIGPIPE.
NO_READER = 141


class OutputError(OSError):
    """Standard output cannot be written."""

    def __str__(self) -> str:
        return (f'standard output: expected a file that can be written, or a pipe, got '
                f'{self.strerror!r}; free space on its file system, or use another file')


class StandardOutput:
    """Standard output that raises OutputError once, and then discards what is written.

    A pipe without a reader raises BrokenPipeError as usual.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.is_lost = False

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write text and return its length."""
        if not self.is_lost:
            with self._checked():
                self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Write what is buffered."""
        if not self.is_lost and not self._stream.closed:
            with self._checked():
                self._stream.flush()

    @contextlib.contextmanager
    def _checked(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            raise
        except OSError as error:
            self.is_lost = True
            raise OutputError(error.errno, error.strerror) from error


@contextlib.contextmanager
def checked() -> Iterator[None]:
    """Flush standard output at the end of a command, and raise OutputError if that fails.

    Output that is lost is not flushed again: the interpreter would report it, and exit with a
    status of its own.
    """
    stream = sys.stdout
    output = StandardOutput(stream)
    sys.stdout = output
    try:
        try:
            yield
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except BrokenPipeError:
        sys.stdout = None
        raise
    finally:
        if sys.stdout is not None:
            sys.stdout = None if output.is_lost else stream
