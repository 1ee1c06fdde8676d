"""UUIDs by name: the same name gives the same UUID within a test, and never one from the source."""

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

    The value of a name does not depend on the order in which names are asked for.
    """

    def __init__(self, randomness: Randomness) -> None:
        self._randomness = randomness

    def __getattr__(self, name: str) -> str:
        if name.startswith('_'):
            raise AttributeError(name)
        value = self._randomness.derive('uuids', name).uuid()
        self.__dict__[name] = value
        return value
