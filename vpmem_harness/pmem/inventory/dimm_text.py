"""Parser of DIMMs: ``32GiB,numa=1`` and ``6x252GiB,interleave=a,numa=0,target=2``."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Any

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.pmem.inventory import size_text
from vpmem_harness.pmem.kernel.dimms import FLAGS, SECURITY_STATES, DimmSpec
from vpmem_harness.pmem.kernel.health import Health

#: Maximum number of DIMMs that one text describes.
COUNT_LIMIT = 64

_LABELS = {'yes': 'blank', 'no': 'none', 'blank': 'blank', 'initialized': 'initialized',
           'none': 'none'}
_YES_NO = {'yes': True, 'no': False}

#: Options that belong to one DIMM alone.
_OF_ONE = ('id', 'handle', 'position')

SYNTAX = 'SIZE[,numa=N][,labels=no]'


def parse_dimms(text: str) -> list[DimmSpec]:
    """Parse DIMMs: ``[COUNTx]SIZE[,OPTION=VALUE]...``.

    ``numa`` and ``target`` are NUMA nodes. ``labels=yes``, the default, is a new DIMM with a blank
    label area, ``no`` a DIMM without label area, and ``initialized`` a DIMM that is ready for
    namespaces. ``area`` is the size of the label area (default: 2 MiB). ``interleave`` is a word
    that the DIMMs of one region have in common. ``bus``, ``id``, ``handle``, ``phys_id``,
    ``offset``, ``position``, ``iset_id``, ``security``, ``flags`` (separated by ``+``), ``health``,
    ``shutdown_count`` and ``firmware_commands`` are the fields of
    :class:`~vpmem_harness.pmem.DimmSpec` and its health.

    :raises InvalidInputError: if the text is invalid
    """
    first, *options = text.split(',')
    count, size = _count(first, text)
    fields: dict[str, Any] = {}
    health: dict[str, Any] = {}
    for option in options:
        name, equals, value = (part.strip() for part in option.partition('='))
        if name not in _OPTIONS or not equals:
            raise InvalidInputError(
                'DIMM', expected=f'{SYNTAX}, with options {", ".join(_OPTIONS)}', got=repr(text),
                remedy='write it as in 32GiB,numa=1,labels=no')
        field, parse = _OPTIONS[name]
        target = health if field in _HEALTH_FIELDS else fields
        if field in target:
            raise InvalidInputError('DIMM', expected=f'{name} once', got=repr(text),
                                    remedy='leave one of them out')
        target[field] = parse(value, name)
    if count > 1 and (own := [name for name in _OF_ONE if name in fields]):
        raise InvalidInputError(
            f'{own[0]} of a DIMM', expected='a DIMM of its own', got=repr(text),
            remedy='describe each DIMM by itself')
    if health:
        fields['health'] = Health(**health)
    return [DimmSpec(size, **fields)] * count


def parse_dimm(text: str) -> DimmSpec:
    """Parse one DIMM; see :func:`parse_dimms`."""
    dimms = parse_dimms(text)
    if len(dimms) != 1:
        raise InvalidInputError('DIMM', expected='one DIMM', got=repr(text),
                                remedy='leave the number out')
    return dimms[0]


def _count(first: str, text: str) -> tuple[int, int]:
    match = re.fullmatch(r'\s*([0-9]{1,9})\s*x(.*)', first, re.ASCII | re.DOTALL)
    if not match:
        return 1, size_text.capacity(first, 'size of a DIMM')
    if not 1 <= int(match[1]) <= COUNT_LIMIT:
        raise InvalidInputError('number of DIMMs', expected=f'1 to {COUNT_LIMIT}', got=repr(text),
                                remedy='write it as in 6x252GiB')
    return int(match[1]), size_text.capacity(match[2], 'size of a DIMM')


def _node(value: str, name: str) -> int:
    if not re.fullmatch('[0-9]{1,4}', value, re.ASCII) or int(value) > 1023:
        what = 'NUMA node' if name.startswith('numa') else 'target node'
        raise InvalidInputError(f'{what} of a DIMM', expected='a number from 0 to 1023',
                                got=repr(value), remedy=f'write it as in {name}=1')
    return int(value)


def _number(value: str, name: str) -> int:
    if not re.fullmatch('0[xX][0-9a-fA-F]{1,16}|[0-9]{1,20}', value, re.ASCII):
        raise InvalidInputError(f'{name} of a DIMM', expected='a number, such as 17 or 0x11',
                                got=repr(value), remedy=f'write it as in {name}=0x11')
    return int(value, 16 if value[:2] in ('0x', '0X') else 10)


def _bytes(value: str, name: str) -> int:
    what = 'label area of a DIMM' if name.endswith('area') else f'{name} of a DIMM'
    return 0 if value == '0' and name == 'offset' else size_text.parse_size(value, what)


def _word(value: str, name: str) -> str:
    if not value:
        raise InvalidInputError(f'{name} of a DIMM', expected='a word', got="''",
                                remedy=f'write it as in {name}=a, or leave it out')
    return value


def _choice(choices: dict[str, Any], said: str) -> Callable[[str, str], Any]:
    def parse(value: str, name: str) -> Any:
        if value not in choices:
            raise InvalidInputError(f'{name} of a DIMM', expected=said, got=repr(value),
                                    remedy=f'write it as in {name}={next(reversed(choices))}')
        return choices[value]
    return parse


def _flags(value: str, name: str) -> tuple[str, ...]:
    flags = tuple(value.split('+'))
    for flag in flags:
        _choice({known: known for known in FLAGS}, f'of {", ".join(FLAGS)}')(flag, name)
    return flags


_HEALTH_FIELDS = {field.name for field in dataclasses.fields(Health)}
_STATES = ('ok', 'non-critical', 'critical', 'fatal', 'unknown')

#: The field of each option, and what parses its value.
_OPTIONS: dict[str, tuple[str, Callable[[str, str], Any]]] = {
    'numa': ('numa_node', _node),
    'target': ('target_node', _node),
    'labels': ('labels', _choice(dict(reversed(_LABELS.items())), 'yes, no or initialized')),
    'area': ('label_area', _bytes),
    'interleave': ('interleave', _word),
    'bus': ('provider', _word),
    'id': ('id', _word),
    'handle': ('handle', _number),
    'phys_id': ('phys_id', _number),
    'offset': ('offset', _bytes),
    'position': ('position', _number),
    'iset_id': ('iset_id', _number),
    'security': ('security', _choice({state: state for state in SECURITY_STATES},
                                     f'one of {", ".join(SECURITY_STATES)}')),
    'flags': ('flags', _flags),
    'health': ('health_state', _choice({state: state for state in _STATES},
                                       f'one of {", ".join(_STATES)}')),
    'shutdown_count': ('shutdown_count', _number),
    'firmware_commands': ('firmware_commands', _choice(_YES_NO, 'yes or no')),
    # Longer names, as in DimmSpec.
    'numa_node': ('numa_node', _node),
    'target_node': ('target_node', _node),
    'label_area': ('label_area', _bytes),
    'provider': ('provider', _word),
}
