"""What a domain of a host may name as the backing of its memory."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Mapping

from vpmem_harness.libvirtd.hypervisor.backing import BackingFile
from vpmem_harness.pmem import PersistentMemory


class HostBacking:
    """The files and devices of one host, as its hypervisor sees them.

    Names below ``/dev`` are the simulated persistent memory's alone. Declared files and
    directories exist on this host and nowhere else; any other path is looked up on the machine
    that the harness runs on, where the images of the domains' disks lie.

    :param files: sizes in bytes of declared regular files, by their absolute path.
    :param directories: absolute paths of declared directories.
    """

    def __init__(self, pmem: PersistentMemory, files: Mapping[str, int],
                 directories: Collection[str]) -> None:
        self._pmem = pmem
        self._files = dict(files)
        self._directories = set(directories)

    def stat(self, path: str) -> BackingFile | None:
        """The file at ``path``: its kind and its size in bytes; None when there is none."""
        if path in self._files:
            return BackingFile('regular', self._files[path])
        if path in self._directories:
            return BackingFile('directory', 0)
        if path.startswith('/dev/'):
            namespace = self._pmem.device(path)
            if namespace is None:
                return None
            return BackingFile('dax' if namespace.mode == 'devdax' else 'block', namespace.size)
        try:
            found = os.stat(path)
        except OSError:
            return None
        if stat.S_ISDIR(found.st_mode):
            return BackingFile('directory', 0)
        return BackingFile('regular', found.st_size) if stat.S_ISREG(found.st_mode) else None

    def opened(self, path: str, domain_uuid: str) -> None:
        """A domain started on ``path``: its guest may write to all of it from now on."""
        if self._pmem.device(path) is not None:
            self._pmem.write(path, domain_uuid)

    def written(self, path: str, domain_uuid: str) -> None:
        """A domain wrote to ``path``, as the destination of a migration does."""
        self.opened(path, domain_uuid)

    def closed(self, path: str, domain_uuid: str) -> None:
        """A domain that had ``path`` open has ended."""
