"""The canonical form of a document: which elements and attributes there are, in which order.

A layout is written as lines of text, one for each element, two spaces deeper for its children::

    disk type device model
      source file dev [optional]
      target dev bus
      &info

What follows the name are the attributes in the order in which libvirt prints them. ``&name``
stands for the lines of a fragment; a line that ends in a backslash goes on in the
next. Words in brackets:

``optional``
    the element is left out when nothing is in it.
``any``
    attributes and content are kept as the client wrote them.
``kib``
    a size: the content and its ``unit`` are turned into KiB.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

from vpmem_harness.libvirtd.xml import numbers
from vpmem_harness.libvirtd.xml.etree import Element, copy

_CONTINUED = re.compile(r'\s*\\\n\s*')


@dataclass(frozen=True)
class Layout:
    """The layout of one element: its attributes and children, in order."""

    tag: str
    attributes: tuple[str, ...] = ()
    marks: frozenset[str] = frozenset()
    children: dict[str, Layout] = field(default_factory=dict)

    def apply(self, source: Element) -> Element:
        """A copy of ``source`` in canonical form; what the layout does not name is dropped."""
        target = copy(source)
        self._arrange(target)
        return target

    def _arrange(self, element: Element) -> None:
        # Most of a document is in its place already, and to look costs less than to move.
        if 'any' in self.marks:
            return
        size = numbers.kib(element, '.') if 'kib' in self.marks else None
        if element.attrib:
            self._arrange_attributes(element)
        if size is not None:
            element.set('unit', 'KiB')
            element.text = str(size)
            return
        if len(element):
            self._arrange_children(element)
        if self.children and element.text and not element.text.strip():
            element.text = None

    def _arrange_attributes(self, element: Element) -> None:
        wanted = [name for name in self.attributes if name in element.attrib]
        if wanted != element.keys():
            values = [(name, element.get(name, '')) for name in wanted]
            element.attrib.clear()
            for name, value in values:
                element.set(name, value)

    def _arrange_children(self, element: Element) -> None:
        places = []
        for child in list(element):
            layout = self.children.get(child.tag)
            if layout is None:
                element.remove(child)
                continue
            layout._arrange(child)
            if 'optional' in layout.marks and not (len(child) or child.attrib or child.text):
                element.remove(child)
                continue
            child.tail = None
            places.append(self._order[child.tag])
        if any(before > after for before, after in pairwise(places)):
            element[:] = sorted(element, key=lambda child: self._order[child.tag])

    @cached_property
    def _order(self) -> dict[str, int]:
        return {tag: number for number, tag in enumerate(self.children)}


def read(text: str, fragments: Mapping[str, str] | None = None) -> Layout:
    """The layout that ``text`` describes; its first line is the root."""
    lines = list(_expand(text, fragments or {}, ''))
    layout, rest = _read_one(lines, 0)
    if rest != len(lines):
        raise ValueError(f'a layout has one root; {lines[rest]!r} is a second')
    return layout


def _expand(text: str, fragments: Mapping[str, str], indent: str) -> Iterator[str]:
    for line in _CONTINUED.sub(' ', text).strip('\n').split('\n'):
        if not line.strip():
            continue
        stripped = line.lstrip(' ')
        here = indent + line[:len(line) - len(stripped)]
        if stripped.startswith('&'):
            yield from _expand(fragments[stripped[1:].strip()], fragments, here)
        else:
            yield here + stripped


def _depth(line: str) -> int:
    return (len(line) - len(line.lstrip(' '))) // 2


def _read_one(lines: list[str], at: int) -> tuple[Layout, int]:
    words = lines[at].split()
    marks = frozenset(word.strip('[]') for word in words if word.startswith('['))
    names = [word for word in words if not word.startswith('[')]
    children: dict[str, Layout] = {}
    depth = _depth(lines[at])
    at += 1
    while at < len(lines) and _depth(lines[at]) > depth:
        child, at = _read_one(lines, at)
        children[child.tag] = child
    return Layout(names[0], tuple(names[1:]), marks, children), at
