"""The scheduler: selects hosts for servers.

Source: nova/scheduler/manager.py, with the filters that apply here (a compute service must be up
and enabled) and Nova's default weighers: free memory, CPUs and disk.
"""

from __future__ import annotations

import heapq
import itertools
import operator
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

import os_resource_classes as orc

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.api import Resources
from vpmem_harness.cloud.stub import placement_errors
from vpmem_harness.cloud.stub.ledger import AllocationRequest, Ledger, ResourceProvider

#: ``[scheduler] max_attempts``.
MAX_ATTEMPTS = 3

_WEIGHED = (orc.MEMORY_MB, orc.VCPU, orc.DISK_GB)


@dataclass(frozen=True)
class RequestSpec:
    """A scheduling request.

    :param host: the only acceptable host.
    :param ignore_hosts: hosts to exclude.
    :param traits: required or forbidden traits; Placement knows none of them.
    """

    consumer: str
    resources: Resources
    project_id: str
    user_id: str
    host: str | None = None
    ignore_hosts: Collection[str] = ()
    traits: Collection[str] = ()


@dataclass(frozen=True)
class Selection:
    """A possible host of a server, and its resource provider."""

    service_host: str
    provider_uuid: str


class Scheduler:
    """Selects hosts from the ledger's candidates, and allocates on the ledger.

    :param is_up: whether the compute service of a host runs and is enabled.
    """

    def __init__(self, ledger: Ledger, is_up: Callable[[str], bool]) -> None:
        self._ledger = ledger
        self._is_up = is_up

    def select_destinations(self, spec: RequestSpec) -> list[Selection]:
        """Return the selected host, on which resources are allocated, then the alternates.

        :raises NoValidHost: with Nova's reasons: an empty one if no host has the resources, and
            ``There are not enough hosts available.`` if a host has them but is filtered out.
        """
        in_tree = None if spec.host is None else self._ledger.uuid_of(spec.host) or ''
        groups = self._ledger.candidate_groups(spec.resources, in_tree)
        if spec.traits or not groups:
            raise errors.NoValidHost(reason='')
        hosts = self._weighed([self._fit(spec, group) for group in groups])
        refused: list[Selection] = []
        for selection in hosts:
            if self.claim(spec, selection):
                rest = itertools.chain(refused, hosts)
                return [selection, *itertools.islice(rest, MAX_ATTEMPTS - 1)]
            refused.append(selection)
        raise errors.NoValidHost(reason='There are not enough hosts available.')

    def _fit(
        self, spec: RequestSpec, group: Iterable[ResourceProvider],
    ) -> Iterator[ResourceProvider]:
        return (one for one in group
                if one.name not in spec.ignore_hosts and self._is_up(one.name))

    def claim(self, spec: RequestSpec, selection: Selection) -> bool:
        """Allocate on the ledger; return False if the resources are gone.

        A consumer keeps its existing allocations, so an evacuation has both hosts allocated.
        """
        held = self._ledger.allocations_for_consumer(spec.consumer)
        allocations: dict[str, Resources] = {**held.allocations}
        allocations.setdefault(selection.provider_uuid, spec.resources)
        try:
            self._ledger.set_allocations({spec.consumer: AllocationRequest(
                allocations, held.consumer_generation, spec.project_id, spec.user_id)})
        except placement_errors.InvalidInventory:
            return False
        return True

    @staticmethod
    def _weighed(groups: Iterable[Iterator[ResourceProvider]]) -> Iterator[Selection]:
        """Yield providers by free resources, most first, and the oldest of equal ones first.

        The providers of a group have the same weight, so that only the first of each is weighed,
        and the others are not looked at until they are needed.
        """
        heads = [(first, group) for group in groups for first in itertools.islice(group, 1)]
        weights = [0.0] * len(heads)
        for name in _WEIGHED:
            free = [first.free(name) for first, _group in heads]
            low, high = min(free, default=0.0), max(free, default=0.0)
            if high > low:
                for number, value in enumerate(free):
                    weights[number] += (value - low) / (high - low)
        equal: dict[float, list[Iterator[ResourceProvider]]] = {}
        for weight, (first, group) in zip(weights, heads, strict=True):
            equal.setdefault(weight, []).append(itertools.chain((first,), group))
        for weight in sorted(equal, reverse=True):
            for one in heapq.merge(*equal[weight], key=operator.attrgetter('number')):
                yield Selection(one.name, one.uuid)
