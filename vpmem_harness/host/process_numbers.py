"""Numbers that are unique within a process: those of regions, and of hosts without a name.

A program that drives several simulated hosts in one process cannot distinguish the ``/dev/dax0.0``
of one host from that of another, because PATH and the environment belong to the process. So hosts
that exist at the same time share no region number, and thus no device name, unless you ask for it.
"""

from __future__ import annotations

import threading


class Numbers:
    """Blocks of consecutive numbers, from 0; a new block gets the lowest numbers possible."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blocks: list[tuple[int, int]] = []

    def take(self, count: int, first: int | None = None) -> int:
        """Take ``count`` consecutive numbers and return the first.

        :param first: the first number, even if it is taken; the lowest free one if None.
        """
        with self._lock:
            if first is None:
                first = 0
                for start, length in sorted(self._blocks):
                    if first + count <= start:
                        break
                    first = max(first, start + length)
            self._blocks.append((first, count))
            return first

    def give_back(self, count: int, first: int) -> None:
        """Give a block back."""
        with self._lock:
            self._blocks.remove((first, count))


#: The numbers of this process.
REGIONS = Numbers()
HOSTS = Numbers()
