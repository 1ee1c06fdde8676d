"""The files and devices of a host that back its guests."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from vpmem_harness.libvirtd.hypervisor.storage.files import MemoryFiles, StorageFiles

Kind = Literal['regular', 'directory', 'dax', 'block']

_EXECUTABLE: Final = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH


@dataclass(frozen=True)
class BackingFile:
    """A file or device that can back a guest.

    :param size: in bytes; 0 for a directory.
    :param align: the alignment of a dax device in bytes, 0 for anything else: QEMU refuses to map
        the device with a smaller alignment.
    :param dead: whether it exists but cannot be mapped, like a failed device.
    """

    kind: Kind
    size: int
    align: int = 0
    dead: bool = False


class Backing(Protocol):
    """The files and devices of a host; ``domain`` is a domain's UUID in its canonical form."""

    #: The files of storage pools and disks.
    storage: StorageFiles

    def stat(self, path: str) -> BackingFile | None:
        """Return the file or device at ``path``, or None."""

    def opened(self, path: str, domain: str) -> None:
        """Note that a starting domain has opened ``path``."""

    def closed(self, path: str, domain: str) -> None:
        """Note that a stopping domain has closed ``path``."""

    def written(self, path: str, domain: str) -> None:
        """Note that a domain's guest can write to ``path`` from now on."""


def of_storage(storage: StorageFiles, path: str) -> BackingFile | None:
    """Return the file of storage pools and disks at ``path``, or None."""
    status = storage.status(path)
    if status is None:
        return None
    return BackingFile(status.kind, 0 if status.kind == 'directory' else status.size)


def execution_error(storage: StorageFiles, path: str) -> int:
    """Return the errno of executing a file of storage pools and disks, 0 if it is executable."""
    status = storage.status(path) if os.path.isabs(path) else None
    if status is None:
        return errno.ENOENT
    if status.kind == 'directory':
        return errno.EISDIR
    return 0 if status.mode & _EXECUTABLE else errno.EACCES


class DeclaredFiles:
    """A backing of declared files: ``{path: BackingFile}``.

    ``open_by`` lists the domains that have each path open, once per time that they opened it.
    """

    def __init__(self, files: dict[str, BackingFile] | None = None) -> None:
        self.files = dict(files or {})
        self.storage: StorageFiles = MemoryFiles(
            {path: file.size for path, file in self.files.items() if file.kind == 'regular'})
        self.open_by: dict[str, list[str]] = {}
        self.written_by: dict[str, list[str]] = {}

    def stat(self, path: str) -> BackingFile | None:
        """Return what is declared at ``path``, or a directory if a path below it is declared."""
        found = self.files.get(path)
        if found is None and any(each.startswith(f'{path}/') for each in self.files):
            return BackingFile('directory', 0)
        return of_storage(self.storage, path) if found is None else found

    def opened(self, path: str, domain: str) -> None:
        """Record that ``domain`` has ``path`` open."""
        self.open_by.setdefault(path, []).append(domain)

    def closed(self, path: str, domain: str) -> None:
        """Record that ``domain`` has closed ``path``."""
        self.open_by[path].remove(domain)
        if not self.open_by[path]:
            del self.open_by[path]

    def written(self, path: str, domain: str) -> None:
        """Record that ``domain`` writes to ``path``."""
        self.written_by.setdefault(path, []).append(domain)
