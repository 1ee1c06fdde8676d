"""The files of a host that storage pools and disks use."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

FileKind = Literal['regular', 'directory', 'block']

#: The unit in which a file system allocates space, in bytes.
BLOCK: Final = 4096
#: Capacity of a simulated file system, and how much of it is used, in bytes.
CAPACITY: Final = 512 * 1024**3
USED: Final = CAPACITY // 8


@dataclass
class FileStatus:
    """The result of stat(2) for a file; sizes are in bytes.

    :ivar times: seconds and nanoseconds of the last access, modification and change.
    """

    kind: FileKind
    size: int
    allocation: int
    mode: int
    owner: int = 0
    group: int = 0
    times: tuple[tuple[int, int], ...] = ((0, 0), (0, 0), (0, 0))


class StorageFiles(Protocol):
    """Files and directories by absolute path. Each method raises OSError as the kernel does."""

    def status(self, path: str) -> FileStatus | None:
        """Return the status of a file or directory, or None if there is none."""

    def names(self, directory: str) -> list[str]:
        """Return the sorted names of the files in a directory."""

    def space(self, directory: str) -> tuple[int, int]:
        """Return the size of a directory's file system and what of it is free, in bytes."""

    def make_directory(self, path: str, mode: int | None) -> None:
        """Make a directory and those above it; set the mode of one that exists unless None."""

    def remove_directory(self, path: str) -> None:
        """Remove an empty directory."""

    def create(self, path: str, mode: int, *, block: bool = False) -> None:
        """Create an empty file that does not exist yet, or a block device and its directory."""

    def remove(self, path: str) -> None:
        """Remove a file."""

    def truncate(self, path: str, size: int) -> None:
        """Set the size of a file; it becomes zero where it grows."""

    def allocate(self, path: str, size: int) -> None:
        """Reserve space for the first ``size`` bytes of a file."""

    def read(self, path: str, offset: int, length: int) -> bytes:
        """Return at most ``length`` bytes of a file from ``offset``."""

    def write(self, path: str, offset: int, data: bytes) -> None:
        """Write to a file at ``offset``; it grows if needed."""

    def sections(self, path: str, offset: int, end: int) -> Iterator[tuple[int, int]]:
        """Yield the start and end of each piece of data between ``offset`` and ``end``."""


def empty(files: StorageFiles, path: str) -> None:
    """Create a file, or make it empty; raise OSError as the kernel does."""
    if files.status(path) is None:
        files.create(path, 0o600)
    else:
        files.truncate(path, 0)


def error(number: int, path: str) -> OSError:
    """Return the error of a system call."""
    return OSError(number, os.strerror(number), path)


@dataclass
class _File:
    kind: FileKind = 'regular'
    size: int = 0
    mode: int = 0o600
    reserved: int = 0
    blocks: dict[int, bytes] = field(default_factory=dict)
    times: tuple[tuple[int, int], ...] = ()


