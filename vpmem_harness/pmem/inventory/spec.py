"""Parsers of user input: ``4GiB``, ``SMALL:2x4GiB`` and ``32GiB,numa=1``."""

from __future__ import annotations

import re
from dataclasses import dataclass

import os_resource_classes

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.pmem.kernel import sizes
from vpmem_harness.pmem.kernel.dimms import DimmSpec

_UNITS = {'B': 1, 'KiB': sizes.KIB, 'MiB': sizes.MIB, 'GiB': sizes.GIB, 'TiB': sizes.TIB}

#: Maximum per host: the physical address space of x86 with four levels of page tables.
HOST_LIMIT = 64 * sizes.TIB

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


def format_size(size: int) -> str:
    """Format bytes in the largest unit that divides them: ``4GiB``, ``4030MiB``, ``7B``."""
    for unit in ('TiB', 'GiB', 'MiB', 'KiB'):
        if size and size % _UNITS[unit] == 0:
            return f'{size // _UNITS[unit]}{unit}'
    return f'{size}B'


def parse_size(text: str, what: str = 'size') -> int:
    """Parse a whole number with the unit B, KiB, MiB, GiB or TiB into bytes.

    :raises InvalidInputError: with ``what`` in its message
    """
    match = re.fullmatch(r'([0-9]{1,18})(B|KiB|MiB|GiB|TiB)', text.strip(), re.ASCII)
    if not match or int(match[1]) == 0:
        raise InvalidInputError(
            what, expected='a whole number from 1 on with a unit (B, KiB, MiB, GiB or TiB)',
            got=repr(text), remedy=_size_remedy(text.strip()))
    return int(match[1]) * _UNITS[match[2]]


def _size_remedy(text: str) -> str:
    if match := re.fullmatch(r'([1-9][0-9]{0,17})([kmgt])(?:b|ib)?', text, re.ASCII | re.I):
        return f'write {match[1]}{match[2].upper()}iB'
    if re.fullmatch(r'[1-9][0-9]{0,17}', text, re.ASCII):
        # Too small for bytes: the unit is missing.
        return f'write {text}GiB' if int(text) < 1024 else f'write {format_size(int(text))}'
    return 'write it as in 4GiB'


def capacity(text: str, what: str) -> int:
    """Parse the capacity of a namespace or a region into bytes."""
    size = parse_size(text, what)
    if size % sizes.REGION_ALIGN:
        rounded = sizes.align_up(size, sizes.REGION_ALIGN)
        raise InvalidInputError(what, expected='a multiple of 16MiB, as the kernel aligns regions',
                                got=text.strip(), remedy=f'round it up to {format_size(rounded)}')
    if size > HOST_LIMIT:
        raise InvalidInputError(what, expected=f'at most {format_size(HOST_LIMIT)}',
                                got=text.strip(), remedy='make it smaller')
    return size


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


_DIMM_LABELS = {'yes': 'blank', 'no': 'none', 'blank': 'blank', 'initialized': 'initialized',
                'none': 'none'}


def parse_dimm(text: str) -> DimmSpec:
    """Parse a DIMM: ``SIZE[,numa=N][,labels=yes|no|initialized][,area=SIZE]``.

    ``labels=yes``, the default, is a new DIMM with a blank label area, ``no`` a DIMM without label
    area, and ``initialized`` a DIMM that is ready for namespaces. ``area`` is the size of the label
    area (default: 2 MiB).

    :raises InvalidInputError: if the text is invalid
    """
    size, *options = text.split(',')
    values = {'numa': '0', 'labels': 'yes', 'area': '2MiB'}
    given = set()
    for option in options:
        name, equals, value = (part.strip() for part in option.partition('='))
        if name not in values or not equals or name in given:
            raise InvalidInputError('DIMM', expected='SIZE[,numa=N][,labels=no]', got=repr(text),
                                    remedy='write it as in 32GiB,numa=1,labels=no')
        given.add(name)
        values[name] = value
    if not re.fullmatch('[0-9]{1,4}', values['numa'], re.ASCII) or int(values['numa']) > 1023:
        raise InvalidInputError('NUMA node of a DIMM', expected='a number from 0 to 1023',
                                got=repr(values['numa']), remedy='write it as in numa=1')
    if values['labels'] not in _DIMM_LABELS:
        raise InvalidInputError('labels of a DIMM', expected='yes, no or initialized',
                                got=repr(values['labels']), remedy='write it as in labels=no')
    return DimmSpec(capacity(size, 'size of a DIMM'), int(values['numa']),
                    _DIMM_LABELS[values['labels']],
                    parse_size(values['area'], 'label area of a DIMM'))
