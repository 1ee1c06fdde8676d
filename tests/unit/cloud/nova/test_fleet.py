"""The nova-computes of a cloud, and what is known of their starts."""

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
        """A service that runs, one that says why it does not, and one whose process has ended."""
        for number in (1, 2, 3):
            self.attach(number)
        self.fleet.started(1)
        self.fleet.failed(2, 'no libvirt')
        self.fleet.detach(3)
        self.assertEqual([None, 'no libvirt', 'its process has ended', 'no answer in 0 s'],
                         [self.fleet.wait_started(number, 0) for number in (1, 2, 3, 4)])

    def test_end_of_an_old_process_is_not_that_of_the_next(self) -> None:
        """However late it comes: the next one of the host starts, and is the one that is asked."""
        self.attach(1)
        following = self.attach(2)
        self.fleet.detach(1)
        self.assertEqual('no answer in 0 s', self.fleet.wait_started(2, 0))
        self.assertEqual({'h1': following}, self.fleet.links)

    def test_word_of_an_old_process_is_not_that_of_the_next(self) -> None:
        """What it said before it was killed may be heard after the next one was started."""
        self.attach(2)
        self.fleet.started(1)
        self.assertEqual('no answer in 0 s', self.fleet.wait_started(2, 0))
        self.fleet.started(2)
        self.fleet.failed(1, 'no libvirt')
        self.assertIsNone(self.fleet.wait_started(2, 0))

    def test_reason_of_a_start_outlives_its_process(self) -> None:
        """A process that has said why it does not start ends, and the reason stays."""
        self.attach(1)
        self.fleet.failed(1, 'no libvirt')
        self.fleet.detach(1)
        self.assertEqual('no libvirt', self.fleet.wait_started(1, 0))

    def test_process_is_gone_with_its_link(self) -> None:
        """Its end is waited for, and the link to it is no longer among the links."""
        self.attach(1)
        self.assertFalse(self.fleet.wait_gone(1, 0))
        self.fleet.detach(1)
        self.assertTrue(self.fleet.wait_gone(1, 0))
        self.assertEqual({}, self.fleet.links)

    def test_connection_of_a_process_that_was_given_up(self) -> None:
        """One that was killed before its connection was taken up never becomes a compute."""
        self.assertTrue(self.fleet.wait_gone(1, 0))
        self.assertFalse(self.fleet.attach('h1', 1, object()))
        self.assertEqual({}, self.fleet.links)
