"""Comparison of a session with guests that share images: simulated and recorded."""

from __future__ import annotations

import json

import fixtures

from tests.conformance import image_lock_session
from tests.conformance.recorded_sessions import GOLDEN, RecordedSessionTest
from vpmem_harness.fixtures import HostFixture
from vpmem_harness.hardware import Hardware


class ImageLocksTest(RecordedSessionTest):

    def test_recorded(self):
        """Each step's outcome equals the recording of libvirt 9.0.0 with QEMU 7.2."""
        directory = self.useFixture(fixtures.TempDir()).path
        host = self.useFixture(HostFixture(
            hardware=Hardware.uniform(cells=1, cores=2, threads=1)))
        self.assertOutcomes(json.loads((GOLDEN / 'image-locks.json').read_text()),
                            image_lock_session.outcomes(host.uri, directory))
