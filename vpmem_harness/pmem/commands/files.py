"""Files that are not persistent memory."""

from __future__ import annotations

import dataclasses
import errno
import os
import stat
from typing import Protocol

from vpmem_harness.pmem.kernel.media import Contents

#: The character devices that every machine has.
_PLAIN_DEVICES = ('/dev/zero', '/dev/null', '/dev/full', '/dev/random', '/dev/urandom')


def names_device(path: str) -> bool:
    """Whether a normalized path is below ``/dev``, but not in ``/dev/shm``, which has files."""
    return path.startswith('/dev/') and not f'{path}/'.startswith('/dev/shm/')  # noqa: S108


@dataclasses.dataclass(frozen=True)
class File:
    """A file at a path: ``kind`` is regular, directory, character or block."""

    kind: str
    size: int = 0


class Files(Protocol):
    """The files of a machine. Each method raises OSError as the system call would."""

    def open(self, path: str) -> File:
        """Opens ``path`` for reading and writing and returns what it is."""

    def create(self, path: str, mode: int = 0o600, data: bytes = b'') -> None:
        """Creates or truncates a regular file and writes ``data``."""

    def write(self, path: str, contents: Contents, offset: int) -> None:
        """Writes to a regular file from ``offset`` on."""

    def read(self, path: str, length: int) -> bytes:
        """At most ``length`` bytes from the start of a file."""


class LocalFiles:
    """The files of the system that the harness runs on, without its devices."""

    def open(self, path: str) -> File:
        """Opens ``path``; of /dev there are only /dev/zero and the like."""
        if path in _PLAIN_DEVICES:
            return File('character')
        self._check(path)
        mode, size = os.stat(path)[stat.ST_MODE], os.stat(path).st_size
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        if not stat.S_ISREG(mode):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        if not os.access(path, os.R_OK | os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return File('regular', size)

    def create(self, path: str, mode: int = 0o600, data: bytes = b'') -> None:
        """Creates or truncates a regular file and writes ``data``."""
        if path in _PLAIN_DEVICES:
            return
        self._check(path)
        with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, mode), 'wb') as file:
            file.write(data)

    def write(self, path: str, contents: Contents, offset: int) -> None:
        """Writes to a regular file from ``offset`` on; a character device discards the data.

        Zeroes beyond the end of the file become a hole, since a whole device may be copied to it.
        """
        if path in _PLAIN_DEVICES:
            return
        self._check(path)
        with open(os.open(path, os.O_WRONLY), 'wb') as file:
            size = os.fstat(file.fileno()).st_size
            for segment in contents.segments:
                if segment.writer is not None or offset < size:
                    file.seek(offset)
                    file.writelines(Contents((segment,)).chunks())
                offset += segment.length
            file.truncate(max(size, offset))

    def read(self, path: str, length: int) -> bytes:
        """At most ``length`` bytes from the start of a file; of devices only /dev/zero has any."""
        if path in _PLAIN_DEVICES:
            return bytes(length if path == '/dev/zero' else 0)
        self._check(path)
        with open(path, 'rb') as file:
            return file.read(length)

    def _check(self, path: str) -> None:
        if names_device(os.path.realpath(path)):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
