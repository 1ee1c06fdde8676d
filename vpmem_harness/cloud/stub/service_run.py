"""One run of a compute service, and how it ends."""

from __future__ import annotations

import collections
import threading

from vpmem_harness.cloud.stub.driver import LibvirtDriver
from vpmem_harness.cloud.stub.resource_tracker import ResourceTracker
from vpmem_harness.cloud.stub.workers import Tally


class ServiceKilled(BaseException):
    """The service that does this work has been killed: nothing more may happen in its name.

    Not an Exception, so that no clean-up of an operation runs, as none would in a process that
    has got SIGKILL.
    """


class Life:
    """One run of a compute service, from its start to its end."""

    def __init__(self, driver: LibvirtDriver, tracker: ResourceTracker) -> None:
        self.driver = driver
        self.tracker = tracker
        self.locks: collections.defaultdict[str, threading.RLock] = collections.defaultdict(
            threading.RLock)
        #: Whether it takes work: it does not before it has looked after its host, nor at its end.
        self.accepting = False
        self.under_way = Tally()

    def done(self, server: str | None) -> None:
        """A piece of work has ended, in the calling thread."""
        self.driver.give_back()
        self.under_way.done(server)

    def end(self) -> None:
        """Cut off what is under way: commands are killed, and calls to libvirt lead nowhere."""
        self.driver.executables.terminate()
        self.driver.close()
