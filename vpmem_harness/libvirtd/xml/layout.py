"""Canonical form of documents: known elements and attributes, and their order.

A layout is text with one line per element; children are indented by two spaces::

    disk type device model
      source file dev [optional]
      target dev bus
      &info

The attributes follow the name, in the order in which libvirt prints them. ``&name`` includes the
lines of a fragment. A line that ends with a backslash continues on the next one. Words in brackets:

``optional``
    the element is omitted when it is empty.
``any``
    attributes and content stay as the client wrote them.
``kib``
    a size: the content and its ``unit`` are converted to KiB.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from operator import itemgetter

from vpmem_harness.libvirtd.xml import numbers
from vpmem_harness.libvirtd.xml.etree import Element, copy, escaped, write

#: The sort key of a child that has been found.
_PLACE = itemgetter(0)

_CONTINUED = re.compile(r'\s*\\\n\s*')


@dataclass(frozen=True)
class Layout:
    """Layout of one element: its attributes and children, in order."""

    tag: str
    attributes: tuple[str, ...] = ()
    optional: bool = False
    any: bool = False
    kib: bool = False
    children: dict[str, Layout] = field(default_factory=dict)

    def apply(self, source: Element) -> Element:
        """Return a copy in canonical form, without content that the layout does not name."""
        if self.any:
            return copy(source)
        given = source.attrib
        target = Element(self.tag, {name: given[name] for name in self.attributes
                                    if name in given} if given else {})
        if self.kib:
            target.text = str(numbers.kib(source, '.'))
            target.set('unit', 'KiB')
            return target
        if source.text:
            target.text = self._text(source)
        if len(source):
            for (_, layout), child in self._children(source):
                made = layout.apply(child)
                if not layout.optional or len(made) or made.attrib or made.text:
                    target.append(made)
        return target

    def sort(self, element: Element) -> None:
        """Sort the children of ``element``, all of which the layout must name."""
        element[:] = [child for _, child in self._children(element)]

    def serialize(self, source: Element) -> str:
        """Serialize ``source`` in canonical form, as libvirt does."""
        lines: list[str] = []
        self._write(source, '', lines)
        lines.append('')
        return '\n'.join(lines)

    def _write(self, source: Element, indent: str, lines: list[str]) -> None:
        if self.any:
            write(source, indent, lines)
            return
        head = empty = f'{indent}<{self.tag}'
        given = source.attrib
        for name in self.attributes if given else ():
            value = given.get(name)
            if value is not None:
                head += f" {name}='{escaped(value)}'"
        if self.kib:
            lines.append(f"{head} unit='KiB'>{numbers.kib(source, '.')}</{self.tag}>")
            return
        text = escaped(self._text(source)) if source.text else ''
        if len(source):
            begun = len(lines)
            lines.append(f'{head}>{text}')
            deeper = indent + '  '
            for (_, layout), child in self._children(source):
                layout._write(child, deeper, lines)
            if len(lines) > begun + 1:
                lines.append(f'{indent}</{self.tag}>')
                return
            lines.pop()
        if text:
            lines.append(f'{head}>{text}</{self.tag}>')
        elif not self.optional or head is not empty:
            lines.append(head + '/>')

    def _text(self, source: Element) -> str:
        """Return the text of an element, without blanks between children."""
        text = source.text or ''
        return '' if self.children and text.isspace() else text

    def _children(self, source: Element) -> list[tuple[tuple[int, Layout], Element]]:
        """Return the children that the layout names, in its order, each with place and layout."""
        places = self._places
        found = [(place, child) for child in source
                 if (place := places.get(child.tag)) is not None]
        found.sort(key=_PLACE)      # children of the same place keep the document's order
        return found

    @cached_property
    def _places(self) -> dict[str, tuple[int, Layout]]:
        return {tag: (place, layout)
                for place, (tag, layout) in enumerate(self.children.items())}


def read(text: str, fragments: Mapping[str, str] | None = None) -> Layout:
    """Parse a layout; the first line is the root."""
    lines = list(expand(text, fragments or {}))
    layout, rest = _read_one(lines, 0)
    if rest != len(lines):
        raise ValueError(f'a layout has one root; {lines[rest]!r} is a second')
    return layout


def expand(text: str, fragments: Mapping[str, str], indent: str = '') -> Iterator[str]:
    """Yield the lines of a text with one line per element, with those of its fragments."""
    for line in _CONTINUED.sub(' ', text).strip('\n').split('\n'):
        if not line.strip():
            continue
        stripped = line.lstrip(' ')
        here = indent + line[:len(line) - len(stripped)]
        if stripped.startswith('&'):
            yield from expand(fragments[stripped[1:].strip()], fragments, here)
        else:
            yield here + stripped


def depth(line: str) -> int:
    """Return how deep the element of a line is."""
    return (len(line) - len(line.lstrip(' '))) // 2


def _read_one(lines: list[str], at: int) -> tuple[Layout, int]:
    words = lines[at].split()
    marks = [word.strip('[]') for word in words if word.startswith('[')]
    names = [word for word in words if not word.startswith('[')]
    children: dict[str, Layout] = {}
    own = depth(lines[at])
    at += 1
    while at < len(lines) and depth(lines[at]) > own:
        child, at = _read_one(lines, at)
        children[child.tag] = child
    return Layout(names[0], tuple(names[1:]), 'optional' in marks, 'any' in marks,
                  'kib' in marks, children), at
