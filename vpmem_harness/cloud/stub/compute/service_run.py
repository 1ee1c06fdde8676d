"""One run of a compute service."""

from __future__ import annotations

import collections
import contextlib
import threading
from collections.abc import Iterator

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
        #: Whether it was killed. It changes under the lock of the database.
        self.ended = False

    def done(self, server: str | None) -> None:
        """Record that work in the calling thread has ended."""
        self.driver.give_back()
        self.under_way.done(server)

    def end(self) -> None:
        """Abort work in progress: kill commands and close the libvirt connection."""
        self.driver.executables.terminate()
        self.driver.close()


class CurrentRun:
    """The run of a compute service that each thread works for, if any.

    A killed process changes nothing any more. So whatever changes the records of the cloud checks
    this under the lock of the database, which a kill takes.
    """

    def __init__(self) -> None:
        self._local = threading.local()

    @contextlib.contextmanager
    def of_thread(self, run: ServiceRun) -> Iterator[None]:
        """Let the calling thread work for a run."""
        before = getattr(self._local, 'run', None)
        self._local.run = run
        try:
            yield
        finally:
            self._local.run = before

    def check(self) -> None:
        """Check that the run that the calling thread works for has not ended.

        :raises ServiceKilled: when it has ended.
        """
        run = getattr(self._local, 'run', None)
        if run is not None and run.ended:
            raise ServiceKilled
