"""Parsers of user input: ``4GiB`` and ``SMALL:2x4GiB``."""

from __future__ import annotations

import re
from dataclasses import dataclass

import os_resource_classes

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.pmem.inventory.dimm_text import parse_dimm, parse_dimms
from vpmem_harness.pmem.inventory.size_text import HOST_LIMIT, capacity, format_size, parse_size

__all__ = ['COUNT_LIMIT', 'HOST_LIMIT', 'LabelSpec', 'capacity', 'check_label', 'check_labels',
           'format_size', 'parse_dimm', 'parse_dimms', 'parse_pmem', 'parse_size',
           'resource_class']

#: Maximum number of namespaces: a label area of 2 MiB has one slot more.
COUNT_LIMIT = 16_347

# Source: nova/api/validation/extra_specs/hw.py, the pattern of hw:pmem.
_LABEL = re.compile('[A-Za-z0-9_]+', re.ASCII)


@dataclass(frozen=True)
class LabelSpec:
    """``count`` namespaces with a capacity of ``size`` bytes, as in ``ndctl -s``."""

    label: str
    count: int
    size: int


def resource_class(label: str) -> str:
    """Return the resource class under which Nova reports the namespaces of a label.

    Source: nova/virt/libvirt/driver.py, _discover_vpmems.
    """
    name: str = os_resource_classes.normalize_name(f'PMEM_NAMESPACE_{label}')
    return name


def check_label(label: str, what: str = 'label') -> str:
    """Return a label that a flavor's ``hw:pmem`` can use; raises InvalidInputError otherwise."""
    if not _LABEL.fullmatch(label):
        raise InvalidInputError(
            what, expected="letters, digits and '_', which is what hw:pmem of a flavor accepts",
            got=repr(label), remedy='write it as in SMALL or 4GB')
    if len(resource_class(label)) > 255:
        raise InvalidInputError(
            what, expected='a resource class of at most 255 characters',
            got=f'{len(resource_class(label))} characters', remedy='shorten the label')
    return label


def check_labels(labels: list[str]) -> None:
    """Raise InvalidInputError if two labels have the same resource class.

    Nova would schedule by the class and then search for the label, and a server would start without
    its memory.
    """
    seen: dict[str, str] = {}
    for label in labels:
        other = seen.setdefault(resource_class(label), label)
        if other != label:
            raise InvalidInputError(
                'labels', expected='labels that differ in their resource class',
                got=f'{other} and {label}, both {resource_class(label)}',
                remedy='rename one of them')


def parse_pmem(text: str) -> list[LabelSpec]:
    """Parse ``SMALL:2x4GiB,LARGE:1x16GiB``: labels, each with a count and a size.

    The size is the capacity of a namespace, as in ``ndctl create-namespace -s``. A guest sees less,
    because the namespace contains metadata, on a real host as well. A label may occur several times
    with different sizes.

    :raises InvalidInputError: if the text is invalid
    """
    if not isinstance(text, str):
        raise InvalidInputError('persistent memory', expected='LABEL:COUNTxSIZE, a text',
                                got=repr(text), remedy="write it as in 'SMALL:2x4GiB'")
    specs = []
    for item in text.split(','):
        match = re.fullmatch(r'([^:]*):\s*([0-9]{1,9})\s*x([^:]*)', item.strip(), re.ASCII)
        if not match:
            raise InvalidInputError(
                'persistent memory', expected='LABEL:COUNTxSIZE[,LABEL:COUNTxSIZE]...',
                got=repr(item.strip() if item.strip() else text),
                remedy='write it as in SMALL:2x4GiB,LARGE:1x16GiB')
        label = check_label(match[1].strip(), 'label of persistent memory')
        count = int(match[2])
        if not 1 <= count <= COUNT_LIMIT:
            raise InvalidInputError(f'count of {label}', expected=f'1 to {COUNT_LIMIT}',
                                    got=str(count), remedy='leave the label out if it has none')
        specs.append(LabelSpec(label, count, capacity(match[3], f'size of {label}')))
    check_labels([spec.label for spec in specs])
    total = sum(spec.count * spec.size for spec in specs)
    if total > HOST_LIMIT:
        raise InvalidInputError(
            'persistent memory', expected=f'at most {format_size(HOST_LIMIT)} on a host',
            got=format_size(total), remedy='ask for fewer or smaller namespaces')
    return specs
