"""Reads the objects of a listing into facts."""

from __future__ import annotations

import re
from typing import Any

from vpmem_harness.pmem.inventory.listing import amounts, fields
from vpmem_harness.pmem.inventory.listing.documents import Document
from vpmem_harness.pmem.inventory.listing.evidence import Evidence
from vpmem_harness.pmem.inventory.listing.facts import Facts, Thing
from vpmem_harness.pmem.inventory.listing.refusal import refusal
from vpmem_harness.pmem.inventory.size_text import HOST_LIMIT
from vpmem_harness.pmem.inventory.spec import COUNT_LIMIT

_HOLDER = re.compile(r'.*/region(\d+)/dax\1\.(\d+)', re.ASCII)


class Reader:
    """Collects the facts of several documents, and evidence for the versions that wrote them."""

    def __init__(self) -> None:
        self.facts = Facts()
        self.evidence = Evidence()

    def read(self, document: Document) -> None:
        """Read one document; raises InvalidInputError."""
        value = document.value
        what = f'document on line {document.line}'
        if isinstance(value, dict):
            if value.keys() <= fields.PLATFORM.keys() and value:
                self._lists(value, what)
            else:
                self.evidence.saw_single_object(value)
                self._objects([value], what)
        elif isinstance(value, list):
            if value:
                self.evidence.saw_list(len(value))
            self._objects(value, what)
        else:
            raise refusal(what, 'a list of objects', value)

    def _objects(self, values: list[Any], what: str) -> None:
        names = []
        for place, value in enumerate(values, 1):
            if not isinstance(value, dict):
                raise refusal(f'object {place} of the {what}', 'an object', value)
            names.append(str(value.get('dev', '')))
            self._object(value, f'object {place} of the {what}')
        self._add_order(names)

    def _object(self, value: dict[str, Any], what: str) -> None:
        dev = value.get('dev')
        kind = dev.rstrip('.0123456789') if isinstance(dev, str) else ''
        if 'provider' in value or kind == 'ndbus':
            self._bus(value, what)
        elif kind == 'nmem':
            self._dimm(value, None)
        elif kind == 'region':
            self._region(value, None)
        elif kind == 'namespace':
            self._namespace(value)
        elif 'chardev' in value and 'dev' not in value:
            self._device(value, None)
        elif 'devices' in value or 'path' in value:
            self._dax_region(value)
        else:
            raise refusal(what, 'a bus, DIMM, region, namespace or dax device, such as '
                          '{"dev":"namespace0.0",...}', _keys(value))

    def _lists(self, value: dict[str, Any], what: str, bus: Thing | None = None) -> None:
        lists = fields.parse(fields.PLATFORM, value, what, set())
        for name, entries in lists.items():
            for entry in entries:
                if not isinstance(entry, dict):
                    raise refusal(f'{name} of the {what}', 'objects', entry)
                if name == 'dimms':
                    self._dimm(entry, bus)
                elif name == 'regions':
                    self._region(entry, bus)
                else:
                    self._namespace(entry)
            self._add_order([str(entry.get('dev', '')) for entry in entries])

    def _bus(self, value: dict[str, Any], what: str) -> None:
        found = fields.parse(fields.BUS, value, str(value.get('dev', what)), {'provider', 'dev'})
        number = found['dev']
        if found['provider'] == 'CXL':
            raise refusal(f'provider of ndbus{number}', 'a bus of NVDIMMs, such as ACPI.NFIT',
                          'CXL', 'leave it out: memory on CXL is not simulated')
        bus = self.facts.buses.setdefault(number, Thing(f'ndbus{number}'))
        bus.add({name: entry for name, entry in found.items()
                 if name in ('provider', 'dev', 'scrub_state')})
        self._lists({name: value[name] for name in fields.PLATFORM if name in value},
                    f'ndbus{number}', bus)

    def _dimm(self, value: dict[str, Any], bus: Thing | None) -> None:
        found = fields.parse(fields.DIMM, value, str(value.get('dev', 'a DIMM')), {'dev'})
        number = found['dev']
        dimm = self.facts.dimms.setdefault(number, Thing(f'nmem{number}'))
        dimm.add(found | ({'bus': bus.get('dev')} if bus else {}))
        self.evidence.saw_dimm(value)

    def _region(self, value: dict[str, Any], bus: Thing | None) -> None:
        dev = str(value.get('dev', 'a region'))
        if value.get('type') == 'blk':
            raise refusal(f'type of {dev}', 'pmem', 'blk',
                          'leave it out: block windows are not simulated')
        found = fields.parse(fields.REGION, value, dev, {'dev', 'size', 'available_size'})
        number = found['dev']
        self.evidence.saw_region(value)
        region = self.facts.regions.setdefault(number, Thing(f'region{number}'))
        inside = found.pop('namespaces', [])
        if found['size'].high > HOST_LIMIT:
            raise refusal(f'size of region{number}', f'at most {HOST_LIMIT} bytes', value['size'])
        if 'iset_id' in found:
            found['iset_id'] %= 2**64
        if 'mappings' in found:
            found['mappings'] = tuple(_mapping(one, f'region{number}') for one in found['mappings'])
            self.evidence.saw_mappings(value['mappings'])
        self._add_bad_blocks(found, f'region{number}')
        region.add(found | ({'bus': bus.get('dev')} if bus else {}))
        for entry in inside:
            self._namespace(entry, number)
        self._add_order([str(entry.get('dev', '')) for entry in inside])

    def _namespace(self, value: Any, region: int | None = None) -> None:
        what = value.get('dev') if isinstance(value, dict) else None
        what = what if isinstance(what, str) else 'a namespace'
        old = fields.OLD_MODES.get(str(value.get('mode'))) if isinstance(value, dict) else None
        if old is not None:
            value = {'map': 'dev', **value, 'mode': old}
            if value['mode'] == 'sector':
                del value['map']
            self.evidence.before(62)
        found = fields.parse(fields.NAMESPACE, value, what, {'dev', 'mode'})
        numbers = found['dev']
        if region is not None and numbers[0] != region:
            raise refusal(f'region of {what}', f'region{numbers[0]}', f'region{region}')
        if numbers[1] >= COUNT_LIMIT:
            raise refusal(f'number of {what}', f'less than {COUNT_LIMIT}, as many as a label area '
                          'holds', str(numbers[1]))
        self._check_namespace(found, what)
        self.evidence.saw_namespace(value)
        has_dax, dax = 'daxregion' in found, found.pop('daxregion', None)
        self._add_bad_blocks(found, what)
        thing = self.facts.namespaces.setdefault(numbers, Thing(what))
        thing.add(found)
        if has_dax:
            self._dax_region_of(dax, numbers, found, what)

    def _check_namespace(self, found: dict[str, Any], what: str) -> None:
        mode: str = found['mode']
        region, number = found['dev']
        needed = {'devdax': {'map', 'size', 'uuid'}, 'fsdax': {'map', 'size'}}.get(mode, set())
        for name in sorted(needed - found.keys()):
            raise refusal(f'fields of {what}', name, 'none')
        for name, modes in (('map', ('devdax', 'fsdax')), ('align', ('devdax', 'fsdax')),
                            ('daxregion', ('devdax',)), ('chardev', ('devdax',)),
                            ('blockdev', ('fsdax', 'sector', 'raw')),
                            ('sector_size', ('fsdax', 'sector', 'raw'))):
            if name in found and mode not in modes:
                raise refusal(f'mode of {what}', f'{" or ".join(modes)}, which has {name}', mode)
        if mode != 'raw' and 'state' not in found and found.get('uuid') == fields.NIL:
            raise refusal(f'uuid of {what}', 'a UUID in its canonical form', 'zeroes')
        if mode == 'raw' and 'state' not in found and found.get('size', amounts.exact(1)).high == 0:
            raise refusal(f'size of {what}', 'some bytes, or "state":"disabled"', '0')
        if 'raw_uuid' in found and found['raw_uuid'] == fields.NIL:
            raise refusal(f'raw_uuid of {what}', 'a UUID in its canonical form', 'zeroes')
        if 'chardev' in found and found['chardev'] != (region, number):
            raise refusal(f'chardev of {what}', f'dax{region}.{number}',
                          'dax{}.{}'.format(*found['chardev']))
        block = f'pmem{region}{f".{number}" if number else ""}{"s" if mode == "sector" else ""}'
        if 'blockdev' in found and found['blockdev'] != block:
            raise refusal(f'blockdev of {what}', block, found['blockdev'])

    def _dax_region_of(self, value: Any, numbers: tuple[int, int], namespace: dict[str, Any],
                       what: str) -> None:
        found = fields.parse(fields.DAX_REGION, value, what, {'id', 'size'}, 'daxregion.')
        if found['id'] != numbers[0]:
            raise refusal(f'daxregion.id of {what}', str(numbers[0]), str(found['id']))
        if found['size'].common(namespace['size']) is None:
            raise refusal(f'daxregion.size of {what}', str(namespace['size']), str(found['size']))
        if 'align' in found and found['align'] != namespace.get('align', found['align']):
            raise refusal(f'daxregion.align of {what}', str(namespace['align']),
                          str(found['align']))
        devices = found.get('devices', [])
        if len(devices) != 1 and (devices or namespace['size'].low > 0):
            raise refusal(f'daxregion.devices of {what}', 'one device, or none where the size is 0',
                          value.get('devices', 'none'))
        if 'align' in found:
            self.facts.namespaces[numbers].add({'align': found['align']})
        for device in devices:
            self._device(device, numbers)

    def _device(self, value: Any, numbers: tuple[int, int] | None,
                holder: int | None = None) -> None:
        what = f'namespace{numbers[0]}.{numbers[1]}' if numbers else 'a dax device'
        found = fields.parse(fields.DEVICE, value, what, {'chardev', 'size'},
                             'device.' if numbers else '')
        chardev = found['chardev']
        if numbers is not None and chardev != numbers:
            raise refusal(f'chardev of {what}', f'dax{numbers[0]}.{numbers[1]}',
                          'dax{}.{}'.format(*chardev))
        namespace = self.facts.namespaces.get(chardev)
        for name in ('size', 'align'):
            known = namespace.get(name) if namespace else None
            if known is None or name not in found:
                continue
            if found[name] != known and not (
                    isinstance(known, amounts.Amount) and known.common(found[name])):
                raise refusal(f'device.{name} of {what}', str(known), str(found[name]))
        self.evidence.saw_device(value)
        if 'mappings' in found:
            found['mappings'] = tuple(tuple(fields.parse(
                fields.DAX_MAPPING, one, what, {'start', 'size'}, 'mappings.').items())
                for one in found['mappings'])
        if holder is not None:
            found['holder'] = holder
        name = 'dax{}.{}'.format(*chardev)
        self.facts.devices.setdefault(chardev, Thing(name)).add(found)

    def _dax_region(self, value: dict[str, Any]) -> None:
        what = str(value.get('path', 'a dax region'))
        found = fields.parse(fields.DAX_REGION, value, what, {'id'})
        match = _HOLDER.fullmatch(found.get('path', ''))
        if match and 'devices' not in found and found.get('size', amounts.exact(0)).high:
            numbers = int(match[1]), int(match[2])
            self.facts.devices.setdefault(numbers, Thing('dax{}.{}'.format(*numbers))).add(
                {'chardev': numbers, 'holder': numbers[1], 'guessed': True,
                 **{name: found[name] for name in ('size', 'align') if name in found}})
        for device in found.get('devices', []):
            self._device(device, None, int(match[2]) if match else None)

    def _add_bad_blocks(self, found: dict[str, Any], what: str) -> None:
        if 'badblocks' not in found:
            return
        blocks = [fields.parse(fields.BAD_BLOCKS, one, what, {'offset', 'length'}, 'badblocks.')
                  for one in found['badblocks']]
        found['badblocks'] = tuple((one['offset'], one['length'], tuple(one.get('dimms', ())))
                                   for one in blocks)
        count = sum(length for _, length, _ in found['badblocks'])
        if found.get('badblock_count', count) != count:
            raise refusal(f'badblock_count of {what}', str(count), str(found['badblock_count']))

    def _add_order(self, names: list[str]) -> None:
        if any(names.count(name) > 1 for name in names if name):
            twice = next(name for name in names if name and names.count(name) > 1)
            raise refusal('objects', 'one for each device', f'{twice} twice')
        if len(names) > 1 and all(names):
            self.facts.orders.append(names)


def _mapping(value: Any, what: str) -> tuple[int, int, int, int | None]:
    found = fields.parse(fields.MAPPING, value, what, {'dimm', 'offset', 'length'}, 'mappings.')
    return found['dimm'], found['offset'], found['length'], found.get('position')


def _keys(value: dict[str, Any]) -> str:
    return f'an object with {", ".join(map(str, value))}' if value else 'an empty object'
