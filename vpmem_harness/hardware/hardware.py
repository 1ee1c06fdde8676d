"""The hardware of a host."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.hardware import checks
from vpmem_harness.hardware.cells import HUGE_PAGE_SIZES, Cell, Cpu
from vpmem_harness.hardware.pci import Mdev, PciAddress, PciDevice
from vpmem_harness.hardware.platform import UNANNOUNCED, Firmware, Sev, Tpm
from vpmem_harness.plurals import counted

GIB = 1024**3

#: NUMA distances in Linux: to the same node, and by default to another one.
LOCAL_DISTANCE, REMOTE_DISTANCE = 10, 20


@runtime_checkable
class Dimm(Protocol):
    """The part of a DIMM of persistent memory that hardware uses."""

    @property
    def numa_node(self) -> int:
        """The NUMA node of its region."""


@dataclass(frozen=True)
class Hardware:
    """The hardware of a host.

    ::

        hardware = Hardware.uniform(cells=2, cores=24, memory=384 * GIB)

    :param cells: the NUMA nodes, in ascending order; at least one has CPUs.
    :param mhz: the frequency of the CPUs.
    :param model: the model of the CPUs in libvirt's CPU map, and ``vendor`` its vendor.
    :param pci: the PCI devices that clients can see.
    :param features: the features of the CPUs beyond their model; those of a Cascade Lake
        or, by ``vendor``, of an AMD Rome server if None.
    :param distances: the NUMA distance from each cell to each cell; 10 and 20 if None.
    :param mdevs: mediated devices that exist when the host starts.
    :param firmware: the firmware for guests, the preferred one first.
    :param tpm: the TPM emulator; None without one. The default one works, but domain capabilities
        do not name it, as on the machines of the recordings.
    :param sev: AMD SEV; None without it.
    :param tdx: whether the CPUs have Intel TDX.
    :param machine_types: the canonical names of QEMU's machine types; all of QEMU's if None.
    :param iommu: whether the IOMMU is on; if None, it is on if the host has PCI devices.
    :param dimms: DIMMs of persistent memory: DimmSpec, or texts as for ``dimms`` of HostFixture.
    :param memory_profile: the profile of random inventories that suits this hardware, such as
        ``optane-2s``.
    :raises InvalidInputError: when fields are invalid or contradict each other.
    """

    cells: tuple[Cell, ...]
    arch: str = 'x86_64'
    mhz: int = 2600
    model: str = 'Cascadelake-Server'
    vendor: str = 'Intel'
    pci: tuple[PciDevice, ...] = ()
    features: tuple[str, ...] | None = None
    distances: tuple[tuple[int, ...], ...] | None = None
    mdevs: tuple[Mdev, ...] = ()
    firmware: tuple[Firmware, ...] = ()
    tpm: Tpm | None = UNANNOUNCED
    sev: Sev | None = None
    tdx: bool = False
    machine_types: tuple[str, ...] | None = None
    iommu: bool | None = None
    dimms: tuple[str | Dimm, ...] = ()
    memory_profile: str | None = None

    def __post_init__(self) -> None:
        checks.one_of('arch of Hardware', self.arch, ('x86_64',))
        checks.number('mhz of Hardware', self.mhz, 1)
        checks.text('model of Hardware', self.model)
        checks.text('vendor of Hardware', self.vendor)
        for name, kind in (('cells', Cell), ('pci', PciDevice), ('mdevs', Mdev),
                           ('firmware', Firmware)):
            checks.sequence(f'{name} of Hardware', getattr(self, name), kind)
        for name in ('features', 'machine_types'):
            if getattr(self, name) is not None:
                checks.sequence(f'{name} of Hardware', getattr(self, name), str)
        _check_cells(self.cells)
        self._check_distances()
        _check_pci(self.pci, {cell.id for cell in self.cells})
        self._check_mdevs()
        for dimm in self.dimms:
            if isinstance(dimm, Dimm):
                self.check_node('numa_node of a DIMM of Hardware', dimm.numa_node)

    @classmethod
    def uniform(cls, *, cells: int = 2, cores: int = 8, threads: int = 2, memory: int = 64 * GIB,
                sockets: int = 1, huge_pages: Mapping[int, int] | None = None) -> Hardware:
        """Return a host of equal NUMA nodes.

        :param cores: of each socket; ``sockets`` are those of each node.
        :param memory: bytes of the whole host.
        :param huge_pages: the number of huge pages of each node, by their size in KiB.
        """
        pages = dict(huge_pages or {})
        return _uniform(cells, sockets, cores, threads, memory, tuple(
            (size, pages.get(size, 0)) for size in sorted({*HUGE_PAGE_SIZES, *pages})))

    @property
    def cpus(self) -> tuple[Cpu, ...]:
        """Every logical CPU, by cell."""
        return tuple(cpu for cell in self.cells for cpu in cell.cpus)

    @property
    def memory(self) -> int:
        """Bytes of memory in all cells."""
        return sum(cell.memory for cell in self.cells)

    @property
    def has_iommu(self) -> bool:
        """Whether the IOMMU is on."""
        return bool(self.pci) if self.iommu is None else self.iommu

    def has_machine(self, name: str) -> bool:
        """Whether QEMU has a machine type, by its canonical name."""
        return self.machine_types is None or name in self.machine_types

    def cell(self, number: int) -> Cell | None:
        """Return the cell with that number, or None."""
        return next((cell for cell in self.cells if cell.id == number), None)

    def device(self, address: PciAddress) -> PciDevice | None:
        """Return the PCI device at that address, or None."""
        return next((device for device in self.pci if device.address == address), None)

    def virtual_functions(self, device: PciDevice) -> tuple[PciDevice, ...]:
        """Return the enabled virtual functions of a physical function."""
        return tuple(other for other in self.pci if other.physical == device.address)

    def distance(self, one: int, other: int) -> int:
        """The NUMA distance between two cells, in the units of ACPI's SLIT."""
        if self.distances is None:
            return LOCAL_DISTANCE if one == other else REMOTE_DISTANCE
        numbers = [cell.id for cell in self.cells]
        return self.distances[numbers.index(one)][numbers.index(other)]

    def with_nodes(self, nodes: Collection[int]) -> Hardware:
        """Return this hardware with a copy of the first cell for each missing one of ``nodes``."""
        numbers = {cell.id for cell in self.cells}
        if numbers.issuperset(nodes):
            return self
        cells = list(self.cells)
        for node in sorted(set(nodes) - numbers):
            cells.append(_copy(self.cells[0], node, cells))
        return dataclasses.replace(self, cells=tuple(sorted(cells, key=lambda cell: cell.id)),
                                   distances=None)

    def check_node(self, what: str, node: int) -> None:
        """Raise InvalidInputError unless a cell has that number."""
        if self.cell(node) is None:
            raise InvalidInputError(
                what, expected=f'a NUMA node of the host ({_listed(self.cells)})', got=str(node),
                remedy='name one of them, or add a Cell with that id')

    def _check_distances(self) -> None:
        if self.distances is None:
            return
        count = len(self.cells)
        if len(self.distances) != count or any(len(row) != count for row in self.distances):
            raise InvalidInputError(
                'distances of Hardware',
                expected=f'{counted(count, "row")} of {counted(count, "number")}',
                got=repr(self.distances), remedy='give each pair of cells a distance')
        for number, row in enumerate(self.distances):
            for other, value in enumerate(row):
                checks.number(f'distances[{number}][{other}] of Hardware', value,
                              LOCAL_DISTANCE, LOCAL_DISTANCE if number == other else 254)

    def _check_mdevs(self) -> None:
        used: dict[tuple[PciAddress, str], int] = {}
        for mdev in self.mdevs:
            parent = self.device(mdev.parent)
            kinds = {} if parent is None else {
                kind.id: kind.available for kind in parent.mdev_types}
            if mdev.type not in kinds:
                raise InvalidInputError(
                    f'type of the Mdev on {mdev.parent}',
                    expected='a type of that PCI device: ' + (', '.join(kinds) or 'it has none'),
                    got=repr(mdev.type), remedy='correct its type or its parent')
            key = mdev.parent, mdev.type
            used[key] = used.get(key, 0) + 1
            if used[key] > kinds[mdev.type]:
                raise InvalidInputError(
                    f'mdevs of Hardware on {mdev.parent}', expected=f'at most {kinds[mdev.type]} '
                    f'of type {mdev.type}', got=str(used[key]), remedy='leave some out')
        checks.distinct('uuid of mdevs of Hardware',
                        (mdev.uuid for mdev in self.mdevs if mdev.uuid is not None))


