"""Short scripts of random runs that once found something: nothing is wrong after them."""

from __future__ import annotations

import logging
from unittest import mock

from tests import base
from vpmem_harness.chaos import run as chaos
from vpmem_harness.chaos.steps import Script
from vpmem_harness.cloud.stub.compute import ComputeBase

#: Two hosts with one namespace of each label: a script always gets the same ones.
ONE_OF_EACH = 'SMALL:1x1GiB,LARGE:1x2GiB'
TWO_SMALL = 'SMALL:2x1GiB,LARGE:1x2GiB'


class FoundScriptTest(base.TestCase):

    def setUp(self):
        super().setUp()
        logger = logging.getLogger('vpmem_harness')
        self.addCleanup(logger.setLevel, logger.level)
        logger.setLevel(logging.CRITICAL)

    def replay(self, *steps, pmem=ONE_OF_EACH):
        head = f'fleet hosts=2 pmem={pmem} seed=1'
        return list(chaos.replay(Script.parse('\n'.join((head, *steps)))).wrong)

    def test_a_deletion_that_the_api_gives_up(self):
        """It is repeated when the source of the move is up: that confirms the move."""
        self.assertEqual([], self.replay(
            'boot server=0 labels=SMALL host=0', 'migrate server=0', 'stop-service host=0',
            'delete server=0', 'calm', 'delete server=0'))

    def test_a_deletion_that_the_destination_takes_up(self):
        """The destination deletes the server when it starts."""
        self.assertEqual([], self.replay(
            'boot server=0 labels=SMALL host=0', 'migrate server=0', 'stop-service host=0',
            'delete server=0', 'restart-service host=1'))

    def test_a_deletion_that_is_repeated_before_all_is_calm(self):
        """The server is what it was before its move."""
        self.assertEqual([], self.replay(
            'boot server=0 labels=SMALL host=0', 'migrate server=0', 'calm', 'stop-service host=0',
            'delete server=0', 'start-service host=0', 'delete server=0'))

    def test_an_evacuation_of_a_server_in_error(self):
        """The server runs afterwards."""
        self.assertEqual([], self.replay(
            'boot server=0 labels=SMALL host=0', 'hard-reboot server=0 fault=error on=0 at=5',
            'calm', 'stop-service host=0', 'evacuate server=0'))

    def test_a_hard_reboot_after_a_resize_that_failed_at_its_end(self):
        """The guest gets those of its namespaces that its old flavor asks for: none here."""
        self.assertEqual([], self.replay(
            'boot server=0 labels=LARGE host=0',
            'resize server=0 labels=SMALL,SMALL fault=error on=1 at=4', 'hard-reboot server=0',
            pmem=TWO_SMALL))

    def test_a_guest_that_runs_on_less_than_its_server_holds(self):
        """Only such a resize explains that."""
        with mock.patch.object(ComputeBase, 'devices', return_value=[]):
            wrong = self.replay('boot server=0 labels=SMALL host=0')
        self.assertIn('server1 runs on [], and holds', ' '.join(wrong))

    def test_a_guest_that_does_not_start_after_its_move_was_given_up(self):
        """Its server is in ERROR."""
        self.assertEqual([], self.replay(
            'boot server=0 labels=SMALL host=0', 'resize server=0 labels=LARGE fault=die on=0 at=3',
            'bad host=0', 'start-service host=0'))

    def test_a_guest_that_runs_although_its_start_failed(self):
        """It keeps its configuration: it can be shelved, suspended and found to be off."""
        for then in ('shelve server=0', 'suspend server=0', 'lose-domains host=0'):
            self.assertEqual([], self.replay(
                'boot server=0 labels=SMALL host=0',
                'hard-reboot server=0 fault=drop-after on=0 at=6', 'calm', then))

    def test_an_evacuation_to_where_a_namespace_cannot_be_wiped(self):
        """The server stays where it was, and holds nothing of the other host."""
        self.assertEqual([], self.replay(
            'boot server=0 labels=SMALL host=0', 'bad host=1', 'lose-domains host=0',
            'live-migrate server=0', 'stop-service host=0', 'evacuate server=0'))

    def test_an_evacuation_to_where_the_state_of_an_old_guest_is_saved(self):
        """The guest is not resumed from that: it would run on namespaces that it has left."""
        self.assertEqual([], self.replay(
            'boot server=0 labels=SMALL host=0', 'suspend server=0 fault=die on=0 at=4',
            'start-service host=0', 'resize server=0 labels=LARGE',
            'revert server=0 fault=drop-before on=1 at=4', 'stop-service host=1',
            'evacuate server=0', pmem=TWO_SMALL))
