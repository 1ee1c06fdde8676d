"""Numbers that are unique within a process: those of regions, and of hosts without a name.

A program that drives several simulated hosts in one process cannot distinguish the ``/dev/dax0.0``
of one host from that of another, because PATH and the environment belong to the process. So hosts
that exist at the same time share no region number, and thus no device name, unless you ask for it.
"""

from __future__ import annotations

import bisect
import threading


class Numbers:
    """Blocks of consecutive numbers, from 0; a new block gets the lowest numbers possible."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blocks: list[tuple[int, int]] = []        # sorted
        # The numbers below the second value are taken, by as many blocks as the first value.
        self._full = (0, 0)

    def take(self, count: int, first: int | None = None) -> int:
        """Take ``count`` consecutive numbers and return the first.

        :param first: the first number, even if it is taken; the lowest free one if None.
        """
        with self._lock:
            if first is None:
                first = self._lowest(count)
            at = bisect.bisect(self._blocks, (first, count))
            self._blocks.insert(at, (first, count))
            self._changed(at)
            return first

    def _lowest(self, count: int) -> int:
        at, first = self._full
        while at < len(self._blocks) and first + count > self._blocks[at][0]:
            start, length = self._blocks[at]
            is_gap = first < start
            first = max(first, start + length)
            at += 1
            if not is_gap and self._full[0] == at - 1:
                self._full = at, first
        return first

    def _changed(self, at: int) -> None:
        if at < self._full[0]:
            self._full = 0, 0

    def give_back(self, count: int, first: int) -> None:
        """Give a block back."""
        with self._lock:
            at = bisect.bisect_left(self._blocks, (first, count))
            if self._blocks[at:at + 1] != [(first, count)]:
                raise ValueError(f'the block of {count} from {first} is not taken')
            del self._blocks[at]
            self._changed(at)


#: The numbers of this process.
REGIONS = Numbers()
HOSTS = Numbers()
