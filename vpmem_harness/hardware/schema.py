"""The JSON schema of hardware in a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.hardware import profiles
from vpmem_harness.hardware.platform import FIRMWARE_FEATURES

_TEXT: Mapping[str, Any] = {'type': 'string', 'minLength': 1}
_TEXTS: Mapping[str, Any] = {'type': 'array', 'items': _TEXT}
_COUNT: Mapping[str, Any] = {'type': 'integer', 'minimum': 0}
_MANY: Mapping[str, Any] = {'type': 'integer', 'minimum': 1}
_SIZE: Mapping[str, Any] = {'type': 'string', 'pattern': '^[0-9]{1,15}(B|KiB|MiB|GiB|TiB)$',
                            'description': 'a whole number with a unit, as in 4GiB'}
_ADDRESS: Mapping[str, Any] = {
    'type': 'string', 'pattern': '^([0-9a-fA-F]{4,8}:)?[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\\.[0-7]$',
    'description': "a PCI address in quotes, as in '0000:81:00.0'"}


def _object(required: Iterable[str] = (), **properties: Any) -> dict[str, Any]:
    return {'type': 'object', 'additionalProperties': False, 'required': list(required),
            'properties': properties}


def _list(items: Mapping[str, Any], least: int = 0) -> dict[str, Any]:
    return {'type': 'array', 'items': items, 'minItems': least}


_IDENTITY = _object(['id'], id={'type': 'integer', 'minimum': 0, 'maximum': 0xFFFF},
                    name={'type': 'string'})

_INDEXED = {'type': 'object', 'additionalProperties': _TEXT}

_VPD_FIELDS = _object(
    change_level=_TEXT, manufacture_id=_TEXT, part_number=_TEXT, serial_number=_TEXT,
    asset_tag=_TEXT, vendor=_INDEXED, system=_INDEXED)

_VFS = {'oneOf': [_COUNT, _object(['count'], count=_COUNT, product=_IDENTITY, driver=_TEXT,
                                  interfaces={'type': 'boolean'})],
        'description': 'a number, or an object with count, product, driver and interfaces'}

_PCI = {
    'address': _ADDRESS, 'vendor': _IDENTITY, 'product': _IDENTITY,
    'class': {'type': 'integer', 'minimum': 0, 'maximum': 0xFFFFFF},
    'numa_node': {'type': 'integer', 'minimum': -1}, 'driver': _TEXT, 'parent': _ADDRESS,
    'physical': _ADDRESS, 'max_vfs': _COUNT, 'vfs': _VFS, 'iommu_group': _COUNT, 'vdpa': _TEXT,
    'interface': _object(['name'], name=_TEXT, mac=_TEXT, speed=_MANY, up={'type': 'boolean'},
                         features=_TEXTS),
    'mdev_types': _list(_object(['id', 'name', 'available'], id=_TEXT, name=_TEXT,
                                available=_COUNT, api=_TEXT)),
    'vpd': _object(['name'], name=_TEXT, read_only=_VPD_FIELDS, writable=_VPD_FIELDS),
}

_FIRMWARE = _object(
    ['executable', 'nvram_template'], executable=_TEXT, nvram_template=_TEXT, machines=_TEXTS,
    features=_list({'enum': list(FIRMWARE_FEATURES)}), interface={'enum': ['uefi', 'bios']})

#: The schema of a document.
SCHEMA: Mapping[str, Any] = _object(
    profile={'enum': list(profiles.NAMES)},
    cells=_list(_object(
        id=_COUNT, memory=_SIZE, sockets=_MANY, cores=_COUNT, threads=_MANY,
        offline=_list(_COUNT),
        huge_pages={'type': 'object', 'additionalProperties': False, 'properties': {
            '2MiB': _COUNT, '1GiB': _COUNT}}), least=1),
    distances=_list(_list(_COUNT)),
    cpu=_object(model=_TEXT, vendor=_TEXT, mhz=_MANY, features=_TEXTS),
    pci=_list(_object(['address', 'vendor', 'product'], **_PCI)),
    mdevs=_list(_object(['type', 'parent'], type=_TEXT, parent=_ADDRESS, uuid=_TEXT)),
    firmware={'oneOf': [{'const': 'ovmf'}, _list(_FIRMWARE)],
              'description': 'the word ovmf, or a list of firmware'},
    tpm={'oneOf': [{'type': 'null'}, _object(
        versions=_list({'enum': ['1.2', '2.0']}), announced={'type': 'boolean'})],
         'description': 'an object with versions and announced, or null'},
    sev={'oneOf': [{'type': 'null'}, _object(
        cbit_position=_COUNT, reduced_bits=_COUNT, max_guests=_COUNT, max_es_guests=_COUNT)],
        'description': 'an object with cbit_position, reduced_bits, max_guests and '
        'max_es_guests, or null'},
    tdx={'type': 'boolean'}, iommu={'type': 'boolean'}, machine_types=_TEXTS, dimms=_TEXTS,
    memory_profile=_TEXT)

_KINDS = {'object': 'an object', 'array': 'a list', 'string': 'a text',
          'integer': 'a whole number', 'boolean': 'true or false', 'null': 'nothing'}


def check(content: object, name: str) -> None:
    """Raise InvalidInputError with the path of the first wrong field of a document."""
    import jsonschema

    validator = jsonschema.Draft202012Validator(SCHEMA)
    error = jsonschema.exceptions.best_match(
        validator.iter_errors(content), key=lambda error: -len(error.absolute_path))
    if error is None:
        return
    while error.context and error.validator == 'oneOf':
        inside = [each for each in error.context if each.validator not in ('type', 'const')]
        if not inside:
            break
        error = inside[0]
    path = ''.join(f'[{part}]' if isinstance(part, int) else f'.{part}'
                   for part in error.absolute_path).lstrip('.')
    expected, got, remedy = _explained(error)
    raise InvalidInputError(f'{name}: {path}' if path else name, expected=expected, got=got,
                            remedy=remedy)


def _explained(error: Any) -> tuple[str, str, str]:
    """Return what was expected, what came, and what to do."""
    rule, value, found = error.validator, error.validator_value, error.instance
    known = error.schema.get('properties', {})
    if rule == 'additionalProperties':
        unknown = sorted(set(found) - set(known))
        return (f'keys among {", ".join(sorted(known))}', ', '.join(map(repr, unknown)),
                'correct the name or leave it out')
    if rule == 'required':
        missing = [key for key in value if key not in found]
        return (f'the key {missing[0]!r}', 'an object without it', 'add it')
    if rule == 'enum':
        return f'one of {", ".join(map(str, value))}', repr(found), 'choose one of them'
    if rule in ('minimum', 'maximum'):
        least, most = error.schema.get('minimum'), error.schema.get('maximum')
        upto = 'on' if most is None else f'to {most}'
        return f'a number from {least} {upto}', repr(found), 'use a number in this range'
    if rule == 'minItems':
        return f'at least {value} entries', str(len(found)), 'add some'
    described = error.schema.get('description')
    if rule == 'type' and described is None:
        kinds = [value] if isinstance(value, str) else value
        described = ' or '.join(_KINDS[kind] for kind in kinds)
    return described or 'a value that fits', _shown(found), 'correct it'


def _shown(found: object) -> str:
    text = repr(found)
    return text if len(text) <= 60 else f'{text[:57]}...'
