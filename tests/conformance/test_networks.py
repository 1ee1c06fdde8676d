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

_GOLDEN = pathlib.Path(__file__).parents[1] / 'golden/libvirt'
#: The recording of each release.
RECORDED = {'debian12': _GOLDEN / 'networks.json',
            'debian13': _GOLDEN / 'debian13/libvirt-11.3-networks.json'}


class NetworksTest(base.TestCase):

    def test_debian_12(self):
        """Each step's outcome equals the recording of libvirt 9.0.0."""
        self.check('debian12')

    def test_debian_13(self):
        """On Debian 13 each step's outcome equals the recording of libvirt 11.3."""
        self.check('debian13')

    def check(self, release):
        log = self.useFixture(fixtures.FakeLogger())
        libvirt.registerErrorHandler(lambda context, error: None, None)
        self.addCleanup(libvirt.registerErrorHandler, None, None)
        host = self.useFixture(HostFixture(release=release))
        default = host.connection.networkLookupByName('default')
        default.destroy()
        default.undefine()      # the recorded host had none
        theirs = json.loads(RECORDED[release].read_text())
        ours = json.loads(json.dumps(network_session.outcomes(host.uri)))
        different = {step: (outcome, ours.get(step)) for step, outcome in theirs.items()
                     if outcome != ours.get(step)}
        self.addDetail('different', text_content(json.dumps(different, indent=1)))
        self.assertEqual({}, different)
        self.assertEqual(len(theirs), len(ours))
        self.assertNotIn('Traceback', log.output)
