"""The nova-compute processes of a cloud, and the outcomes of their starts."""

from __future__ import annotations

import importlib.util

import testtools


@testtools.skipUnless(importlib.util.find_spec('oslo_messaging'), 'nova is not installed')
class FleetTest(testtools.TestCase):

    def setUp(self) -> None:
        super().setUp()
        from vpmem_harness.cloud.nova.fleet import Fleet

        self.fleet = Fleet()

    def attach(self, number: int) -> object:
        compute = object()
        self.assertTrue(self.fleet.attach('h1', number, compute))
        return compute

    def test_outcomes_of_a_start(self) -> None:
        """A start succeeds, fails with a reason, loses its process, or gets no answer."""
        for number in (1, 2, 3):
            self.attach(number)
        self.fleet.started(1)
        self.fleet.failed(2, 'no libvirt')
        self.fleet.detach(3)
        self.assertEqual([None, 'no libvirt', 'its process has ended', 'no answer in 0 s'],
                         [self.fleet.wait_started(number, 0) for number in (1, 2, 3, 4)])

    def test_end_of_an_old_process_does_not_end_the_next(self) -> None:
        """A late end of a host's old process leaves its next one in use."""
        self.attach(1)
        following = self.attach(2)
        self.fleet.detach(1)
        self.assertEqual('no answer in 0 s', self.fleet.wait_started(2, 0))
        self.assertEqual({'h1': following}, self.fleet.links)

    def test_report_of_an_old_process_is_not_that_of_the_next(self) -> None:
        """A late report of a killed process is not taken for that of the next one."""
        self.attach(2)
        self.fleet.started(1)
        self.assertEqual('no answer in 0 s', self.fleet.wait_started(2, 0))
        self.fleet.started(2)
        self.fleet.failed(1, 'no libvirt')
        self.assertIsNone(self.fleet.wait_started(2, 0))

    def test_reason_of_a_failed_start_is_kept_after_its_process(self) -> None:
        """The reason of a failed start remains after its process has ended."""
        self.attach(1)
        self.fleet.failed(1, 'no libvirt')
        self.fleet.detach(1)
        self.assertEqual('no libvirt', self.fleet.wait_started(1, 0))

    def test_ended_process_is_removed(self) -> None:
        """The end of a process is awaited, and its link is removed."""
        self.attach(1)
        self.assertFalse(self.fleet.wait_gone(1, 0))
        self.fleet.detach(1)
        self.assertTrue(self.fleet.wait_gone(1, 0))
        self.assertEqual({}, self.fleet.links)

    def test_connection_of_an_abandoned_process(self) -> None:
        """A process killed before its connection was accepted never becomes a compute service."""
        self.assertTrue(self.fleet.wait_gone(1, 0))
        self.assertFalse(self.fleet.attach('h1', 1, object()))
        self.assertEqual({}, self.fleet.links)
