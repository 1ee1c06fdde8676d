"""Measurements of the reference deployment."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import fixtures
import testtools

from tools.deployment import measure, processes, report
from tools.deployment.report import Usage
from tools.deployment.settings import Settings


class MeasureTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.settings = Settings(Path('/fleet'), computes=2, pmem='', ports={},
                                 password='')
        self.useFixture(fixtures.MockPatchObject(report, 'table', return_value=['table']))
        self.useFixture(fixtures.MonkeyPatch('time.sleep', self.now))
        self.useFixture(fixtures.MonkeyPatch('time.monotonic', lambda: self.clock))
        self.clock = 0.0
        self.cloud = self.useFixture(fixtures.MockPatchObject(measure, 'Cloud')).mock.return_value

    def now(self, seconds):
        self.clock += seconds

    def lines(self, usages, states):
        self.useFixture(fixtures.MockPatchObject(report, 'usage', side_effect=usages))
        self.cloud.states.side_effect = states
        return list(measure.run(self.settings, 1, 10))

    def test_processor_time(self):
        """Idle time counts per compute; during boots, the busiest parts come first."""
        usages = [{'nova-compute': Usage(2, 0, 1.0), 'RabbitMQ': Usage(1, 0, 1.0)},
                  {'nova-compute': Usage(2, 0, 1.2), 'RabbitMQ': Usage(1, 0, 1.3)},
                  {'nova-compute': Usage(2, 0, 2.0), 'RabbitMQ': Usage(1, 0, 2.0)},
                  {'nova-compute': Usage(2, 0, 2.1), 'RabbitMQ': Usage(1, 0, 2.25)}]
        self.assertEqual(
            ['table',
             'idle for 10 s: each compute used 1.00 % of a processor, everything 5 %',
             '1 boots in 0.5 s: 120 per minute',
             '  RabbitMQ              50 % of a processor',
             '  nova-compute          20 % of a processor'],
            self.lines(usages, [{'measured-0': 'BUILD'}, {'measured-0': 'ACTIVE'}, {}]))
        self.assertEqual([mock.call('measured-')], self.cloud.delete_all.mock_calls)

    def test_a_server_in_error(self):
        """A server that does not start ends the measurement."""
        self.assertRaisesRegex(
            processes.DeploymentError, '1 servers are in ERROR: measured-0', self.lines,
            [{'nova-compute': Usage()}] * 4, [{'measured-0': 'ERROR'}])
