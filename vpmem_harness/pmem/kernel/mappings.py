"""Where the capacity of a region is on its DIMMs (kernel: ``nd_mapping``)."""

from __future__ import annotations

from vpmem_harness.pmem.kernel import interleave
from vpmem_harness.pmem.kernel.dimms import Dimm
from vpmem_harness.pmem.kernel.extents import Extent


class Mappings:
    """The DIMMs of a region, which share each of its extents evenly.

    ``dimms`` is in the order of the firmware's description. ``positions`` are the same DIMMs in the
    order of the interleave set.
    """

    def __init__(self, dimms: list[Dimm]) -> None:
        self.dimms = dimms
        self.positions = sorted(dimms, key=lambda dimm: dimm.position)

    @property
    def ways(self) -> int:
        """The number of DIMMs."""
        return len(self.dimms)

    def cookie(self, version: str | None) -> int:
        """The interleave set's cookie for labels of this version."""
        given = self.positions[0].spec.iset_id
        if given is not None:
            return given
        return interleave.cookie(tuple(dimm.identity for dimm in self.positions), version)

    def address(self, dimm: Dimm, offset: int) -> int:
        """The DIMM's own address of an offset in the region."""
        return dimm.spec.offset + offset // self.ways

    def offset(self, dimm: Dimm, address: int) -> int:
        """The offset in the region of a DIMM's own address."""
        return (address - dimm.spec.offset) * self.ways

    def holding(self, begin: int, length: int) -> list[Dimm]:
        """The DIMMs that hold a range of the region, as far as libndctl can tell.

        Of an interleave set it asks the firmware (libndctl: nfit.c, ``translate_spa``).
        """
        if not self.dimms[0].spec.has_module:
            return []
        if self.ways == 1:
            return self.dimms
        if not all(dimm.spec.firmware_commands for dimm in self.dimms):
            return []
        first, last = begin // interleave.LINE, (begin + length - 1) // interleave.LINE
        return [self.positions[line % self.ways]
                for line in range(first, min(last, first + self.ways - 1) + 1)]

    def used(self) -> list[Extent]:
        """The extents that namespaces take, in the region."""
        return [extent for uuid in self.dimms[0].allocations for extent in self.extents(uuid)]

    def extents(self, uuid: str | None) -> list[Extent]:
        """The extents that the namespace with this label UUID takes."""
        first = self.dimms[0]
        return [(self.offset(first, begin), length * self.ways)
                for begin, length in first.allocations.get(uuid or '', [])]

    def allocate(self, uuid: str, taken: list[Extent]) -> None:
        """Gives a namespace these extents and no others."""
        for dimm in self.dimms:
            dimm.allocations.pop(uuid, None)
            if taken:
                dimm.allocations[uuid] = [(self.address(dimm, begin), length // self.ways)
                                          for begin, length in taken]

    def rename(self, old: str, new: str) -> None:
        """Gives the extents of one namespace to another."""
        for dimm in self.dimms:
            if old in dimm.allocations:
                dimm.allocations[new] = dimm.allocations.pop(old)
