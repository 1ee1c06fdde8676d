"""What a hypervisor knows of the files and devices that back its guests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

Kind = Literal['regular', 'directory', 'dax', 'block']


@dataclass(frozen=True)
class BackingFile:
    """A path that a guest may be backed by.

    :param size: in bytes; 0 for a directory.
    :param align: a dax device's alignment in bytes: QEMU refuses to map it with a smaller one.
        0 for everything else.
    :param dead: whether it is there and cannot be mapped, as a device that has failed.
    """

    kind: Kind
    size: int
    align: int = 0
    dead: bool = False


class Backing(Protocol):
    """The files and devices of a host; ``domain`` is a domain's UUID in its canonical form."""

    def stat(self, path: str) -> BackingFile | None:
        """What is at ``path``, or None."""

    def opened(self, path: str, domain: str) -> None:
        """A domain that starts has opened ``path``."""

    def closed(self, path: str, domain: str) -> None:
        """A domain that stops has closed ``path``."""

    def written(self, path: str, domain: str) -> None:
        """A domain's guest may have written to ``path`` from now on."""


class DeclaredFiles:
    """A backing that holds what it was told: ``{path: BackingFile}``.

    ``open_by`` says for each path which domains have it open, once for each time.
    """

    def __init__(self, files: dict[str, BackingFile] | None = None) -> None:
        self.files = dict(files or {})
        self.open_by: dict[str, list[str]] = {}
        self.written_by: dict[str, list[str]] = {}

    def stat(self, path: str) -> BackingFile | None:
        """What was declared at ``path``: also a directory in which a file was declared."""
        found = self.files.get(path)
        if found is None and any(each.startswith(f'{path}/') for each in self.files):
            return BackingFile('directory', 0)
        return found

    def opened(self, path: str, domain: str) -> None:
        """Note that ``domain`` has ``path`` open."""
        self.open_by.setdefault(path, []).append(domain)

    def closed(self, path: str, domain: str) -> None:
        """Note that ``domain`` has closed ``path``."""
        self.open_by[path].remove(domain)
        if not self.open_by[path]:
            del self.open_by[path]

    def written(self, path: str, domain: str) -> None:
        """Note that ``domain`` writes to ``path``."""
        self.written_by.setdefault(path, []).append(domain)
