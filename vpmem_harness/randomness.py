"""The one source of randomness.

Everything random in a fixture is drawn from one :class:`Randomness`, so that its seed replays it.
Only :meth:`random.Random.getrandbits` is used underneath: it is the same on every platform and
Python version, which ``choice``, ``sample`` and ``shuffle`` do not promise.
"""

from __future__ import annotations

import hashlib
import random
import secrets
import uuid
from collections.abc import Mapping, Sequence
from typing import TypeVar

T = TypeVar('T')

#: Seeds are drawn below this, so that they are short enough to be retyped.
SEED_LIMIT = 2**32


class Randomness:
    """A seeded stream of random values.

    :param seed: the seed; a fresh one is drawn when it is None.
    """

    def __init__(self, seed: int | None = None) -> None:
        self.seed = secrets.randbelow(SEED_LIMIT) if seed is None else seed
        self._path: tuple[str, ...] = ()
        self._bits = random.Random(self.seed)  # noqa: S311 - replayable, and guards nothing

    def __repr__(self) -> str:
        return f'<Randomness seed={self.seed} {"/".join(self._path)}>'

    def derive(self, *names: object) -> Randomness:
        """A stream of its own for what ``names`` name.

        Two parts that derive their streams do not disturb each other: what one draws leaves the
        other's values as they were. The same names give the same stream.
        """
        child = Randomness(self.seed)
        child._path = (*self._path, *(str(name) for name in names))
        digest = hashlib.sha256(repr((self.seed, child._path)).encode()).digest()
        child._bits = random.Random(int.from_bytes(digest, 'big'))  # noqa: S311 - as above
        return child

    def below(self, limit: int) -> int:
        """A whole number n with 0 <= n < limit."""
        if limit < 1:
            raise ValueError(f'limit must be at least 1, not {limit}')
        width = (limit - 1).bit_length()
        while width:
            number = self._bits.getrandbits(width)
            if number < limit:
                return number
        return 0

    def between(self, low: int, high: int) -> int:
        """A whole number n with low <= n <= high."""
        return low + self.below(high - low + 1)

    def chance(self, probability: float) -> bool:
        """True with the given probability, in steps of 2**-53."""
        return self._bits.getrandbits(53) < probability * 2**53

    def choice(self, values: Sequence[T]) -> T:
        """One of ``values``, each as likely as the others."""
        return values[self.below(len(values))]

    def weighted(self, weights: Mapping[T, int]) -> T:
        """One of the keys, as likely as its whole-number weight says."""
        number = self.below(sum(weights.values()))
        for value, weight in weights.items():
            if number < weight:
                return value
            number -= weight
        raise AssertionError('unreachable: the weights add up')

    def shuffled(self, values: Sequence[T]) -> list[T]:
        """``values`` in a random order."""
        rest = list(values)
        return [rest.pop(self.below(len(rest))) for _ in range(len(rest))]

    def bytes(self, length: int) -> bytes:
        """``length`` random bytes. For contents and identifiers, never for keys."""
        return self._bits.getrandbits(8 * length).to_bytes(length, 'big') if length else b''

    def uuid(self) -> str:
        """A random (version 4) UUID in its canonical form."""
        return str(uuid.UUID(bytes=self.bytes(16), version=4))

    def mac(self) -> str:
        """A locally administered unicast MAC address, with the prefix that QEMU's guests use."""
        return '52:54:00:' + ':'.join(f'{byte:02x}' for byte in self.bytes(3))
