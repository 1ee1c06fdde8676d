"""Random steps find no error in the stub, and find each planted bug."""

from __future__ import annotations

import contextlib
import io
import logging
import re
from unittest import mock

from tests import base
from vpmem_harness.chaos import run as chaos
from vpmem_harness.cli import main
from vpmem_harness.cloud.stub.compute.driver import LibvirtDriver
from vpmem_harness.cloud.stub.compute.power import PowerOperations
from vpmem_harness.cloud.stub.compute.resize import ResizeOperations
from vpmem_harness.cloud.stub.compute.resource_tracker import ResourceTracker

#: Chaos finds each planted bug within this number of steps with one of these seeds. A bug may also
#: have other effects, which end a run.
STEPS, SEEDS = 4000, range(3, 7)


class ChaosTest(base.TestCase):

    def test_no_step_leaves_an_error(self):
        """The stub is consistent after every random step."""
        result = chaos.run(2, 150, seed=1)
        self.assertEqual([], list(result.wrong), str(result.script))
        self.assertEqual(150, len(result.script.steps))

    def test_a_seed_replays_a_run(self):
        """A seed repeats a run step by step, unless steps run concurrently."""
        self.assertEqual(chaos.run(2, 60, seed=2, at_once=0).script,
                         chaos.run(2, 60, seed=2, at_once=0).script)

    def test_the_command_restores_logging(self):
        """The command restores the process's logging configuration."""
        logger = logging.getLogger('vpmem_harness')
        before = logger.level
        with contextlib.redirect_stderr(io.StringIO()):
            main(['chaos', '--hosts', '1', '--steps', '1', '--seed', '1'])
        self.assertEqual(before, logger.level)

    def test_the_command_reports_its_duration(self):
        """The command prints its duration, and no progress bar without a terminal."""
        err = io.StringIO()
        with contextlib.redirect_stderr(err):
            self.assertEqual(0, main(['chaos', '--hosts', '1', '--steps', '10', '--seed', '1']))
        self.assertIn('# seed 1\n', err.getvalue())
        self.assertIn('10 steps in ', err.getvalue())
        self.assertNotIn('[#', err.getvalue())


class PlantedTest(base.TestCase):

    def find(self, pattern):
        """Return the first run that reports the pattern."""
        reports = []
        for seed in SEEDS:
            result = chaos.run(2, STEPS, seed=seed)
            reports.append(' '.join(result.wrong))
            if re.search(pattern, reports[-1]):
                return result
        raise self.failureException(f'no run reports {pattern!r}: {reports}')

    def test_data_left_in_a_freed_namespace(self):
        """Chaos finds namespaces freed without a wipe, and a short script that shows it."""
        with mock.patch.object(LibvirtDriver, 'wipe', return_value=None):
            result = chaos.shrink(self.find('has the data of'), 20)
            self.assertLess(len(result.script.steps), 10)
            self.assertEqual(result.wrong, chaos.replay(result.script).wrong)

    def test_a_namespace_claimed_twice(self):
        """Chaos finds claims that ignore the claims of others."""
        def claim(self, *args, **options):
            self._assigned.clear()
            return original(self, *args, **options)
        original = ResourceTracker.claim
        with mock.patch.object(ResourceTracker, 'claim', claim):
            self.find('is held by|has claimed')

    def test_unexpected_data_loss(self):
        """Chaos finds a wipe during a start, which only the wipe itself reveals."""
        def restart(self, instance):
            self.service.wipe(instance.resources)
            return original(self, instance)
        original = PowerOperations.restart_domain
        with mock.patch.object(PowerOperations, 'restart_domain', restart):
            self.find('has lost its data')

    def test_an_allocation_that_is_not_freed(self):
        """Chaos finds an allocation on the source that remains after a confirmed resize."""
        def confirm(self, *args):
            with mock.patch.object(self.service.build, 'release_allocations'):
                return original(self, *args)
        original = ResizeOperations.confirm
        with mock.patch.object(ResizeOperations, 'confirm', confirm):
            self.find('Placement has')
