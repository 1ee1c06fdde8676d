"""The label area of a DIMM, where its namespaces are recorded.

Two index blocks take turns: the one with the later sequence number (1, 2, 3, 1, ...) is current,
and each update writes the other. A label is never changed in place: the new one goes to the
lowest free slot and the slot of the old one is freed; its bytes stay (kernel: nvdimm/label.c).
"""

from __future__ import annotations

import errno
import functools
from collections.abc import Iterable
from typing import NamedTuple

from vpmem_harness.pmem.kernel import label_format
from vpmem_harness.pmem.kernel.errors import KernelError
from vpmem_harness.pmem.kernel.label_format import (
    HEADER_SIZE,
    LABEL_SIZES,
    SIGNATURE,
    UPDATING,
    IndexHeader,
    Label,
)

__all__ = ['UPDATING', 'Index', 'Label', 'LabelArea', 'put']

_PAGE = 4096
_NEXT_SEQUENCE = (0, 2, 3, 1)
_VERSIONS = {size: version for version, size in LABEL_SIZES.items()}


class Index(NamedTuple):
    """A valid index block.

    ``number`` is 0 or 1. ``free`` has a bit for each slot, the first one lowest: 1 is free.
    """

    number: int
    sequence: int
    version: str
    slots: int
    free: int

    @property
    def used(self) -> list[int]:
        """The slots that are in use, in order."""
        taken = ~self.free & ((1 << self.slots) - 1)
        found = []
        while taken:
            lowest = taken & -taken
            found.append(lowest.bit_length() - 1)
            taken ^= lowest
        return found


class _Contents(NamedTuple):
    """What the kernel makes of an area: its index blocks, and its labels by slot and by UUID."""

    indexes: tuple[Index | None, Index | None]
    current: Index | None
    labels: dict[int, Label]
    slots: dict[str, set[int]]


