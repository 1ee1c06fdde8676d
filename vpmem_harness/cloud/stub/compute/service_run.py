"""One run of a compute service."""

from __future__ import annotations

import collections
import threading

from vpmem_harness.cloud.stub.compute.driver import LibvirtDriver
from vpmem_harness.cloud.stub.compute.resource_tracker import ResourceTracker
from vpmem_harness.cloud.stub.workers import Tally


class ServiceKilled(BaseException):
    """The service that does this work was killed, so the work must end.

    It is not an Exception, so that no cleanup of an operation runs, as in a process that got
    SIGKILL.
    """


class ServiceRun:
    """One run of a compute service, from start to end."""

    def __init__(self, driver: LibvirtDriver, tracker: ResourceTracker) -> None:
        self.driver = driver
        self.tracker = tracker
        self.locks: collections.defaultdict[str, threading.RLock] = collections.defaultdict(
            threading.RLock)
        #: Whether it accepts work; not while it starts or stops.
        self.accepting = False
        self.under_way = Tally()

    def done(self, server: str | None) -> None:
        """Record that work in the calling thread has ended."""
        self.driver.give_back()
        self.under_way.done(server)

    def end(self) -> None:
        """Abort work in progress: kill commands and close the libvirt connection."""
        self.driver.executables.terminate()
        self.driver.close()
