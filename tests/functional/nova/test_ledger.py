"""Comparison of the stub's ledger with real Placement under the same random requests."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import fixtures
import testtools
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from tests import base
from vpmem_harness.cloud.api import Inventory
from vpmem_harness.cloud.stub.ledger import AllocationRequest, Ledger
from vpmem_harness.cloud.stub.placement_errors import PlacementError
from vpmem_harness.randomness import Randomness
from vpmem_harness.uuids import UUIDs

#: The number of sequences, and the number of requests in each.
SEQUENCES = 60
LENGTH = 12

CLASSES = ('VCPU', 'CUSTOM_PMEM_NAMESPACE_LARGE', 'CUSTOM_PMEM_NAMESPACE_SMALL')
_RESOURCES = st.dictionaries(st.sampled_from(CLASSES), st.integers(1, 6), min_size=1)
_INVENTORIES = st.dictionaries(st.sampled_from(CLASSES), st.builds(
    Inventory, total=st.integers(1, 6), reserved=st.integers(0, 7),
    min_unit=st.sampled_from((1, 1, 1, 2)), max_unit=st.sampled_from((6, 6, 2)),
    step_size=st.sampled_from((1, 1, 1, 2, 3)),
    allocation_ratio=st.sampled_from((1.0, 1.0, 0.5, 1.5, 16.0))))
#: Indexes of providers and consumers, and the offset of a stale generation.
_WHICH = st.integers(0, 2)
_OFF = st.sampled_from((0,) * 6 + (1, None))


def in_order(text: str) -> str:
    """Sort the lists in a message: Placement's have the order of a set."""
    return re.sub(r"'([^']*)'", lambda found: ', '.join(sorted(found[1].split(', '))), text)


class Placement:
    """Client of real Placement."""

    def __init__(self, directory: str) -> None:
        with open(f'{directory}/log', 'w') as log:
            self._process = subprocess.Popen(
                [sys.executable, '-m', 'tests.functional.nova.placement_process', directory],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)

    def close(self) -> None:
        """Close Placement."""
        self._process.communicate(timeout=30)

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Return the status and the body of an answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([method, path, body]) + '\n')
        self._process.stdin.flush()
        status, answer = json.loads(self._process.stdout.readline())
        return status, answer


