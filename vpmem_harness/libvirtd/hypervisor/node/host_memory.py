"""Memory of the host that its guests do not use.

Linux takes the memory of a guest from the nodes that it is bound to, and otherwise from any. Here
an unbound guest takes an equal share of each node with CPUs, and huge pages from the first nodes
that have some.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from vpmem_harness.hardware import Cell, Hardware
from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
from vpmem_harness.libvirtd.xml import numbers
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.etree import Element, every, first

#: The memory that the host itself uses, at most an eighth of all.
_SYSTEM_MEMORY = 1024**3

#: The size of huge pages whose size a definition does not name, in KiB.
DEFAULT_HUGE_PAGE = 2048


class Need(NamedTuple):
    """Memory of a guest: KiB, the size of its huge pages in KiB or None, the nodes or any."""

    memory: int
    page: int | None
    nodes: frozenset[int] | None


def needs(definition: Definition) -> Iterator[Need]:
    """Yield what the cells of a guest need, or the guest as a whole without cells."""
    huge = first(definition.root, 'memoryBacking/hugepages')
    pages = [] if huge is None else huge.findall('page')
    cells: list[tuple[int | None, int]] = [
        (int(cell.get('id') or 0), int(cell.get('memory') or 0))
        for cell in definition.numa_cells]
    for number, memory in cells or [(None, definition.memory_initial)]:
        page = None if huge is None else _page(pages, number or 0)
        yield Need(memory, page, _nodes(definition, number))


def _page(pages: Iterable[Element], cell: int) -> int | None:
    """Return the size of the pages of a guest's cell, in KiB; None for ordinary pages."""
    pages = list(pages)
    if not pages:
        return DEFAULT_HUGE_PAGE
    chosen = [page for page in pages
              if cell in (numbers.bitmap(page.get('nodeset') or '') or ())]
    chosen = chosen or [page for page in pages if page.get('nodeset') is None]
    size = int(chosen[0].get('size') or 0) if chosen else 4
    return None if size <= 4 else size


def _nodes(definition: Definition, cell: int | None) -> frozenset[int] | None:
    found = [tune.get('nodeset') for tune in every(definition.root, 'numatune/memnode')
             if cell is not None and tune.get('cellid') == str(cell)]
    found += [tune.get('nodeset') for tune in every(definition.root, 'numatune/memory')]
    nodes = numbers.bitmap(found[0] or '') if found else None
    return frozenset(nodes) if nodes else None


class HostMemory:
    """The free memory of a host whose guests use some of it."""

    def __init__(self, hardware: Hardware, domains: Iterable[Domain]) -> None:
        self._hardware = hardware
        self._near = [cell.id for cell in hardware.cells if cell.cpus]
        self._bound: dict[int, int] = {}
        self._huge: dict[tuple[int, int], int] = {}
        unbound = min(_SYSTEM_MEMORY, hardware.memory // 8)
        for domain in domains:
            if domain.active:
                unbound += self._use(domain.definition)
        self._share = unbound // len(self._near)

    def _use(self, definition: Definition) -> int:
        """Take the memory of a guest; return the bytes that are bound to no nodes."""
        left = definition.current_memory * 1024
        for need in needs(definition):
            if need.page is not None:
                self.take_pages(need)
            elif need.nodes is not None:
                for node in need.nodes:
                    self._bound[node] = self._bound.get(node, 0) + (
                        need.memory * 1024 // len(need.nodes))
            else:
                continue
            left -= need.memory * 1024
        return max(left, 0)

    def take_pages(self, need: Need) -> bool:
        """Take huge pages for a need; return whether there are enough."""
        size = need.page or DEFAULT_HUGE_PAGE
        wanted = -(-need.memory // size)
        for cell in self._hardware.cells:
            if need.nodes is None or cell.id in need.nodes:
                taken = min(wanted, self.free_pages(cell, size) or 0)
                key = cell.id, size
                self._huge[key] = self._huge.get(key, 0) + taken
                wanted -= taken
        return not wanted

    def free(self) -> int:
        """Return the free bytes of all cells."""
        return sum(self.free_of(cell) for cell in self._hardware.cells)

    def free_of(self, cell: Cell) -> int:
        """Return the free bytes of a cell, without its huge pages."""
        used = self._bound.get(cell.id, 0) + (self._share if cell.id in self._near else 0)
        return max(cell.small_pages * 4096 - used, 0)

    def free_pages(self, cell: Cell, size: int) -> int | None:
        """Return the free pages of ``size`` KiB of a cell, or None if it has no such pages."""
        if size == 4:
            return self.free_of(cell) // 4096
        count = dict(cell.huge_pages).get(size)
        return None if count is None else count - self._huge.get((cell.id, size), 0)
