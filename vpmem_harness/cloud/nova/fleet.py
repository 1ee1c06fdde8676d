"""The nova-computes that are attached to the control process."""

from __future__ import annotations

import threading

from vpmem_harness.cloud.nova import link


class Fleet:
    """Who is there, and how each start went; thread-safe.

    A compute's process has a number that is no other's: what comes late of one that is gone is not
    taken for news of the next one on its host.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._outcome: dict[int, str | None] = {}
        self._attached: dict[int, tuple[str, link.ControlLink]] = {}
        self._given_up: set[int] = set()

    def attach(self, host: str, number: int, compute: link.ControlLink) -> bool:
        """A compute has connected, and has not started yet; False for one that was given up."""
        with self._changed:
            if number in self._given_up:
                return False
            self._attached[number] = host, compute
            return True

    def detach(self, number: int) -> None:
        """A compute's process is gone, and what it had asked for is done."""
        with self._changed:
            del self._attached[number]
            self._outcome.setdefault(number, 'its process has ended')
            self._changed.notify_all()

    def started(self, number: int) -> None:
        """A compute says that its service runs."""
        with self._changed:
            self._outcome[number] = None
            self._changed.notify_all()

    def failed(self, number: int, reason: str) -> None:
        """A compute says why its service does not run."""
        with self._changed:
            self._outcome[number] = reason
            self._changed.notify_all()

    @property
    def links(self) -> dict[str, link.ControlLink]:
        """The link to each host's compute."""
        with self._changed:
            return dict(self._attached.values())

    def wait_started(self, number: int, seconds: float) -> str | None:
        """Wait for a start's outcome: None, or why it failed."""
        with self._changed:
            if not self._changed.wait_for(lambda: number in self._outcome, seconds):
                return f'no answer in {seconds:g} s'
            return self._outcome[number]

    def wait_gone(self, number: int, seconds: float) -> bool:
        """Give up a compute whose process has ended; wait until nothing of it can come any more."""
        with self._changed:
            self._given_up.add(number)
            return self._changed.wait_for(lambda: number not in self._attached, seconds)
