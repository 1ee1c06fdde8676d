"""Inventories from recorded listings, which ``ndctl list -X`` prints again.

A listing shows only the usable sizes of active devdax namespaces. The rest is inferred: capacity
and start of each namespace, and sufficient DIMMs. Missing numbers belong to namespaces that no
longer exist.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, NoReturn
from uuid import UUID

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.pmem.inventory import spec
from vpmem_harness.pmem.inventory.inventory import Inventory, dimm_size
from vpmem_harness.pmem.inventory.operations import Create, Destroy, Step
from vpmem_harness.pmem.kernel import sizes
from vpmem_harness.pmem.kernel.dimms import DimmSpec
from vpmem_harness.pmem.kernel.kernfs import listing_order
from vpmem_harness.pmem.kernel.namespaces import NO_UUID

#: The recorded listing that comes with the package: nine namespaces on two NUMA nodes.
SAMPLE = '05-devdax'

_FIELDS = {'dev', 'mode', 'map', 'size', 'uuid', 'daxregion', 'align'}
_OPTIONAL_FIELDS = {'name', 'raw_uuid', 'numa_node', 'target_node'}
_DEVICE_FIELDS = {'chardev', 'size', 'target_node', 'align', 'mode'}


@dataclass(frozen=True)
class _Listed:
    """A namespace in a listing."""

    dev: str
    region: int
    number: int
    map: str
    size: int
    align: int
    uuid: str
    raw_uuid: str | None
    name: str | None
    node: int


def sample_listing(name: str = SAMPLE) -> str:
    """Return a recorded listing of the package."""
    samples = resources.files('vpmem_harness.pmem.inventory') / 'samples'
    return (samples / f'{name}.json').read_text('utf-8')


def from_listing(text: str) -> Inventory:
    """Return the inventory of a host that prints a listing; raises InvalidInputError.

    :param text: the output of ``ndctl list -X`` (or ``-Xv``) as root, in any layout
    """
    listed = _read(text)
    order = [one.dev for one in _in_order(listed)]
    if order != [one.dev for one in listed]:
        _refuse('namespaces', f'the order of sysfs: {", ".join(order)}',
                ', '.join(one.dev for one in listed))
    numbers = sorted({one.region for one in listed})
    dimms: list[DimmSpec] = []
    steps: list[Step] = []
    for number in range(numbers[0], numbers[-1] + 1) if numbers else ():
        here = {one.number: one for one in listed if one.region == number}
        nodes = sorted({one.node for one in here.values()})
        if len(nodes) > 1:
            _refuse(f'target_node of region{number}', 'one node', ' and '.join(map(str, nodes)))
        capacity = _reconstruct(here, len(dimms), steps)
        dimms.append(DimmSpec(size=dimm_size(capacity), labels='initialized',
                              numa_node=nodes[0] if nodes else dimms[-1].numa_node))
    return Inventory(tuple(dimms), tuple(steps), first_region=numbers[0] if numbers else None)


def _in_order(listed: Sequence[_Listed]) -> list[_Listed]:
    """Sort namespaces in ndctl's order, by region."""
    regions = listing_order({one.region for one in listed}, lambda region: f'region{region}')
    return [one for region in regions
            for one in listing_order((one for one in listed if one.region == region),
                                     lambda one: one.dev)]


def _reconstruct(listed: Mapping[int, _Listed], region: int, steps: list[Step]) -> int:
    """Append the steps of a region to ``steps``; return the capacity that they use.

    :param listed: the namespaces of the region by number
    :param region: the index of the region among the DIMMs of the host

    Namespaces follow each other in the order of their numbers. A gap between two of them is a
    namespace that is destroyed at the end.
    """
    creation = sum(isinstance(step, Create) for step in steps)
    end = 0
    gone: list[int] = []
    for number, one in sorted(listed.items()):
        gap, raw = _place(one, end)
        if gap:
            steps.append(Create(region=region, size=gap, mode='raw',
                                number=max(listed) + 1 + len(gone)))
            gone.append(creation)
            creation += 1
        steps.append(Create(region=region, size=raw, mode='devdax', map=one.map, align=one.align,
                            name=one.name, uuid=one.uuid, raw_uuid=one.raw_uuid, number=number))
        creation += 1
        end += gap + raw
    steps.extend(map(Destroy, gone))
    return end


def _place(one: _Listed, end: int) -> tuple[int, int]:
    """Return the smallest distance from ``end`` for a namespace, and its capacity there.

    The start matters only for 1 GiB alignment: at a multiple of 1 GiB something always remains,
    elsewhere possibly nothing.
    """
    found = next(((gap, raw) for gap in range(0, sizes.GIB, sizes.REGION_ALIGN)
                  if (raw := _capacity(one, end + gap)) is not None), None)
    if found is None:
        _refuse(f'size of {one.dev}', 'what a capacity of whole 16 MiB leaves with map '
                f'{one.map} and alignment {one.align}', str(one.size))
    return found


def _capacity(one: _Listed, start: int) -> int | None:
    """Return the capacity in bytes of a namespace at ``start``; None if there is none.

    The size never grows faster than the capacity, so the search cannot skip the smallest sufficient
    capacity.
    """
    step = max(sizes.REGION_ALIGN, one.align)
    raw = max(sizes.align_up(one.size, step), step)
    while raw <= spec.HOST_LIMIT:
        extent = sizes.dax_extent(start, raw, one.map, one.align)
        if extent and extent[1] >= one.size:
            return raw if extent[1] == one.size else None
        missing = one.size - (extent[1] if extent else 0)
        raw += max(sizes.align_up(missing, step), step)
    return None


