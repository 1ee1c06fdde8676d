"""The files of a simulated host."""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Mapping

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.pmem import Contents
from vpmem_harness.pmem.commands.files import File, LocalFiles, names_device


def check_files(files: Mapping[str, int], directories: Collection[str]) -> None:
    """Raise InvalidInputError unless the files and directories can be declared on a host."""
    if isinstance(directories, str):
        raise InvalidInputError('directories', expected='a list of paths', got='a text',
                                remedy=f'write [{directories!r}]')
    for path in directories:
        check_path(path, 'directories')
    for path, size in files.items():
        check_path(path, 'files')
        if not isinstance(size, int) or size < 0:
            raise InvalidInputError(f'size of {path}', expected='a number of bytes, 0 or more',
                                    got=repr(size), remedy='correct it')


def check_path(path: str, what: str) -> None:
    """Raise InvalidInputError unless ``path`` can be declared on a host."""
    if not os.path.isabs(path) or names_device(os.path.normpath(path)):
        raise InvalidInputError(what, expected='an absolute path outside /dev', got=repr(path),
                                remedy='name one such as /srv/pmem/ns_0')


class HostFiles(LocalFiles):
    """The files declared for one host, and the files of the machine at any other path.

    A declared file has a size, but no contents.

    :param files: sizes in bytes of declared regular files, by their absolute path.
    :param directories: absolute paths of declared directories.
    """

    def __init__(self, files: Mapping[str, int], directories: Collection[str]) -> None:
        self._sizes = {os.path.normpath(path): size for path, size in files.items()}
        self._directories = {os.path.normpath(path) for path in directories}

    def declared(self, path: str) -> File | None:
        """The file or directory declared at ``path``; None if there is none."""
        path = os.path.normpath(path)
        if path in self._sizes:
            return File('regular', self._sizes[path])
        # The directories above a declared file exist as well.
        below = f'{path.rstrip("/")}/'
        if path in self._directories or any(
                other.startswith(below) for other in (*self._sizes, *self._directories)):
            return File('directory')
        return None

    def names(self, directory: str) -> list[str]:
        """The names of what is declared in a directory."""
        start = f'{os.path.normpath(directory).rstrip("/")}/'
        return sorted({path[len(start):].partition('/')[0]
                       for path in (*self._sizes, *self._directories) if path.startswith(start)})

    def remove(self, path: str) -> bool:
        """Forget a declared file; return whether there was one."""
        return self._sizes.pop(os.path.normpath(path), None) is not None

    def open(self, path: str) -> File:
        """Open the file at ``path`` for reading and writing."""
        found = self.declared(path)
        if found is None:
            return super().open(path)
        if found.kind == 'directory':
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        return found

    def create(self, path: str, mode: int = 0o600, data: bytes = b'') -> None:
        """Create a regular file; in a declared directory it becomes a declared file."""
        found = self.declared(path)
        if found is None and os.path.dirname(os.path.normpath(path)) not in self._directories:
            super().create(path, mode, data)
        elif found is not None and found.kind == 'directory':
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        else:
            self._sizes[os.path.normpath(path)] = len(data)

    def write(self, path: str, contents: Contents, offset: int) -> None:
        """Write to a regular file, starting at ``offset``."""
        found = self.declared(path)
        if found is None:
            super().write(path, contents, offset)
        else:
            self._sizes[os.path.normpath(path)] = max(found.size, offset + contents.length)
