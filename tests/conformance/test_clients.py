"""Comparison of sessions of clients with libvirt: simulated and recorded."""

from __future__ import annotations

import json

import fixtures

from tests.conformance import block_job_session, client_session, detaching_session
from tests.conformance.recorded_sessions import GOLDEN, RecordedSessionTest
from vpmem_harness.fixtures import HostFixture
from vpmem_harness.hardware import Hardware


class ClientsTest(RecordedSessionTest):

    def setUp(self):
        super().setUp()
        self.directory = self.useFixture(fixtures.TempDir()).path
        self.host = self.useFixture(HostFixture(
            hardware=Hardware.uniform(cells=1, cores=2, threads=1)))

    def check(self, name, outcomes):
        self.assertOutcomes(json.loads((GOLDEN / f'{name}.json').read_text()), outcomes)

    def test_block_jobs(self):
        """The outcomes of block jobs equal the recording of the QEMU driver."""
        self.check('block-jobs', block_job_session.outcomes(self.host.uri, self.directory))

    def test_detaching(self):
        """The outcomes of changes of devices equal the recording of the QEMU driver."""
        self.check('detaching', detaching_session.outcomes(self.host.uri))

    def test_calls(self):
        """The outcomes of consoles, starts and settings equal the recording of libvirt."""
        self.check('clients', client_session.outcomes(self.host.uri, self.directory))
