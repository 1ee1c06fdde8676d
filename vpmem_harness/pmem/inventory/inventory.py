"""Inventory: a description of persistent memory from which hosts are built."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.plurals import counted
from vpmem_harness.pmem.inventory import spec
from vpmem_harness.pmem.inventory.builder import Builder
from vpmem_harness.pmem.inventory.operations import Create, Step
from vpmem_harness.pmem.kernel import sizes
from vpmem_harness.pmem.kernel.dax_devices import MEMORY_BLOCK
from vpmem_harness.pmem.kernel.dimms import DimmSpec
from vpmem_harness.pmem.kernel.labels import LabelArea
from vpmem_harness.pmem.kernel.topology import Numbering, Topology
from vpmem_harness.pmem.machine import PersistentMemory, RegionOrder
from vpmem_harness.randomness import Randomness
from vpmem_harness.releases import DEFAULT, Release

#: Minimum size of a DIMM in a host whose DIMMs are not specified.
_LEAST_DIMM = 16 * sizes.GIB


@dataclass
class _Room:
    """The free space of a region: bytes, label slots, and the unit of sizes in bytes."""

    size: int
    count: int
    step: int = sizes.REGION_ALIGN


@dataclass(frozen=True)
class Inventory:
    """The DIMMs of a host, and the operations of its operator in order.

    Each DIMM is a region, unless it is interleaved with others. ``first_region`` is the number of
    the first region if the inventory determines it, as a recorded listing does. ``region_order``,
    ``numbers`` and ``memory_block`` are as in :class:`PersistentMemory`. The first DIMM has
    region0, except for bare DIMMs. ``ndctl``, ``lacks`` and ``old_name_hash`` replace those of the
    release if a listing determines them. ``notes`` list inferred and assumed values of a copy.
    """

    dimms: tuple[DimmSpec, ...]
    steps: tuple[Step, ...] = ()
    first_region: int | None = None
    region_order: RegionOrder = 'slots'
    numbers: Numbering | None = None
    memory_block: int = MEMORY_BLOCK
    ndctl: str | None = None
    lacks: frozenset[str] = frozenset()
    old_name_hash: bool = False
    notes: tuple[str, ...] = field(default=(), compare=False)

    @property
    def region_count(self) -> int:
        """The number of region numbers that the host needs."""
        if self.numbers and self.numbers.regions:
            return max(self.numbers.regions) + 1
        return len(_regions(self.dimms))

    @property
    def labels(self) -> Mapping[str, Sequence[str]]:
        """The names of the namespaces of each label, in order of creation."""
        labels: dict[str, list[str]] = {}
        for step in self.steps:
            if isinstance(step, Create) and step.label is not None and step.name is not None:
                labels.setdefault(step.label, []).append(step.name)
        return labels

    def build(self, randomness: Randomness, *, first_region: int | None = None,
              release: Release = DEFAULT) -> PersistentMemory:
        """Build the persistent memory of a host.

        :param randomness: the source of UUIDs
        :param first_region: the number of the first region; by default that of the inventory,
            or 0
        :param release: the versions of the kernel and of the tools
        """
        if first_region is None:
            first_region = self.first_region or 0
        release = dataclasses.replace(
            release, ndctl=self.ndctl or release.ndctl, lacks=release.lacks | self.lacks,
            old_name_hash=self.old_name_hash)
        memory = PersistentMemory(
            self.dimms, randomness=randomness, first_region=first_region,
            region_order=self.region_order, release=release, memory_block=self.memory_block,
            numbers=self.numbers)
        with memory.changing():
            builder = Builder(memory)
            for step in self.steps:
                builder.take(step)
        return memory


def of_dimms(dimms: Iterable[str | DimmSpec], *,
             region_order: RegionOrder = 'firmware') -> Inventory:
    """Return an inventory of empty DIMMs; raises InvalidInputError.

    A DIMM is a DimmSpec or what :func:`vpmem_harness.pmem.inventory.dimm_text.parse_dimms` reads.
    Their regions are numbered as on the recorded machines by default.
    """
    described = tuple(one for dimm in dimms for one in _dimms(dimm))
    # Finds out whether they can be in one machine.
    Topology(described, order=region_order)
    return Inventory(described, region_order=region_order)


def _dimms(dimm: str | DimmSpec) -> list[DimmSpec]:
    if isinstance(dimm, str):
        return spec.parse_dimms(dimm)
    if not isinstance(dimm, DimmSpec):
        raise InvalidInputError('DIMM', expected='a text or a DimmSpec', got=repr(dimm),
                                remedy="write it as in '32GiB,numa=1'")
    return [dimm]


def of_labels(pmem: str, dimms: Iterable[str | DimmSpec] | None = None) -> Inventory:
    """Return an inventory of ready namespaces, as in ``SMALL:2x4GiB,LARGE:1x16GiB``.

    The namespaces are distributed over the DIMMs, so that each NUMA node has some. By default there
    are two DIMMs on two nodes, or one DIMM for a single namespace, each of the smallest sufficient
    power of two. Blank label areas of ``dimms`` are initialized first.

    :raises InvalidInputError: if the text is invalid, or the namespaces do not fit
    """
    wanted = [item for item in spec.parse_pmem(pmem) for _ in range(item.count)]
    if dimms is None:
        regions = _spread(wanted, [_Room(spec.HOST_LIMIT, spec.COUNT_LIMIT)] * min(len(wanted), 2))
        fills = [0] * (max(regions) + 1)
        for item, region in zip(wanted, regions, strict=True):
            fills[region] += item.size
        chosen = [DimmSpec(size=dimm_size(fill), numa_node=node, labels='initialized')
                  for node, fill in enumerate(fills)]
    else:
        chosen = [dataclasses.replace(dimm, labels='initialized') if dimm.labels == 'blank'
                  else dimm for dimm in of_dimms(dimms).dimms]
        regions = _spread(wanted, _rooms(chosen))
    creations = (Create(region=region, size=item.size, name=f'ns_{number}', label=item.label)
                 for number, (item, region) in enumerate(zip(wanted, regions, strict=True)))
    return Inventory(tuple(chosen), tuple(creations))


def dimm_size(capacity: int) -> int:
    """Return the size of a DIMM for namespaces of a total capacity: a power of two."""
    return max(_LEAST_DIMM, 1 << (capacity - 1).bit_length()) if capacity else _LEAST_DIMM


def _rooms(dimms: Iterable[DimmSpec]) -> list[_Room]:
    """Return the free space of each region."""
    rooms: list[_Room] = []
    for members in _regions(dimms):
        room = _Room(0, spec.COUNT_LIMIT)
        rooms.append(room)
        for dimm in members:
            if dimm.labels != 'none' and dimm.has_module:
                room.size += dimm.size
                # An update writes a label before it frees the old slot, so one must stay free.
                room.count = min(room.count, LabelArea(dimm.label_area).slot_count - 1)
        if room.size:
            room.step = max(sizes.region_align(room.size, len(members)),
                            sizes.DEFAULT_ALIGN * len(members))
    return rooms


def _regions(dimms: Iterable[DimmSpec]) -> list[list[DimmSpec]]:
    """Return the DIMMs of each region."""
    regions: dict[object, list[DimmSpec]] = {}
    for number, dimm in enumerate(dimms):
        if dimm.size:
            word = number if dimm.interleave is None else dimm.interleave
            regions.setdefault(word, []).append(dimm)
    return list(regions.values())


def _check_step(wanted: spec.LabelSpec, rooms: Iterable[_Room]) -> None:
    """Raise InvalidInputError if the namespace would fit with a rounded size."""
    steps = [room.step for room in rooms
             if room.count and sizes.align_up(wanted.size, room.step) <= room.size]
    if steps and all(wanted.size % step for step in steps):
        step = min(steps)
        raise InvalidInputError(
            f'size of {wanted.label}', expected=f'a multiple of {spec.format_size(step)}, as '
            'interleaved DIMMs require', got=spec.format_size(wanted.size), remedy='round it up to '
            f'{spec.format_size(sizes.align_up(wanted.size, step))}')


def _spread(wanted: Sequence[spec.LabelSpec], rooms: Iterable[_Room]) -> list[int]:
    """Assign a region to each namespace: largest first, to the region with most free space."""
    left = [dataclasses.replace(room) for room in rooms]
    regions = [0] * len(wanted)
    for number in sorted(range(len(wanted)), key=lambda number: (-wanted[number].size, number)):
        size = wanted[number].size
        fitting = [(room.size, -region) for region, room in enumerate(left)
                   if room.size >= size and room.count and size % room.step == 0]
        if not fitting:
            _check_step(wanted[number], left)
            raise InvalidInputError(
                'persistent memory', expected='namespaces that fit on DIMMs with labels of '
                + (', '.join(f'{spec.format_size(room.size)} and {counted(room.count, "namespace")}'
                             for room in rooms if room.size) or 'no number'),
                got=f'no room for {wanted[number].label} of {spec.format_size(size)}',
                remedy='ask for less, or for more or larger DIMMs')
        region = -max(fitting)[1]
        left[region].size -= size
        left[region].count -= 1
        regions[number] = region
    return regions
