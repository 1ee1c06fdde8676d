"""Simulated daemon with the hardware of the recorded host: two CPUs in one cell."""

from __future__ import annotations

import os

import fixtures

from tests.unit.libvirtd.hypervisor import hosts
from vpmem_harness.libvirtd.server import Daemon
from vpmem_harness.releases import DEFAULT, Release


class SimulatedLibvirtd(fixtures.Fixture):
    """A daemon that serves one hypervisor of a release; ``uri`` opens it."""

    def __init__(self, release: Release = DEFAULT) -> None:
        super().__init__()
        self._release = release

    def _setUp(self) -> None:
        directory = self.useFixture(fixtures.TempDir()).path
        self.hypervisor = hosts.recorded_host(release=self._release)
        self.daemon = Daemon(self.hypervisor, os.path.join(directory, 's'))
        self.daemon.start()
        self.addCleanup(self.daemon.stop)
        self.uri = self.daemon.uri
