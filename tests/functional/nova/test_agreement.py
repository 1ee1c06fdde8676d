"""The stub and real Nova agree, whatever is asked of them."""

from __future__ import annotations

import importlib.util

import testtools
from hypothesis import HealthCheck, settings

from tests.functional.nova.agreement.machine import LENGTH, Agreement, Pairs
from tests.functional.nova.agreement.pair import Disagreement, Pair
from tests.functional.nova.agreement.steps import CONFIGURATIONS, Script, Step

#: Random sequences with every run of the suite, the same ones; ``agreement`` says how to run more.
SEQUENCES = 20


@testtools.skipUnless(importlib.util.find_spec('nova'), 'nova is not installed')
class AgreementTest(Agreement.TestCase):
    """Random sequences of operations leave both in the same state, after each step."""

    settings = settings(
        max_examples=SEQUENCES, stateful_step_count=LENGTH + 2, deadline=None, derandomize=True,
        database=None, report_multiple_bugs=False, suppress_health_check=list(HealthCheck))

    def setUp(self) -> None:
        super().setUp()
        Agreement.pairs = Pairs(1)
        self.addCleanup(Agreement.pairs.close)


class PairTest(testtools.TestCase):
    """How disagreements are found, with a second stub in Nova's place."""

    def pair(self) -> Pair:
        pair = Pair(CONFIGURATIONS[0], 1, leader='stub')
        self.addCleanup(pair.close)
        return pair

    def take(self, pair: Pair, *lines: str) -> None:
        for line in lines:
            pair.take(Step.parse(line))

    def test_two_of_a_kind(self) -> None:
        """A cloud agrees with itself, whatever namespaces the one that goes first takes."""
        pair = self.pair()
        self.take(pair, 'boot labels=SMALL', 'boot labels=LARGE,SMALL host=1',
                  'resize server=0 labels=SMALL,SMALL', 'revert server=0', 'stop-service host=0',
                  'evacuate server=0')
        pair.clear()
        self.assertEqual([], pair.explained)

    def test_a_refusal(self) -> None:
        """What is refused is refused on both sides, and is not a disagreement."""
        pair = self.pair()
        self.take(pair, 'boot labels=SMALL', 'unpause server=0')
        self.assertIn('InstanceInvalidState (409)', pair.seen['outcome'])

    def test_other_data(self) -> None:
        """Data that one side alone has in a namespace are a disagreement."""
        pair = self.pair()
        self.take(pair, 'boot labels=SMALL host=0')
        [namespace, *_rest] = pair.stub.hosts[1].namespaces
        pair.stub.hosts[1].pmem.write(namespace.path, 'somebody')
        error = self.assertRaises(Disagreement, self.take, pair, 'audit host=0')
        self.assertIn(f'host 1: {namespace.name} was written by', str(error))

    def test_what_is_left(self) -> None:
        """What both sides leave behind when every server is gone is a disagreement, too."""
        pair = self.pair()
        self.take(pair, 'boot labels=SMALL host=0')
        for side in (pair.stub, pair.nova):
            [namespace, *_rest] = side.hosts[1].namespaces
            side.hosts[1].pmem.write(namespace.path, 'somebody')
        error = self.assertRaises(Disagreement, pair.clear)
        self.assertIn('was written by', str(error))

    def test_a_script(self) -> None:
        """A sequence is read back from what is printed of it."""
        text = 'configuration same_host=1 offload=-1\nboot labels= host=0\nstop server=0'
        self.assertEqual(text, str(Script.parse(text)))
