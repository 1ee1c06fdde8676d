"""The fields of the objects in a listing, with the parser of each."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias
from uuid import UUID

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.pmem.inventory.listing import amounts
from vpmem_harness.pmem.inventory.listing.refusal import refusal
from vpmem_harness.pmem.kernel import sizes
from vpmem_harness.pmem.kernel.dimms import FLAGS, PERSISTENCE_DOMAINS, SECURITY_STATES
from vpmem_harness.pmem.kernel.health import Firmware, Health
from vpmem_harness.pmem.kernel.namespaces import NO_UUID

#: Parses the value of a field, given the name of the field for errors.
Parser: TypeAlias = Callable[[Any, str], Any]
Schema: TypeAlias = Mapping[str, Parser]

_NAME_LIMIT = 63
_NODE_LIMIT = 1023
_NUMBER = r'(0|[1-9]\d{0,8})'


def parse(schema: Schema, value: object, what: str, needed: set[str], prefix: str = '',
          ) -> dict[str, Any]:
    """Parse an object; raises InvalidInputError that names the field and the object.

    :param what: the name of the object
    :param prefix: how errors introduce its fields
    """
    if not isinstance(value, dict):
        raise refusal(f'{prefix.rstrip(".")} of {what}' if prefix else what, 'an object', value)
    for name in sorted(needed - value.keys()):
        raise refusal(f'fields of {what}', f'{prefix}{name}', 'none')
    for name in sorted(value.keys() - schema.keys()):
        raise refusal(f'fields of {what}', f'those of ndctl 61 to 81 ({prefix}'
                      f'{", ".join(schema)})', f'{prefix}{name}', 'leave it out')
    return {name: schema[name](entry, f'{prefix}{name} of {what}')
            for name, entry in value.items()}


def choice(*words: str) -> Parser:
    """Return the parser of one of some words."""
    def parser(value: Any, what: str) -> Any:
        if not isinstance(value, str) or value not in words:
            raise refusal(what, ' or '.join(words), value)
        return value
    return parser


def device_name(kind: str) -> Parser:
    """Return the parser of names such as region0, into the number."""
    def parser(value: Any, what: str) -> int:
        match = re.fullmatch(kind + _NUMBER, value, re.ASCII) if isinstance(value, str) else None
        if not match:
            raise refusal(what, f'a name like {kind}0', value)
        return int(match[1])
    return parser


def pair_name(kind: str) -> Parser:
    """Return the parser of names such as namespace0.1, into the two numbers."""
    def parser(value: Any, what: str) -> tuple[int, int]:
        match = re.fullmatch(f'{kind}{_NUMBER}\\.{_NUMBER}', value, re.ASCII) \
            if isinstance(value, str) else None
        if not match:
            raise refusal(what, f'a name like {kind}0.0', value)
        return int(match[1]), int(match[2])
    return parser


def amount(value: Any, what: str) -> amounts.Amount:
    """Parse bytes, exact or human-readable."""
    found = amounts.parse(value)
    if found is None:
        raise refusal(what, 'bytes, as in 4294967296 or "4.00 GiB (4.29 GB)"', repr(value))
    return found


def number(limit: int = 2**64 - 1, low: int = 0) -> Parser:
    """Return the parser of a whole number, or of hexadecimal digits with -u."""
    def parser(value: Any, what: str) -> int:
        if isinstance(value, str) and re.fullmatch('0x[0-9a-f]{1,16}|0', value, re.ASCII):
            value = int(value, 16)
        if type(value) is not int or not low <= value <= limit:
            raise refusal(what, f'a number from {low} to {limit}', repr(value))
        return value
    return parser


def iset(value: Any, what: str) -> int:
    """Parse the identity of an interleave set; ndctl before 73 prints large ones as negative."""
    found: int = number(2**64 - 1, -2**63)(value, what)
    return found


def flag(value: Any, what: str) -> bool:
    """Parse true or false."""
    if not isinstance(value, bool):
        raise refusal(what, 'true or false', value)
    return value


def text(value: Any, what: str) -> str:
    """Parse a text without NUL."""
    if not isinstance(value, str) or not value or '\0' in value:
        raise refusal(what, 'a text', value)
    return value


def name(value: Any, what: str) -> str:
    """Parse the name in a label."""
    if not (isinstance(value, str) and 0 < len(value.encode(errors='replace')) <= _NAME_LIMIT
            and '\0' not in value and value == value.encode(errors='replace').decode()):
        raise refusal(what, 'a text of 1 to 63 bytes, which is what a label holds', value)
    return value


def uuid(value: Any, what: str) -> str:
    """Parse a UUID; that of an idle device has zeroes only."""
    try:
        if isinstance(value, str) and str(UUID(value)) == value:
            return value
    except ValueError:
        pass
    raise refusal(what, 'a UUID in its canonical form', value)


def objects(value: Any, what: str) -> list[Any]:
    """Check a list of something; ndctl leaves empty ones out."""
    if not isinstance(value, list) or not value:
        raise refusal(what, 'a list with an object', value)
    return value


def anything(value: Any, what: str) -> Any:
    """Accept a value that says nothing about the host."""
    return value


def align(value: Any, what: str) -> int:
    """Parse an alignment of devdax or fsdax."""
    found = amounts.parse(value)
    if found is None or not (known := [one for one in sizes.ALIGNMENTS if one in found]):
        raise refusal(what, ' or '.join(map(str, sizes.ALIGNMENTS)), repr(value))
    return known[0]


def unique_id(value: Any, what: str) -> str:
    """Parse the identity of a DIMM."""
    if not isinstance(value, str) or not re.fullmatch(
            '[0-9a-f]{4}(-[0-9a-f]{2}-[0-9a-f]{4})?-[0-9a-f]{8}', value):
        raise refusal(what, 'hexadecimal digits, 4-2-4-8 or 4-8 of them with dashes', value)
    return value


def health(value: Any, what: str) -> Health:
    """Parse the health of a DIMM."""
    found: Health = _reported(Health, value, what)
    return found


def firmware(value: Any, what: str) -> Firmware:
    """Parse the firmware of a DIMM."""
    if isinstance(value, dict):
        value = {field: number()(entry, f'{field} of {what}')
                 if isinstance(entry, str) and entry.startswith(('0x', '0')) else entry
                 for field, entry in value.items()}
    found: Firmware = _reported(Firmware, value, what)
    return found


def _reported(kind: Any, value: Any, what: str) -> Any:
    if not isinstance(value, dict):
        raise refusal(what, 'an object', value)
    try:
        return kind.reported(value)
    except InvalidInputError as error:
        raise refusal(what, f'{error.what}: {error.expected}', error.got) from None


_NODE = number(_NODE_LIMIT)
_BLOCKS = number(2**55)

BUS: Schema = {
    'provider': text, 'dev': device_name('ndbus'), 'scrub_state': choice('idle', 'active'),
    'firmware': anything, 'dimms': objects, 'regions': objects, 'namespaces': objects}

PLATFORM: Schema = {'dimms': objects, 'regions': objects, 'namespaces': objects}

DIMM: Schema = {
    'dev': device_name('nmem'), 'id': unique_id, 'handle': number(2**32 - 2),
    'phys_id': number(2**16 - 2), 'state': choice('disabled'),
    **{f'flag_{one}': flag for one in FLAGS}, 'security': choice(*SECURITY_STATES),
    'security_frozen': flag, 'firmware': firmware, 'health': health}

REGION: Schema = {
    'dev': device_name('region'), 'size': amount, 'align': amount, 'available_size': amount,
    'max_available_extent': amount, 'type': choice('pmem'), 'numa_node': _NODE,
    'target_node': _NODE, 'iset_id': iset, 'mappings': objects, 'state': choice('disabled'),
    'badblock_count': _BLOCKS, 'badblocks': objects, 'capabilities': anything,
    'persistence_domain': choice(*PERSISTENCE_DOMAINS), 'namespaces': objects}

MAPPING: Schema = {
    'dimm': device_name('nmem'), 'offset': number(2**63), 'length': number(2**63),
    'position': number(2**15)}

BAD_BLOCKS: Schema = {'offset': _BLOCKS, 'length': number(2**55, 1), 'dimms': objects}

NAMESPACE: Schema = {
    'dev': pair_name('namespace'), 'mode': choice('raw', 'fsdax', 'devdax', 'sector'),
    'map': choice('dev', 'mem'), 'size': amount, 'uuid': uuid, 'raw_uuid': uuid,
    'daxregion': anything, 'chardev': pair_name('dax'), 'sector_size': number(2**31),
    'align': align, 'blockdev': text, 'state': choice('disabled'), 'name': name,
    'numa_node': _NODE, 'target_node': _NODE, 'badblock_count': _BLOCKS, 'badblocks': objects,
    'supported_alignments': anything, 'supported sector sizes': anything}

DAX_REGION: Schema = {
    'path': text, 'id': number(2**31), 'size': amount, 'available_size': amount, 'align': align,
    'devices': objects}

DEVICE: Schema = {
    'chardev': pair_name('dax'), 'size': amount, 'target_node': _NODE, 'align': align,
    'mode': choice('devdax', 'system-ram'), 'online_memblocks': number(2**40),
    'total_memblocks': number(2**40), 'movable': flag, 'state': choice('disabled'),
    'mappings': objects}

DAX_MAPPING: Schema = {
    'page_offset': number(2**63), 'start': number(2**63), 'end': number(2**63), 'size': amount}

#: The names of modes before ndctl 60.
OLD_MODES = {'memory': 'fsdax', 'dax': 'devdax', 'safe': 'sector'}

#: The UUID of a device that has none.
NIL = NO_UUID
