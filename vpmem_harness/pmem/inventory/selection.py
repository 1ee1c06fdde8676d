"""Selection of an inventory from the options of users."""

from __future__ import annotations

from collections.abc import Iterable

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.pmem.inventory.generator import random_inventory
from vpmem_harness.pmem.inventory.inventory import Inventory, of_dimms, of_labels
from vpmem_harness.pmem.inventory.profiles import profile_named
from vpmem_harness.pmem.inventory.recorded import from_listing
from vpmem_harness.pmem.kernel.dimms import DimmSpec
from vpmem_harness.randomness import Randomness


def choose(randomness: Randomness, *, profile: str = 'mixed', pmem: str | None = None,
           dimms: Iterable[str | DimmSpec] | None = None, listing: str | None = None) -> Inventory:
    """Return an inventory from labels, DIMMs, both, a recorded listing, or a random one.

    :raises InvalidInputError: if options are invalid or contradict each other
    """
    chosen = profile_named(profile)
    if isinstance(dimms, str) or not (dimms is None or isinstance(dimms, Iterable)):
        raise InvalidInputError('dimms', expected='a list of DIMMs', got=repr(dimms),
                                remedy=f'write [{dimms!r}]')
    if listing is not None:
        if pmem is not None or dimms is not None:
            raise InvalidInputError(
                'inventory', expected='a listing alone', got='a listing and pmem or DIMMs',
                remedy='leave one of them out: the listing says what there is')
        return from_listing(listing)
    if pmem is not None:
        return of_labels(pmem, dimms)
    if dimms is not None:
        return of_dimms(dimms)
    return random_inventory(randomness.derive('inventory', chosen.name), chosen)
