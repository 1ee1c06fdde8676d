"""UUIDs by name, drawn from a seed, so that no UUID has to stand in the source of a test."""

from __future__ import annotations

from vpmem_harness.randomness import Randomness


class UUIDs:
    """Named UUIDs, drawn from a seed.

    ::

        >>> uuids = UUIDs(Randomness(7))
        >>> uuids.server1 == uuids.server1
        True
        >>> uuids.server1 == uuids.server2
        False

    The UUID of a name does not depend on the order in which you use the names.
    """

    def __init__(self, randomness: Randomness) -> None:
        self._randomness = randomness

    def __getattr__(self, name: str) -> str:
        if name.startswith('_'):
            raise AttributeError(name)
        value = self._randomness.derive('uuids', name).uuid()
        self.__dict__[name] = value
        return value
