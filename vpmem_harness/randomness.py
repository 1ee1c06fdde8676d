"""The one source of randomness.

Everything random in a fixture is drawn from one :class:`Randomness`, so that its seed replays it.
Only :meth:`random.Random.getrandbits` is used underneath: it is the same on every platform and
Python version, which ``choice``, ``sample`` and ``shuffle`` do not promise.
"""

from __future__ import annotations

import hashlib
import random
import secrets
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
        self._path: tuple[str, ...] | None = None
        self._stream: dict[str, random.Random] = {}

    @property
    def _bits(self) -> random.Random:
        """Seeded when the first value is drawn: most of what a host derives draws none."""
        stream = self._stream.get('bits')
        if stream is None:
            state = self.seed
            if self._path is not None:
                digest = hashlib.sha256(repr((self.seed, self._path)).encode()).digest()
                state = int.from_bytes(digest, 'big')
            # Of two threads that come first, both go on with one stream.
            stream = self._stream.setdefault(
                'bits', random.Random(state))  # noqa: S311 - replayable, guards nothing
        return stream

    def __repr__(self) -> str:
        return f'<Randomness seed={self.seed} {"/".join(self._path or ())}>'

    def derive(self, *names: object) -> Randomness:
        """A stream of its own for what ``names`` name.

        Two parts that derive their streams do not disturb each other: what one draws leaves the
        other's values as they were. The same names give the same stream.
        """
        child = Randomness(self.seed)
        child._path = (*(self._path or ()), *(str(name) for name in names))
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
        bits = self._bits.getrandbits(128)
        bits = bits & ~(0xf000 << 64) | 4 << 76         # the version
        bits = bits & ~(0xc000 << 48) | 0x8000 << 48    # the variant of RFC 4122
        text = f'{bits:032x}'
        return f'{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}'

    def mac(self) -> str:
        """A locally administered unicast MAC address, with the prefix that QEMU's guests use."""
        return '52:54:00:' + ':'.join(f'{byte:02x}' for byte in self.bytes(3))
