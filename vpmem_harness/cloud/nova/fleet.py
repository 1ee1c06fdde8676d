"""The nova-computes that are attached to the control process."""

from __future__ import annotations

import threading

from vpmem_harness.cloud.nova import link


class Fleet:
    """Who is there, and how each start went; thread-safe."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._outcome: dict[str, str | None] = {}
        self.links: dict[str, link.ControlLink] = {}

    def attach(self, host: str, compute: link.ControlLink) -> None:
        """A compute has connected; it has not started yet."""
        with self._changed:
            self.links[host] = compute
            self._changed.notify_all()

    def detach(self, host: str, compute: link.ControlLink) -> None:
        """A compute's process is gone."""
        with self._changed:
            if self.links.get(host) is compute:
                del self.links[host]
                self._outcome.setdefault(host, 'its process has ended')
            self._changed.notify_all()

    def started(self, host: str) -> None:
        """A compute says that its service runs."""
        with self._changed:
            self._outcome[host] = None
            self._changed.notify_all()

    def failed(self, host: str, reason: str) -> None:
        """A compute says why its service does not run."""
        with self._changed:
            self._outcome[host] = reason
            self._changed.notify_all()

    def expect(self, host: str) -> None:
        """A compute is about to be started."""
        with self._changed:
            self._outcome.pop(host, None)

    def wait_started(self, host: str, seconds: float) -> str | None:
        """Wait for a start's outcome: None, or why it failed."""
        with self._changed:
            if not self._changed.wait_for(lambda: host in self._outcome, seconds):
                return f'no answer in {seconds:g} s'
            return self._outcome[host]

    def wait_gone(self, host: str, seconds: float) -> bool:
        """Wait until a compute's process has let go of its link."""
        with self._changed:
            return self._changed.wait_for(lambda: host not in self.links, seconds)
