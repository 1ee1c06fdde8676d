"""Random inventories of a profile, which a real host could have as well.

All random values come from the given :class:`~vpmem_harness.randomness.Randomness`, as whole
numbers in a fixed order, so that a seed gives the same inventory everywhere.
"""

from __future__ import annotations

import dataclasses
from collections import Counter

from vpmem_harness.pmem.inventory import optane
from vpmem_harness.pmem.inventory.inventory import Inventory
from vpmem_harness.pmem.inventory.operations import Create, Destroy, Disable, Reboot, Step
from vpmem_harness.pmem.inventory.profiles import MIXED, Profile
from vpmem_harness.pmem.kernel.dimms import DimmSpec
from vpmem_harness.pmem.kernel.sizes import GIB, MIB, REGION_ALIGN
from vpmem_harness.randomness import Randomness

#: Minimum capacity for 1 GiB alignment: something remains wherever the namespace begins.
_LEAST_SIZE_ALIGNED_TO_1G = 3 * GIB

#: Minimum capacity of mode sector: the arena of a BTT has at least 16 MiB.
_LEAST_SIZE_OF_SECTOR = 32 * MIB


def random_inventory(randomness: Randomness, profile: Profile = MIXED) -> Inventory:
    """Draw an inventory of a profile from ``randomness``.

    At least one namespace, the first one created, has a label.
    """
    return _Draft(randomness, profile).inventory()


class _Draft:
    """An inventory under construction.

    The free space does not include destroyed namespaces. So it is one extent on the host, whichever
    hole the kernel uses first.
    """

    def __init__(self, randomness: Randomness, profile: Profile) -> None:
        self._random = randomness
        self._profile = profile
        self._regions: list[list[DimmSpec]] = []
        self._room: list[int] = []
        self._creations: list[Create] = []
        self._own_names = 0

    def inventory(self) -> Inventory:
        """Draw the inventory."""
        profile, random = self._profile, self._random
        self._draw_regions()
        labelled = self._labelled()
        first = random.choice(labelled)
        self._create(first, mode='devdax', name=self._own_name())
        for region in range(len(self._regions)):
            if region not in labelled:
                self._create_whole(region)
                continue
            if profile.whole and region != first and self._percent(profile.whole):
                self._create_one(region)
                continue
            for _ in range(random.weighted(profile.namespaces) - (region == first)):
                self._create(region)
        fates = ['kept', *(random.weighted(profile.fates) for _ in self._creations[1:])]
        # A namespace on a DIMM without labels stays: there is no space to release.
        destroyed = [n for n, fate in enumerate(fates)
                     if fate == 'destroyed' and self._creations[n].size]
        disabled = [n for n, fate in enumerate(fates) if fate == 'disabled']
        created = len(self._creations)
        if self._percent(profile.refilled):
            for creation in destroyed:
                self._create(self._creations[creation].region)
        self._offer({*destroyed, *disabled})
        steps: list[Step] = [*self._creations[:created], *map(Destroy, destroyed),
                             *self._creations[created:]]
        if self._percent(profile.rebooted):
            steps.append(Reboot())
        steps.extend(map(Disable, disabled))
        return Inventory(dimms=tuple(dimm for region in self._regions for dimm in region),
                         steps=tuple(steps))

    def _percent(self, percent: int) -> bool:
        return self._random.below(100) < percent

    def _draw_regions(self) -> None:
        random, profile = self._random, self._profile
        if profile.optane_ways:
            sockets, ways = random.weighted(profile.nodes), random.weighted(profile.optane_ways)
            dimms = optane.modules(random, sockets=sockets, ways=ways,
                                   size=random.weighted(profile.dimm_sizes))
            self._regions = [dimms[first:first + ways] for first in range(0, len(dimms), ways)]
            self._room = [sum(dimm.size for dimm in region) for region in self._regions]
            return
        for node in range(random.weighted(profile.nodes)):
            count = random.weighted(profile.dimms_per_node)
            ways = 2 if count == 2 and self._percent(profile.interleaved) else 1
            for _ in range(count // ways):
                size = random.weighted(profile.dimm_sizes)
                labels = 'none' if self._percent(profile.without_labels) else 'initialized'
                dimm = DimmSpec(size=size, numa_node=node, labels=labels,
                                interleave=f'set{len(self._regions)}' if ways > 1 else None)
                self._regions.append([dimm] * ways)
        if not self._labelled():
            place = random.below(len(self._regions))
            self._regions[place] = [dataclasses.replace(dimm, labels='initialized')
                                    for dimm in self._regions[place]]
        self._room = [sum(dimm.size for dimm in region) for region in self._regions]

    def _labelled(self) -> list[int]:
        return [number for number, region in enumerate(self._regions)
                if region[0].labels != 'none']

    def _create(self, region: int, mode: str | None = None, name: str | None = None) -> None:
        """Create a namespace of a size that fits, if any."""
        random, profile = self._random, self._profile
        mode = mode or random.weighted(profile.modes)
        ways = len(self._regions[region])
        least = _LEAST_SIZE_OF_SECTOR if mode == 'sector' else 0
        sizes = {size: weight for size, weight in profile.sizes.items()
                 if least <= size <= self._room[region] and size % (ways * REGION_ALIGN) == 0}
        if not sizes:
            return
        size = random.weighted(sizes)
        self._room[region] -= size
        aligned = size % (ways * GIB) == 0 and size >= _LEAST_SIZE_ALIGNED_TO_1G
        aligns = {align: weight for align, weight in profile.aligns.items()
                  if aligned or align < GIB}
        self._creations.append(Create(
            region=region, size=size, mode=mode,
            map=random.weighted(profile.maps), align=random.weighted(aligns),
            sector_size=random.weighted(profile.sector_sizes), name=name or self._draw_name()))

    def _create_whole(self, region: int) -> None:
        """Use a DIMM without labels: as a whole, without a name."""
        random, profile = self._random, self._profile
        mode = random.weighted(profile.modes)
        if mode != 'raw':
            self._creations.append(Create(
                region=region, size=None, mode=mode, map=random.weighted(profile.maps),
                sector_size=random.weighted(profile.sector_sizes)))

    def _create_one(self, region: int) -> None:
        """Use a region with labels as one devdax namespace."""
        self._creations.append(Create(
            region=region, size=self._room[region], map=self._random.weighted(self._profile.maps),
            name=self._own_name()))
        self._room[region] = 0

    def _own_name(self) -> str:
        self._own_names += 1
        return f'ns_{self._own_names - 1}'

    def _draw_name(self) -> str | None:
        kind = self._random.weighted(self._profile.names)
        if kind == 'none':
            return None
        if kind == 'odd':
            return self._random.choice(self._profile.odd_names)
        others = [creation.name for creation in self._creations[1:] if creation.name]
        if kind == 'shared' and others:
            return self._random.choice(others)
        return self._own_name()

    def _offer(self, gone: set[int]) -> None:
        """Assign labels to namespaces that can be offered: active devdax with unique names."""
        names = Counter(creation.name for creation in self._creations)
        for n, creation in enumerate(self._creations):
            possible = (creation.mode == 'devdax' and names[creation.name] == 1 and n not in gone
                        and creation.name is not None and creation.size is not None
                        and creation.name not in self._profile.odd_names)
            if n == 0 or (possible and self._percent(self._profile.offered)):
                label = next(label for label, least in self._profile.labels.items()
                             if (creation.size or 0) >= least)
                self._creations[n] = dataclasses.replace(creation, label=label)
