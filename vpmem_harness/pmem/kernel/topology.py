"""Which DIMMs form a region, where it is, and which number it gets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from vpmem_harness import exceptions
from vpmem_harness.pmem.kernel import nfit
from vpmem_harness.pmem.kernel.dimms import Dimm

#: The order in which the regions are numbered.
RegionOrder = Literal['firmware', 'slots'] | Sequence[int]


def interleaved(dimms: list[Dimm], first_address: int) -> Iterator[tuple[int, list[Dimm]]]:
    """The physical address and the DIMMs of each region, in the order of the slots."""
    groups: list[list[Dimm]] = []
    for dimm in dimms:
        mates = groups[-1] if groups else []
        if dimm.spec.interleave is not None and mates \
                and mates[0].spec.interleave == dimm.spec.interleave:
            if mates[0].spec.size != dimm.spec.size:
                raise exceptions.InvalidInputError(
                    f'interleave set {dimm.spec.interleave}', expected='DIMMs of one size',
                    got=f'{mates[0].spec.size} and {dimm.spec.size} bytes',
                    remedy='interleave DIMMs of the same size only')
            mates.append(dimm)
        else:
            groups.append([dimm])
    for group in groups:
        yield first_address, group
        first_address += sum(dimm.spec.size for dimm in group)


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