class MemoryFiles:
    """Files in memory; what was never written takes no space.

    :param declared: sizes of files that exist from the start, by path.
    :param directories: directories that exist from the start.
    :param now: the time in seconds.
    """

    def __init__(self, declared: Mapping[str, int] = {}, directories: tuple[str, ...] = ('/',), *,
                 now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._files: dict[str, _File] = {}
        for path in directories:
            self.make_directory(path, None)
        for path, size in declared.items():
            self.make_directory(os.path.dirname(path), None)
            self.create(path, 0o644)
            self.truncate(path, size)

    def _stamp(self, file: _File) -> None:
        nanoseconds = int(self._now() * 1e9)
        file.times = (divmod(nanoseconds, 10**9),) * 3

    def _file(self, path: str) -> _File:
        found = self._files.get(path)
        if found is None:
            raise error(errno.ENOENT, path)
        if found.kind == 'directory':
            raise error(errno.EISDIR, path)
        return found

    def status(self, path: str) -> FileStatus | None:
        """Return the status of a file or directory, or None if there is none."""
        path = os.path.normpath(path)
        found = self._files.get(path)
        if found is None:
            return None
        if found.kind == 'directory':
            return FileStatus('directory', BLOCK, BLOCK, found.mode, times=found.times)
        used = sum(len(block) for block in found.blocks.values())
        return FileStatus(found.kind, found.size, max(used, found.reserved), found.mode,
                          times=found.times)

    def names(self, directory: str) -> list[str]:
        """Return the sorted names of the files in a directory."""
        directory = os.path.normpath(directory)
        found = self._files.get(directory)
        if found is None:
            raise error(errno.ENOENT, directory)
        if found.kind != 'directory':
            raise error(errno.ENOTDIR, directory)
        return sorted(os.path.basename(path) for path in self._files
                      if path != '/' and os.path.dirname(path) == directory)

    def space(self, directory: str) -> tuple[int, int]:
        """Return the size of a directory's file system and what of it is free, in bytes."""
        return CAPACITY, CAPACITY - USED

    def make_directory(self, path: str, mode: int | None) -> None:
        """Make a directory and those above it; set the mode of one that exists unless None."""
        path = os.path.normpath(path)
        found = self._files.get(path)
        if found is None:
            if path != '/':
                self.make_directory(os.path.dirname(path), None)
            made = self._files[path] = _File('directory', mode=0o755 if mode is None else mode)
            self._stamp(made)
        elif found.kind != 'directory':
            raise error(errno.EEXIST, path)
        elif mode is not None:
            found.mode = mode

    def remove_directory(self, path: str) -> None:
        """Remove an empty directory."""
        if self.names(path):
            raise error(errno.ENOTEMPTY, path)
        del self._files[os.path.normpath(path)]

    def create(self, path: str, mode: int, *, block: bool = False) -> None:
        """Create an empty file that does not exist yet, or a block device and its directory."""
        path = os.path.normpath(path)
        if path in self._files:
            raise error(errno.EEXIST, path)
        if block:
            self.make_directory(os.path.dirname(path), None)
        elif os.path.dirname(path) not in self._files:
            raise error(errno.ENOENT, path)
        made = self._files[path] = _File('block' if block else 'regular', mode=mode)
        self._stamp(made)

    def remove(self, path: str) -> None:
        """Remove a file."""
        path = os.path.normpath(path)
        self._file(path)
        del self._files[path]

    def truncate(self, path: str, size: int) -> None:
        """Set the size of a file; it becomes zero where it grows."""
        file = self._file(os.path.normpath(path))
        if size < file.size:
            last, rest = divmod(size, BLOCK)
            file.blocks = {number: data for number, data in file.blocks.items() if number <= last}
            if last in file.blocks:
                file.blocks[last] = file.blocks[last][:rest].ljust(BLOCK, b'\0')
            file.reserved = min(file.reserved, size)
            if not rest:
                file.blocks.pop(last, None)
        file.size = size
        self._stamp(file)

    def allocate(self, path: str, size: int) -> None:
        """Reserve space for the first ``size`` bytes of a file."""
        file = self._file(os.path.normpath(path))
        file.reserved = max(file.reserved, -(-size // BLOCK) * BLOCK)
        file.size = max(file.size, size)

    def read(self, path: str, offset: int, length: int) -> bytes:
        """Return at most ``length`` bytes of a file from ``offset``."""
        file = self._file(os.path.normpath(path))
        end = min(offset + length, file.size)
        pieces = []
        while offset < end:
            number, start = divmod(offset, BLOCK)
            piece = file.blocks.get(number, bytes(BLOCK))[start:start + end - offset]
            pieces.append(piece)
            offset += len(piece)
        return b''.join(pieces)

    def write(self, path: str, offset: int, data: bytes) -> None:
        """Write to a file at ``offset``; it grows if needed."""
        file = self._file(os.path.normpath(path))
        at = 0
        while at < len(data):
            number, start = divmod(offset + at, BLOCK)
            piece = data[at:at + BLOCK - start]
            old = file.blocks.get(number, bytes(BLOCK))
            file.blocks[number] = old[:start] + piece + old[start + len(piece):]
            at += len(piece)
        file.size = max(file.size, offset + len(data))
        self._stamp(file)

    def sections(self, path: str, offset: int, end: int) -> Iterator[tuple[int, int]]:
        """Yield the start and end of each piece of data between ``offset`` and ``end``."""
        file = self._file(os.path.normpath(path))
        end = min(end, file.size)
        start = stop = -1
        for number in sorted(file.blocks):
            if number * BLOCK == stop:
                stop += BLOCK
                continue
            if max(start, offset) < min(stop, end):
                yield max(start, offset), min(stop, end)
            start, stop = number * BLOCK, (number + 1) * BLOCK
        if max(start, offset) < min(stop, end):
            yield max(start, offset), min(stop, end)
