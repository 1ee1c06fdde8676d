"""Simulated daemon with the hardware of the recorded host: two CPUs in one cell."""

from __future__ import annotations

import os
import pathlib

import fixtures

from tests.unit.libvirtd.hypervisor import hosts
from vpmem_harness.host.files import HostFiles
from vpmem_harness.host.storage_files import HostStorage
from vpmem_harness.libvirtd.hypervisor.backing import DeclaredFiles
from vpmem_harness.libvirtd.server import Daemon
from vpmem_harness.releases import DEFAULT, Release


class SimulatedLibvirtd(fixtures.Fixture):
    """A daemon that serves one hypervisor of a release; ``uri`` opens it."""

    def __init__(self, release: Release = DEFAULT) -> None:
        super().__init__()
        self._release = release

    def _setUp(self) -> None:
        directory = self.useFixture(fixtures.TempDir()).path
        # The tests' images are files of the machine.
        backing = DeclaredFiles(hosts.FILES)
        backing.storage = HostStorage(pathlib.Path(directory, 'files'), HostFiles(
            {path: file.size for path, file in hosts.FILES.items() if file.kind == 'regular'}, ()))
        self.hypervisor = hosts.recorded_host(release=self._release, backing=backing)
        self.daemon = Daemon(self.hypervisor, os.path.join(directory, 's'))
        self.daemon.start()
        self.addCleanup(self.daemon.stop)
        self.uri = self.daemon.uri
