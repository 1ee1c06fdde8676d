"""Hardware from a file: YAML with a schema."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.hardware import profiles, schema
from vpmem_harness.hardware.cells import Cell, Cpu
from vpmem_harness.hardware.hardware import Hardware
from vpmem_harness.hardware.pci import (
    Mdev,
    MdevType,
    NetworkInterface,
    PciAddress,
    PciDevice,
    Vpd,
    VpdFields,
)
from vpmem_harness.hardware.platform import OVMF, Firmware, Sev, Tpm

_UNITS = {'B': 1, 'KiB': 1024, 'MiB': 1024**2, 'GiB': 1024**3, 'TiB': 1024**4}


def of_argument(text: str, directory: Path | None = None) -> Hardware:
    """Return the hardware of a profile, or of a file in ``directory`` by its path.

    :raises InvalidInputError: if there is neither, or the file is invalid.
    """
    if text in profiles.NAMES:
        return profiles.named(text)
    path = (directory or Path()) / text
    return parse(read_argument(text, lambda: path.read_text('utf-8')), str(path))


def read_argument(name: str, read: Callable[[], str]) -> str:
    """Return the text of a file that a user names in place of a profile.

    :param name: what the user has written.
    :param read: returns the text of the file.
    :raises InvalidInputError: if it cannot be read.
    """
    try:
        return read()
    except (OSError, UnicodeDecodeError) as error:
        reason = (error.strerror or str(error) if isinstance(error, OSError)
                  else 'no text in UTF-8')
        raise InvalidInputError(
            'hardware', expected=f'a YAML file, or one of {", ".join(profiles.NAMES)}',
            got=f'{name!r} ({reason})', remedy='correct the name') from error


def parse(text: str, name: str = 'hardware') -> Hardware:
    """Return the hardware that a document describes.

    :param name: the name of the file, for errors.
    :raises InvalidInputError: with the path of the wrong field, such as ``pci[2].numa_node``.
    """
    import yaml

    try:
        content = yaml.safe_load(text)
    # PyYAML raises the last two for a date or a number that Python refuses, and for deep nesting.
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, 'problem_mark', None)
        line = '' if mark is None else f' in line {mark.line + 1}'
        raise InvalidInputError(
            name, expected='a document in YAML', got=f'an error{line}: '
            f'{getattr(error, "problem", None) or error or "it cannot be read"}',
            remedy='correct the line') from error
    schema.check(content, name)
    return _Reader(name).hardware(content)


class _Reader:
    """Makes values of a document that fits the schema."""

    def __init__(self, name: str) -> None:
        self._name = name

    def hardware(self, content: Mapping[str, Any]) -> Hardware:
        base = profiles.named(content.get('profile', 'default'))
        changes: dict[str, Any] = {}
        if 'cells' in content:
            changes['cells'] = self._cells(content['cells'])
            changes['distances'] = None
        for key in ('tdx', 'iommu', 'memory_profile'):
            if key in content:
                changes[key] = content[key]
        for key, value in content.get('cpu', {}).items():
            changes[key] = tuple(value) if isinstance(value, list) else value
        for key in ('machine_types', 'dimms'):
            if key in content:
                changes[key] = tuple(content[key])
        if 'distances' in content:
            changes['distances'] = tuple(map(tuple, content['distances']))
        if 'pci' in content:
            changes['pci'] = tuple(self._pci(content['pci']))
            changes['mdevs'] = ()
        changes |= self._platform(content)
        made: Hardware = self._at('', dataclasses.replace, base, **changes)
        return made

    def _platform(self, content: Mapping[str, Any]) -> dict[str, Any]:
        changes: dict[str, Any] = {}
        if 'mdevs' in content:
            changes['mdevs'] = tuple(self._at(f'mdevs[{number}]', Mdev, **each)
                                     for number, each in enumerate(content['mdevs']))
        if 'firmware' in content:
            found = content['firmware']
            changes['firmware'] = OVMF if found == 'ovmf' else tuple(
                self._at(f'firmware[{number}]', Firmware, **_tuples(each))
                for number, each in enumerate(found))
        for key, kind in (('tpm', Tpm), ('sev', Sev)):
            if key in content:
                found = content[key]
                changes[key] = None if found is None else self._at(key, kind, **_tuples(found))
        return changes

    def _at(self, path: str, make: Callable[..., Any], *arguments: Any, **fields: Any) -> Any:
        """Make a value; an error names the file and the path of the field."""
        try:
            return make(*arguments, **fields)
        except InvalidInputError as error:
            where = f'{self._name}: {path}' if path else self._name
            raise InvalidInputError(f'{where}: {error.what}', expected=error.expected,
                                    got=error.got, remedy=error.remedy) from None

    def _cells(self, content: list[dict[str, Any]]) -> tuple[Cell, ...]:
        cells: list[Cell] = []
        cpu = socket = 0
        for number, each in enumerate(content):
            sockets, cores = each.get('sockets', 1), each.get('cores', 0)
            threads = each.get('threads', 1)
            offline = set(each.get('offline', ()))
            cpus = tuple(_cpus(cpu, socket, sockets, cores, threads, offline))
            unknown = offline - {found.id for found in cpus}
            if unknown:
                raise InvalidInputError(
                    f'{self._name}: cells[{number}].offline', expected='CPUs of this cell: '
                    f'{cpu} to {cpu + len(cpus) - 1}' if cpus else 'no CPUs',
                    got=', '.join(map(str, sorted(unknown))), remedy='correct the numbers')
            pages = {2048: 0, 1048576: 0}
            for size, count in each.get('huge_pages', {}).items():
                pages[_bytes(size) // 1024] = count
            cells.append(self._at(
                f'cells[{number}]', Cell, each.get('id', number), _bytes(each.get('memory', '0B')),
                cpus, tuple(pages.items())))
            cpu += len(cpus)
            socket += sockets if cpus else 0
        return tuple(cells)

    def _pci(self, content: list[dict[str, Any]]) -> Iterable[PciDevice]:
        for number, each in enumerate(content):
            path = f'pci[{number}]'
            fields = dict(each)
            enabled = fields.pop('vfs', None)
            fields['klass'] = fields.pop('class', 0x020000)
            for key in ('vendor', 'product'):
                fields[key] = (fields[key]['id'], fields[key].get('name', ''))
            if 'interface' in fields:
                fields['interface'] = self._at(
                    f'{path}.interface', NetworkInterface, **_tuples(fields['interface']))
            fields['mdev_types'] = tuple(
                self._at(f'{path}.mdev_types[{which}]', MdevType, **kind)
                for which, kind in enumerate(fields.get('mdev_types', ())))
            if 'vpd' in fields:
                fields['vpd'] = self._vpd(f'{path}.vpd', fields['vpd'])
            for key in ('parent', 'physical'):
                if key in fields:
                    fields[key] = self._at(f'{path}.{key}', PciAddress.parse, fields[key])
            device = self._at(path, PciDevice, **fields)
            if enabled is None:
                yield device
            else:
                yield from self._functions(f'{path}.vfs', device, enabled)

    def _functions(self, path: str, card: PciDevice, content: int | Mapping[str, Any],
                   ) -> Iterable[PciDevice]:
        found: dict[str, Any] = {'count': content} if isinstance(content, int) else dict(content)
        product = found.pop('product', None)
        made: tuple[PciDevice, ...] = self._at(
            path, card.with_vfs, found.pop('count'), max_vfs=card.max_vfs,
            product=None if product is None else (product['id'], product.get('name', '')), **found)
        return made

    def _vpd(self, path: str, content: Mapping[str, Any]) -> Vpd:
        sections = {}
        for key in ('read_only', 'writable'):
            if key in content:
                fields = dict(content[key])
                for name in ('vendor', 'system'):
                    fields[name] = tuple(fields.get(name, {}).items())
                sections[key] = self._at(f'{path}.{key}', VpdFields, **fields)
        found: Vpd = self._at(path, Vpd, content['name'], **sections)
        return found


def _tuples(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value
            for key, value in fields.items()}


def _bytes(text: str) -> int:
    number = text.rstrip('BKMGTi')
    return int(number) * _UNITS[text[len(number):]]


def _cpus(first: int, first_socket: int, sockets: int, cores: int, threads: int,
          offline: set[int]) -> Iterable[Cpu]:
    for core in range(sockets * cores):
        start = first + core * threads
        siblings = tuple(range(start, start + threads))
        for number in siblings:
            yield Cpu(number, first_socket + core // cores, 0, core % cores, siblings,
                      online=number not in offline)
