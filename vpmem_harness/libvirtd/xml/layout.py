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
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cached_property

from lxml import etree

from vpmem_harness.libvirtd.xml import numbers
from vpmem_harness.libvirtd.xml.etree import Element

_CONTINUED = re.compile(r'\s*\\\n\s*')


@dataclass(frozen=True)
class Layout:
    """The layout of one element: its attributes and children, in order."""

    tag: str
    attributes: tuple[str, ...] = ()
    marks: frozenset[str] = frozenset()
    children: dict[str, Layout] = field(default_factory=dict)

    def apply(self, source: Element, nsmap: Mapping[str, str] | None = None) -> Element:
        """A copy of ``source`` in canonical form; what the layout does not name is dropped."""
        if 'any' in self.marks:
            return deepcopy(source)
        target = etree.Element(self.tag, nsmap=dict(nsmap) if nsmap else None)
        self._fill(target, source)
        return target

    def _fill(self, target: Element, source: Element) -> None:
        if source.attrib:
            for name in self.attributes:
                value = source.get(name)
                if value is not None:
                    target.set(name, value)
        if 'kib' in self.marks:
            size = numbers.kib(source, '.')
            target.set('unit', 'KiB')
            target.text = str(size)
            return
        text = source.text
        if text and (not self.children or text.strip()):
            target.text = text
        found: dict[str, list[Element]] = {}
        for child in source:
            if child.tag in self.children:
                found.setdefault(child.tag, []).append(child)
        for tag in sorted(found, key=self._order.__getitem__) if len(found) > 1 else found:
            self.children[tag]._add(target, found[tag])

    def _add(self, parent: Element, sources: Iterable[Element]) -> None:
        # Made in its place: to move an element between documents costs more than to make it.
        for source in sources:
            if 'any' in self.marks:
                parent.append(deepcopy(source))
                continue
            target = etree.SubElement(parent, self.tag)
            self._fill(target, source)
            if 'optional' in self.marks and not (len(target) or target.attrib or target.text):
                parent.remove(target)

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
