"""The NUMA nodes of a copied host."""

from __future__ import annotations

from vpmem_harness.pmem.inventory.listing.facts import Facts, Thing
from vpmem_harness.pmem.inventory.listing.refusal import refusal


class Nodes:
    """The NUMA node and the target node of each region, listed or inferred."""

    def __init__(self, facts: Facts, notes: list[str]) -> None:
        self._facts = facts
        self._notes = notes
        numbers = {*facts.regions, *(region for region, _ in facts.namespaces),
                   *(region for region, _ in facts.devices)}
        self._numa = {number: self._listed(number, 'numa_node') for number in numbers}
        self._target = {number: self._listed(number, 'target_node') for number in numbers}

    def _listed(self, region: int, field: str) -> int | None:
        things: list[Thing] = [one for group in (self._facts.namespaces, self._facts.devices)
                               for numbers, one in group.items() if numbers[0] == region]
        if region in self._facts.regions:
            things.append(self._facts.regions[region])
        found = sorted({one.get(field) for one in things if field in one})
        if len(found) > 1:
            raise refusal(f'{field} of region{region}', 'one node', ' and '.join(map(str, found)))
        return found[0] if found else None

    def of(self, region: int) -> tuple[int, int | None]:
        """Return the NUMA node of a region and its target node.

        Memory nodes behind those of the sockets belong to the sockets in order, as on hosts with
        Optane modules.
        """
        numa, target = self._numa[region], self._target[region]
        if numa is not None:
            return numa, target
        if target is None:
            self._notes.append(f'region{region}: its NUMA node is not listed; assumed 0 (list with '
                               '-v to know)')
            return 0, None
        targets = sorted({one for one in self._target.values() if one is not None})
        if targets[0] >= len(targets):
            node = targets.index(target)
            self._notes.append(f'region{region}: its NUMA node is not listed; assumed {node}, '
                               f'because its memory is node {target} (list with -v to know)')
            return node, target
        return target, target
