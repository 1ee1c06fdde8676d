"""Hardware of a simulated host, as libvirt reports it."""

from __future__ import annotations

import functools
from dataclasses import dataclass

GIB = 1024**3

#: NUMA distances in Linux: to the same node, and by default to another one.
LOCAL_DISTANCE, REMOTE_DISTANCE = 10, 20


@dataclass(frozen=True)
class MdevType:
    """A type of mediated devices of a PCI device."""

    id: str
    name: str
    available: int


@dataclass(frozen=True)
class PciDevice:
    """A PCI device of the host.

    :param address: domain, bus, slot, function.
    :param interface: name and MAC address of its network interface, for a network card.
    :param physical: the address of its physical function, for a virtual function.
    """

    address: tuple[int, int, int, int]
    vendor: tuple[int, str]
    product: tuple[int, str]
    klass: int = 0x020000
    numa_node: int = 0
    driver: str | None = None
    interface: tuple[str, str] | None = None
    physical: tuple[int, int, int, int] | None = None
    mdev_types: tuple[MdevType, ...] = ()

    @property
    def name(self) -> str:
        """libvirt's name of the device: ``pci_0000_02_00_0``."""
        domain, bus, slot, function = self.address
        return f'pci_{domain:04x}_{bus:02x}_{slot:02x}_{function:x}'


@dataclass(frozen=True)
class Cpu:
    """A logical CPU; ``siblings`` are the ids of all threads of its core."""

    id: int
    socket: int
    die: int
    core: int
    siblings: tuple[int, ...]


@dataclass(frozen=True)
class Cell:
    """A NUMA node; ``memory`` in bytes, ``huge_pages`` maps a page's size in KiB to a count."""

    id: int
    memory: int
    cpus: tuple[Cpu, ...]
    huge_pages: tuple[tuple[int, int], ...] = ((2048, 0), (1048576, 0))

    @property
    def small_pages(self) -> int:
        """The number of 4 KiB pages, without the memory in huge pages."""
        huge = sum(size * count for size, count in self.huge_pages)
        return (self.memory // 1024 - huge) // 4


@dataclass(frozen=True)
class Hardware:
    """The hardware of a host.

    ``mhz`` is the frequency of the CPUs, ``model`` their model in libvirt's CPU map, ``pci`` the
    PCI devices that clients can see.
    """

    cells: tuple[Cell, ...]
    arch: str = 'x86_64'
    mhz: int = 2600
    model: str = 'Cascadelake-Server'
    vendor: str = 'Intel'
    pci: tuple[PciDevice, ...] = ()

    @classmethod
    @functools.lru_cache(maxsize=16)    # hosts are usually equal
    def uniform(cls, *, cells: int = 2, cores: int = 8, threads: int = 2,
                memory: int = 64 * GIB) -> Hardware:
        """Return a host of equal NUMA nodes, each with one socket of ``cores`` cores.

        :param memory: bytes of the whole host.
        """
        return cls(tuple(
            Cell(cell, memory // cells, tuple(
                Cpu(id=cell * cores * threads + core * threads + thread, socket=cell, die=0,
                    core=core,
                    siblings=tuple(range(cell * cores * threads + core * threads,
                                         cell * cores * threads + (core + 1) * threads)))
                for core in range(cores) for thread in range(threads)))
            for cell in range(cells)))

    @property
    def cpus(self) -> tuple[Cpu, ...]:
        """Every logical CPU, by cell."""
        return tuple(cpu for cell in self.cells for cpu in cell.cpus)

    @property
    def memory(self) -> int:
        """Bytes of memory in all cells."""
        return sum(cell.memory for cell in self.cells)

    @property
    def sockets(self) -> int:
        """Sockets of each cell."""
        return len({cpu.socket for cpu in self.cells[0].cpus})

    @property
    def cores(self) -> int:
        """Cores of each socket."""
        first = self.cells[0].cpus[0].socket
        return len({(cpu.die, cpu.core) for cpu in self.cells[0].cpus if cpu.socket == first})

    @property
    def threads(self) -> int:
        """Threads of each core."""
        return len(self.cells[0].cpus[0].siblings)

    def distance(self, one: int, other: int) -> int:
        """The NUMA distance between two cells, in the units of ACPI's SLIT."""
        return LOCAL_DISTANCE if one == other else REMOTE_DISTANCE
