"""Flavors, and the resources that they request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from types import MappingProxyType

import os_resource_classes as orc

from vpmem_harness.cloud.extra_specs import PMEM_EXTRA_SPEC, requested_resources, traits
from vpmem_harness.exceptions import InvalidInputError

#: The prefix of the resource classes of persistent memory, before the label.
PMEM_CLASS = 'CUSTOM_PMEM_NAMESPACE_'

#: The lowest values that the API accepts. Source: nova/api/openstack/compute/schemas/flavors.py.
_LEAST = {'vcpus': 1, 'ram': 1, 'disk': 0, 'ephemeral': 0, 'swap': 0}


def _nothing() -> Mapping[str, str]:
    return MappingProxyType({})


@dataclass(frozen=True)
class Flavor:
    """A flavor: ``ram`` and ``swap`` in MiB, ``disk`` and ``ephemeral`` in GiB.

    :raises InvalidInputError: for a number below the minimum of Nova's API, for anything that is
        not a number, and for extra specs that are not text.
    """

    name: str
    flavorid: str
    vcpus: int = 1
    ram: int = 512
    disk: int = 1
    ephemeral: int = 0
    swap: int = 0
    extra_specs: Mapping[str, str] = field(default_factory=_nothing)

    def __post_init__(self) -> None:
        for what, least in _LEAST.items():
            number = getattr(self, what)
            if not isinstance(number, int) or number < least:
                raise InvalidInputError(
                    f'{what} of a flavor', expected=f'a whole number, {least} or more',
                    got=repr(number), remedy='leave it out')
        for name, value in self.extra_specs.items():
            if not isinstance(value, str):
                raise InvalidInputError(
                    f'{name} of a flavor', expected='a text', got=repr(value),
                    remedy="write labels with commas, as in 'SMALL,LARGE'"
                    if name == PMEM_EXTRA_SPEC else f"write '{value}'")

    def __hash__(self) -> int:
        return hash(self.flavorid)

    @property
    def pmem(self) -> tuple[str, ...]:
        """The labels of persistent memory, in the order of the guest's devices."""
        return vpmem_labels(self.extra_specs)

    @cached_property
    def resources(self) -> Mapping[str, int]:
        """The amounts requested from Placement, by resource class in alphabetical order.

        Source: nova/scheduler/utils.py, ResourceRequest. Its query has this order, which becomes
        that of allocations and claims.
        """
        groups = requested_resources(self.extra_specs)
        named = {name for group in groups.values() for name in group}
        disk = self.disk + self.ephemeral + -(-self.swap // 1024)
        wanted = groups.setdefault(None, Counter())
        if not named & {orc.VCPU, orc.PCPU}:
            wanted[orc.VCPU] = self.vcpus
        if orc.MEMORY_MB not in named:
            wanted[orc.MEMORY_MB] = self.ram
        if orc.DISK_GB not in named:
            wanted[orc.DISK_GB] = disk
        # The labels override the amounts in resources: for their classes.
        groups[None] = Counter({**wanted, **pmem_resources(self.pmem)})
        return dict(sorted(sum(groups.values(), Counter()).items()))

    @property
    def traits(self) -> frozenset[str]:
        """The required and forbidden traits."""
        return traits(self.extra_specs)


def vpmem_labels(extra_specs: Mapping[str, str]) -> tuple[str, ...]:
    """The labels that ``hw:pmem`` names: stripped, without empty ones, duplicates kept.

    Source: nova/virt/hardware.py, get_vpmems.
    """
    return _labels(extra_specs.get(PMEM_EXTRA_SPEC, ''))


# Every read of a server needs the labels of its flavor, and a cloud has few flavors.
@lru_cache(maxsize=256)
def _labels(value: str) -> tuple[str, ...]:
    return tuple(label for part in value.split(',') if (label := part.strip()))


@lru_cache(maxsize=256)
def pmem_resource_class(label: str) -> str:
    """Nova's resource class for a label: ``SMALL`` is ``CUSTOM_PMEM_NAMESPACE_SMALL``.

    Labels that differ only in case or punctuation share one class.
    """
    return str(orc.normalize_name(f'PMEM_NAMESPACE_{label}'))


def pmem_resources(labels: Iterable[str]) -> dict[str, int]:
    """The numbers of namespaces that the labels request, by resource class."""
    return dict(Counter(pmem_resource_class(label) for label in labels))


def refuse_beside_flavor(**given: object) -> None:
    """Raise InvalidInputError for arguments that contradict a flavor."""
    for name, value in given.items():
        if value:
            raise InvalidInputError(
                name, expected='no value beside a flavor', got=repr(value),
                remedy='set it in the flavor, with cloud.flavor(...)')
