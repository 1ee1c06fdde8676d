"""Variables of network filters, and the parameters that give them values.

Source: libvirt 9.0.0, src/conf/nwfilter_params.c.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from vpmem_harness.libvirtd.xml.etree import Element

_NAME: Final = re.compile('[A-Za-z0-9_]*')
_VALUE: Final = re.compile('[A-Za-z0-9_.:]+')
_VARIABLE: Final = re.compile(r'([A-Za-z0-9_]*)(?:\[\s*(@?)\s*\+?([0-9]+)\s*\].*)?', re.DOTALL)
_ITERATOR_MAX: Final = 1000

#: The values of each variable, by its name.
Parameters = dict[str, list[str]]


@dataclass(frozen=True)
class Variable:
    """An access to a variable in a rule, such as ``IP``, ``IP[@1]`` or ``IP[2]``.

    :ivar element: the number of the element, None for an iterator over all elements.
    """

    name: str
    element: int | None = None
    iterator: int = 0

    def __str__(self) -> str:
        if self.element is not None:
            return f'{self.name}[{self.element}]'
        return f'{self.name}[@{self.iterator}]' if self.iterator else self.name

    def is_available(self, parameters: Mapping[str, list[str]]) -> bool:
        """Whether the parameters have a value for this access."""
        values = parameters.get(self.name)
        return values is not None and (self.element is None or self.element < len(values))


def variable(text: str) -> Variable | None:
    """Parse the access to a variable, without its ``$``; None if it is malformed."""
    found = _VARIABLE.fullmatch(text)
    if found is None:
        return None
    name, iterator, number = found.groups()
    if number is None:
        return Variable(name)
    if int(number) >= 1 << 32 or (iterator and int(number) > _ITERATOR_MAX):
        return None
    return Variable(name, iterator=int(number)) if iterator else Variable(name, int(number))


def read(reference: Element) -> Parameters:
    """Return the parameters of a ``<filterref>``, without those that are invalid."""
    found: Parameters = {}
    for parameter in reference.findall('parameter'):
        name, value = parameter.get('name'), parameter.get('value')
        if name is not None and value is not None and _NAME.fullmatch(name) \
                and _VALUE.fullmatch(value):
            found.setdefault(name, []).append(value)
    return found


def reference_lines(name: str, parameters: Mapping[str, list[str]], indent: str) -> list[str]:
    """Return the lines of a ``<filterref>``, with the parameters in the order of their names."""
    head = f"{indent}<filterref filter='{name}'"
    if not parameters:
        return [f'{head}/>']
    return [f'{head}>',
            *(f"{indent}  <parameter name='{key}' value='{value}'/>"
              for key in sorted(parameters) for value in parameters[key]),
            f'{indent}</filterref>']
