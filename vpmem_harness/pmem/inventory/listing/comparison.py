"""Comparison of a copy with its listing, to find values that the copy cannot reproduce."""

from __future__ import annotations

from collections.abc import Iterator

from vpmem_harness.pmem.inventory.inventory import Inventory
from vpmem_harness.pmem.inventory.listing.amounts import Amount, exact
from vpmem_harness.pmem.inventory.listing.facts import Facts, is_idle
from vpmem_harness.pmem.kernel import media_errors
from vpmem_harness.pmem.kernel.media_errors import BLOCK
from vpmem_harness.pmem.kernel.regions import Region
from vpmem_harness.pmem.machine import PersistentMemory
from vpmem_harness.randomness import Randomness


def differences(inventory: Inventory, facts: Facts) -> list[str]:
    """Return a line for each size, alignment or number that differs in the copy."""
    memory = inventory.build(Randomness(0))
    return [f'{name}: the copy has {what} {ours}, the listing {theirs}'
            for name, what, ours, theirs in _compared(memory, facts)
            if theirs is not None and ours not in theirs]


def _compared(memory: PersistentMemory,
              facts: Facts) -> Iterator[tuple[str, str, int, Amount | None]]:
    for region in memory.regions:
        thing = facts.regions.get(region.number)
        if thing is None:
            continue
        yield thing.name, 'size', region.size, thing.get('size')
        yield thing.name, 'align', region.align, thing.get('align')
        yield thing.name, 'available_size', region.available_size, thing.get('available_size')
        yield (thing.name, 'max_available_extent', region.max_available_extent,
               thing.get('max_available_extent'))
        yield (thing.name, 'badblock_count', sum(count for _, count in region.errors.known),
               exact(thing.get('badblock_count', 0)))
    for region in memory.regions:
        for namespace in region.namespaces:
            thing = facts.namespaces.get((region.number, namespace.number))
            if thing is None or is_idle(thing):
                continue
            shown = memory.snapshot(region, namespace)
            yield thing.name, 'size', shown.size, thing.get('size')
            if namespace.claim:
                shows = (namespace.offset, namespace.size) if namespace.claim.kind == 'btt' \
                    else namespace.data
                yield (thing.name, 'badblock_count', _bad_blocks(region, shows),
                       exact(thing.get('badblock_count', 0)))


def _bad_blocks(region: Region, data: tuple[int, int]) -> int:
    return sum(count for _, count in media_errors.within(
        region.errors.known, data[0] // BLOCK, data[1] // BLOCK))
