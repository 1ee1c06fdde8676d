"""Filters: which bus, region, DIMM or namespace a word on the command line names.

One argument may hold several words; numbers are read in any of C's bases (ndctl: ndctl/filter.c).
"""

from __future__ import annotations

import re

from vpmem_harness.pmem.kernel import sizes
from vpmem_harness.pmem.kernel.buses import Bus
from vpmem_harness.pmem.kernel.dimms import Dimm
from vpmem_harness.pmem.kernel.namespaces import NamespaceDevice
from vpmem_harness.pmem.kernel.regions import Region
from vpmem_harness.pmem.machine import PersistentMemory

_PAIR = re.compile(r'\s*([+-]?[0-9]{1,18})\.([+-]?[0-9]{1,18})')


def _matches(words: str | None, number: int, *names: str) -> bool:
    if words is None:
        return True
    # Only the first word is read as a number, and then the others are not compared as names.
    split = [word for word in words.split(' ') if word]
    value, rest = sizes.scan_number(split[0] if split else '')
    numeric = bool(split) and not rest
    return any(word == 'all' or (value == number if numeric else word in names)
               for word in split)


def is_bus(bus: Bus, words: str | None) -> bool:
    """Whether the words name ``bus``: its number, its name or its provider."""
    return _matches(words, bus.number, bus.dev, bus.provider)


def buses(memory: PersistentMemory, words: str | None) -> list[Bus]:
    """The buses that the words name, in the order of listings; no memory has no bus."""
    return [bus for bus in memory.listed_buses if is_bus(bus, words)]


def regions(memory: PersistentMemory, bus: str | None, region: str | None) -> list[Region]:
    """The regions that the words for buses and regions name, in the order of listings."""
    return [each for each in memory.listed_regions
            if is_bus(memory.bus(each.spec.provider), bus) and is_region(each, region)]


def is_region(region: Region, words: str | None) -> bool:
    """Whether the words name ``region``."""
    return _matches(words, region.number, region.dev)


def is_dimm(dimm: Dimm, words: str | None) -> bool:
    """Whether the words name ``dimm``."""
    return _matches(words, dimm.number, dimm.dev)


def is_namespace(device: NamespaceDevice, words: str | None) -> bool:
    """Whether the words name ``device``: its name, or region and number as in ``0.1``."""
    if words is None:
        return True
    for word in filter(None, words.split(' ')):
        pair = _PAIR.match(word)
        if word in ('all', device.dev) or (
                pair and (int(pair[1]), int(pair[2])) == (device.region_number, device.number)):
            return True
    return False


def concerns_everything(words: str | None) -> bool:
    """Whether a filter of a parent or child lets everything through."""
    return words is None or words == 'all'


def region_has_namespace(region: Region, words: str | None) -> bool:
    """Whether the words name one of the region's namespaces."""
    return concerns_everything(words) or any(
        is_namespace(device, words) for device in region.namespaces)


def region_has_dimm(region: Region, words: str | None) -> bool:
    """Whether the words name one of the region's DIMMs."""
    return concerns_everything(words) or any(is_dimm(dimm, words) for dimm in region.dimms)


def bus_concerned(bus: Bus, dimm: str | None, region: str | None, namespace: str | None) -> bool:
    """Whether the bus has a DIMM, a region and a namespace that the words name."""
    return ((concerns_everything(dimm) or any(is_dimm(each, dimm) for each in bus.dimms))
            and (concerns_everything(region)
                 or any(is_region(each, region) for each in bus.regions))
            and (concerns_everything(namespace)
                 or any(region_has_namespace(each, namespace) for each in bus.regions)))
