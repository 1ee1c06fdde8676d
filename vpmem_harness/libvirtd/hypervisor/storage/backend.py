"""The operations of each type of pool, and errors of the programs and files that it uses.

Source: libvirt 9.0.0, src/storage/storage_backend.h.
"""

from __future__ import annotations

import errno
from typing import Final, Protocol

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, internal, system_error
from vpmem_harness.libvirtd.hypervisor.storage.pool import Pool, Volume
from vpmem_harness.libvirtd.xml.storage.common import FROM
from vpmem_harness.libvirtd.xml.storage.volume import VolumeDefinition

OVERWRITE: Final = libvirt.VIR_STORAGE_POOL_BUILD_OVERWRITE
NO_OVERWRITE: Final = libvirt.VIR_STORAGE_POOL_BUILD_NO_OVERWRITE


def failed(command: str, status: int, text: str) -> LibvirtError:
    """Return libvirt's error for a program that fails."""
    return internal(f'Child process ({command}) unexpected exit status {status}: {text}',
                    domain=libvirt.VIR_FROM_NONE)


def file_error(found: OSError, detail: str) -> LibvirtError:
    """Return libvirt's error for a system call of the storage driver that fails."""
    return system_error(found.errno or errno.EIO, detail, domain=FROM)


class Backend(Protocol):
    """The operations of a type of pool."""

    #: Whether volumes are files, which have a format.
    files: bool

    def build(self, pool: Pool, flags: int) -> None:
        """Create the files that the pool needs, such as its directory."""

    def is_there(self, pool: Pool) -> bool:
        """Return whether a daemon that starts finds the pool active."""

    def start(self, pool: Pool) -> None:
        """Make the source accessible."""

    def refresh(self, pool: Pool) -> None:
        """Look for the volumes of an active pool, and read its sizes."""

    def stop(self, pool: Pool) -> None:
        """Undo :meth:`start`."""

    def delete(self, pool: Pool) -> None:
        """Remove the files that :meth:`build` has created."""

    def find_sources(self, specification: str | None, flags: int) -> str:
        """Return the sources that the host could use, as XML."""

    def create(self, pool: Pool, wanted: VolumeDefinition, flags: int,
               source: Volume | None) -> Volume:
        """Create a volume, a copy of ``source`` if that is given."""

    def look(self, volume: Volume) -> None:
        """Read a volume's sizes and permissions again."""

    def remove(self, volume: Volume) -> None:
        """Remove a volume."""

    def resize(self, volume: Volume, capacity: int, *, allocate: bool) -> None:
        """Change the capacity of a volume."""
