"""The definition of a network filter.

Source: libvirt 9.0.0, src/conf/nwfilter_conf.c (virNWFilterDefParseXML, virNWFilterDefFormat).
"""

from __future__ import annotations

import re
import uuid as uuids
from dataclasses import dataclass, replace
from typing import Final

from vpmem_harness.libvirtd.errors import (
    bad_argument,
    bad_xml,
    internal,
    unexplained,
)
from vpmem_harness.libvirtd.xml import numbers, reading, schema
from vpmem_harness.libvirtd.xml.etree import Element
from vpmem_harness.libvirtd.xml.nwfilter import parameters
from vpmem_harness.libvirtd.xml.nwfilter import rule as rules
from vpmem_harness.libvirtd.xml.nwfilter.parameters import Parameters
from vpmem_harness.libvirtd.xml.nwfilter.rule import FROM, PRIORITIES, Rule

#: The priority of a chain without one, by the beginning of its name; the others have 0.
_CHAINS: Final = {'mac': -800, 'vlan': -750, 'stp': 0, 'arp': -500, 'rarp': -400, 'ipv4': -700,
                  'ipv6': -600}
_CHAIN_MAX: Final = 12
_CHAIN_NAME: Final = re.compile(r'[A-Za-z0-9_.\-]*')


@dataclass(frozen=True)
class Reference:
    """A reference to another filter, with parameters for it."""

    filter: str
    parameters: Parameters

    def lines(self) -> list[str]:
        """Return the lines of the reference's XML."""
        return parameters.reference_lines(self.filter, self.parameters, '  ')


@dataclass(frozen=True)
class FilterDefinition:
    """A filter: its chain, the chain's priority, and its rules and references in order."""

    name: str
    uuid: str
    chain: str
    priority: int
    entries: tuple[Rule | Reference, ...]

    def with_uuid(self, uuid: str) -> FilterDefinition:
        """Return the definition with another UUID."""
        return replace(self, uuid=uuid)

    @property
    def references(self) -> list[Reference]:
        """The references to other filters."""
        return [entry for entry in self.entries if isinstance(entry, Reference)]

    @property
    def rules(self) -> list[Rule]:
        """The rules."""
        return [entry for entry in self.entries if isinstance(entry, Rule)]

    def xml(self) -> str:
        """Return the definition as XML; libvirt does not escape names."""
        head = f"<filter name='{self.name}' chain='{self.chain}'"
        if self.priority:
            head += f" priority='{self.priority}'"
        lines = [f'{head}>', f'  <uuid>{self.uuid}</uuid>']
        for entry in self.entries:
            lines += entry.lines()
        return '\n'.join([*lines, '</filter>', ''])


def parse(text: str, new_uuid: str, *, validate: bool = False) -> FilterDefinition:
    """Parse a filter's definition.

    :param new_uuid: the UUID for a definition without one.
    :param validate: whether to check the definition with libvirt's schema.
    :raises LibvirtError: it is not well-formed, or something in it is missing or wrong.
    """
    root = reading.parse(text, root='filter', document='nwfilter_definition', domain=FROM)
    if validate:
        schema.check(text, 'nwfilter.rng')
    return read(root, new_uuid)


def read(root: Element, new_uuid: str) -> FilterDefinition:
    """Read a ``<filter>``."""
    name = root.get('name')
    if not name:
        raise internal('filter has no name', domain=FROM)
    given = _priority(root.get('priority'))
    chain = root.get('chain') or 'root'
    default = _chain_priority(chain)
    # libvirt reads the priority, but keeps it only beside a chain.
    priority = default if given is None or not root.get('chain') else given
    entries: list[Rule | Reference] = []
    uuid = _uuid(root.findtext('uuid'), new_uuid)
    for child in root:
        if child.tag == 'rule':
            entries.append(rules.read(child))
        elif child.tag == 'filterref':
            entries.append(_reference(child))
    return FilterDefinition(name, uuid, chain, priority, tuple(entries))


def _priority(text: str | None) -> int | None:
    if not text:
        return None
    if not numbers.is_integer(text) or not -1 << 31 <= int(text) < 1 << 31:
        raise bad_argument(f"Could not parse chain priority '{text}'", domain=FROM)
    low, high = PRIORITIES
    if not low <= int(text) <= high:
        raise bad_argument(f"Priority '{int(text)}' is outside valid range of [{low},{high}]",
                           domain=FROM)
    return int(text)


def _chain_priority(chain: str) -> int:
    """Return the default priority of a chain.

    :raises LibvirtError: libvirt has no such chain.
    """
    if len(chain.encode()) > _CHAIN_MAX:
        raise bad_argument(f'Name of chain is longer than {_CHAIN_MAX} characters', domain=FROM)
    if not _CHAIN_NAME.fullmatch(chain):
        raise bad_argument('Chain name contains invalid characters', domain=FROM)
    if chain == 'root':
        return 0
    if chain.startswith('root'):
        raise unexplained()
    for prefix, priority in _CHAINS.items():
        if chain.startswith(prefix):
            return priority
    raise bad_argument(
        f"Invalid chain name '{chain}'. Please use a chain name called 'root' or any of the "
        f"following prefixes: {', '.join(_CHAINS)}", domain=FROM)


def _uuid(text: str | None, new_uuid: str) -> str:
    try:
        return str(uuids.UUID(text.strip() if text else new_uuid))
    except ValueError:
        raise bad_xml('malformed uuid element', domain=FROM) from None


def _reference(element: Element) -> Reference:
    name = element.get('filter')
    if name is None:
        # libvirt reports a missing filter with the words of a rule.
        raise internal('rule node requires action attribute', domain=FROM)
    return Reference(name, parameters.read(element))
