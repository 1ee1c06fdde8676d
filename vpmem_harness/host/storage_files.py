"""The files that the storage pools and disks of one host use.

A directory that somebody made for it is used as it is; anything else exists below the host's own
directory. So a simulated host changes nothing that it does not own: see :meth:`HostStorage.real`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from vpmem_harness.host.files import HostFiles
from vpmem_harness.libvirtd.hypervisor.storage.files import (
    BLOCK,
    CAPACITY,
    USED,
    FileKind,
    FileStatus,
    error,
)
from vpmem_harness.libvirtd.hypervisor.storage.storage import DEFAULT_PATH
from vpmem_harness.pmem.commands.files import names_device

#: Directories of the operating system and its services, which are never changed.
_SYSTEM: Final = ('/bin', '/boot', '/dev', '/etc', '/lib', '/lib32', '/lib64', '/libx32', '/media',
                  '/mnt', '/opt', '/proc', '/run', '/sbin', '/srv', '/sys', '/usr', '/var')


class HostStorage:
    """Files of one host: real ones, with paths of the simulated machine.

    :param root: the directory for what exists on this host alone; made when it is needed.
    :param files: the declared files and directories.
    """

    def __init__(self, root: Path, files: HostFiles) -> None:
        self._root = str(root)
        self._declared = files
        #: Bytes that are reserved for a file, which no real space is taken for.
        self._reserved: dict[str, int] = {}
        #: Directories that every host has; they are made when they are needed.
        self._standard = {DEFAULT_PATH}
        #: Block devices, which are regular files here.
        self._blocks: set[str] = set()

    def real(self, path: str) -> str:
        """Return the path of the real file that stands for ``path``.

        It is ``path`` itself if its directory exists on the machine, belongs to the user of this
        process, who can write to it, and is neither shared (``/tmp`` itself) nor a directory of the
        operating system. Otherwise it is a path below the host's own directory.
        """
        path = os.path.normpath(path)
        own = self._own(path)
        if os.path.lexists(own) or self._hidden(path):
            return own
        return path if self._usable(os.path.dirname(path)) else own

    def _own(self, path: str) -> str:
        return f'{self._root}/{path.lstrip("/")}'

    def _hidden(self, path: str) -> bool:
        """Whether a declared file or directory covers what the machine has."""
        directory = os.path.dirname(path)
        return (path in self._standard or directory in self._standard
                or self._declared.declared(path) is not None
                or self._declared.declared(directory) is not None)

    def _usable(self, directory: str) -> bool:
        resolved = os.path.realpath(directory)
        if _below(resolved, self._root):
            return True
        temporary = (os.path.realpath(tempfile.gettempdir()), '/dev/shm',  # noqa: S108
                     '/tmp', '/var/tmp')  # noqa: S108 - compared
        if resolved == '/' or (any(_below(resolved, system) for system in _SYSTEM)
                               and not any(_below(resolved, place) for place in temporary)):
            return False
        try:
            found = os.stat(resolved)
        except OSError:
            return False
        return bool(stat.S_ISDIR(found.st_mode) and not found.st_mode & stat.S_ISVTX
                    and found.st_uid == os.geteuid() and os.access(resolved, os.W_OK | os.X_OK))

    def _existing(self, path: str) -> str:
        """Return the real path of a file to read: the machine's own if this host has no other."""
        path = os.path.normpath(path)
        own = self._own(path)
        return own if os.path.lexists(own) else path

    def status(self, path: str) -> FileStatus | None:
        """Return the status of a file or directory, or None if there is none."""
        path = os.path.normpath(path)
        real = self._existing(path)
        if real == path:
            declared = self._declared.declared(path)
            if declared is not None:
                directory = declared.kind == 'directory'
                return FileStatus('directory' if directory else 'regular', declared.size,
                                  declared.size, 0o755 if directory else 0o644)
            if any(_below(standard, path) for standard in self._standard):
                return FileStatus('directory', BLOCK, BLOCK, 0o711)
            if path == '/dev' or names_device(path):
                return None
        try:
            found = os.stat(real)
        except OSError:
            return None
        kind: FileKind
        if stat.S_ISDIR(found.st_mode):
            kind = 'directory'
        elif stat.S_ISREG(found.st_mode):
            kind = 'block' if path in self._blocks else 'regular'
        else:
            return None
        used = max(found.st_blocks * 512, self._reserved.get(path, 0))
        own = real != path
        return FileStatus(kind, found.st_size, used, stat.S_IMODE(found.st_mode) & 0o777,
                          0 if own else found.st_uid, 0 if own else found.st_gid,
                          tuple(divmod(time, 10**9) for time in (
                              found.st_atime_ns, found.st_mtime_ns, found.st_ctime_ns)))

    def names(self, directory: str) -> list[str]:
        """Return the sorted names of the files in a directory."""
        directory = os.path.normpath(directory)
        if self.status(directory) is None:
            raise error(errno.ENOENT, directory)
        names = set(self._declared.names(directory))
        standard = directory in self._standard
        own = self._own(directory)
        if os.path.isdir(own):
            names.update(os.listdir(own))
        elif not names and not standard and self._usable(directory):
            names.update(os.listdir(directory))
        return sorted(names)

    def space(self, directory: str) -> tuple[int, int]:
        """Return the size of a directory's file system and what of it is free, in bytes."""
        directory = os.path.normpath(directory)
        if self._existing(directory) != directory or self._hidden(directory):
            return CAPACITY, CAPACITY - USED
        with contextlib.suppress(OSError):
            found = os.statvfs(directory)
            return found.f_blocks * found.f_frsize, found.f_bfree * found.f_frsize
        return CAPACITY, CAPACITY - USED

    def make_directory(self, path: str, mode: int | None) -> None:
        """Make a directory and those above it; set the mode of one that exists unless None."""
        path = os.path.normpath(path)
        found = self.status(path)
        if found is not None and found.kind != 'directory':
            raise error(errno.EEXIST, path)
        if found is not None and mode is None:
            return
        above = path
        while not os.path.isdir(above):
            above = os.path.dirname(above)
        real = path if self._usable(above) and not self._hidden(path) else self._own(path)
        if not os.path.isdir(real):
            os.makedirs(real)
        if mode is not None:
            os.chmod(real, mode | 0o700)

    def remove_directory(self, path: str) -> None:
        """Remove an empty directory."""
        path = os.path.normpath(path)
        if self.names(path):
            raise error(errno.ENOTEMPTY, path)
        real = self._existing(path)
        if path in self._standard:
            self._standard.discard(path)
            if real != path:
                os.rmdir(real)
            return
        if real == path and not self._usable(os.path.dirname(path)):
            raise error(errno.EBUSY, path)
        os.rmdir(real)

    def create(self, path: str, mode: int, *, block: bool = False) -> None:
        """Create an empty file that does not exist yet, or a block device and its directory."""
        path = os.path.normpath(path)
        real = self.real(path)
        if self.status(path) is not None:
            raise error(errno.EEXIST, path)
        if real != path:
            if self.status(os.path.dirname(path)) is None and not block:
                raise error(errno.ENOENT, path)
            os.makedirs(os.path.dirname(real), exist_ok=True)
        os.close(os.open(real, os.O_CREAT | os.O_EXCL | os.O_RDWR, mode))
        if block:
            self._blocks.add(path)

    def remove(self, path: str) -> None:
        """Remove a file."""
        path = os.path.normpath(path)
        real = self.real(path)
        if not os.path.lexists(real) and self._declared.remove(path):
            return
        os.unlink(real)
        self._reserved.pop(path, None)
        self._blocks.discard(path)

    def truncate(self, path: str, size: int) -> None:
        """Set the size of a file; it becomes zero where it grows."""
        path = os.path.normpath(path)
        os.truncate(self._writable(path), size)
        if path in self._reserved:
            self._reserved[path] = min(self._reserved[path], size)

    def allocate(self, path: str, size: int) -> None:
        """Reserve space for the first ``size`` bytes of a file; no real space is taken."""
        path = os.path.normpath(path)
        real = self._writable(path)
        if os.path.getsize(real) < size:
            os.truncate(real, size)
        self._reserved[path] = max(self._reserved.get(path, 0), -(-size // BLOCK) * BLOCK)

    def _writable(self, path: str) -> str:
        """Return the real path of a file to change; a declared one gets contents now."""
        real = self.real(path)
        declared = self._declared.declared(path)
        if declared is not None and declared.kind == 'regular' and not os.path.lexists(real):
            os.makedirs(os.path.dirname(real), exist_ok=True)
            with open(real, 'xb') as stream:
                stream.truncate(declared.size)
        return real

    def read(self, path: str, offset: int, length: int) -> bytes:
        """Return at most ``length`` bytes of a file from ``offset``."""
        path = os.path.normpath(path)
        real = self._existing(path)
        declared = self._declared.declared(path)
        if real == path and declared is not None:
            return bytes(max(0, min(length, declared.size - offset)))
        with open(real, 'rb') as stream:
            stream.seek(offset)
            return stream.read(length)

    def write(self, path: str, offset: int, data: bytes) -> None:
        """Write to a file at ``offset``; it grows if needed."""
        with open(self._writable(os.path.normpath(path)), 'r+b') as stream:
            stream.seek(offset)
            stream.write(data)

    def sections(self, path: str, offset: int, end: int) -> Iterator[tuple[int, int]]:
        """Yield the start and end of each piece of data between ``offset`` and ``end``."""
        path = os.path.normpath(path)
        real = self._existing(path)
        if real == path and self._declared.declared(path) is not None:
            return
        with open(real, 'rb') as stream:
            end = min(end, os.fstat(stream.fileno()).st_size)
            while offset < end:
                try:
                    start = os.lseek(stream.fileno(), offset, os.SEEK_DATA)
                except OSError:
                    return
                if start >= end:
                    return
                offset = min(os.lseek(stream.fileno(), start, os.SEEK_HOLE), end)
                yield start, offset


def _below(path: str, directory: str) -> bool:
    return path == directory or path.startswith(f'{directory.rstrip("/")}/')
