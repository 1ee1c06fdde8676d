"""The binding of a network filter to the port of an interface.

Source: libvirt 9.0.0, src/conf/virnwfilterbindingdef.c.
"""

from __future__ import annotations

import uuid as uuids
from dataclasses import dataclass

from vpmem_harness.libvirtd.errors import LibvirtError, internal
from vpmem_harness.libvirtd.xml import reading, schema
from vpmem_harness.libvirtd.xml.etree import Element, escaped
from vpmem_harness.libvirtd.xml.network import records
from vpmem_harness.libvirtd.xml.nwfilter import parameters
from vpmem_harness.libvirtd.xml.nwfilter.parameters import Parameters
from vpmem_harness.libvirtd.xml.nwfilter.rule import FROM


@dataclass
class BindingDefinition:
    """A binding: the owner, the port and its MAC address, the filter and its parameters."""

    owner: str
    owner_uuid: str
    port: str
    link: str | None
    mac: str
    filter: str
    parameters: Parameters

    def xml(self) -> str:
        """Return the definition as XML."""
        lines = ['<filterbinding>', '  <owner>', f'    <name>{escaped(self.owner)}</name>',
                 f'    <uuid>{self.owner_uuid}</uuid>', '  </owner>',
                 f"  <portdev name='{escaped(self.port)}'/>"]
        if self.link is not None:
            lines.append(f"  <linkdev name='{escaped(self.link)}'/>")
        lines.append(f"  <mac address='{self.mac}'/>")
        lines += parameters.reference_lines(self.filter, self.parameters, '  ')
        return '\n'.join([*lines, '</filterbinding>', ''])


def parse(text: str, *, validate: bool = False) -> BindingDefinition:
    """Parse a binding's definition.

    :raises LibvirtError: it is not well-formed, or something in it is missing or wrong.
    """
    root = reading.parse(text, root='filterbinding', document='nwfilterbinding_definition',
                         domain=FROM)
    if validate:
        schema.check(text, 'nwfilterbinding.rng')
    port = _attribute(root, 'portdev', 'name')
    if not port:
        raise _missing('port dev name')
    link = None
    if root.find('linkdev') is not None:
        link = _attribute(root, 'linkdev', 'name')
        if not link:
            raise _missing('link dev name')
    owner = root.findtext('owner/name')
    if not owner:
        raise _missing('owner name')
    uuid = root.findtext('owner/uuid')
    if not uuid:
        raise _missing('owner UUID')
    try:
        owner_uuid = str(uuids.UUID(uuid.strip()))
    except ValueError:
        raise internal(f"Unable to parse UUID '{uuid}'", domain=FROM) from None
    address = _attribute(root, 'mac', 'address')
    if not address:
        raise _missing('MAC address')
    mac = records.mac(address)
    if mac is None:
        raise internal(f"Unable to parse MAC '{address}'", domain=FROM)
    reference = root.find('filterref')
    name = _attribute(root, 'filterref', 'filter')
    if reference is None or not name:
        raise _missing('filter reference')
    return BindingDefinition(owner, owner_uuid, port, link, mac, name,
                             parameters.read(reference))


def of_interface(interface: Element, owner: str, owner_uuid: str) -> BindingDefinition | None:
    """Return the binding of an interface of a guest; None if it has no filter."""
    reference = interface.find('filterref')
    target, mac = interface.find('target'), interface.find('mac')
    if reference is None or target is None or mac is None:
        return None
    return BindingDefinition(
        owner, owner_uuid, target.get('dev', ''), None, records.mac(mac.get('address')) or '',
        reference.get('filter', ''), parameters.read(reference))


def _attribute(root: Element, tag: str, name: str) -> str | None:
    found = root.find(tag)
    return None if found is None else found.get(name)


def _missing(what: str) -> LibvirtError:
    return internal(f'filter binding has no {what}', domain=FROM)
