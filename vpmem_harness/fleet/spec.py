"""Description of a fleet, from the command line, from a fleet file, or both."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vpmem_harness.exceptions import InvalidInputError, unreadable
from vpmem_harness.fleet.host_options import HOST_OPTIONS, HostOption
from vpmem_harness.fleet.host_spec import HostSpec
from vpmem_harness.fleet.text_files import TextFiles, read_text
from vpmem_harness.host.layout import check_name
from vpmem_harness.randomness import SEED_LIMIT

HOSTS_LIMIT = 1000

#: The names of hosts that have no other: {} is a number.
PATTERN = 'host{}'

_FLEET_NAME = re.compile(r'[A-Za-z0-9_][A-Za-z0-9_-]{0,31}')

#: The JSON schema of the properties of a host.
HOST_SCHEMA: Mapping[str, Any] = {
    'type': 'object',
    'additionalProperties': False,
    'properties': {one.key: one.schema for one in HOST_OPTIONS},
}

#: The JSON schema of a fleet file.
FILE_SCHEMA: Mapping[str, Any] = {
    'type': 'object',
    'additionalProperties': False,
    'required': ['hosts'],
    'properties': {
        'name': {'type': 'string', 'pattern': f'^{_FLEET_NAME.pattern}$'},
        'seed': {'type': 'integer', 'minimum': 0, 'exclusiveMaximum': SEED_LIMIT},
        'cloud': {'type': 'boolean'},
        'host_names': {'type': 'string', 'pattern': r'^[^{}]*\{\}[^{}]*$'},
        'first': {'type': 'integer', 'minimum': 0},
        'hosts': {
            'type': 'array',
            'minItems': 1,
            'items': {
                **HOST_SCHEMA,
                'properties': {
                    'name': {'type': 'string', 'minLength': 1},
                    'count': {'type': 'integer', 'minimum': 1, 'maximum': HOSTS_LIMIT},
                    **HOST_SCHEMA['properties'],
                },
            },
        },
    },
}


@dataclass(frozen=True, kw_only=True)
class FleetSpec:
    """A fleet: its hosts and, if ``cloud``, a compute-service stub on them.

    ``name`` is None for a fleet that ends with its command. ``pattern`` and ``next_number`` name
    the hosts that are added later.
    """

    name: str | None
    seed: int
    hosts: tuple[HostSpec, ...]
    cloud: bool = False
    pattern: str = PATTERN
    next_number: int = 1

    @property
    def random(self) -> bool:
        """Whether the seed determines the namespaces of a host."""
        return any(host.random for host in self.hosts)


@dataclass(frozen=True)
class HostGroup:
    """A group of equal hosts; ``name`` is the name of one host, or a pattern, or None."""

    count: int
    name: str | None
    values: Mapping[str, Any]
    where: str
    directory: Path


class HostNames:
    """Names the hosts of a fleet, in order.

    :param pattern: the pattern for hosts without a name; {} is the host's number.
    :param first: the number of the first host.
    :param listed: names that take precedence over the pattern.
    """

    def __init__(self, pattern: str = PATTERN, first: int = 1,
                 listed: Sequence[str] | None = None) -> None:
        check_pattern(pattern)
        self._pattern = pattern
        self._listed = None if listed is None else list(listed)
        self.next_number = first
        self._numbers: dict[str, int] = {}
        self._first = first
        self._taken: set[str] = set()

    def take(self, group: HostGroup) -> Iterator[str]:
        """Yield the names of a group of hosts."""
        for _ in range(group.count):
            name = self._next(group)
            if name in self._taken:
                raise InvalidInputError(
                    'names of hosts', expected='each name once', got=f'{name!r} twice',
                    remedy='rename one of them')
            self._taken.add(name)
            yield name

    def _next(self, group: HostGroup) -> str:
        if group.name is not None and '{}' in group.name:
            check_pattern(group.name)
            number = self._numbers.get(group.name, self._first)
            self._numbers[group.name] = number + 1
            return group.name.replace('{}', str(number))
        if group.name is not None:
            if group.count > 1:
                raise InvalidInputError(
                    f'name of the hosts in {group.where}', expected='a name with {} for the number',
                    got=repr(group.name), remedy=f"write '{group.name}{{}}'")
            return group.name
        if self._listed is not None:
            if not self._listed:
                raise InvalidInputError(
                    'names of hosts', expected='a name for each host', got='fewer',
                    remedy='add lines to the file of names, or start fewer hosts')
            return self._listed.pop(0)
        while True:
            name = self._pattern.replace('{}', str(self.next_number))
            self.next_number += 1
            if name not in self._taken:
                return name


def make_specs(groups: Iterable[HostGroup], names: HostNames, first: int = 1,
               ) -> tuple[HostSpec, ...]:
    """Return the hosts of some groups; raises InvalidInputError.

    :param first: the number of the first host, for its random values.
    """
    hosts: list[HostSpec] = []
    files = TextFiles()
    for group in groups:
        for name in names.take(group):
            if len(hosts) >= HOSTS_LIMIT:
                raise InvalidInputError(
                    'number of hosts', expected=f'a number from 1 to {HOSTS_LIMIT}', got='more',
                    remedy='use a number in this range')
            hosts.append(HostSpec.of(
                name, first + len(hosts), group.values, group.where, group.directory, files))
    return tuple(hosts)


def check_fleet_name(name: str) -> str:
    """Return the name of a fleet; raises InvalidInputError if it cannot be one."""
    if not _FLEET_NAME.fullmatch(name):
        raise InvalidInputError(
            'name of a fleet', expected='up to 32 letters, digits, dashes and underscores',
            got=repr(name), remedy='choose one such as rack2')
    return name


def check_pattern(pattern: str) -> None:
    """Raise InvalidInputError unless a pattern names hosts: {} occurs once, for the number."""
    if pattern.count('{}') != 1 or set('{}') & set(pattern.replace('{}', '')):
        raise InvalidInputError(
            'names of hosts', expected='a pattern with {} once, for the number', got=repr(pattern),
            remedy="write it as in 'rack2-{}'")
    check_name(pattern.replace('{}', '0'))


def parse_host(text: str, defaults: Mapping[str, Any]) -> HostGroup:
    """Parse the value of ``--host``: ``name=big pmem=SMALL:2x4GiB count=2``.

    Words are separated as in a shell. A key can be repeated where its option can.

    :param defaults: values of the keys that the text leaves out.
    :raises InvalidInputError: if it cannot be parsed.
    """
    known = {one.option: one for one in HOST_OPTIONS}
    name, count = None, 1
    values: dict[str, Any] = {}
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise InvalidInputError(
            '--host', expected='words as in a shell', got=repr(text),
            remedy=f'close the quotes ({error})') from error
    for word in words:
        key, _, value = word.partition('=')
        if key == 'name':
            name = value
        elif key == 'count':
            count = parse_number(value, 'count in --host', least=1, most=HOSTS_LIMIT)
        elif key in known:
            add_value(values, known[key], value if '=' in word else None, '--host')
        else:
            raise InvalidInputError(
                '--host', expected=f'keys among name, count, {", ".join(known)}', got=repr(word),
                remedy="write it as in --host 'name=big pmem=SMALL:2x4GiB'")
    return HostGroup(count, name, _with_defaults(values, defaults), '--host', Path())


def _with_defaults(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    memory = {'pmem', 'dimms', 'listing', 'profile', 'hardware'}
    if memory & values.keys():     # what the memory is like is said in one place
        defaults = {key: value for key, value in defaults.items() if key not in memory}
    return {**defaults, **values}


def add_value(values: dict[str, Any], option: HostOption, value: str | None, where: str) -> None:
    """Add the value of an option, as the command line has it, in the form of a fleet file.

    :param value: None for an option without one.
    """
    what = f'{option.option} in {where}' if where == '--host' else f'--{option.option}'
    if option.kind == 'boolean':
        if value not in (None, 'yes', 'no', 'true', 'false'):
            raise InvalidInputError(what, expected='yes or no', got=repr(value),
                                    remedy='leave the value out for yes')
        values[option.key] = value in (None, 'yes', 'true')
        return
    value = option.default if value is None else value
    if not value:
        raise InvalidInputError(what, expected=f'a value, {option.metavar}', got='none',
                                remedy='add it after =')
    if option.kind == 'integer':
        values[option.key] = parse_number(value, what, least=option.schema.get('minimum', 0))
    elif option.kind == 'array':
        values.setdefault(option.key, []).append(value)
    elif option.kind == 'object':
        key, equals, rest = value.rpartition('=')
        if not equals:
            raise InvalidInputError(what, expected=option.metavar, got=repr(value),
                                    remedy='add = and the rest')
        values.setdefault(option.key, {})[key] = rest
    else:
        values[option.key] = value


def parse_number(text: str, what: str, *, least: int = 0, most: int | None = None) -> int:
    """Parse a whole number; raises InvalidInputError."""
    if re.fullmatch('[0-9]{1,9}', text, re.ASCII) and least <= int(text) and (
            most is None or int(text) <= most):
        return int(text)
    upto = '' if most is None else f' to {most}'
    raise InvalidInputError(what, expected=f'a number from {least}{upto}', got=repr(text),
                            remedy='use a number in this range')


def read_names(path: str) -> list[str]:
    """Read the names of hosts from a file: one per line, without empty lines and comments.

    :raises InvalidInputError: if it cannot be read, or has no names.
    """
    try:
        lines = read_text(path).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable('file of names', path, error) from error
    names = [line.strip() for line in lines]
    names = [name for name in names if name and not name.startswith('#')]
    if not names:
        raise InvalidInputError('file of names', expected='one name a line', got='none',
                                remedy=f'add names to {path}')
    return names


def read_file(path: str) -> dict[str, Any]:
    """Read a fleet file, in YAML; raises InvalidInputError unless it fits its schema."""
    # Imported when needed: they are slow.
    import yaml

    try:
        values = yaml.safe_load(read_text(path))
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable('fleet file', path, error,
                         expected='a YAML file that can be read') from error
    # PyYAML raises the last two for a date or a number that Python refuses, and for deep nesting.
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InvalidInputError(
            'fleet file', expected='a YAML file that can be read', got=f'{path} ({error})',
            remedy='correct it') from error
    check_schema(values, FILE_SCHEMA, f'fleet file {path}')
    checked: dict[str, Any] = values
    return checked


def groups_of_file(values: Mapping[str, Any], path: str, defaults: Mapping[str, Any],
                   ) -> list[HostGroup]:
    """Return the hosts of a fleet file."""
    groups = []
    for number, host in enumerate(values['hosts'], 1):
        rest = {key: value for key, value in host.items() if key not in ('name', 'count')}
        groups.append(HostGroup(
            host.get('count', 1), host.get('name'), _with_defaults(rest, defaults),
            f'host {number} of {path}', Path(path).parent))
    return groups


def check_schema(values: Any, schema: Mapping[str, Any], what: str) -> None:
    """Raise InvalidInputError, which says where and why, unless values fit a JSON schema."""
    import jsonschema

    error = jsonschema.exceptions.best_match(
        jsonschema.Draft202012Validator(schema).iter_errors(values))
    if error is not None:
        place = '/'.join(str(part) for part in error.absolute_path) or 'the top level'
        raise InvalidInputError(
            what, expected='what its schema describes', got=f'at {place}: {error.message}',
            remedy='correct it; the how-to "A fleet from the shell" describes the format')
