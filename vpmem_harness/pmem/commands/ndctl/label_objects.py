"""What ``read-labels --json`` shows of a label area.

Follows ndctl 76's ndctl/dimm.c (``dump_json``). ndctl decodes the bytes wherever it expects an
index block or a label, valid or not, so a damaged area shows what is left of it.
"""

from __future__ import annotations

import os

from vpmem_harness.pmem.commands import jsontext
from vpmem_harness.pmem.commands.json_objects import Object
from vpmem_harness.pmem.commands.jsontext import Json
from vpmem_harness.pmem.kernel import label_format
from vpmem_harness.pmem.kernel.labels import LabelArea

_SMALL, _LARGE = label_format.LABEL_SIZES.values()


def area_object(dev: str, area: LabelArea, *, index_only: bool, human: bool) -> Object | None:
    """The object for one DIMM; None when ndctl finds no label that it can show."""
    # With --index the size of labels is taken for granted.
    label_size = _SMALL if index_only else _probed_label_size(area)
    size = area.index_size(label_size)
    shown: Object = {'dev': dev, 'index': [_index(area.read(number * size, size))
                                           for number in range(2)]}
    if not index_only:
        labels = _labels(area, label_size, human)
        if not labels:
            return None
        shown['label'] = labels
    return shown


def _probed_label_size(area: LabelArea) -> int:
    """What two places tell of the version (libndctl: ``ndctl_dimm_sizeof_namespace_label``).

    ndctl looks at the first 512 bytes, whatever the size of an index block is.
    """
    minors = [header.minor for header in (
        label_format.unpack_header(area.read(offset, label_format.HEADER_SIZE))
        for offset in (0, label_format.INDEX_ALIGN)) if header.major == 1]
    return _LARGE if minors.count(2) > minors.count(1) else _SMALL


def _index(block: bytes) -> Json:
    header = label_format.unpack_header(block)
    return {'signature': os.fsdecode(header.signature[:-1].split(b'\0', 1)[0]),
            'major': header.major, 'minor': header.minor,
            'labelsize': _signed(1 << ((7 + header.label_size) % 32)),
            'seq': _signed(header.sequence), 'nslot': _signed(header.slots)}


def _labels(area: LabelArea, label_size: int, human: bool) -> list[Json]:
    base = 2 * area.index_size(label_size)
    found: list[Json] = []
    for slot in area.written_slots(label_size):
        data = area.read(base + slot * label_size, label_size)
        label = label_format.unpack_label(data)
        if label.slot == slot:
            found.append(_label(label, data, human))
    return found


def _label(label: label_format.Label, data: bytes, human: bool) -> Json:
    shown: Object = {
        'uuid': label.uuid, 'name': label.name, 'slot': label.slot, 'position': label.position,
        'nlabel': label.ways, 'flags': jsontext.number(label.flags, human),
        'isetcookie': jsontext.number(label.cookie, human), 'lbasize': label.sector_size,
        'dpa': jsontext.number(label.dpa, human), 'rawsize': jsontext.size(label.size, human)}
    if len(data) > _SMALL:
        shown['type_guid'], shown['abstraction_guid'] = label_format.guids(data)
    return shown


def _signed(value: int) -> int:
    return value - 2**32 if value >= 2**31 else value
