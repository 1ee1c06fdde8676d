"""Events of the compute services of a cloud, for reports."""

from __future__ import annotations

import collections
import datetime
from collections.abc import Iterator
from typing import NamedTuple

#: How many events a cloud keeps: the last ones.
EVENTS_KEPT = 5_000


class ServiceEvent(NamedTuple):
    """An event of the compute service of a host."""

    time: datetime.datetime
    host: str
    text: str


class ServiceEvents:
    """The events of the compute services of a cloud, oldest first."""

    def __init__(self) -> None:
        self._events: collections.deque[ServiceEvent] = collections.deque(maxlen=EVENTS_KEPT)

    def __iter__(self) -> Iterator[ServiceEvent]:
        return iter(self._events.copy())

    def add(self, host: str, text: str) -> None:
        """Note an event that happens now."""
        self._events.append(ServiceEvent(datetime.datetime.now(datetime.UTC), host, text))

    def clear(self) -> None:
        """Forget the events."""
        self._events.clear()
