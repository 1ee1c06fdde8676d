"""Numbers of bytes in listings: exact ones, and human-readable ones, which are rounded."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from vpmem_harness.pmem.kernel.sizes import GIB, MIB, TIB

_HUMAN = re.compile(r'(\d+)\.(\d\d) ([MGT])iB \((\d+)\.(\d\d) ([MGT])B\)', re.ASCII)
_BINARY = {'M': MIB, 'G': GIB, 'T': TIB}
#: The numbers that each unit is used for; those of GiB have no limit before ndctl 74.
_RANGES = {'M': (5_120_000, 2 * GIB - 1), 'G': (2 * GIB, 2**63), 'T': (2 * TIB, 2**63)}
_DECIMAL = {'M': 10**6, 'G': 10**9, 'T': 10**12}


class Amount(NamedTuple):
    """A number of bytes between two inclusive bounds, which are equal for an exact number.

    ``letter`` is the unit of a human-readable number.
    """

    low: int
    high: int
    letter: str = ''

    @property
    def is_exact(self) -> bool:
        """Whether it is one number."""
        return self.low == self.high

    def __str__(self) -> str:
        return str(self.low) if self.is_exact else f'{self.low} to {self.high}'

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int) and self.low <= value <= self.high

    def multiples(self, step: int) -> list[int]:
        """The multiples of ``step`` within the bounds."""
        first = -(-self.low // step) * step
        return list(range(first, self.high + 1, step))

    def nearest(self, step: int) -> int:
        """The roundest number within the bounds: a multiple of ``step``, of 1 GiB too, or any."""
        for unit in (math.lcm(GIB, step), step, MIB, 4096):
            if found := self.multiples(unit):
                return found[len(found) // 2]
        return self.low

    def common(self, other: Amount) -> Amount | None:
        """The range that both allow, None if they contradict each other."""
        low, high = max(self.low, other.low), min(self.high, other.high)
        return Amount(low, high, self.letter or other.letter) if low <= high else None


def exact(value: int) -> Amount:
    """Return an exact number."""
    return Amount(value, value)


def parse(value: object) -> Amount | None:
    """Parse bytes as ndctl prints them: ``4294967296`` or ``"4.00 GiB (4.29 GB)"``.

    Return None for anything else.
    """
    if type(value) is int:
        return exact(value) if 0 <= value < 2**63 else None
    match = _HUMAN.fullmatch(value) if isinstance(value, str) else None
    if not match or match[3] != match[6]:
        return None
    bounds = [_bounds(int(match[1] + match[2]), _BINARY[match[3]]),
              _bounds(int(match[4] + match[5]), _DECIMAL[match[6]]), _RANGES[match[3]]]
    low, high = max(low for low, _ in bounds), min(high for _, high in bounds)
    return Amount(low, high, match[3]) if low <= high else None


def _bounds(hundredths: int, unit: int) -> tuple[int, int]:
    """The numbers that ndctl prints with these hundredths of a unit (util/json.c)."""
    return -(-((2 * hundredths - 1) * unit) // 200), ((2 * hundredths + 1) * unit - 1) // 200
