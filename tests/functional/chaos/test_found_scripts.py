"""Regression tests: short scripts of random runs that once found an error."""

from __future__ import annotations

import logging
from unittest import mock

from tests import base
from vpmem_harness.chaos import run as chaos
from vpmem_harness.chaos.steps import Script
from vpmem_harness.cloud.stub.compute.service import ComputeService

#: Two hosts with one namespace of each label, so that a script always gets the same ones.
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

    def test_a_delete_that_the_api_abandons(self):
        """A second delete after the source has started confirms the migration."""
        self.assertEqual([], self.replay(
            'boot server=0 labels=SMALL host=0', 'migrate server=0', 'stop-service host=0',
            'delete server=0', 'calm', 'delete server=0'))

    def test_a_delete_that_the_destination_resumes(self):
        """The destination deletes the server when it starts."""
        self.assertEqual([], self.replay(
            'boot server=0 labels=SMALL host=0', 'migrate server=0', 'stop-service host=0',
            'delete server=0', 'restart-service host=1'))

    def test_a_delete_repeated_before_the_first_has_ended(self):
        """The server returns to its state before the migration."""
        self.assertEqual([], self.replay(
            'boot server=0 labels=SMALL host=0', 'migrate server=0', 'calm', 'stop-service host=0',
            'delete server=0', 'start-service host=0', 'delete server=0'))

    def test_an_evacuation_of_a_server_in_error(self):
        """The server is running after the evacuation."""
        self.assertEqual([], self.replay(
            'boot server=0 labels=SMALL host=0', 'hard-reboot server=0 fault=error on=0 at=5',
            'calm', 'stop-service host=0', 'evacuate server=0'))

    def test_a_hard_reboot_after_a_resize_that_failed_at_the_end(self):
        """The guest gets the namespaces of the new flavor."""
        self.assertEqual([], self.replay(
            'boot server=0 labels=LARGE host=0',
            'resize server=0 labels=SMALL,SMALL fault=error on=1 at=4', 'hard-reboot server=0',
            pmem=TWO_SMALL))

    def test_a_guest_with_fewer_namespaces_than_its_claim(self):
        """Only a failed resize permits such a guest."""
        with mock.patch.object(ComputeService, 'devices', return_value=[]):
            wrong = self.replay('boot server=0 labels=SMALL host=0')
        self.assertIn('server1 runs on [], and holds', ' '.join(wrong))

    def test_a_guest_that_does_not_start_after_an_abandoned_migration(self):
        """The server is in ERROR."""
        self.assertEqual([], self.replay(
            'boot server=0 labels=SMALL host=0', 'resize server=0 labels=LARGE fault=die on=0 at=3',
            'bad host=0', 'start-service host=0'))

    def test_a_guest_that_runs_although_its_start_failed(self):
        """The guest keeps its configuration, so its server can be shelved or suspended."""
        for then in ('shelve server=0', 'suspend server=0', 'lose-domains host=0'):
            self.assertEqual([], self.replay(
                'boot server=0 labels=SMALL host=0',
                'hard-reboot server=0 fault=drop-after on=0 at=6', 'calm', then))

    def test_an_evacuation_to_a_host_that_cannot_wipe(self):
        """The server stays on its host without a claim on the other one."""
        self.assertEqual([], self.replay(
            'boot server=0 labels=SMALL host=0', 'bad host=1', 'lose-domains host=0',
            'live-migrate server=0', 'stop-service host=0', 'evacuate server=0'))

    def test_an_evacuation_to_a_host_with_an_old_saved_state(self):
        """The guest does not resume from the saved state, which refers to its former namespaces."""
        self.assertEqual([], self.replay(
            'boot server=0 labels=SMALL host=0', 'suspend server=0 fault=die on=0 at=4',
            'start-service host=0', 'resize server=0 labels=LARGE',
            'revert server=0 fault=drop-before on=1 at=4', 'stop-service host=1',
            'evacuate server=0', pmem=TWO_SMALL))

    def test_a_host_that_restarts_while_a_guest_is_about_to_come(self):
        """The guest comes before the host restarts, so its devices have the names it knows."""
        self.assertEqual([], self.replay(
            'boot server=0 labels=SMALL host=0',
            'live-migrate server=0 host=1 fault=hang on=0 at=3',
            'restart-machine host=1', pmem=TWO_SMALL))

    def test_requests_after_a_start_that_undefined_the_domain(self):
        """A server without a domain cannot be migrated or shelved."""
        for request in ('migrate', 'shelve'):
            self.assertEqual([], self.replay(
                'boot server=0 labels= host=0', 'stop server=0',
                'start server=0 fault=error on=0 at=6', 'calm', f'{request} server=0'))
