"""Numbers that are handed out per process: of regions, and of hosts that nobody has named.

A program that drives several simulated hosts in one process cannot tell whose ``/dev/dax0.0`` is
meant, as PATH and the environment are the process's. So no two hosts that live at the same time
have a region number, and with it a device name, in common, unless somebody asks for one.
"""

from __future__ import annotations

import threading


class Numbers:
    """Blocks of consecutive numbers from 0 on; a new one goes where the lowest room is."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blocks: list[tuple[int, int]] = []

    def take(self, count: int, first: int | None = None) -> int:
        """Take ``count`` consecutive numbers and return the first.

        :param first: the first one, taken by others or not; the lowest that is free when None.
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


#: The numbers of this process: the one place where they are handed out.
REGIONS = Numbers()
HOSTS = Numbers()