def _check_cells(cells: tuple[Cell, ...]) -> None:
    checks.distinct('ids of cells of Hardware', (cell.id for cell in cells))
    if [cell.id for cell in cells] != sorted(cell.id for cell in cells):
        raise InvalidInputError('cells of Hardware', expected='cells in ascending order of id',
                                got=_listed(cells), remedy='sort them')
    if not any(cell.online for cell in cells):
        raise InvalidInputError('cells of Hardware', expected='a cell with a CPU that is online',
                                got='none', remedy='give a cell a Cpu')
    cpus = {cpu.id: cpu for cell in cells for cpu in cell.cpus}
    checks.distinct('ids of CPUs of Hardware', (cpu.id for cell in cells for cpu in cell.cpus))
    for cpu in cpus.values():
        for other in cpu.siblings:
            if other not in cpus or cpus[other].siblings != cpu.siblings:
                raise InvalidInputError(
                    f'siblings of Cpu {cpu.id}', expected='the same siblings for all of them',
                    got=f'{cpu.siblings}, but Cpu {other} is missing or has others',
                    remedy='list the same CPUs for each thread of a core')


def _check_pci(pci: Iterable[PciDevice], nodes: set[int]) -> None:
    devices = {device.address: device for device in pci}
    checks.distinct('addresses of pci of Hardware', (device.address for device in pci))
    checks.distinct('network interfaces of Hardware',
                    (device.interface.name for device in pci if device.interface is not None))
    checks.distinct('vdpa of pci of Hardware', (device.vdpa for device in pci if device.vdpa))
    enabled: dict[PciAddress, int] = {}
    for device in pci:
        who = f'PciDevice {device.address}'
        if device.numa_node != -1 and device.numa_node not in nodes:
            raise InvalidInputError(
                f'numa_node of {who}', expected='a NUMA node of the host '
                f'({", ".join(map(str, sorted(nodes)))}), or -1', got=str(device.numa_node),
                remedy='name one of them, or add a Cell with that id')
        if device.parent is not None:
            parent = devices.get(device.parent)
            if parent is None or not parent.is_bridge:
                raise InvalidInputError(
                    f'parent of {who}', expected='the address of a bridge of this host (class '
                    '0x0604)', got=str(device.parent),
                    remedy='add the bridge to pci, or leave the parent out')
            if device.address.bus <= parent.address.bus and (
                    device.address.domain == parent.address.domain):
                raise InvalidInputError(
                    f'parent of {who}', expected='a bridge on a bus with a lower number',
                    got=str(device.parent), remedy='give the device the bus behind the bridge')
        if device.physical is not None:
            physical = devices.get(device.physical)
            if physical is None or physical.physical is not None:
                raise InvalidInputError(
                    f'physical of {who}', expected='the address of a physical function',
                    got=str(device.physical), remedy='add the card to pci')
            enabled[device.physical] = enabled.get(device.physical, 0) + 1
    for address, count in enabled.items():
        most = devices[address].max_vfs
        if most is not None and count > most:
            raise InvalidInputError(
                f'max_vfs of PciDevice {address}', expected=f'{count} or more, as many as there '
                'are virtual functions', got=str(most), remedy='raise it, or leave some out')


