"""Comparison of a session with saved guests, dumps and I/O threads: simulated and recorded."""

from __future__ import annotations

import json

import fixtures

from tests.conformance import saving_session
from tests.conformance.recorded_sessions import GOLDEN, RecordedSessionTest
from vpmem_harness.fixtures import HostFixture
from vpmem_harness.hardware import Hardware

RECORDED = GOLDEN / 'saving.json'


class SavingTest(RecordedSessionTest):

    def test_recorded(self):
        """Each step's outcome equals the recording of the QEMU driver."""
        directory = self.useFixture(fixtures.TempDir()).path
        host = self.useFixture(HostFixture(
            hardware=Hardware.uniform(cells=1, cores=2, threads=1)))
        self.assertOutcomes(json.loads(RECORDED.read_text()),
                            saving_session.outcomes(host.uri, directory))
