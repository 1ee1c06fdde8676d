"""Refuse attributes of domain XML with unknown values, and elements without required ones.

Source: libvirt 9.0.0, src/util/virxml.c (virXMLPropEnum, virXMLPropUInt), src/conf/domain_conf.c.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

import libvirt

from vpmem_harness.libvirtd.errors import (
    LibvirtError,
    bad_attribute,
    bad_xml,
    missing_attribute,
    unknown_value,
    unsupported,
)
from vpmem_harness.libvirtd.xml import layout, numbers
from vpmem_harness.libvirtd.xml.domain import attribute_table as table
from vpmem_harness.libvirtd.xml.etree import Element
from vpmem_harness.releases import Release

_NAME: Final = re.compile('[A-Z]+')
_HEXADECIMAL: Final = re.compile('0[xX][0-9a-fA-F]+')
#: Elements whose numbers can be hexadecimal.
_IDS: Final = ('vendor', 'product')


@dataclass(frozen=True)
class Attribute:
    """An attribute and its values; ``values`` is empty for a number."""

    name: str
    kind: str = ''
    required: bool = False
    values: frozenset[str] = frozenset()
    later: frozenset[str] = frozenset()

    def check(self, element: Element, release: Release) -> None:
        """Refuse an unknown value, or none where one is required."""
        text = element.get(self.name)
        if text is None:
            if self.required:
                raise missing_attribute(str(element.tag), self.name)
        elif self.values:
            if text not in self.values and not (
                    release.names_attributes and text in self.later):
                raise self._unknown(str(element.tag), text)
        elif self.kind == 'int':
            if not numbers.is_integer(text):
                raise bad_attribute(str(element.tag), self.name, text, expected='integer value')
        else:
            self._check_number(str(element.tag), text)

    def _check_number(self, tag: str, text: str) -> None:
        number = int(text, 16) if _HEXADECIMAL.fullmatch(text) and tag in _IDS \
            else numbers.whole(text)
        if number is None or (number >= 2**32 and self.kind != 'ulong'):
            raise bad_attribute(tag, self.name, text, expected='non-negative integer value')
        if not number and self.kind == 'positive':
            raise bad_xml(f"Invalid value for attribute '{self.name}' in element '{tag}': "
                          'Zero is not permitted', domain=libvirt.VIR_FROM_XML)

    def _unknown(self, tag: str, text: str) -> LibvirtError:
        key = f'{tag} {self.name}'
        if key not in table.OLD_TEXTS:
            return bad_attribute(tag, self.name, text)
        domain = libvirt.VIR_FROM_CPU if key in table.OF_CPU else libvirt.VIR_FROM_DOMAIN
        return unknown_value(unsupported(table.OLD_TEXTS[key].format(text), domain=domain),
                             tag, self.name, text)


@dataclass
class Rules:
    """The attributes of an element, and the rules of its children by tag."""

    attributes: tuple[Attribute, ...] = ()
    children: dict[str, Rules] = field(default_factory=dict)

    def check(self, element: Element, release: Release) -> None:
        """Check an element and what is in it."""
        for attribute in self.attributes:
            attribute.check(element, release)
        children = self.children
        if children:
            for child in element:
                rules = children.get(child.tag)
                if rules is not None:
                    rules.check(child, release)


def _attribute(word: str) -> Attribute:
    name, kind = word.split('=')
    required = name.endswith('!')
    if kind in ('uint', 'int', 'positive', 'ulong'):
        return Attribute(name.rstrip('!'), kind, required)
    values = _NAME.sub(lambda match: table.NAMES[match[0]], kind).split('|')
    return Attribute(name.rstrip('!'), '', required,
                     frozenset(value for value in values if not value.startswith('+')),
                     frozenset(value[1:] for value in values if value.startswith('+')))


def _read(text: str) -> Rules:
    above: list[Rules] = []
    for line in layout.expand(text, table.FRAGMENTS):
        tag, *words = line.split()
        rules = Rules(tuple(map(_attribute, words)))
        del above[layout.depth(line):]
        if above:
            above[-1].children[tag] = rules
        above.append(rules)
    return above[0]


#: The rules of ``<domain>``.
DOMAIN: Final = _read(table.DOMAIN)
_DEVICES: Final = DOMAIN.children['devices']


def check(source: Element, release: Release) -> None:
    """Refuse a domain's document with an invalid attribute."""
    DOMAIN.check(source, release)


def check_device(device: Element, release: Release) -> None:
    """Refuse a device with an invalid attribute."""
    rules = _DEVICES.children.get(str(device.tag))
    if rules is not None:
        rules.check(device, release)
