"""The simulated daemon answers calls as libvirt's QEMU driver did in recordings."""

from __future__ import annotations

import fixtures
import libvirt
from testtools import matchers

from tests import base
from tests.conformance import calls, differences
from tests.conformance.calls import recorded, simulated


class RecordedCallsTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger())
        libvirt.registerErrorHandler(lambda context, error: None, None)
        self.addCleanup(libvirt.registerErrorHandler, None, None)
        self.uri = self.useFixture(simulated.SimulatedLibvirtd()).uri

    def check(self, scenario):
        expected = recorded.outcomes(scenario)
        came = calls.outcomes(scenario, self.uri)
        self.assertEqual(list(expected), list(came))
        for step, outcome in came.items():
            matcher = matchers.Equals(expected[step])
            reason = differences.reason(scenario, step, outcome)
            if reason == differences.NOT_SIMULATED:
                continue
            if reason is not None:      # an outdated entry of the list fails
                matcher = matchers.Not(matcher)
            self.expectThat(outcome, matcher, f'{scenario}: {step}')
        self.assertNotIn('Traceback', self.log.output)


def _add_tests() -> None:
    for name, scenario in calls.SCENARIOS.items():
        def test(self, name=name):
            self.check(name)
        test.__doc__ = f'As recorded: {scenario.__doc__}'
        setattr(RecordedCallsTest, f'test_{name}', test)


_add_tests()
