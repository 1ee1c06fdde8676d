"""NUMA cells and logical CPUs."""

from __future__ import annotations

from dataclasses import dataclass

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.hardware import checks

#: The highest number of a NUMA node on x86, and of a CPU.
#: Source: Linux 6.1, CONFIG_NODES_SHIFT=10 and CONFIG_NR_CPUS=8192 of Debian.
NODE_LIMIT, CPU_LIMIT = 1023, 8191

#: Sizes of huge pages on x86, in KiB.
HUGE_PAGE_SIZES = (2048, 1048576)


@dataclass(frozen=True)
class Cpu:
    """A logical CPU.

    :param id: its number in the host.
    :param socket: the number of its socket; ``die`` and ``core`` are numbers within it.
    :param siblings: the ids of all threads of its core, including its own.
    :param online: False for a CPU that is present but switched off.
    """

    id: int
    socket: int
    die: int
    core: int
    siblings: tuple[int, ...]
    online: bool = True

    def __post_init__(self) -> None:
        checks.number('id of a Cpu', self.id, 0, CPU_LIMIT)
        for name in ('socket', 'die', 'core'):
            checks.number(f'{name} of Cpu {self.id}', getattr(self, name), 0)
        checks.sequence(f'siblings of Cpu {self.id}', self.siblings, int)
        if self.id not in self.siblings:
            raise InvalidInputError(
                f'siblings of Cpu {self.id}', expected='the threads of its core, itself included',
                got=repr(self.siblings), remedy=f'add {self.id}')
        if list(self.siblings) != sorted(set(self.siblings)):
            raise InvalidInputError(
                f'siblings of Cpu {self.id}', expected='CPUs in ascending order, each once',
                got=repr(self.siblings), remedy='sort them')


@dataclass(frozen=True)
class Cell:
    """A NUMA node.

    :param id: the number of the node.
    :param memory: bytes of its memory, including huge pages; 0 for a node with CPUs only.
    :param cpus: its logical CPUs; none for a memory-only node.
    :param huge_pages: the number of huge pages by their size in KiB, as pairs.
    """

    id: int
    memory: int
    cpus: tuple[Cpu, ...] = ()
    huge_pages: tuple[tuple[int, int], ...] = ((2048, 0), (1048576, 0))

    def __post_init__(self) -> None:
        checks.number('id of a Cell', self.id, 0, NODE_LIMIT)
        checks.number(f'memory of Cell {self.id}', self.memory, 0)
        checks.sequence(f'cpus of Cell {self.id}', self.cpus, Cpu)
        checks.sequence(f'huge_pages of Cell {self.id}', self.huge_pages, tuple)
        if self.memory % 4096:
            raise InvalidInputError(f'memory of Cell {self.id}', expected='a multiple of 4096',
                                    got=str(self.memory), remedy='round it up')
        if not self.memory and not self.cpus:
            raise InvalidInputError(f'Cell {self.id}', expected='memory or CPUs', got='neither',
                                    remedy='leave the cell out, or give it memory')
        for pair in self.huge_pages:
            if len(pair) != 2:
                raise InvalidInputError(
                    f'huge_pages of Cell {self.id}', expected='pairs of a size and a count',
                    got=repr(pair), remedy='write them as in ((2048, 512), (1048576, 0))')
            checks.one_of(f'size of huge_pages of Cell {self.id}', pair[0], HUGE_PAGE_SIZES)
            checks.number(f'count of huge_pages of Cell {self.id}', pair[1], 0)
        checks.distinct(f'sizes of huge_pages of Cell {self.id}',
                        (size for size, _ in self.huge_pages))
        if self.small_pages < 0:
            raise InvalidInputError(
                f'huge_pages of Cell {self.id}',
                expected=f'pages that fit into {self.memory} bytes of memory',
                got=repr(self.huge_pages), remedy='reduce their number, or add memory')

    @property
    def small_pages(self) -> int:
        """The number of 4 KiB pages, without the memory in huge pages."""
        huge = sum(size * count for size, count in self.huge_pages)
        return (self.memory // 1024 - huge) // 4

    @property
    def online(self) -> tuple[Cpu, ...]:
        """The CPUs that are switched on."""
        return tuple(cpu for cpu in self.cpus if cpu.online)
