"""Comparison of a session with virtual networks, simulated and recorded."""

from __future__ import annotations

import json
import pathlib

import fixtures
import libvirt
from testtools.content import text_content

from tests import base
from tests.conformance import network_session
from vpmem_harness.fixtures import HostFixture

RECORDED = pathlib.Path(__file__).parents[1] / 'golden/libvirt/networks.json'


class NetworksTest(base.TestCase):

    def test_recorded(self):
        """Each step's outcome equals the recording of the real network driver."""
        log = self.useFixture(fixtures.FakeLogger())
        libvirt.registerErrorHandler(lambda context, error: None, None)
        self.addCleanup(libvirt.registerErrorHandler, None, None)
        host = self.useFixture(HostFixture())
        default = host.connection.networkLookupByName('default')
        default.destroy()
        default.undefine()      # the recorded host had none
        theirs = json.loads(RECORDED.read_text())
        ours = json.loads(json.dumps(network_session.outcomes(host.uri)))
        different = {step: (outcome, ours.get(step)) for step, outcome in theirs.items()
                     if outcome != ours.get(step)}
        self.addDetail('different', text_content(json.dumps(different, indent=1)))
        self.assertEqual({}, different)
        self.assertEqual(len(theirs), len(ours))
        self.assertNotIn('Traceback', log.output)
