"""Comparison of a session with storage pools and volumes: simulated, recorded and live."""

from __future__ import annotations

import json
import os

import fixtures

from tests.conformance import libvirtd, storage_session
from tests.conformance.recorded_sessions import GOLDEN, RecordedSessionTest
from vpmem_harness.fixtures import HostFixture

RECORDED = GOLDEN / 'storage.json'
RECORDED_13 = GOLDEN / 'debian13/libvirt-11.3-storage.json'
_DRIVERS = '/usr/lib/x86_64-linux-gnu/libvirt/connection-driver'


class StorageTest(RecordedSessionTest):

    def setUp(self):
        super().setUp()
        self.directory = self.useFixture(fixtures.TempDir()).path

    def check(self, theirs, release='debian12', **options):
        host = self.useFixture(HostFixture(release=release))
        self.assertOutcomes(theirs, storage_session.outcomes(
            host.uri, self.directory, **options))

    def test_recorded(self):
        """Each step's outcome equals the recording of the real storage driver."""
        self.check(json.loads(RECORDED.read_text()))

    def test_debian_13(self):
        """On Debian 13 each outcome equals the recording of libvirt 11.3."""
        self.check(json.loads(RECORDED_13.read_text()), 'debian13', overfull=False)

    def test_live(self):
        """Each step's outcome equals that of the storage driver that is installed."""
        missing = libvirtd.missing()
        if missing or not os.path.exists(f'{_DRIVERS}/libvirt_driver_storage.so') \
                or not os.path.exists(f'{_DRIVERS}/libvirt_driver_qemu.so'):
            self.skipTest(missing or 'the storage driver and the QEMU driver are not installed')
        real = self.useFixture(libvirtd.RealLibvirtd())
        theirs = json.loads(json.dumps(storage_session.outcomes(
            f'qemu+unix:///session?socket={real.path}', real.shared_directory())))
        # Of an upload that is too long, libvirtd writes the first bytes in some runs only.
        theirs['download all'] = json.loads(RECORDED.read_text())['download all']
        self.check(theirs)