class LabelArea:
    """The label area of one DIMM, all zeroes at first.

    What the kernel writes becomes bytes when somebody reads them.

    :param size: bytes, 128 KiB or more
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._pages: dict[int, bytearray] = {}
        self._parsed: _Contents | None = None
        self._unwritten_labels: dict[int, Label] = {}
        self._unwritten_indexes: dict[int, Index] = {}

    # Bytes

    def read(self, offset: int, length: int) -> bytes:
        """The bytes from ``offset`` on."""
        self._flush()
        return self._load(offset, length)

    def _load(self, offset: int, length: int) -> bytes:
        found = bytearray()
        while length > 0:
            page, start = divmod(offset, _PAGE)
            count = min(length, _PAGE - start)
            kept = self._pages.get(page)
            found += kept[start:start + count] if kept else bytes(count)
            offset, length = offset + count, length - count
        return bytes(found)

    def write(self, offset: int, data: bytes) -> None:
        """Writes bytes from ``offset`` on, as the DIMM's firmware does for ndctl."""
        self._flush()
        self._parsed = None
        self._store(offset, data)

    def zero(self, offset: int = 0, length: int = 0) -> None:
        """Zeroes ``length`` bytes from ``offset``, all that follow when it is 0."""
        self.write(offset, bytes(length or self.size - offset))

    def _store(self, offset: int, data: bytes) -> None:
        position = 0
        while position < len(data):
            page, start = divmod(offset + position, _PAGE)
            count = min(len(data) - position, _PAGE - start)
            part = data[position:position + count]
            if page in self._pages or any(part):
                self._pages.setdefault(page, bytearray(_PAGE))[start:start + count] = part
            position += count

    def _flush(self) -> None:
        if self._unwritten_indexes:
            label_size = self.label_size
            for slot, label in self._unwritten_labels.items():
                self._store(self._slot_offset(slot, label_size),
                            label_format.pack_label(label, label_size))
            for index in self._unwritten_indexes.values():
                self._put_index(index)
            self._unwritten_labels, self._unwritten_indexes = {}, {}

    # What the kernel reads

    @property
    def current(self) -> Index | None:
        """The index that counts, None when there is no valid one."""
        return self._contents().current

    @property
    def indexes(self) -> tuple[Index | None, Index | None]:
        """Both index blocks, None for one that is not valid."""
        return self._contents().indexes

    @property
    def version(self) -> str | None:
        """``1.1`` or ``1.2``, None without a valid index."""
        current = self.current
        return current.version if current else None

    @property
    def label_size(self) -> int:
        """Bytes that a label takes; version 1.1's without a valid index."""
        return LABEL_SIZES[self.version or '1.1']

    @property
    def slot_count(self) -> int:
        """How many labels fit."""
        return label_format.slot_count(self.size, self.label_size)

    def index_size(self, label_size: int) -> int:
        """Bytes that an index block takes beside labels of this size."""
        return label_format.index_size(label_format.slot_count(self.size, label_size))

    @property
    def slots(self) -> dict[int, Label]:
        """The label in each slot that was ever written, in use or not."""
        label_size = self.label_size
        data = {slot: self.read(self._slot_offset(slot, label_size), label_size)
                for slot in self.written_slots(label_size)}
        return {slot: label_format.unpack_label(label) for slot, label in data.items()
                if any(label)}

    def active(self) -> list[Label]:
        """The labels that are in use, by slot."""
        labels = self._contents().labels
        return [labels[slot] for slot in sorted(labels)]

    def written_slots(self, label_size: int) -> Iterable[int]:
        """The first slot, and each that is not on an untouched page: the others read as zeroes."""
        self._flush()
        base = 2 * self.index_size(label_size)
        seen = {0}
        for page in self._pages:
            first = max((page * _PAGE - base) // label_size, 0)
            last = ((page + 1) * _PAGE - 1 - base) // label_size
            seen.update(range(first, last + 1))
        return sorted(slot for slot in seen if base + (slot + 1) * label_size <= self.size)

    def _contents(self) -> _Contents:
        if self._parsed is None:
            self._parsed = self._parse()
        return self._parsed

    def _parse(self) -> _Contents:
        # Labels of either size may be there; 128 bytes are tried first.
        for label_size in LABEL_SIZES.values():
            indexes = (self._index(0, label_size), self._index(1, label_size))
            current = _better(*indexes)
            if current:
                break
        labels: dict[int, Label] = {}
        slots: dict[str, set[int]] = {}
        for slot in current.used if current else ():
            data = self.read(self._slot_offset(slot, label_size), label_size)
            if label_format.is_valid_label(data, slot):
                labels[slot] = label_format.unpack_label(data)
                slots.setdefault(labels[slot].uuid, set()).add(slot)
        return _Contents(indexes, current, labels, slots)

    def _index(self, number: int, label_size: int) -> Index | None:
        size = self.index_size(label_size)
        block = self.read(number * size, size)
        if not block.startswith(SIGNATURE):
            return None
        header = label_format.unpack_header(block)
        written = 1 << (7 + header.label_size) if header.major * 100 + header.minor >= 102 else 128
        valid = (written == label_size and label_format.has_valid_checksum(block)
                 and header.sequence & 3 and header.offset == number * size
                 and header.other_offset == (1 - number) * size
                 and HEADER_SIZE <= header.size <= size
                 and header.slots * label_size + 2 * size <= self.size)
        if not valid:
            return None
        return Index(number, header.sequence & 3, _VERSIONS[label_size], header.slots,
                     int.from_bytes(block[HEADER_SIZE:], 'little') & ((1 << header.slots) - 1))

    def _slot_offset(self, slot: int, label_size: int) -> int:
        return 2 * self.index_size(label_size) + slot * label_size

    # What is written

    def initialize(self, version: str) -> None:
        """Writes two index blocks without labels, as ndctl does; all other bytes stay."""
        self._flush()
        slots = label_format.slot_count(self.size, LABEL_SIZES[version])
        for number in range(2):
            self._put_index(Index(number, 3 - number, version, slots, -1))
        free = (1 << slots) - 1
        first, second = (Index(number, 3 - number, version, slots, free) for number in range(2))
        self._parsed = _Contents((first, second), first, {}, {})

    def initialize_by_kernel(self) -> None:
        """Writes two version 1.2 index blocks, as the kernel does before the first label.

        The first update counts on from the index that is not current.
        """
        self._flush()
        slots = label_format.slot_count(self.size, LABEL_SIZES['1.2'])
        for number, sequence in enumerate((2, 1)):
            self._put_index(Index(number, sequence, '1.2', slots, (1 << slots) - 1))
        self._parsed = None

    def put(self, label: Label, replaces: Iterable[str] = ()) -> None:
        """Writes a label, and frees the slots of the ones with its UUID or one in ``replaces``.

        An area without a valid index gets one first. The new label needs a free slot even when it
        takes the place of another.

        :raises KernelError: ENXIO, when no slot is free
        """
        if self.current is None:
            self.initialize_by_kernel()
        found = self._contents()
        current = found.current
        if current is None or not current.free:
            raise KernelError(errno.ENXIO)
        lowest = current.free & -current.free
        slot = lowest.bit_length() - 1
        label = label._replace(slot=slot)
        self._unwritten_labels[slot] = label
        freed = self._forget({label.uuid, *replaces})
        found.labels[slot] = label
        found.slots.setdefault(label.uuid, set()).add(slot)
        self._advance(current, current.free & ~lowest | freed)

    def remove(self, uuid: str) -> None:
        """Frees the slot of the label with this UUID; the index is written even without one."""
        current = self.current
        if current is not None:
            self._advance(current, current.free | self._forget({uuid}))

    def _forget(self, uuids: Iterable[str]) -> int:
        """Drops labels; the bits of their slots."""
        found, bits = self._contents(), 0
        for identifier in uuids:
            for slot in found.slots.pop(identifier, ()):
                del found.labels[slot]
                bits |= 1 << slot
        return bits

    def _advance(self, current: Index, free: int) -> None:
        written = Index(1 - current.number, _NEXT_SEQUENCE[current.sequence], current.version,
                        current.slots, free)
        self._unwritten_indexes[written.number] = written
        indexes = (written, current) if written.number == 0 else (current, written)
        self._parsed = self._contents()._replace(indexes=indexes, current=written)

    def _put_index(self, index: Index) -> None:
        """Writes an index block; bytes behind its bitmap stay as they are.

        ``free`` -1 also sets the bits that belong to no slot.
        """
        label_size = LABEL_SIZES[index.version]
        size = self.index_size(label_size)
        length = -(-index.slots // 64) * 8
        rest = self._load(index.number * size + HEADER_SIZE + length,
                          max(size - HEADER_SIZE - length, 0))
        self._store(index.number * size, _packed(index, size, label_size, length, rest))


@functools.lru_cache(maxsize=64)
def _packed(index: Index, size: int, label_size: int, length: int, rest: bytes) -> bytes:
    """An index block of ``size`` bytes, ``length`` of them for the bitmap before ``rest``."""
    bitmap = (index.free & ((1 << 8 * length) - 1)).to_bytes(length, 'little')
    header = IndexHeader(
        SIGNATURE, bytes(3), label_size >> 8, index.sequence, index.number * size, size,
        (1 - index.number) * size, 2 * size, index.slots, 1, 1 if label_size < 256 else 2, 0)
    return label_format.pack_index(header, (bitmap + rest)[:size - HEADER_SIZE])


def _better(first: Index | None, second: Index | None) -> Index | None:
    if first is None or second is None:
        return first or second
    if second.sequence in (first.sequence, _NEXT_SEQUENCE[first.sequence]):
        return second
    return first


def put(written: Iterable[tuple[LabelArea, Label]], replaces: Iterable[str]) -> None:
    """Writes the labels of one namespace as the kernel does: all as being updated, then for good.

    :param replaces: the UUIDs whose labels they replace
    """
    kept = list(written)
    for area, label in kept:
        area.put(label._replace(flags=UPDATING), replaces)
    for area, label in kept:
        area.put(label)
