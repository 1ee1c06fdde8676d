"""The simulated daemon answers calls as libvirt's QEMU driver did in recordings."""

from __future__ import annotations

import fixtures
import libvirt
from testtools import matchers

from tests import base
from tests.conformance import calls, differences
from tests.conformance.calls import recorded, simulated
from vpmem_harness import releases


class RecordedCallsTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger())
        libvirt.registerErrorHandler(lambda context, error: None, None)
        self.addCleanup(libvirt.registerErrorHandler, None, None)

    def check(self, scenario, release):
        uri = self.useFixture(simulated.SimulatedLibvirtd(releases.choose(release))).uri
        expected = recorded.outcomes(scenario, release)
        came = calls.outcomes(scenario, uri)
        self.assertEqual(list(expected), list(came))
        for step, outcome in came.items():
            matcher = matchers.Equals(expected[step])
            reason = differences.reason(scenario, step, outcome, release)
            if reason == differences.NOT_SIMULATED:
                continue
            if reason is not None:      # an outdated entry of the list fails
                matcher = matchers.Not(matcher)
            self.expectThat(outcome, matcher, f'{scenario}: {step}')
        self.assertNotIn('Traceback', self.log.output)


def _add_tests() -> None:
    for release in recorded.FILES:
        for name, scenario in calls.SCENARIOS.items():
            def test(self, name=name, release=release):
                self.check(name, release)
            test.__doc__ = f'As recorded on {release}: {scenario.__doc__}'
            setattr(RecordedCallsTest, f'test_{release}_{name}', test)


_add_tests()
