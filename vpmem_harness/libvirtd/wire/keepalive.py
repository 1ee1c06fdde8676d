"""Keepalive: pings to a client that has been silent.

Source: src/rpc/virkeepalive.c of libvirt 9.0.0; the defaults are those of libvirtd.conf.
"""

from __future__ import annotations

import enum
from typing import Final

from vpmem_harness.libvirtd.wire import frames, table

PING: Final = 1
PONG: Final = 2

PING_FRAME: Final = frames.frame(table.KEEPALIVE_PROGRAM, PING, frames.MESSAGE, 0, frames.OK)
PONG_FRAME: Final = frames.frame(table.KEEPALIVE_PROGRAM, PONG, frames.MESSAGE, 0, frames.OK)


class Verdict(enum.Enum):
    QUIET = enum.auto()     # nothing to do yet
    ASK = enum.auto()       # send a ping
    DEAD = enum.auto()      # too many pings were not answered


class KeepAlive:
    """Pings a client after ``interval`` seconds of silence, and gives up after ``count`` pings.

    ``start`` enables it, when the client asks for the feature. An interval of 0 or less disables
    pings. Any frame from the client counts as an answer: the owner then sets ``heard``.
    """

    __slots__ = ('_asked', '_left', 'count', 'heard', 'interval', 'started')

    def __init__(self, interval: float = 5, count: int = 5) -> None:
        self.interval = interval
        self.count = count
        self.started = False
        self.heard = 0.0        # time of the last frame
        self._asked = 0.0
        self._left = count

    def start(self, now: float) -> None:
        if not self.started and self.interval > 0:
            self.started = True
            self._asked = now

    @property
    def deadline(self) -> float | None:
        """The time of the next ``tick``, on the caller's clock; None if there is none."""
        return max(self.heard, self._asked) + self.interval if self.started else None

    def tick(self, now: float) -> Verdict:
        """Return what to do now."""
        deadline = self.deadline
        if deadline is None or now < deadline:
            return Verdict.QUIET
        if self.heard > self._asked:
            self._left = self.count
        if self._left == 0:
            return Verdict.DEAD
        self._left -= 1
        self._asked = now
        return Verdict.ASK
