"""Streams: data that follow a call, from the client or to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol


class Stream(Protocol):
    """The daemon's end of a stream; each method may raise a ``LibvirtError``, which ends it."""

    #: Whether the daemon sends data, by :meth:`read`; otherwise the client does.
    sends: bool
    #: Whether holes are sent as such, and not as zeroes.
    sparse: bool

    def read(self, most: int) -> bytes | int:
        """Return the next data, the length of a hole, or no byte at the end."""

    def write(self, data: bytes) -> None:
        """Take data from the client."""

    def skip(self, length: int) -> None:
        """Take a hole of ``length`` bytes from the client."""

    def finish(self) -> None:
        """End the stream: the client has sent or received everything."""

    def abort(self) -> None:
        """End the stream early."""


@dataclass(frozen=True)
class Streamed:
    """The result of a procedure that opens a stream."""

    stream: Stream
    results: Any = ()


class Download:
    """A stream of data that are known already.

    :param read: returns at most so many bytes, and none at the end.
    """

    sends = True
    sparse = False

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read

    def read(self, most: int) -> bytes:
        """Return the next data."""
        return self._read(most)

    def write(self, data: bytes) -> None:
        """Ignore data: the client sends none."""

    def skip(self, length: int) -> None:
        """Ignore a hole."""

    def finish(self) -> None:
        """End the stream."""

    def abort(self) -> None:
        """End the stream early."""


class Terminal:
    """A stream to a character device whose other end writes nothing.

    :param closed: called when the stream has ended.
    """

    sends = False
    sparse = False

    def __init__(self, closed: Callable[[], None]) -> None:
        self._closed = closed
        self._end: Callable[[bool], None] | None = None
        self._due: list[bool] = []

    def opened(self, end: Callable[[bool], None]) -> None:
        """Note how the daemon ends the stream; end it now if that is due."""
        self._end = end
        for failed in self._due:
            end(failed)

    def hang_up(self, *, failed: bool = False) -> None:
        """End the stream from the daemon's side: with an error, or like a file."""
        if self._end is None:
            self._due.append(failed)
        else:
            self._end(failed)

    def read(self, most: int) -> bytes:
        """Return no data."""
        return b''

    def write(self, data: bytes) -> None:
        """Ignore what the client types."""

    def skip(self, length: int) -> None:
        """Ignore a hole."""

    def finish(self) -> None:
        """End the stream."""
        self._closed()

    def abort(self) -> None:
        """End the stream early."""
        self._closed()