class Agreement(RuleBasedStateMachine):
    """The ledger and Placement, with two providers and those that a sequence adds."""

    placement: ClassVar[Placement]
    uuids: ClassVar[Callable[[], str]]

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger()
        self.providers = [self.uuids() for _ in range(3)]
        self.consumers = [self.uuids() for _ in range(3)]
        for number in (0, 1):
            self.create_provider(number)
            self.set_inventories(number, {'VCPU': Inventory(4), CLASSES[1]: Inventory(2)}, 0)

    def both(self, of_ledger: Callable[[], object], method: str, path: str,
             body: object = None) -> None:
        """Send a request to both, and compare the answers."""
        try:
            of_ledger()
            refusal = None
        except PlacementError as error:
            refusal = error
        status, answer = self.placement.ask(method, path, body)
        if status < 400:
            assert refusal is None, f'Placement: {status}; ledger: {refusal!r}'
            return
        [error] = answer['errors']
        assert refusal is not None, f'Placement: {error}'
        assert (status, error['code']) == (refusal.status, refusal.code), (error, refusal)
        detail, expected = in_order(error['detail']), in_order(str(refusal))
        assert expected in detail, (error, str(refusal))

    def known(self, number: int) -> bool:
        return self.providers[number] in self.ledger.provider_names()

    @rule(number=_WHICH)
    def create_provider(self, number: int) -> None:
        uuid = self.providers[number]
        self.both(lambda: self.ledger.create_provider(uuid, uuid), 'POST', '/resource_providers',
                  {'uuid': uuid, 'name': uuid})

    @rule(number=_WHICH)
    def delete_provider(self, number: int) -> None:
        uuid = self.providers[number]
        self.both(
            lambda: self.ledger.delete_provider(uuid), 'DELETE', f'/resource_providers/{uuid}')

    @rule(number=_WHICH, inventories=_INVENTORIES, off=_OFF)
    def set_inventories(
        self, number: int, inventories: Mapping[str, Inventory], off: int | None,
    ) -> None:
        uuid = self.providers[number]
        generation = self.ledger.provider_generation(uuid) if self.known(number) else 0
        told = generation + (off or 0)
        self.both(
            lambda: self.ledger.set_inventories(uuid, told, inventories),
            'PUT', f'/resource_providers/{uuid}/inventories', {
                'resource_provider_generation': told,
                'inventories': {name: dataclasses.asdict(each)
                                for name, each in inventories.items()}})

    @rule(wanted=st.dictionaries(
        _WHICH, st.tuples(st.dictionaries(_WHICH, _RESOURCES, max_size=2), _OFF),
        min_size=1, max_size=2))
    def set_allocations(
        self, wanted: Mapping[int, tuple[Mapping[int, Mapping[str, int]], int | None]],
    ) -> None:
        requests, body = {}, {}
        for number, (by_provider, off) in wanted.items():
            consumer = self.consumers[number]
            generation = self.ledger.allocations_for_consumer(consumer).consumer_generation
            if off != 0:
                generation = None if off is None else (generation or 0) + off
            held = {self.providers[each]: amounts for each, amounts in by_provider.items()}
            requests[consumer] = AllocationRequest(held, generation, 'project', 'user')
            body[consumer] = {
                'allocations': {uuid: {'resources': amounts} for uuid, amounts in held.items()},
                'project_id': 'project', 'user_id': 'user', 'consumer_generation': generation,
                'consumer_type': 'INSTANCE'}
        self.both(lambda: self.ledger.set_allocations(requests), 'POST', '/allocations', body)

    @rule(number=_WHICH)
    def delete_allocations(self, number: int) -> None:
        consumer = self.consumers[number]
        self.both(lambda: self.ledger.delete_allocations(consumer),
                  'DELETE', f'/allocations/{consumer}')

    @rule(resources=_RESOURCES, number=_WHICH)
    def candidates(self, resources: Mapping[str, int], number: int) -> None:
        """Query one provider of this sequence: earlier sequences have left theirs."""
        uuid = self.providers[number]
        if not self.known(number):
            return
        query = ','.join(f'{name}:{amount}' for name, amount in resources.items())
        status, answer = self.placement.ask(
            'GET', f'/allocation_candidates?resources={query}&in_tree={uuid}')
        assert status == 200, answer
        found = [provider for request in answer['allocation_requests']
                 for provider in request['allocations']]
        assert found == self.ledger.allocation_candidates(resources, uuid), answer

    def teardown(self) -> None:
        """Compare the complete state after each sequence."""
        for number, uuid in enumerate(self.providers):
            if not self.known(number):
                continue
            path = f'/resource_providers/{uuid}'
            _, there = self.placement.ask('GET', f'{path}/inventories')
            assert there['resource_provider_generation'] == self.ledger.provider_generation(uuid)
            assert there['inventories'] == {
                name: dataclasses.asdict(each)
                for name, each in self.ledger.inventories(uuid).items()}
            _, there = self.placement.ask('GET', f'{path}/usages')
            assert there['usages'] == self.ledger.usages(uuid), there
            _, there = self.placement.ask('GET', f'{path}/allocations')
            assert {consumer: held['resources'] for consumer, held in there['allocations'].items()
                    } == self.ledger.allocations_for_provider(uuid), there
        for consumer in self.consumers:
            _, there = self.placement.ask('GET', f'/allocations/{consumer}')
            here = self.ledger.allocations_for_consumer(consumer)
            assert {uuid: held['resources'] for uuid, held in there['allocations'].items()
                    } == here.allocations, there
            assert there.get('consumer_generation') == here.consumer_generation, there


@testtools.skipUnless(importlib.util.find_spec('placement'), 'placement is not installed')
class LedgerTest(base.TestCase):

    def test_answers_equal_placements(self) -> None:
        """Statuses, codes, messages, generations and amounts are Placement's in every order."""
        Agreement.placement = Placement(self.useFixture(fixtures.TempDir()).path)
        self.addCleanup(Agreement.placement.close)
        names = UUIDs(Randomness(1))
        numbers = iter(range(1_000_000))
        Agreement.uuids = staticmethod(lambda: getattr(names, f'n{next(numbers)}'))
        for name in CLASSES[1:]:
            Agreement.placement.ask('PUT', f'/resource_classes/{name}')
        run_state_machine_as_test(seed(1)(Agreement), settings=settings(
            max_examples=SEQUENCES, stateful_step_count=LENGTH, deadline=None, database=None,
            phases=(Phase.generate,), suppress_health_check=list(HealthCheck)))
