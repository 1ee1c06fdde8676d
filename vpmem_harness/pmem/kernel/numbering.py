"""Number allocation of the kernel: always the lowest free number (kernel: lib/idr.c)."""

from __future__ import annotations


class Numbers:
    """A pool of numbers from 0."""

    def __init__(self) -> None:
        self._taken: set[int] = set()
        self._begin = 0         # all lower numbers are taken

    def take(self) -> int:
        """Allocates the lowest free number."""
        number = self._begin
        while number in self._taken:
            number += 1
        self._taken.add(number)
        self._begin = number + 1
        return number

    def reserve(self, number: int) -> int:
        """Allocates ``number``."""
        self._taken.add(number)
        return number

    def release(self, number: int) -> None:
        """Frees ``number``."""
        self._taken.discard(number)
        self._begin = min(self._begin, number)


class Holders:
    """The numbers of a region's btt, pfn or dax devices, and the seed among them.

    The seed is the idle device that the next creation uses. A namespace whose info block is found
    gets another device instead (kernel: nvdimm/region_devs.c ``nd_region_advance_seeds``).
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

    def use_seed(self, wanted: int | None = None) -> int:
        """Uses the seed and returns its number; a new seed takes its place.

        :param wanted: use the device with this number instead, as if the seed had had it
        """
        if wanted not in (None, self.seed):
            return self._numbers.reserve(wanted)
        number = self.seed
        self.seed = self._numbers.take()
        return number

    def add(self) -> int:
        """Allocates a device for a namespace whose info block was found."""
        return self._numbers.take()

    def release(self, number: int) -> None:
        """Releases the device of a namespace, which disappears unless it is the seed."""
        if number != self.seed:
            self._numbers.release(number)
