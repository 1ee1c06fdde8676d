"""The order of a listing, which the kernel's hash of names gives."""

from __future__ import annotations

from vpmem_harness.pmem.inventory.listing.facts import Facts
from vpmem_harness.pmem.inventory.listing.refusal import refusal
from vpmem_harness.pmem.kernel.kernfs import listing_order


def uses_old_names(facts: Facts) -> bool:
    """Whether the listing has the order of a kernel before 4.8; raises InvalidInputError."""
    recent = [_sorted(facts, names, False) for names in facts.orders]
    if recent == facts.orders:
        return False
    if [_sorted(facts, names, True) for names in facts.orders] == facts.orders:
        return True
    wrong = next(place for place, names in enumerate(recent) if names != facts.orders[place])
    raise refusal('objects', f'the order of sysfs: {", ".join(recent[wrong])}',
                  ', '.join(facts.orders[wrong]))


def _sorted(facts: Facts, names: list[str], old: bool) -> list[str]:
    if not names[0].startswith('namespace'):
        if names[0].startswith('ndbus'):
            return listing_order(names, lambda name: f'ndctl{name.removeprefix("ndbus")}', old=old)
        return _by_bus(facts, names, old)
    regions = _by_bus(facts, list({f'region{name[9:].split(".")[0]}' for name in names}), old)
    return [name for region in regions for name in listing_order(
        [name for name in names if name.startswith(f'namespace{region[6:]}.')],
        lambda name: name, old=old)]


def _by_bus(facts: Facts, names: list[str], old: bool) -> list[str]:
    """Sort regions or DIMMs, bus by bus."""
    buses = listing_order([*facts.buses, -1], lambda bus: f'ndctl{bus}', old=old)
    found: list[str] = []
    for bus in buses:
        found += listing_order([name for name in names if _bus_of(facts, name) == bus],
                               lambda name: name, old=old)
    return found


def _bus_of(facts: Facts, name: str) -> int:
    things = facts.dimms if name.startswith('nmem') else facts.regions
    digits = name.removeprefix('nmem').removeprefix('region')
    thing = things.get(int(digits)) if digits.isdecimal() else None
    bus: int = thing.get('bus', -1) if thing else -1
    return bus
