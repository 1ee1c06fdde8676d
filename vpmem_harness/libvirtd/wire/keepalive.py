"""Keepalive: the daemon's questions to a client that has been silent.

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
    QUIET = enum.auto()     # nothing is due yet
    ASK = enum.auto()       # send a ping
    DEAD = enum.auto()      # too many went unanswered


class KeepAlive:
    """Asks after ``interval`` seconds of silence, ``count`` times, and then gives up.

    It runs once ``start`` was called, which a client causes by asking for the feature.  An interval
    of 0 or less never asks.  Any frame from the client counts as an answer: assign ``heard``.
    """

    __slots__ = ('_asked', '_left', 'count', 'heard', 'interval', 'started')

    def __init__(self, interval: float = 5, count: int = 5) -> None:
        self.interval = interval
        self.count = count
        self.started = False
        self.heard = 0.0        # when the last frame came
        self._asked = 0.0
        self._left = count

    def start(self, now: float) -> None:
        if not self.started and self.interval > 0:
            self.started = True
            self._asked = now

    @property
    def deadline(self) -> float | None:
        """When ``tick`` is due next, by the clock of its caller; None where it never is."""
        return max(self.heard, self._asked) + self.interval if self.started else None

    def tick(self, now: float) -> Verdict:
        """Says what is due now."""
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
