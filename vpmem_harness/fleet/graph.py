"""Objects of the harness as JSON, and back.

A graph is a list of nodes. A value is a number, a text, a boolean, null, or ``{"node": N}``. A node
is a container or an object, with its values; two references to one node are one object. Only the
classes below :data:`PACKAGES`, enumerations, times, sets, bytes and XML elements are possible, so
that a file can create nothing else.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime
import enum
import importlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any
from xml.etree import ElementTree

from vpmem_harness import releases
from vpmem_harness.exceptions import HarnessError
from vpmem_harness.libvirtd.xml.definition import Definition

#: The packages whose classes a graph may contain.
PACKAGES = ('vpmem_harness.pmem.', 'vpmem_harness.libvirtd.', 'vpmem_harness.cloud.',
            'vpmem_harness.hardware.')

#: The JSON schema of a graph.
SCHEMA: Mapping[str, Any] = {
    'type': 'object',
    'additionalProperties': False,
    'required': ['nodes', 'root'],
    'properties': {
        'nodes': {'type': 'array', 'items': {'type': 'object', 'required': ['kind', 'of']}},
        'root': {},
    },
}


class GraphError(HarnessError):
    """A graph cannot be written or read."""


def encode(root: object) -> dict[str, Any]:
    """Return an object, and all that it refers to, as a graph.

    :raises GraphError: for an object of a class that a graph may not contain.
    """
    encoder = _Encoder()
    value = encoder.value(root)
    return {'nodes': encoder.nodes, 'root': value}


def decode(graph: Mapping[str, Any],
           text: Callable[[str], str] = lambda text: text) -> Any:
    """Return the object of a graph.

    :param text: changes each text.
    :raises GraphError: for a graph that :func:`encode` has not made.
    """
    try:
        return _Decoder(graph['nodes'], text).value(graph['root'])
    except GraphError:
        raise
    except (AttributeError, IndexError, KeyError, RecursionError, TypeError,
            ValueError) as error:
        raise GraphError(
            f'a saved object cannot be read: {type(error).__name__}: {error}') from error


class _Encoder:

    def __init__(self) -> None:
        self.nodes: list[dict[str, Any]] = []
        self._known: dict[int, int] = {}
        self._kept: list[object] = []       # ids stay unique while the objects exist

    def value(self, value: object) -> Any:
        if value is None or type(value) in (bool, float, str) or (
                type(value) is int and value.bit_length() < 64):
            return value
        number = self._known.get(id(value))
        if number is None:
            number = self._known[id(value)] = len(self.nodes)
            self._kept.append(value)
            node: dict[str, Any] = {}
            self.nodes.append(node)
            kind, of = self._node(value)
            node.update(kind=kind, of=of)
        return {'node': number}

    def _node(self, value: Any) -> tuple[str, Any]:
        if type(value) is int:      # a bitmap, with more digits than JSON likes
            return 'int', hex(value)
        if isinstance(value, enum.Enum):
            return 'enum', [_class_name(type(value)), self.value(value.value)]
        if isinstance(value, tuple) and hasattr(value, '_fields'):
            return 'named', [_class_name(type(value)), self._all(value)]
        for kind in ('list', 'tuple', 'set', 'frozenset'):
            if type(value).__name__ == kind:
                return kind, self._all(sorted(value, key=repr) if 'set' in kind else value)
        if isinstance(value, dict | MappingProxyType):
            return 'dict', [[self.value(key), self.value(each)] for key, each in value.items()]
        if isinstance(value, bytes | bytearray):
            return type(value).__name__, base64.b64encode(value).decode()
        if isinstance(value, datetime.datetime):
            return 'time', value.isoformat()
        if isinstance(value, releases.Release):
            return 'release', value.name
        if isinstance(value, ElementTree.Element):
            return 'element', _element(value)
        if isinstance(value, Definition):
            return 'definition', [_element(value.root), value.release.name]
        return 'object', [_class_name(type(value)),
                          {name: self.value(each) for name, each in _state(value).items()}]

    def _all(self, values: Iterable[object]) -> list[Any]:
        return [self.value(each) for each in values]


class _Decoder:

    def __init__(self, nodes: list[dict[str, Any]], text: Callable[[str], str]) -> None:
        self._nodes = nodes
        self._text = text
        self._made: dict[int, Any] = {}

    def value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._text(value)
        if not isinstance(value, dict):
            return value
        number = value['node']
        if number not in self._made:
            node = self._nodes[number]
            self._make(number, node['kind'], node['of'])
        return self._made[number]

    def _make(self, number: int, kind: str, of: Any) -> None:
        made = self._made
        if kind in ('list', 'dict', 'set', 'object'):
            # These can refer to themselves: each exists before its values do.
            if kind == 'list':
                container: list[Any] = []
                made[number] = container
                container.extend(map(self.value, of))
            elif kind == 'dict':
                mapping: dict[Any, Any] = {}
                made[number] = mapping
                mapping.update((self.value(key), self.value(each)) for key, each in of)
            elif kind == 'set':
                members: set[Any] = set()
                made[number] = members
                members.update(map(self.value, of))
            else:
                self._object(number, *of)
            return
        makers: dict[str, Callable[[], Any]] = {
            'tuple': lambda: tuple(map(self.value, of)),
            'frozenset': lambda: frozenset(map(self.value, of)),
            'named': lambda: _named(of[0])(*map(self.value, of[1])),
            'enum': lambda: _enumeration(of[0])(self.value(of[1])),
            'int': lambda: int(of, 16),
            'bytes': lambda: base64.b64decode(of, validate=True),
            'bytearray': lambda: bytearray(base64.b64decode(of, validate=True)),
            'time': lambda: datetime.datetime.fromisoformat(of),
            'release': lambda: releases.choose(of),
            'element': lambda: self._element(of),
            'definition': lambda: Definition(self._element(of[0]), releases.choose(of[1])),
        }
        if kind not in makers:
            raise GraphError(f'a saved object is of an unknown kind: {kind!r}')
        made[number] = makers[kind]()

    def _element(self, of: list[Any]) -> ElementTree.Element:
        tag, attributes, text, tail, children = of
        element = ElementTree.Element(
            tag, {name: self._text(value) for name, value in attributes.items()})
        element.text, element.tail = (None if each is None else self._text(each)
                                      for each in (text, tail))
        element.extend(map(self._element, children))
        return element

    def _object(self, number: int, name: str, state: dict[str, Any]) -> None:
        kind = _class(name)
        made: Any = object.__new__(kind)
        self._made[number] = made
        fields = dataclasses.is_dataclass(kind) and {one.name for one in dataclasses.fields(kind)}
        if fields and not fields <= state.keys():
            raise GraphError(f'a saved {name} lacks {", ".join(sorted(fields - state.keys()))}')
        for key, value in state.items():
            object.__setattr__(made, key, self.value(value))


def _element(element: ElementTree.Element) -> list[Any]:
    """An element as a list, because names keep their prefixes here."""
    return [element.tag, dict(element.attrib), element.text, element.tail,
            list(map(_element, element))]


def _state(value: object) -> dict[str, Any]:
    state = dict(getattr(value, '__dict__', {}))
    for kind in type(value).__mro__:
        slots = kind.__dict__.get('__slots__', ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in ('__dict__', '__weakref__') and hasattr(value, name):
                state[name] = getattr(value, name)
    return state


def _class_name(kind: type) -> str:
    name = f'{kind.__module__}:{kind.__qualname__}'
    if not name.startswith(PACKAGES) or '<' in name:
        raise GraphError(f'an object of the class {name} cannot be saved')
    return name


def _class(name: str) -> type:
    module, _, qualified = name.partition(':')
    if not f'{module}.'.startswith(PACKAGES) and not module.startswith(PACKAGES):
        raise GraphError(f'a saved object has a class that is not allowed: {name}')
    try:
        found: Any = importlib.import_module(module)
        for part in qualified.split('.'):
            found = getattr(found, part)
    except (ImportError, AttributeError):
        found = None
    if not inspect.isclass(found) or found.__module__ != module:
        raise GraphError(f'a saved object has an unknown class: {name}')
    kind: type = found
    return kind


def _named(name: str) -> type:
    kind = _class(name)
    if not (issubclass(kind, tuple) and hasattr(kind, '_fields')):
        raise GraphError(f'{name} is no named tuple')
    return kind


def _enumeration(name: str) -> type[enum.Enum]:
    kind = _class(name)
    if not issubclass(kind, enum.Enum):
        raise GraphError(f'{name} is no enumeration')
    return kind
