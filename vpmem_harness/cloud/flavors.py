"""Flavors, and what a flavor asks of a host."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType

import os_resource_classes as orc

from vpmem_harness.cloud import errors
from vpmem_harness.exceptions import InvalidInputError

#: The extra spec that asks for persistent memory, a list of labels.
PMEM_EXTRA_SPEC = 'hw:pmem'

#: What the resource classes of persistent memory begin with, before the label.
PMEM_CLASS = 'CUSTOM_PMEM_NAMESPACE_'

#: The least that the API takes. Source: nova/api/openstack/compute/schemas/flavors.py.
_LEAST = {'vcpus': 1, 'ram': 1, 'disk': 0, 'ephemeral': 0, 'swap': 0}

#: What the API takes as a list of labels, as its message shows it; and the same language without
#: the nested repetition, which takes exponential time on some refusals.
#: Source: nova/api/validation/extra_specs/hw.py.
_SHOWN_PATTERN = '([a-zA-Z0-9_]+(,)?)+'
_PMEM_VALUE = re.compile(r'[a-zA-Z0-9_]+(,[a-zA-Z0-9_]+)*,?')


def _nothing() -> Mapping[str, str]:
    return MappingProxyType({})


@dataclass(frozen=True)
class Flavor:
    """What a server gets: ``ram`` in MiB, ``disk``, ``ephemeral`` in GiB, ``swap`` in MiB.

    :raises InvalidInputError: for a number that is none, or less than Nova's API takes, and for
        extra specs that are no texts.
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
                    f'{what} of a flavor', expected=f'a whole number from {least} on',
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

    @property
    def resources(self) -> dict[str, int]:
        """What Placement is asked for, by resource class.

        Source: nova/scheduler/utils.py, ResourceRequest.
        """
        disk = self.disk + self.ephemeral + -(-self.swap // 1024)
        wanted = {orc.VCPU: self.vcpus, orc.MEMORY_MB: self.ram, orc.DISK_GB: disk}
        return {
            **{name: amount for name, amount in wanted.items() if amount},
            **pmem_resources(self.pmem),
        }


def vpmem_labels(extra_specs: Mapping[str, str]) -> tuple[str, ...]:
    """The labels that ``hw:pmem`` names: stripped, without empty ones, duplicates kept.

    Source: nova/virt/hardware.py, get_vpmems.
    """
    return _labels(extra_specs.get(PMEM_EXTRA_SPEC, ''))


# Each look at a server asks for its flavor's labels, and a cloud has few flavors.
@lru_cache(maxsize=256)
def _labels(value: str) -> tuple[str, ...]:
    return tuple(label for part in value.split(',') if (label := part.strip()))


@lru_cache(maxsize=256)
def pmem_resource_class(label: str) -> str:
    """Nova's resource class for a label: ``SMALL`` is ``CUSTOM_PMEM_NAMESPACE_SMALL``.

    Labels that differ in case or punctuation alone share one class.
    """
    return str(orc.normalize_name(f'PMEM_NAMESPACE_{label}'))


def pmem_resources(labels: Iterable[str]) -> dict[str, int]:
    """How many namespaces of which class the labels ask for."""
    return dict(Counter(pmem_resource_class(label) for label in labels))


def validate_extra_specs(extra_specs: Mapping[str, str]) -> None:
    """Refuse what the API refuses since microversion 2.86.

    :raises ValidationError: for labels with spaces, dashes or dots, which nova.conf would take.
    """
    value = extra_specs.get(PMEM_EXTRA_SPEC)
    if value is not None and not _PMEM_VALUE.fullmatch(value):
        raise errors.ValidationError(
            detail=f"Validation failed; '{value}' is not of the format '{_SHOWN_PATTERN}'.")
