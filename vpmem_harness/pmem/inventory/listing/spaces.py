"""A region's space, and the namespaces in it, as a listing describes them."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

from vpmem_harness.pmem.inventory.listing.amounts import Amount
from vpmem_harness.pmem.inventory.listing.capacities import Shape
from vpmem_harness.pmem.kernel import sizes
from vpmem_harness.pmem.kernel.extents import Extent


class Wanted(NamedTuple):
    """A namespace to place.

    ``data`` is where its data begin in the region, in bytes, if that is known. ``others`` are the
    other possible shapes, if its shape is a guess.
    """

    name: str
    number: int
    shape: Shape
    shown: Amount
    data: int | None = None
    others: tuple[Shape, ...] = ()


class Placed(NamedTuple):
    """A namespace in its place: offset in the region, capacity and usable size in bytes."""

    wanted: Wanted
    offset: int
    size: int
    usable: int
    info_offset: int


@dataclasses.dataclass
class Space:
    """The known properties of a region: its address, and its space according to the listing.

    ``step`` is the unit of capacities, ``strict`` whether no other capacity is possible. ``bad``
    are the ranges of the region that are known to be bad.
    """

    name: str
    start: int
    step: int
    strict: bool = True
    size: Amount | None = None
    available: Amount | None = None
    extent: Amount | None = None
    bad: tuple[Extent, ...] = ()


class Layout(NamedTuple):
    """The namespaces of a region in order, its size, and the size of unlisted namespaces.

    ``hidden`` are capacity and offset of each disabled namespace that the listing leaves out.
    """

    placed: list[Placed]
    size: int
    hidden: list[tuple[int, int]]
    notes: list[str]


def reserved_bytes(shape: Shape, size: int) -> int:
    """Return the bytes before the data of a namespace at an aligned address."""
    if shape.kind not in ('pfn', 'dax'):
        return 0
    extent = sizes.dax_extent(0, size, shape.memmap, shape.align)
    return extent[0] if extent else 0
