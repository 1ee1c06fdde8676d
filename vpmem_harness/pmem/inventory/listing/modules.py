"""The DIMMs of a copied host: those in the listing, and assumed ones if it lists none."""

from __future__ import annotations

import dataclasses
from typing import Any

from vpmem_harness.pmem.inventory import optane
from vpmem_harness.pmem.inventory.listing.facts import Facts
from vpmem_harness.pmem.inventory.listing.refusal import refusal
from vpmem_harness.pmem.kernel import sizes
from vpmem_harness.pmem.kernel.dimms import FLAGS, NFIT, WITHOUT_DIMMS, DimmSpec

#: Fields of a DIMM that a description takes over as they are.
_TAKEN = ('id', 'handle', 'phys_id', 'security', 'security_frozen', 'health', 'firmware')


@dataclasses.dataclass
class Members:
    """The DIMMs of a region.

    ``mappings`` are number, offset, length, position and place in the firmware's order of each;
    DIMMs without number are not in the listing.
    """

    mappings: list[tuple[int | None, int, int, int | None, int | None]]
    provider: str = NFIT
    assumed: bool = False

    @property
    def ways(self) -> int:
        """The number of DIMMs."""
        return len(self.mappings)


class Modules:
    """Chooses the DIMMs of each region, and describes them."""

    def __init__(self, facts: Facts, notes: list[str]) -> None:
        self._facts = facts
        self._notes = notes
        self._taken: dict[int, int] = {}
        self._mapped = {number for region in facts.regions.values()
                        for number, *_ in region.get('mappings', ())}

    def members(self, region: int, size: int, align: int | None) -> Members:
        """Return the DIMMs of a region.

        :param size: bytes of the region
        :param align: the alignment of the region, if it is known
        """
        thing = self._facts.regions.get(region)
        provider = self.provider(region)
        if provider in WITHOUT_DIMMS:
            return Members([(None, 0, size, None, None)], provider)
        listed = thing.get('mappings') if thing else None
        if not listed:
            ways, why = self._guess(size, align)
            self._notes.append(f'region{region}: its DIMMs are not listed; assumed {ways} of '
                               f'{size // ways} bytes ({why}; list with -DR to know)')
            numbers = self._unmapped(region, ways)
            return Members([(number, 0, size // ways, None, None) for number in numbers],
                           provider, assumed=True)
        length = {length for _, _, length, _ in listed}
        if len(length) > 1 or next(iter(length)) * len(listed) != size:
            raise refusal(f'mappings of region{region}', f'equal lengths, {size} bytes together',
                          ' + '.join(str(one) for _, _, one, _ in listed),
                          'list all DIMMs of the region: regions that share a DIMM in parts of '
                          'different size are not simulated')
        for number, *_ in listed:
            if self._taken.setdefault(number, region) != region:
                raise refusal(f'mappings of region{region}', 'DIMMs that are in no other region',
                              f'nmem{number}, which is in region{self._taken[number]}',
                              'leave one of the regions out: a DIMM in several is not simulated')
        return Members([(number, offset, length, position, len(listed) - place)
                        for place, (number, offset, length, position) in enumerate(listed)],
                       provider)

    def provider(self, number: int) -> str:
        """Return the provider of the bus of a region."""
        buses, region = self._facts.buses, self._facts.regions.get(number)
        bus = region.get('bus') if region else None
        if bus is None and len(buses) == 1:
            bus = next(iter(buses))
        if bus is None:
            # Without an info block, only memory that is no DIMM's is fsdax.
            own_pages = any(one.get('mode') == 'fsdax' and 'uuid' not in one
                            for numbers, one in self._facts.namespaces.items()
                            if numbers[0] == number)
            return 'e820' if own_pages else NFIT
        found: str = buses[bus].get('provider')
        return found

    def region_align(self, number: int, size: int) -> int:
        """Return the likely alignment of a region whose alignment is not listed."""
        region = self._facts.regions.get(number)
        ways = len(region.get('mappings', ())) if region else 0
        if self.provider(number) in WITHOUT_DIMMS:
            ways = 1
        return sizes.region_align(size, ways or self._guess(size, None)[0])

    def _guess(self, size: int, align: int | None) -> tuple[int, str]:
        """Return how many DIMMs a region has, and why."""
        if align is not None and align > sizes.REGION_ALIGN and align % sizes.REGION_ALIGN == 0 \
                and size % (align // sizes.REGION_ALIGN) == 0:
            return align // sizes.REGION_ALIGN, 'from its alignment'
        for ways in (6, 4, 8, 2, 3, 1):
            if align is None or sizes.region_align(size, ways) == align:
                for module in optane.MODULES:
                    if size == ways * module:
                        return ways, f'modules of {module // sizes.GIB} GiB are common'
        return 1, 'the simplest'

    def _unmapped(self, region: int, ways: int) -> list[int | None]:
        """Return the numbers of the listed DIMMs that can belong to a region, or none."""
        free = [number for number in sorted(self._facts.dimms)
                if number not in self._taken and number not in self._mapped]
        chosen = free[:ways]
        if len(chosen) < ways:
            return [None] * ways
        for number in chosen:
            self._taken[number] = region
        return list(chosen)

    def describe(self, region: int, members: Members, common: dict[str, Any],
                 ) -> list[tuple[int | None, DimmSpec]]:
        """Return number and description of each DIMM of a region.

        :param common: the fields that the DIMMs of a region have in common
        """
        described = []
        given = [position for *_, position, _ in members.mappings]
        positions = given if None not in given and sorted(
            one for one in given if one is not None) == list(range(members.ways)) else \
            [None] * members.ways
        for place, (number, offset, length, _, mapping) in enumerate(members.mappings):
            fields = self._identity(number)
            described.append((number, DimmSpec(
                size=length, offset=offset, position=positions[place], mapping=mapping,
                provider=members.provider,
                interleave=f'region{region}' if members.ways > 1 else None, **common, **fields)))
        return described

    def others(self) -> list[tuple[int, DimmSpec]]:
        """Return the listed DIMMs that are in no region."""
        found = []
        for number, thing in sorted(self._facts.dimms.items()):
            if number not in self._taken:
                bus = self._facts.buses.get(thing.get('bus', -1))
                found.append((number, DimmSpec(
                    size=0, provider=bus.get('provider') if bus else NFIT,
                    **self._identity(number))))
        return found

    def _identity(self, number: int | None) -> dict[str, Any]:
        thing = self._facts.dimms.get(number) if number is not None else None
        if thing is None:
            return {}
        fields: dict[str, Any] = {name: thing.get(name) for name in _TAKEN if name in thing}
        fields['flags'] = tuple(flag for flag in FLAGS if thing.get(f'flag_{flag}'))
        if fields.get('id', '').startswith('8089'):
            fields['label_area'] = optane.LABEL_AREA
        bus = self._facts.buses.get(thing.get('bus', -1))
        if bus is not None and 'scrub_state' in bus:
            fields['firmware_commands'] = True
        return fields
