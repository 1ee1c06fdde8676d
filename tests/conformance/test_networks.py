"""Comparison of a session with virtual networks, simulated and recorded."""

from __future__ import annotations

import json

from tests.conformance import network_session
from tests.conformance.recorded_sessions import GOLDEN, RecordedSessionTest
from vpmem_harness.fixtures import HostFixture

#: The recording of each release.
RECORDED = {'debian12': GOLDEN / 'networks.json',
            'debian13': GOLDEN / 'debian13/libvirt-11.3-networks.json'}


class NetworksTest(RecordedSessionTest):

    def test_debian_12(self):
        """Each step's outcome equals the recording of libvirt 9.0.0."""
        self.check('debian12')

    def test_debian_13(self):
        """On Debian 13 each step's outcome equals the recording of libvirt 11.3."""
        self.check('debian13')

    def check(self, release):
        host = self.useFixture(HostFixture(release=release))
        default = host.connection.networkLookupByName('default')
        default.destroy()
        default.undefine()      # the recorded host had none
        self.assertOutcomes(json.loads(RECORDED[release].read_text()),
                            network_session.outcomes(host.uri))
