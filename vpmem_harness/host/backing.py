"""The files and devices that can back the memory of a host's domains."""

from __future__ import annotations

from vpmem_harness.host.files import HostFiles
from vpmem_harness.libvirtd.hypervisor.backing import BackingFile, of_storage
from vpmem_harness.libvirtd.hypervisor.storage.files import StorageFiles
from vpmem_harness.pmem import PersistentMemory
from vpmem_harness.pmem.commands.files import names_device


class HostBacking:
    """The files and devices of one host, for its hypervisor.

    Paths of devices are those of the simulated persistent memory. Declared files and
    directories exist only on this host. Any other path is looked up on the machine that runs the
    harness, which has the images of the domains' disks.

    :param files: the declared files and directories.
    :param storage: the files of storage pools and disks.
    """

    def __init__(self, pmem: PersistentMemory, files: HostFiles, storage: StorageFiles) -> None:
        self._pmem = pmem
        self._files = files
        self.storage: StorageFiles = storage
        #: Whether every file exists, for a compute service whose creation of disks is mocked.
        self.assumes_files = False

    def stat(self, path: str) -> BackingFile | None:
        """The kind and the size in bytes of the file at ``path``; None if there is none."""
        found = self._stat(path)
        if found is None and self.assumes_files and not path.startswith('/dev/dax'):
            return BackingFile('regular', 0)
        return found

    def _stat(self, path: str) -> BackingFile | None:
        declared = self._files.declared(path)
        if declared is not None:
            return BackingFile('directory' if declared.kind == 'directory' else 'regular',
                               declared.size)
        if names_device(path):
            namespace = self._pmem.device(path)
            if namespace is None:
                if path in self._pmem.leftovers:
                    return BackingFile('regular', 0)
                return of_storage(self.storage, path)
            if namespace.mode != 'devdax':
                return BackingFile('block', namespace.size)
            return BackingFile('dax', namespace.size, namespace.align or 0,
                               dead=self._pmem.is_bad(namespace) or not namespace.openable)
        return of_storage(self.storage, path)

    def opened(self, path: str, domain: str) -> None:
        """Called when a domain that starts has opened ``path``."""

    def closed(self, path: str, domain: str) -> None:
        """Called when a domain that stops has closed ``path``."""

    def written(self, path: str, domain: str) -> None:
        """Record that a domain's guest can write to ``path``: it counts as the writer of it all."""
        if self._pmem.device(path) is not None:
            self._pmem.write(path, domain)
