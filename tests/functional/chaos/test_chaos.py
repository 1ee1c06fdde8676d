"""Random steps: nothing is found in the stub as it is, and what is planted in it is found."""

from __future__ import annotations

import contextlib
import io
import logging
from unittest import mock

from tests import base
from vpmem_harness.chaos import run as chaos
from vpmem_harness.cli import main
from vpmem_harness.cloud.stub.compute.driver import LibvirtDriver
from vpmem_harness.cloud.stub.compute.power import PowerOperations
from vpmem_harness.cloud.stub.compute.resize import ResizeOperations
from vpmem_harness.cloud.stub.compute.resource_tracker import ResourceTracker

#: Chaos finds each of what is planted within so many steps.
STEPS = 4000


class ChaosTest(base.TestCase):

    def test_nothing_is_wrong(self):
        """After any of the steps."""
        result = chaos.run(2, 150, seed=1)
        self.assertEqual([], list(result.wrong), str(result.script))
        self.assertEqual(150, len(result.script.steps))

    def test_a_seed_replays_a_run(self):
        """Step by step, unless several things are done at once."""
        self.assertEqual(chaos.run(2, 60, seed=2, at_once=0).script,
                         chaos.run(2, 60, seed=2, at_once=0).script)

    def test_the_command_leaves_logging_as_it_was(self):
        """What runs after it in the same process logs as before."""
        logger = logging.getLogger('vpmem_harness')
        before = logger.level
        with contextlib.redirect_stderr(io.StringIO()):
            main(['chaos', '--hosts', '1', '--steps', '1', '--seed', '1'])
        self.assertEqual(before, logger.level)

    def test_the_command_says_how_long_it_took(self):
        """And shows no bar where there is no terminal."""
        err = io.StringIO()
        with contextlib.redirect_stderr(err):
            self.assertEqual(0, main(['chaos', '--hosts', '1', '--steps', '10', '--seed', '1']))
        self.assertIn('# seed 1\n', err.getvalue())
        self.assertIn('10 steps in ', err.getvalue())
        self.assertNotIn('[#', err.getvalue())


class PlantedTest(base.TestCase):

    def find(self, pattern):
        result = chaos.run(2, STEPS, seed=3)
        self.assertRegex(' '.join(result.wrong), pattern)
        return result

    def test_data_that_is_left(self):
        """Namespaces are given back without being wiped; a script of a few steps shows it."""
        with mock.patch.object(LibvirtDriver, 'wipe', return_value=None):
            result = chaos.shrink(self.find('has the data of'), 20)
            self.assertLess(len(result.script.steps), 10)
            self.assertEqual(result.wrong, chaos.replay(result.script).wrong)

    def test_a_namespace_that_is_given_away_twice(self):
        """Whoever claims does not see what others have claimed."""
        def claim(self, *args, **options):
            self._assigned.clear()
            return original(self, *args, **options)
        original = ResourceTracker.claim
        with mock.patch.object(ResourceTracker, 'claim', claim):
            self.find('is held by|has claimed')

    def test_data_that_nobody_asked_to_lose(self):
        """A start wipes, and the guest writes again: nothing but the wipe shows it."""
        def restart(self, instance):
            self.wipe(instance.resources)
            return original(self, instance)
        original = PowerOperations.restart_domain
        with mock.patch.object(PowerOperations, 'restart_domain', restart):
            self.find('has lost its data')

    def test_a_booking_that_is_not_given_back(self):
        """A confirmed resize keeps what its source was booked for."""
        def confirm(self, instance, migration):
            with mock.patch.object(self, 'release_allocations'):
                original(self, instance, migration)
        original = ResizeOperations.confirm
        with mock.patch.object(ResizeOperations, 'confirm', confirm):
            self.find('Placement has')
