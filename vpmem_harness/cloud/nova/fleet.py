"""The nova-computes that are connected to the control process."""

from __future__ import annotations

import threading

from vpmem_harness.cloud.nova import link


class Fleet:
    """Connected computes, and the results of their starts; thread-safe.

    Each process of a compute has a unique number, so that a late message of an old process is not
    attributed to the next process on the same host.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._outcome: dict[int, str | None] = {}
        self._attached: dict[int, tuple[str, link.ControlLink]] = {}
        self._given_up: set[int] = set()

    def attach(self, host: str, number: int, compute: link.ControlLink) -> bool:
        """Add a compute that has connected; return False if it has been given up."""
        with self._changed:
            if number in self._given_up:
                return False
            self._attached[number] = host, compute
            return True

    def detach(self, number: int) -> None:
        """Remove a compute whose process has ended and whose requests are done."""
        with self._changed:
            del self._attached[number]
            self._outcome.setdefault(number, 'its process has ended')
            self._changed.notify_all()

    def started(self, number: int) -> None:
        """Record that the service of a compute runs."""
        with self._changed:
            self._outcome[number] = None
            self._changed.notify_all()

    def failed(self, number: int, reason: str) -> None:
        """Record why the service of a compute does not run."""
        with self._changed:
            self._outcome[number] = reason
            self._changed.notify_all()

    @property
    def links(self) -> dict[str, link.ControlLink]:
        """Return the link to the compute of each host."""
        with self._changed:
            return dict(self._attached.values())

    def wait_started(self, number: int, seconds: float) -> str | None:
        """Wait for the result of a start; return the error, or None."""
        with self._changed:
            if not self._changed.wait_for(lambda: number in self._outcome, seconds):
                return f'no answer in {seconds:g} s'
            return self._outcome[number]

    def wait_gone(self, number: int, seconds: float) -> bool:
        """Give up a compute that has ended; wait until its last message is processed."""
        with self._changed:
            self._given_up.add(number)
            return self._changed.wait_for(lambda: number not in self._attached, seconds)
