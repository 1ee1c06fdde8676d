"""Bad blocks: what the firmware reports of the media, and what the kernel knows of it.

Blocks are 512 bytes, counted from the start of a region (kernel: nvdimm/badrange.c).
"""

from __future__ import annotations

from collections.abc import Iterable

BLOCK = 512

Range = tuple[int, int]


class MediaErrors:
    """The bad blocks of one region.

    ``injected`` are those that the firmware reports, ``known`` those that the kernel has learned of
    by a scrub or a notification; each is a list of ranges, first block and count. ``located`` are
    the DIMMs of ranges where a listing has told them.
    """

    def __init__(self) -> None:
        self.located: dict[Range, tuple[str, ...]] = {}
        self.injected: list[Range] = []
        self.known: list[Range] = []

    def inject(self, first: int, count: int, *, notify: bool) -> None:
        """Marks blocks as bad in the firmware, which may notify the kernel."""
        self.injected = _merged([*self.injected, (first, count)])
        if notify:
            self.scrub()

    def uninject(self, first: int, count: int) -> None:
        """Makes blocks good again; the kernel does not forget those it knows."""
        self.injected = _without(self.injected, first, count)

    def scrub(self) -> None:
        """The kernel learns of all bad blocks."""
        self.known = _merged([*self.known, *self.injected])

    def clear(self, first: int, count: int) -> None:
        """Clears the ranges that lie within these blocks as a whole, as writing to them does."""
        for begin, length in list(self.known):
            if first <= begin and begin + length <= first + count:
                self.known = _without(self.known, begin, length)
                self.uninject(begin, length)


def within(ranges: Iterable[Range], first: int, count: int) -> list[Range]:
    """The parts of ``ranges`` in ``count`` blocks from ``first``, counted from there."""
    found = []
    for begin, length in ranges:
        start, end = max(begin, first), min(begin + length, first + count)
        if start < end:
            found.append((start - first, end - start))
    return found


def _merged(ranges: list[Range]) -> list[Range]:
    merged: list[Range] = []
    for begin, length in sorted(ranges):
        if merged and begin <= sum(merged[-1]):
            first = merged[-1][0]
            merged[-1] = (first, max(sum(merged[-1]), begin + length) - first)
        elif length:
            merged.append((begin, length))
    return merged


def _without(ranges: list[Range], first: int, count: int) -> list[Range]:
    kept: list[Range] = []
    for begin, length in ranges:
        for start, end in ((begin, min(begin + length, first)),
                           (max(begin, first + count), begin + length)):
            if start < end:
                kept.append((start, end - start))
    return kept
