"""Comparison of the simulated daemon with libvirt's test driver, through libvirt-python."""

from __future__ import annotations

import fixtures
import libvirt
from testtools.content import text_content

from tests import base
from tests.conformance import calls, differences, libvirtd
from tests.conformance.calls import recorded, simulated


def _comparable(outcome):
    """Return an outcome without the driver's own number in an error's domain."""
    if isinstance(outcome, dict) and outcome.get('domain') in (libvirt.VIR_FROM_QEMU,
                                                              libvirt.VIR_FROM_TEST):
        return {**outcome, 'domain': 'the driver'}
    return outcome


class CallsTest(base.TestCase):

    def setUp(self):
        super().setUp()
        missing = libvirtd.missing()
        if missing:
            self.skipTest(missing)
        self.useFixture(fixtures.FakeLogger())
        libvirt.registerErrorHandler(lambda context, error: None, None)
        self.addCleanup(libvirt.registerErrorHandler, None, None)
        self.real = self.useFixture(libvirtd.RealLibvirtd()).uri
        self.simulated = self.useFixture(simulated.SimulatedLibvirtd()).uri

    def test_results_and_errors(self):
        """Each outcome equals the test or the QEMU driver's, except for known differences."""
        same, theirs, unexplained = 0, 0, []
        for scenario in calls.SCENARIOS:
            real = calls.outcomes(scenario, self.real, 'test')
            ours = calls.outcomes(scenario, self.simulated)
            qemu = recorded.outcomes(scenario)
            for step, outcome in ours.items():
                if _comparable(outcome) == _comparable(real.get(step)):
                    same += 1
                elif outcome == qemu[step]:
                    theirs += 1
                elif differences.reason(scenario, step, outcome) is None:
                    unexplained.append((scenario, step, outcome, real.get(step)))
        self.addDetail('steps', text_content(
            f'{same} as the test driver, {theirs} as the QEMU driver'))
        self.assertEqual([], unexplained)
        self.assertGreater(same, 300)
