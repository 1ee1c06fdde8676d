"""The scheduler: selects hosts for servers.

Source: nova/scheduler/manager.py, with the filters that apply here (a compute service must be up
and enabled) and Nova's default weighers: free memory, CPUs and disk.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import os_resource_classes as orc

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.api import Resources
from vpmem_harness.cloud.stub import placement_errors
from vpmem_harness.cloud.stub.ledger import AllocationRequest, Ledger

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
        names = self._ledger.provider_names()
        in_tree = None
        if spec.host is not None:
            in_tree = next((uuid for uuid, name in names.items() if name == spec.host), '')
        candidates = self._ledger.allocation_candidates(spec.resources, in_tree)
        if spec.traits or not candidates:
            raise errors.NoValidHost(reason='')
        fit = [uuid for uuid in candidates
               if names[uuid] not in spec.ignore_hosts and self._is_up(names[uuid])]
        hosts = [Selection(names[uuid], uuid) for uuid in self._weighed(fit)]
        for selection in hosts:
            if self.claim(spec, selection):
                rest = [other for other in hosts if other != selection]
                return [selection, *rest[:MAX_ATTEMPTS - 1]]
        raise errors.NoValidHost(reason='There are not enough hosts available.')

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

    def _weighed(self, providers: Sequence[str]) -> list[str]:
        """Sort providers by free resources, most first; equal ones keep their order."""
        if len(providers) < 2:
            return list(providers)
        weights = dict.fromkeys(providers, 0.0)
        for name in _WEIGHED:
            free = self._ledger.free(providers, name)
            low, high = min(free.values()), max(free.values())
            if high > low:
                for uuid in providers:
                    weights[uuid] += (free[uuid] - low) / (high - low)
        return sorted(providers, key=lambda uuid: -weights[uuid])
