"""The objects of a host in a listing, with their fields from all its documents."""

from __future__ import annotations

import dataclasses
from typing import Any

from vpmem_harness.pmem.inventory.listing.amounts import Amount
from vpmem_harness.pmem.inventory.listing.refusal import refusal


@dataclasses.dataclass
class Thing:
    """One bus, DIMM, region, namespace or dax device; ``name`` is for errors."""

    name: str
    fields: dict[str, Any] = dataclasses.field(default_factory=dict)

    def add(self, fields: dict[str, Any]) -> None:
        """Add the fields of another object; raises InvalidInputError for a contradiction."""
        for field, value in fields.items():
            known = self.fields.setdefault(field, value)
            if isinstance(known, Amount) and isinstance(value, Amount):
                common = known.common(value)
                if common is not None:
                    self.fields[field] = common
                    continue
            if known != value:
                raise refusal(f'{field} of {self.name}', f'one value, {known}',
                              str(value), 'give listings of one host at one time')

    def get(self, field: str, default: Any = None) -> Any:
        """Return the value of a field, if it is known."""
        return self.fields.get(field, default)

    def __contains__(self, field: str) -> bool:
        return field in self.fields


@dataclasses.dataclass
class Facts:
    """The objects of a listing, by number.

    ``namespaces`` and ``devices`` have pairs of numbers: of the region and within it. ``orders``
    are lists of names in the order of the listing.
    """

    buses: dict[int, Thing] = dataclasses.field(default_factory=dict)
    dimms: dict[int, Thing] = dataclasses.field(default_factory=dict)
    regions: dict[int, Thing] = dataclasses.field(default_factory=dict)
    namespaces: dict[tuple[int, int], Thing] = dataclasses.field(default_factory=dict)
    devices: dict[tuple[int, int], Thing] = dataclasses.field(default_factory=dict)
    orders: list[list[str]] = dataclasses.field(default_factory=list)

    def bad_blocks(self, region: int) -> tuple[tuple[int, int, tuple[str, ...]], ...] | None:
        """Return the bad blocks of a region: first one, number, DIMMs; None if not listed.

        A namespace without an info block shows those of its whole region.
        """
        things = [self.regions[region]] if region in self.regions else []
        things += [one for numbers, one in self.namespaces.items() if numbers[0] == region
                   and (one.get('mode') == 'raw' or (one.get('mode') == 'fsdax'
                                                     and 'uuid' not in one))]
        return next((one.get('badblocks') for one in things if 'badblocks' in one), None)

    @property
    def has_idle(self) -> bool:
        """Whether idle namespaces are listed, so that -i was given."""
        return any(is_idle(one) for one in self.namespaces.values())


def is_idle(namespace: Thing) -> bool:
    """Whether a namespace is a device without capacity, which -i lists."""
    size = namespace.get('size')
    return (namespace.get('mode') == 'raw' and namespace.get('state') == 'disabled'
            and size is not None and size.high == 0)
