"""Numbers that the kernel hands out: always the lowest that is free (kernel: lib/idr.c)."""

from __future__ import annotations


class Numbers:
    """A pool of numbers from 0."""

    def __init__(self) -> None:
        self._taken: set[int] = set()
        self._begin = 0         # none below it is free

    def take(self) -> int:
        """The lowest free number, which is taken from now on."""
        number = self._begin
        while number in self._taken:
            number += 1
        self._taken.add(number)
        self._begin = number + 1
        return number

    def reserve(self, number: int) -> int:
        """``number`` is taken from now on."""
        self._taken.add(number)
        return number

    def release(self, number: int) -> None:
        """``number`` is free again."""
        self._taken.discard(number)
        self._begin = min(self._begin, number)


class Holders:
    """The btt, pfn or dax devices of a region: their numbers and their seed.

    The seed is the idle one that the next creation takes. A namespace whose info block is found
    gets a device of its own instead (kernel: nvdimm/region_devs.c ``nd_region_advance_seeds``).
    """

    def __init__(self, with_seed: bool = True) -> None:
        self._numbers = Numbers()
        self.seed = -1
        if with_seed:
            self.make_seed()

    def make_seed(self) -> None:
        """Makes the seed unless there is one."""
        if self.seed < 0:
            self.seed = self._numbers.take()

    def use_seed(self) -> int:
        """The seed's number; a new seed takes its place."""
        number = self.seed
        self.seed = self._numbers.take()
        return number

    def add(self) -> int:
        """The number of a device for a namespace whose info block was found."""
        return self._numbers.take()

    def release(self, number: int) -> None:
        """The device lets go of its namespace: it vanishes unless it is the seed."""
        if number != self.seed:
            self._numbers.release(number)
