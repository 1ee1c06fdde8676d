"""The stub and real Nova agree on random sequences of requests."""

from __future__ import annotations

import importlib.util

import testtools

from tests.functional.nova.agreement import faults
from tests.functional.nova.agreement.machine import Agreement, Pairs, run_part
from tests.functional.nova.agreement.pair import Disagreement, Pair
from tests.functional.nova.agreement.shortening import shortest, without
from tests.functional.nova.agreement.steps import CONFIGURATIONS, FAULTS, Script, Step
from vpmem_harness.exceptions import InvalidInputError

#: Number of random sequences in each test.
SEQUENCES = 10


@testtools.skipUnless(importlib.util.find_spec('nova'), 'nova is not installed')
class AgreementTest(testtools.TestCase):
    """Random sequences of operations leave both backends in the same state after each step.

    Some of the steps have faults. The sequences have run often enough not to fail unrelated
    changes. They are split into two tests for two workers.
    """

    def agree(self, seed: int) -> None:
        Agreement.pairs = Pairs(seed)
        self.addCleanup(Agreement.pairs.close)
        self.assertEqual('', run_part(seed, SEQUENCES))

    def test_random_sequences_of_one_seed(self) -> None:
        """Ten sequences of one seed end without a disagreement."""
        self.agree(1)

    def test_random_sequences_of_another_seed(self) -> None:
        """Ten sequences of another seed end without a disagreement."""
        self.agree(2)


class PairTest(testtools.TestCase):
    """Detection of disagreements, with a second stub in place of Nova."""

    def pair(self) -> Pair:
        pair = Pair(CONFIGURATIONS[0], 1, leader='stub')
        self.addCleanup(pair.close)
        return pair

    def take(self, pair: Pair, *lines: str) -> None:
        for line in lines:
            pair.take(Step.parse(line))

    def test_two_stubs_agree(self) -> None:
        """Two stubs agree, whatever namespaces the first one chooses."""
        pair = self.pair()
        self.take(pair, 'boot labels=SMALL', 'boot labels=LARGE,SMALL host=1',
                  'resize server=0 labels=SMALL,SMALL', 'revert server=0', 'stop-service host=0',
                  'evacuate server=0')
        pair.clear()
        self.assertEqual([], pair.explained)

    def test_a_refused_step(self) -> None:
        """A step refused on both sides is not a disagreement."""
        pair = self.pair()
        self.take(pair, 'boot labels=SMALL', 'unpause server=0')
        self.assertIn('InstanceInvalidState (409)', pair.seen['outcome'])

    def test_a_fault(self) -> None:
        """A fault is present in one step on both sides, and absent in the next."""
        pair = self.pair()
        self.take(pair, 'boot labels=SMALL host=0', 'pause server=0 fault=domainSuspend:fail@0')
        self.assertIn('ACTIVE came', pair.seen['outcome'])
        self.take(pair, 'pause server=0 fault=domainSuspend:fail@1')
        self.assertEqual('done', pair.seen['outcome'])
        self.take(pair, 'delete server=0 fault=daxio:absent@0')
        self.assertIn("No such file or directory: 'daxio'", pair.seen['outcome'])
        self.take(pair, 'delete server=0')
        self.assertEqual('done', pair.seen['outcome'])

    def test_an_invalid_fault(self) -> None:
        """A fault with an invalid part is refused."""
        pair = self.pair()
        for fault in ('domainSuspend', 'domainSuspend:absent@0', 'domainSuspend:fail@2',
                      'domainDoze:fail@0'):
            self.assertRaises(
                InvalidInputError, self.take, pair, f'boot labels=SMALL fault={fault}')

    def test_every_fault_in_the_list(self) -> None:
        """Every fault that can be drawn can be injected."""
        pair = self.pair()
        for fault in {fault.removeprefix('other ') for of_one in FAULTS.values()
                      for fault in of_one}:
            with faults.begin(pair.stub.hosts, f'{fault}@1') as begun:
                self.assertTrue(begun.in_force)

    def test_data_on_one_side(self) -> None:
        """Data in a namespace of one side only are a disagreement."""
        pair = self.pair()
        self.take(pair, 'boot labels=SMALL host=0')
        [namespace, *_rest] = pair.stub.hosts[1].namespaces
        pair.stub.hosts[1].pmem.write(namespace.path, 'somebody')
        error = self.assertRaises(Disagreement, self.take, pair, 'audit host=0')
        self.assertIn(f'host 1: {namespace.name} was written by', str(error))

    def test_leftovers_on_both_sides(self) -> None:
        """Leftovers on both sides after the deletion of every server are a disagreement."""
        pair = self.pair()
        self.take(pair, 'boot labels=SMALL host=0')
        for side in (pair.stub, pair.nova):
            [namespace, *_rest] = side.hosts[1].namespaces
            side.hosts[1].pmem.write(namespace.path, 'somebody')
        error = self.assertRaises(Disagreement, pair.clear)
        self.assertIn('was written by', str(error))

    def test_the_shortest_sequence(self) -> None:
        """A disagreement is reported without unnecessary steps."""
        class Planted(Pair):
            def take(self, step: Step) -> None:
                super().take(step)
                if step.verb == 'stop':
                    raise Disagreement(step, ['a guest that is off'])

        Agreement.pairs = Pairs(1, lambda configuration, seed: Planted(
            configuration, seed, leader='stub'))
        self.addCleanup(Agreement.pairs.close)
        _configuration, boot, *rest = run_part(1, 25).splitlines()
        self.assertEqual('boot', boot.split()[0])
        self.assertEqual(
            ['stop server=0', 'after stop server=0', 'a guest that is off'], rest)

    def test_steps_that_need_others(self) -> None:
        """A sequence without the stop before a start of a service is not tried."""
        class Planted(Pair):
            started = False

            def take(self, step: Step) -> None:
                super().take(step)
                self.started |= step.verb == 'start-service'
                if step.verb == 'stop' and self.started:
                    raise Disagreement(step, ['a guest that is off'])

        script = Script(CONFIGURATIONS[0], tuple(map(Step.parse, (
            'boot labels= host=0', 'stop-service host=1', 'start-service host=1',
            'stop server=0'))))
        found = shortest(script, lambda configuration: Planted(configuration, 1, leader='stub'))
        assert found is not None
        self.assertEqual(script.steps, tuple(found[0].steps))

    def test_a_disagreement_that_does_not_recur(self) -> None:
        """A disagreement that the second run does not show is still reported."""
        shown: list[Step] = []

        class Once(Pair):
            def take(self, step: Step) -> None:
                super().take(step)
                if not shown:
                    shown.append(step)
                    raise Disagreement(step, ['only once'])

        Agreement.pairs = Pairs(1, lambda configuration, seed: Once(
            configuration, seed, leader='stub'))
        self.addCleanup(Agreement.pairs.close)
        told = run_part(1, 1)
        self.assertIn('not shown again', told)
        self.assertIn('only once', told)

    def test_a_sequence_without_a_boot(self) -> None:
        """Removing a boot removes the requests to its server and renumbers later servers."""
        steps = [Step.parse(line) for line in (
            'boot labels=SMALL', 'boot labels=LARGE', 'pause server=0', 'stop server=1')]
        self.assertEqual(['boot labels=LARGE', 'stop server=0'],
                         [str(step) for step in without(steps, 0)])

    def test_a_script(self) -> None:
        """A printed sequence can be parsed again."""
        text = 'configuration same_host=1 offload=-1\nboot labels= host=0\nstop server=0'
        self.assertEqual(text, str(Script.parse(text)))
