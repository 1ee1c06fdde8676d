"""Comparison of a session with single vCPUs and dirty memory: simulated and recorded."""

from __future__ import annotations

import json
import pathlib

import fixtures
import libvirt
from testtools.content import text_content

from tests import base
from tests.conformance import measuring_session
from vpmem_harness.fixtures import HostFixture
from vpmem_harness.hardware import Hardware

RECORDED = pathlib.Path(__file__).parents[1] / 'golden/libvirt/measuring.json'


class MeasuringTest(base.TestCase):

    def test_recorded(self):
        """Each step's outcome equals the recording of the QEMU driver."""
        log = self.useFixture(fixtures.FakeLogger())
        libvirt.registerErrorHandler(lambda context, error: None, None)
        self.addCleanup(libvirt.registerErrorHandler, None, None)
        directory = self.useFixture(fixtures.TempDir()).path
        host = self.useFixture(HostFixture(
            hardware=Hardware.uniform(cells=1, cores=2, threads=1)))
        ours = json.loads(json.dumps(measuring_session.outcomes(host.uri, directory)))
        theirs = json.loads(RECORDED.read_text())
        different = {step: (outcome, ours.get(step)) for step, outcome in theirs.items()
                     if outcome != ours.get(step)}
        self.addDetail('different', text_content(json.dumps(different, indent=1)))
        self.assertEqual({}, different)
        self.assertEqual(len(theirs), len(ours))
        self.assertNotIn('Traceback', log.output)
