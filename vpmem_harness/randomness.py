"""Seeded randomness.

Everything random in a fixture comes from one :class:`Randomness`, so that its seed replays the
fixture. The class uses :meth:`random.Random.getrandbits` alone, which returns the same values on
every platform and Python version. ``choice``, ``sample`` and ``shuffle`` do not guarantee that.
"""

from __future__ import annotations

import hashlib
import random
import secrets
from collections.abc import Mapping, Sequence
from typing import TypeVar

T = TypeVar('T')

#: The upper limit of seeds, low enough that they are easy to retype.
SEED_LIMIT = 2**32


class Randomness:
    """A seeded stream of random values.

    :param seed: the seed; None draws a fresh one.
    """

    def __init__(self, seed: int | None = None) -> None:
        self.seed = secrets.randbelow(SEED_LIMIT) if seed is None else seed
        self._path: tuple[str, ...] | None = None
        self._stream: dict[str, random.Random] = {}

    @property
    def _bits(self) -> random.Random:
        """The generator, created with the first draw: most derived streams are never used."""
        stream = self._stream.get('bits')
        if stream is None:
            state = self.seed
            if self._path is not None:
                digest = hashlib.sha256(repr((self.seed, self._path)).encode()).digest()
                state = int.from_bytes(digest, 'big')
            # Two threads may get here at once; both must continue with the same generator.
            stream = self._stream.setdefault(
                'bits', random.Random(state))  # noqa: S311 - replayable, guards nothing
        return stream

    def __repr__(self) -> str:
        return f'<Randomness seed={self.seed} {"/".join(self._path or ())}>'

    def derive(self, *names: object) -> Randomness:
        """Return an independent stream for ``names``.

        Draws from one stream do not change the values of another one. The same names give the
        same stream.
        """
        child = Randomness(self.seed)
        child._path = (*(self._path or ()), *(str(name) for name in names))
        return child

    def below(self, limit: int) -> int:
        """Return an integer n with 0 <= n < limit."""
        if limit < 1:
            raise ValueError(f'limit must be at least 1, not {limit}')
        width = (limit - 1).bit_length()
        while width:
            number = self._bits.getrandbits(width)
            if number < limit:
                return number
        return 0

    def between(self, low: int, high: int) -> int:
        """Return an integer n with low <= n <= high."""
        return low + self.below(high - low + 1)

    def chance(self, probability: float) -> bool:
        """Return True with the given probability, which is rounded to a multiple of 2**-53."""
        return self._bits.getrandbits(53) < probability * 2**53

    def choice(self, values: Sequence[T]) -> T:
        """Return one of ``values``, all with the same probability."""
        return values[self.below(len(values))]

    def weighted(self, weights: Mapping[T, int]) -> T:
        """Return one of the keys, with a probability in proportion to its integer weight."""
        number = self.below(sum(weights.values()))
        for value, weight in weights.items():
            if number < weight:
                return value
            number -= weight
        raise AssertionError('unreachable: the weights add up')

    def shuffled(self, values: Sequence[T]) -> list[T]:
        """Return ``values`` in random order."""
        rest = list(values)
        return [rest.pop(self.below(len(rest))) for _ in range(len(rest))]

    def bytes(self, length: int) -> bytes:
        """Return ``length`` random bytes, for contents and identifiers but never for keys."""
        return self._bits.getrandbits(8 * length).to_bytes(length, 'big') if length else b''

    def uuid(self) -> str:
        """Return a random (version 4) UUID in its canonical form."""
        bits = self._bits.getrandbits(128)
        bits = bits & ~(0xf000 << 64) | 4 << 76         # the version
        bits = bits & ~(0xc000 << 48) | 0x8000 << 48    # the variant of RFC 4122
        text = f'{bits:032x}'
        return f'{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}'

    def mac(self) -> str:
        """Return a locally administered unicast MAC address with the prefix of QEMU guests."""
        return '52:54:00:' + ':'.join(f'{byte:02x}' for byte in self.bytes(3))
