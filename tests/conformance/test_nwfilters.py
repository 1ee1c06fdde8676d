"""Comparison of a session with network filters, simulated and recorded."""

from __future__ import annotations

import json

from tests.conformance import nwfilter_session
from tests.conformance.recorded_sessions import GOLDEN, RecordedSessionTest
from vpmem_harness.fixtures import HostFixture


class NWFiltersTest(RecordedSessionTest):

    def test_debian_12(self):
        """Each step's outcome equals the recording of libvirt 9.0.0."""
        host = self.useFixture(HostFixture(release='debian12'))
        self.assertOutcomes(json.loads((GOLDEN / 'nwfilters.json').read_text()),
                            nwfilter_session.outcomes(host.uri))