def _read(text: str) -> list[_Listed]:
    """Parse the namespaces of a listing, and check each of them."""
    if not isinstance(text, str):
        _refuse('text', 'a text', f'a {type(text).__name__}')
    if not text.strip():
        return []   # ndctl prints nothing when there is nothing to list
    try:
        entries = json.loads(text)
    except ValueError as error:
        _refuse('text', 'JSON', f'something else ({error})')
    if isinstance(entries, dict):
        entries = [entries]     # ndctl -u prints a single namespace without its brackets
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        _refuse('JSON', 'a list of namespaces', type(entries).__name__)
    listed = [_Entry(entry, number).listed() for number, entry in enumerate(entries)]
    for field, values in (('dev', [one.dev for one in listed]),
                          ('uuid', [uuid for one in listed for uuid in (one.uuid, one.raw_uuid)
                                    if uuid is not None])):
        twice = sorted({value for value in values if values.count(value) > 1})
        if twice:
            _refuse(field, 'a value for each namespace', f'{twice[0]} twice')
    return listed


class _Entry:
    """An object of the listing that should be a namespace."""

    def __init__(self, fields: dict[str, Any], number: int) -> None:
        self._fields = fields
        dev = fields.get('dev')
        self._what = dev if isinstance(dev, str) else f'namespace {number} of the list'

    def listed(self) -> _Listed:
        """Check and return the namespace."""
        fields = self._fields
        self._check('mode', fields.get('mode'), ['devdax'])
        self._check_fields(fields, _FIELDS, _OPTIONAL_FIELDS, '')
        match = re.fullmatch(r'namespace(0|[1-9]\d{0,4})\.(0|[1-9]\d{0,4})', str(fields['dev']),
                             re.ASCII)
        if not match:
            _refuse('dev', 'a name like namespace0.0', repr(fields['dev']))
        region, number = int(match[1]), int(match[2])
        self._check('map', fields['map'], ['dev', 'mem'])
        self._check('align', fields['align'], sizes.ALIGNMENTS)
        size = fields['size']
        if type(size) is not int or size < 0:
            self._refuse('size', 'a number of bytes (leave -u out)', size)
        if number >= spec.COUNT_LIMIT:
            self._refuse('number', f'less than {spec.COUNT_LIMIT}, as many as a label area holds',
                         number)
        return _Listed(dev=match[0], region=region, number=number, map=fields['map'], size=size,
                       align=fields['align'], uuid=self._uuid('uuid'),
                       raw_uuid=self._uuid('raw_uuid') if 'raw_uuid' in fields else None,
                       name=self._name(), node=self._node(region, number))

    def _node(self, region: int, number: int) -> int:
        """Return the NUMA node of a device in the listing."""
        size, align = self._fields['size'], self._fields['align']
        dax = self._fields['daxregion']
        self._check_fields(dax, {'id', 'size', 'align'}, {'devices'}, 'daxregion.')
        self._check('daxregion.id', dax['id'], [region])
        self._check('daxregion.size', dax['size'], [size])
        self._check('daxregion.align', dax['align'], [align])
        devices = dax.get('devices', [])
        if not isinstance(devices, list) or len(devices) != (1 if size else 0):
            self._refuse('daxregion.devices', 'one device, or none where the size is 0', devices)
        nodes = [self._fields.get('target_node', 0)]
        for device in devices:
            self._check_fields(device, _DEVICE_FIELDS, set(), 'device.')
            self._check('chardev', device['chardev'], [f'dax{region}.{number}'])
            self._check('device.size', device['size'], [size])
            self._check('device.align', device['align'], [align])
            self._check('device.mode', device['mode'], ['devdax'])
            nodes = [device['target_node']]
        node = nodes[0]
        if type(node) is not int or not 0 <= node <= 1023:
            self._refuse('target_node', 'a number from 0 to 1023', node)
        self._check('numa_node', self._fields.get('numa_node', node), [node])
        return node

    def _uuid(self, field: str) -> str:
        text = str(self._fields[field])
        try:
            valid = str(UUID(text)) == text != NO_UUID
        except ValueError:
            valid = False
        if not valid:
            self._refuse(field, 'a UUID in its canonical form', self._fields[field])
        return text

    def _name(self) -> str | None:
        name = self._fields.get('name')
        if 'name' in self._fields and not (
                isinstance(name, str) and 0 < len(name.encode(errors='replace')) <= 63
                and '\0' not in name and name == name.encode(errors='replace').decode()):
            self._refuse('name', 'a text of 1 to 63 bytes, which is what a label holds', name)
        return name

    def _check_fields(self, value: Any, needed: set[str], optional: set[str], where: str) -> None:
        if not isinstance(value, dict):
            self._refuse(where.rstrip('.') or 'namespace', 'an object', value)
        if missing := sorted(needed - value.keys()):
            if missing == ['align'] and where == 'daxregion.':
                self._refuse('daxregion', 'an align, which ndctl leaves out for a reader that is '
                             'not root', 'none')
            self._refuse('fields', f'{where}{missing[0]}', 'none')
        if other := sorted(value.keys() - needed - optional):
            self._refuse('fields', f'those of an active devdax namespace ({where}'
                         f'{", ".join(sorted(needed | optional))})', f'{where}{other[0]}')

    def _check(self, field: str, value: object, choices: Sequence[object]) -> None:
        if not any(type(value) is type(choice) and value == choice for choice in choices):
            self._refuse(field, ' or '.join(map(str, choices)), value)

    def _refuse(self, field: str, expected: str, got: object) -> NoReturn:
        _refuse(f'{field} of {self._what}', expected, got if isinstance(got, str) else repr(got))


def _refuse(what: str, expected: str, got: str) -> NoReturn:
    raise InvalidInputError(f'listing: {what}', expected=expected, got=got,
                            remedy='give what `ndctl list -X` printed for root, unedited')
