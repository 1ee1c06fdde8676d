"""Rules of a network filter.

Source: libvirt 9.0.0, src/conf/nwfilter_conf.c (virNWFilterRuleParse,
virNWFilterRuleDefDetailsFormat).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

import libvirt

from vpmem_harness.libvirtd.errors import internal, unsupported
from vpmem_harness.libvirtd.xml import numbers
from vpmem_harness.libvirtd.xml.etree import Element, escaped
from vpmem_harness.libvirtd.xml.nwfilter import parameters, values
from vpmem_harness.libvirtd.xml.nwfilter.attributes import (
    ATTRIBUTES,
    DROPS_IP_SETS,
    NEGATED_WITH,
)
from vpmem_harness.libvirtd.xml.nwfilter.parameters import Variable

FROM: Final = libvirt.VIR_FROM_NWFILTER
#: The lowest and the highest priority of a rule.
PRIORITIES: Final = (-1000, 1000)
_ACTIONS: Final = ('drop', 'accept', 'reject', 'return', 'continue')
_DIRECTIONS: Final = ('in', 'out', 'inout')
_PORTS: Final = ('srcportstart', 'srcportend', 'dstportstart', 'dstportend')


class _Item(NamedTuple):
    text: str
    negated: bool
    is_variable: bool


@dataclass
class Rule:
    """A rule.

    :ivar protocol: the element that says which packets match, None for all.
    :ivar variables: the variables that the rule needs.
    """

    action: str
    direction: str
    priority: int = PRIORITIES[1] // 2
    ignores_state: bool = False
    protocol: str | None = None
    variables: list[Variable] = field(default_factory=list)
    _items: dict[str, _Item] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """Return the lines of the rule's XML."""
        head = (f"  <rule action='{self.action}' direction='{self.direction}' "
                f"priority='{self.priority}'")
        if self.ignores_state:
            head += " statematch='false'"
        if self.protocol is None:
            return [f'{head}/>']
        return [f'{head}>', *self._details(self.protocol), '  </rule>']

    def _details(self, protocol: str) -> list[str]:
        """Return the lines of the protocol: one element for each run of equal negations."""
        lines: list[str] = []
        negated: bool | None = None
        for name in ATTRIBUTES[protocol]:
            item = self._items.get(name)
            if item is None:
                continue
            if item.negated is not negated:
                lines.append(f'    <{protocol}' + (" match='no'" if item.negated else ''))
                negated = item.negated
            lines[-1] += f" {name}='{escaped(item.text) if name == 'comment' else item.text}'"
        return [f'{line}/>' for line in lines] or [f'    <{protocol}/>']

    def read(self, protocol: str, details: Element) -> None:
        """Read an element of the protocol; a later one replaces the values of an earlier one.

        :raises LibvirtError: a value is invalid; the last invalid one is named.
        """
        self.protocol = protocol
        negated = details.get('match') == 'no'
        refused = None
        for name, kind in ATTRIBUTES[protocol].items():
            given = details.get(name)
            if given is None:
                continue
            text = self._variable(given[1:]) if given.startswith('$') else values.TYPES[kind](given)
            if text is None:
                refused = internal(f'{name} has illegal value {given}', domain=FROM)
            else:
                self._items[name] = _Item(text, negated, given.startswith('$'))
        if refused is not None:
            raise refused
        if protocol in ('ip', 'ipv6'):
            self._check_ports('IP' if protocol == 'ip' else 'IPv6')

    def _variable(self, text: str) -> str | None:
        found = parameters.variable(text)
        if found is None:
            return None
        if found not in self.variables:
            self.variables.append(found)
        return f'${found}'

    def _check_ports(self, shown: str) -> None:
        """Refuse ports without a protocol that has them."""
        protocol = self._items.get('protocol')
        if any(name in self._items for name in _PORTS) and (
                protocol is None or protocol.is_variable
                or protocol.text not in values.WITH_PORTS):
            raise internal(
                f'{shown} rule with port specification requires protocol specification with '
                'protocol to be either one of tcp(6), udp(17), dccp(33), or sctp(132)',
                domain=FROM)

    def complete(self) -> None:
        """Make attributes agree that libvirt keeps together."""
        if self.protocol is None:
            return
        items = self._items
        for name, other in NEGATED_WITH[self.protocol].items():
            if name in items:
                items[name] = items[name]._replace(
                    negated=other in items and items[other].negated)
        if self.protocol in DROPS_IP_SETS:
            if 'ipset' in items and 'ipsetflags' not in items:
                items['ipsetflags'] = _Item('src', False, False)
            else:
                items.pop('ipset', None)
                items.pop('ipsetflags', None)


def read(element: Element) -> Rule:
    """Read a ``<rule>``.

    :raises LibvirtError: an attribute is missing or has a value that libvirt does not know.
    """
    action, direction = element.get('action'), element.get('direction')
    if action is None:
        raise internal('rule node requires action attribute', domain=FROM)
    if action not in _ACTIONS:
        raise unsupported('unknown rule action attribute value', domain=FROM)
    if direction is None:
        raise internal('rule node requires direction attribute', domain=FROM)
    if direction not in _DIRECTIONS:
        raise unsupported('unknown rule direction attribute value', domain=FROM)
    rule = Rule(action, direction)
    priority = element.get('priority', '')
    if numbers.is_integer(priority) and PRIORITIES[0] <= int(priority) <= PRIORITIES[1]:
        rule.priority = int(priority)
    rule.ignores_state = element.get('statematch', '').lower() in ('0', 'false')
    for child in element:
        if child.tag in ATTRIBUTES and rule.protocol in (None, child.tag):
            rule.read(child.tag, child)
    rule.complete()
    return rule
