"""The buses, DIMMs and regions of a machine: which DIMMs form a region, where, with what number."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal, TypeVar

from vpmem_harness import exceptions
from vpmem_harness.pmem.kernel import kernfs, nfit
from vpmem_harness.pmem.kernel.buses import Bus, BusSpec
from vpmem_harness.pmem.kernel.dimms import Dimm, DimmSpec
from vpmem_harness.pmem.kernel.numbering import Numbers
from vpmem_harness.pmem.kernel.regions import Region

T = TypeVar('T')

#: The order in which the regions are numbered.
RegionOrder = Literal['firmware', 'slots'] | Sequence[int]

#: What the DIMMs of an interleave set have in common.
_OF_A_SET = {'size': 'size in bytes', 'numa_node': 'NUMA node', 'target_node': 'target node',
             'iset_id': 'iset_id', 'provider': 'provider',
             'persistence_domain': 'persistence domain', 'labels': 'label state',
             'region_align': 'alignment', 'address': 'address'}


@dataclasses.dataclass(frozen=True)
class Numbering:
    """The numbers of DIMMs, of regions and of buses, as far as they are not 0, 1, 2, ...

    Those of regions are the distances from the first region's.
    """

    dimms: tuple[int, ...] = ()
    regions: tuple[int, ...] = ()
    buses: tuple[BusSpec, ...] = ()


class Topology:
    """The buses, DIMMs and regions of a machine.

    :param first_address: the physical address of the first region
    :param first_region: the number of the first region
    :param order: the order in which the regions are numbered
    :param minors: the minor numbers of dax devices
    :param numbers: which numbers there are; consecutive ones when None
    :param old_names: whether sysfs sorts names as before Linux 4.8
    """

    def __init__(self, specs: Iterable[DimmSpec], *, first_address: int = 0, first_region: int = 0,
                 order: RegionOrder = 'slots', minors: Numbers | None = None,
                 numbers: Numbering | None = None, old_names: bool = False) -> None:
        self._old_names = old_names
        minors, numbers = minors or Numbers(), numbers or Numbering()
        self.dimms: list[Dimm] = []
        everything: list[Dimm] = []
        for spec in specs:
            place = len(self.dimms)
            everything.append(Dimm(numbers.dimms[place] if numbers.dimms and spec.has_module
                                   else place, spec))
            if spec.has_module:
                self.dimms.append(everything[-1])
        _check_handles(self.dimms)
        placed = list(interleaved(everything, first_address))
        self.regions = [
            Region(first_region + (numbers.regions[index] if numbers.regions else index),
                   *placed[which], minors)
            for index, which in enumerate(numbered(order, [group for _, group in placed]))]
        buses = {bus.provider: Bus(bus.number, bus.provider, bus.scrubs) for bus in numbers.buses}
        for dimm in everything:
            provider = dimm.spec.provider
            free = next(one for one in itertools.count()
                        if one not in {bus.number for bus in buses.values()})
            bus = buses.setdefault(provider, Bus(free, provider))
            if dimm.spec.has_module:
                bus.dimms.append(dimm)
        for region in self.regions:
            buses[region.spec.provider].regions.append(region)
        self.buses = list(buses.values())

    def listed_buses(self) -> list[Bus]:
        """The buses in the order of listings."""
        return self.sorted(self.buses, lambda bus: f'ndctl{bus.number}')

    def listed_regions(self) -> list[Region]:
        """The regions in the order of listings, bus by bus."""
        return [region for bus in self.listed_buses()
                for region in self.sorted(bus.regions, lambda one: one.dev)]

    def sorted(self, things: Iterable[T], name: Callable[[T], str]) -> list[T]:
        """``things`` in the order of listings."""
        return kernfs.listing_order(things, name, old=self._old_names)


def _check_handles(dimms: list[Dimm]) -> None:
    seen: dict[tuple[str, int], Dimm] = {}
    for dimm in dimms:
        other = seen.setdefault((dimm.spec.provider, dimm.handle), dimm)
        if other is not dimm:
            raise exceptions.InvalidInputError(
                'handle of a DIMM', expected='handles that differ',
                got=f'{dimm.handle:#x} of {other.dev} and {dimm.dev}', remedy='change one of them')


def interleaved(dimms: list[Dimm], first_address: int) -> Iterator[tuple[int, list[Dimm]]]:
    """The physical address and the DIMMs of each region, in the order of the slots.

    The positions of the DIMMs in their set are those given, or else follow the slots.

    :raises InvalidInputError: when DIMMs of one set differ in what belongs to the set
    """
    groups: dict[object, list[Dimm]] = {}
    for dimm in dimms:
        word = dimm.spec.interleave
        if not dimm.spec.size:
            continue
        mates = groups.setdefault(dimm if word is None else word, [])
        if mates:
            _check_mates(mates[0], dimm)
        mates.append(dimm)
    for group in groups.values():
        _set_positions(group)
        first_address = group[0].spec.address or first_address
        group.sort(key=lambda dimm: dimm.spec.mapping or 0)
        yield first_address, group
        first_address += sum(dimm.spec.size for dimm in group)


def _check_mates(first: Dimm, other: Dimm) -> None:
    for name, what in _OF_A_SET.items():
        one, another = getattr(first.spec, name), getattr(other.spec, name)
        if one != another:
            raise exceptions.InvalidInputError(
                f'interleave set {first.spec.interleave}', expected=f'DIMMs of one {what}',
                got=f'{one} and {another}',
                remedy=f'interleave DIMMs of the same {what} only')


def _set_positions(group: list[Dimm]) -> None:
    given = [dimm.spec.position for dimm in group]
    if given == [None] * len(group):
        for position, dimm in enumerate(group):
            dimm.position = position
    elif len(group) > 1 and sorted(given, key=lambda one: -1 if one is None else one) \
            != list(range(len(group))):
        raise exceptions.InvalidInputError(
            f'interleave set {group[0].spec.interleave}',
            expected=f'positions 0 to {len(group) - 1}, one for each DIMM',
            got=', '.join(map(str, given)), remedy='give all positions, or none')


def numbered(order: RegionOrder, groups: list[list[Dimm]]) -> Sequence[int]:
    """The indexes of the groups in the order of their regions' numbers."""
    count = len(groups)
    if order == 'firmware' and all(len(group) == 1 for group in groups):
        return nfit.described_order(count)
    if order in ('firmware', 'slots'):
        # QEMU, whose firmware this is, has no interleave sets.
        return range(count)
    if isinstance(order, str) or sorted(order) != list(range(count)):
        raise exceptions.InvalidInputError(
            'order of regions', expected=f'firmware, slots, or each of 0 to {count - 1} once',
            got=repr(order), remedy='leave it out for the order of the recorded machines')
    return order
