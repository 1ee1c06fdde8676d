"""The contents of the media: who wrote to each range of addresses last.

Data belong to the media, not to the namespace on them: a namespace that is created on the extent of
a destroyed one shows the data of its predecessor.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from vpmem_harness.pmem.kernel.sizes import INFO_BLOCK

_CHUNK = 1024 * 1024


@dataclasses.dataclass(frozen=True)
class Segment:
    """``length`` bytes that ``writer`` wrote last, zeroes when the writer is None.

    ``data`` are the bytes themselves where they are known, as those of a label area are.
    """

    length: int
    writer: str | None
    data: bytes | None = None


@dataclasses.dataclass(frozen=True)
class Contents:
    """The contents of a device or of a part of it, in order."""

    segments: tuple[Segment, ...]

    @property
    def length(self) -> int:
        """The number of bytes."""
        return sum(segment.length for segment in self.segments)

    @property
    def writers(self) -> frozenset[str]:
        """All writers whose data are here."""
        return frozenset(segment.writer for segment in self.segments if segment.writer is not None)

    @property
    def is_zero(self) -> bool:
        """Whether all bytes are zero."""
        return not self.writers

    def first(self, length: int) -> Contents:
        """The first ``length`` bytes, or all of them if there are fewer."""
        kept: list[Segment] = []
        for segment in self.segments:
            if length > 0:
                data = segment.data and segment.data[:length]
                kept.append(Segment(min(segment.length, length), segment.writer, data))
            length -= segment.length
        return Contents(tuple(kept))

    def chunks(self, size: int = _CHUNK) -> Iterator[bytes]:
        """The bytes in chunks of at most ``size``.

        A writer's data are its name, repeated: enough to tell who wrote it, and that it is not
        zero.
        """
        for segment in self.segments:
            if segment.data is not None:
                yield segment.data
                continue
            word = (f'{segment.writer}\n'.encode() if segment.writer is not None else b'\0')
            for begin in range(0, segment.length, size):
                length = min(size, segment.length - begin)
                skip = begin % len(word)
                yield (word * (length // len(word) + 2))[skip:skip + length]


#: No bytes.
EMPTY = Contents(())


@dataclasses.dataclass(frozen=True)
class InfoBlock:
    """The metadata in the first 8 KiB of a namespace, which decide its mode.

    ``parent`` is the UUID of the label that it belongs to, None for a label-less namespace
    (kernel: nvdimm/pfn.h ``nd_pfn_sb``, nvdimm/btt.h ``btt_sb``).
    """

    kind: str
    uuid: str
    parent: str | None
    size: int
    data_offset: int = 0
    memmap: str = 'none'
    align: int = 0
    sector_size: int = 0

    @property
    def claim_classes(self) -> tuple[str, ...]:
        """The claim classes with which the kernel reads it; BTT version 2.0 has its own."""
        if self.kind == 'btt' and self.data_offset < INFO_BLOCK:
            return ('btt2',)
        return ('', self.kind)


class Media:
    """The media of one region, addressed from 0, all zeroes at first.

    Not thread-safe: the machine's lock guards it.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._written: list[tuple[int, int, str]] = []
        self._info_blocks: dict[int, InfoBlock] = {}

    def info_block(self, start: int) -> InfoBlock | None:
        """The info block of a namespace that starts at ``start``."""
        return self._info_blocks.get(start)

    def put_info_block(self, start: int, block: InfoBlock) -> None:
        """Writes an info block, and the metadata up to its data."""
        self.write(start, start + max(block.data_offset, INFO_BLOCK), None)
        self._info_blocks[start] = block

    def write(self, start: int, end: int, writer: str | None) -> None:
        """``writer`` overwrites the bytes from ``start`` to before ``end``; None zeroes them."""
        if end <= start:
            return
        for begin in [begin for begin in self._info_blocks
                      if begin < end and begin + INFO_BLOCK > start]:
            del self._info_blocks[begin]
        kept: list[tuple[int, int, str]] = []
        for begin, stop, name in self._written:
            if begin < start:
                kept.append((begin, min(stop, start), name))
            if stop > end:
                kept.append((max(begin, end), stop, name))
        if writer is not None:
            kept.append((start, end, writer))
        self._written = _joined(sorted(kept))

    def read(self, start: int, end: int) -> Contents:
        """The contents from ``start`` to before ``end``."""
        segments: list[Segment] = []
        position = start
        for begin, stop, name in self._written:
            if stop <= start or begin >= end:
                continue
            begin, stop = max(begin, start), min(stop, end)
            if begin > position:
                segments.append(Segment(begin - position, None))
            segments.append(Segment(stop - begin, name))
            position = stop
        if position < end:
            segments.append(Segment(end - position, None))
        return Contents(tuple(segments))


def _joined(pieces: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    joined: list[tuple[int, int, str]] = []
    for piece in pieces:
        if joined and joined[-1][1] == piece[0] and joined[-1][2] == piece[2]:
            joined[-1] = (joined[-1][0], piece[1], piece[2])
        else:
            joined.append(piece)
    return joined
