"""Memory of the host that is free beside its guests."""

from __future__ import annotations

from collections.abc import Iterable

from vpmem_harness.hardware import Cell, Hardware
from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain

#: The memory that the host itself uses, at most an eighth of all.
_SYSTEM_MEMORY = 1024**3


class HostMemory:
    """The free memory of a host whose guests use some of it, spread over all cells."""

    def __init__(self, hardware: Hardware, domains: Iterable[Domain]) -> None:
        self._hardware = hardware
        guests = sum(domain.definition.current_memory * 1024
                     for domain in domains if domain.active)
        system = min(_SYSTEM_MEMORY, hardware.memory // 8)
        self._share = (guests + system) // len(hardware.cells)

    def free(self) -> int:
        """Return the free bytes of all cells."""
        return sum(self.free_of(cell) for cell in self._hardware.cells)

    def free_of(self, cell: Cell) -> int:
        """Return the free bytes of a cell, without its huge pages."""
        return max(cell.small_pages * 4096 - self._share, 0)

    def free_pages(self, cell: Cell, size: int) -> int | None:
        """Return the free pages of ``size`` KiB of a cell, or None if it has no such pages."""
        if size == 4:
            return self.free_of(cell) // 4096
        return dict(cell.huge_pages).get(size)