def _listed(cells: Iterable[Cell]) -> str:
    return ', '.join(str(cell.id) for cell in cells)


@functools.lru_cache(maxsize=16)    # hosts are usually equal
def _uniform(cells: int, sockets: int, cores: int, threads: int, memory: int,
             huge_pages: tuple[tuple[int, int], ...]) -> Hardware:
    for name, value in (('cells', cells), ('sockets', sockets), ('cores', cores),
                        ('threads', threads)):
        checks.number(f'{name} of a host', value, 1)
    checks.number('memory of a host', memory, 1)
    each = memory // cells // 4096 * 4096
    return Hardware(tuple(
        Cell(cell, each, tuple(_cpus(cell * sockets * cores * threads, cell * sockets, sockets,
                                     cores, threads)), huge_pages)
        for cell in range(cells)))


def _cpus(first: int, first_socket: int, sockets: int, cores: int, threads: int) -> Iterable[Cpu]:
    """Yield the CPUs of a cell, the threads of a core one after the other."""
    for number in range(sockets * cores):
        start = first + number * threads
        siblings = tuple(range(start, start + threads))
        for thread in siblings:
            yield Cpu(id=thread, socket=first_socket + number // cores, die=0,
                      core=number % cores, siblings=siblings)


def _copy(cell: Cell, node: int, others: Iterable[Cell]) -> Cell:
    """Return a cell like another with a number, sockets and CPUs of its own."""
    cpus = [cpu for other in others for cpu in other.cpus]
    first = max(cpu.id for cpu in cpus) + 1 - min(cpu.id for cpu in cell.cpus)
    socket = max(cpu.socket for cpu in cpus) + 1 - min(cpu.socket for cpu in cell.cpus)
    return dataclasses.replace(cell, id=node, cpus=tuple(
        dataclasses.replace(cpu, id=cpu.id + first, socket=cpu.socket + socket,
                            siblings=tuple(other + first for other in cpu.siblings))
        for cpu in cell.cpus))
