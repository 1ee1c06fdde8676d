"""The label area of a DIMM: where the namespaces are written down.

Two index blocks take turns: the one with the later sequence number (1, 2, 3, 1, ...) is current,
and each update writes the other. A label is never changed in place: the new one goes to the
lowest free slot and the old one's slot is freed, its bytes stay (kernel: nvdimm/label.c).
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from vpmem_harness.pmem.kernel.errors import KernelError
from vpmem_harness.pmem.kernel.sizes import align_up

_INDEX_ALIGN = 256
_INDEX_HEADER = 72
_LABEL_SIZE = {'1.1': 128, '1.2': 256}
_NEXT_SEQUENCE = {1: 2, 2: 3, 3: 1}

#: A label whose counterparts on the other DIMMs are not all written yet.
UPDATING = 8


class Label(NamedTuple):
    """One label: the part of a namespace that lies on one DIMM."""

    uuid: str
    name: str
    position: int
    ways: int
    cookie: int
    sector_size: int
    dpa: int
    size: int
    claim: str = ''
    flags: int = 0


class Index(NamedTuple):
    """One of the two index blocks: its turn, its version, its slots and those in use."""

    sequence: int
    version: str
    slots: int
    used: frozenset[int] = frozenset()


class LabelArea:
    """The label area of one DIMM.

    :param size: bytes, 128 KiB or more
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.indexes: list[Index | None] = [None, None]
        self.slots: dict[int, Label] = {}

    @property
    def current(self) -> Index | None:
        """The index that counts, None when there is no valid one."""
        first, second = self.indexes
        if first is None or second is None:
            return first or second
        return second if _NEXT_SEQUENCE[first.sequence] == second.sequence else first

    @property
    def version(self) -> str | None:
        """``1.1`` or ``1.2``, None for a blank area."""
        current = self.current
        return current.version if current else None

    @property
    def label_size(self) -> int:
        """Bytes that a label takes; in a blank area they are read as version 1.1's."""
        return _LABEL_SIZE[self.version or '1.1']

    @property
    def index_size(self) -> int:
        """Bytes that an index block takes."""
        return self._index_size(self.label_size)

    @property
    def slot_count(self) -> int:
        """How many labels fit."""
        return (self.size - 2 * self.index_size) // self.label_size

    def _index_size(self, label_size: int) -> int:
        # Both index blocks are sized for as many labels as would fit without them.
        slots = self.size // label_size
        return align_up(_INDEX_HEADER + -(-slots // 8), _INDEX_ALIGN)

    def initialize(self, version: str) -> None:
        """Writes two empty index blocks; what stands in the slots is forgotten, not wiped."""
        size = _LABEL_SIZE[version]
        if size != self.label_size:
            self.slots.clear()
        count = (self.size - 2 * self._index_size(size)) // size
        self.indexes = [Index(3, version, count), Index(2, version, count)]

    def initialize_by_kernel(self) -> None:
        """What the kernel does before it writes the first label to an area without an index.

        Its version is 1.2, and the first update counts on from the index that is not current.
        """
        self.initialize('1.2')
        self.indexes = [index._replace(sequence=sequence) for index, sequence
                        in zip(self.indexes, (2, 1), strict=True) if index]

    def zero(self, offset: int = 0, length: int = 0) -> None:
        """Zeroes ``length`` bytes from ``offset``, all that follow when it is 0."""
        end = offset + length if length else self.size
        index_size, label_size = self.index_size, self.label_size
        for number in range(2):
            if offset < (number + 1) * index_size and end > number * index_size:
                self.indexes[number] = None
        for slot in list(self.slots):
            begin = 2 * index_size + slot * label_size
            if offset < begin + label_size and end > begin:
                del self.slots[slot]

    def active(self) -> list[Label]:
        """The labels that are in use, by slot."""
        return [self.slots[slot] for slot in sorted(self.current.used)] if self.current else []

    def put(self, label: Label, replaces: Iterable[str] = ()) -> None:
        """Writes a label, and frees the slots of the ones with its UUID or one in ``replaces``.

        An area without a valid index gets one first. The new label needs a free slot even when it
        takes the place of another.

        :raises KernelError: ENXIO, when no slot is free
        """
        current = self._written_index()
        gone = {label.uuid, *replaces}
        victims = {slot for slot in current.used if self.slots[slot].uuid in gone}
        slot = 0
        while slot in current.used:
            slot += 1
        if slot >= current.slots:
            raise KernelError(errno.ENXIO)
        self.slots[slot] = label
        self._write_index(current, (current.used | {slot}) - victims)

    def remove(self, uuid: str) -> None:
        """Frees the slot of the label with this UUID; the index is written even without one."""
        current = self.current
        if current is not None:
            self._write_index(current, frozenset(
                slot for slot in current.used if self.slots[slot].uuid != uuid))

    def _written_index(self) -> Index:
        if self.current is None:
            self.initialize_by_kernel()
        return self.current or self._written_index()

    def _write_index(self, current: Index, used: frozenset[int]) -> None:
        other = 1 if self.indexes[0] is current else 0
        self.indexes[other] = Index(
            _NEXT_SEQUENCE[current.sequence], current.version, current.slots, used)


@cache
def cookie(serials: tuple[int, ...], version: str | None) -> int:
    """The interleave set's cookie, which ties labels to the DIMMs in their positions.

    :param serials: the serial numbers of the set's DIMMs, in order
    :param version: the label version; without labels the cookie is version 1.2's

    kernel: acpi/nfit/core.c ``acpi_nfit_init_interleave_set``.
    """
    described = b''
    for position, serial in enumerate(serials):
        offset = position * 4096
        if version == '1.1':
            described += struct.pack('<QII', offset, serial, 0)
        else:
            described += struct.pack('<QIHHB31x', offset, serial, VENDOR, 0, 0)
    low = high = 0
    for (word,) in struct.iter_unpack('<I', described):
        low = (low + word) % 2**32
        high = (high + low) % 2**32
    return high << 32 | low


#: The vendor identifier that QEMU gives its NVDIMMs.
VENDOR = 0x8086
