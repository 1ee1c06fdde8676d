"""Changes of one section of a network's definition, as virNetworkUpdate makes them.

Source: libvirt 9.0.0, src/conf/network_conf.c (virNetworkDefUpdateSection).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, bad_xml, invalid, xml_detail
from vpmem_harness.libvirtd.values import signed
from vpmem_harness.libvirtd.xml import reading
from vpmem_harness.libvirtd.xml.etree import Element, add
from vpmem_harness.libvirtd.xml.network import addresses, records
from vpmem_harness.libvirtd.xml.network.definition import NetworkDefinition, canonical
from vpmem_harness.libvirtd.xml.network.records import FROM

MODIFY: Final = libvirt.VIR_NETWORK_UPDATE_COMMAND_MODIFY
DELETE: Final = libvirt.VIR_NETWORK_UPDATE_COMMAND_DELETE
ADD_LAST: Final = libvirt.VIR_NETWORK_UPDATE_COMMAND_ADD_LAST
ADD_FIRST: Final = libvirt.VIR_NETWORK_UPDATE_COMMAND_ADD_FIRST
_ADD: Final = (ADD_FIRST, ADD_LAST)

#: The sections that libvirt knows and cannot update, by number.
_UNSUPPORTED: Final = {
    libvirt.VIR_NETWORK_SECTION_BRIDGE: 'bridge', libvirt.VIR_NETWORK_SECTION_DOMAIN: 'domain',
    libvirt.VIR_NETWORK_SECTION_IP: 'ip', libvirt.VIR_NETWORK_SECTION_FORWARD: 'forward',
    libvirt.VIR_NETWORK_SECTION_FORWARD_PF: 'forward pf'}


def update(definition: NetworkDefinition, command: int, section: int, parent: int,
           text: str) -> NetworkDefinition:
    """Return a changed copy of a definition.

    :param command: VIR_NETWORK_UPDATE_COMMAND_*.
    :param section: VIR_NETWORK_SECTION_*.
    :param parent: the index of the ``<ip>`` element to change, or -1 for the fitting one.
    :raises LibvirtError: the section cannot be changed like that.
    """
    try:
        element = reading.read(text, 'network_update_xml', FROM)
    except LibvirtError as error:
        # libvirt names this document without parentheses.
        detail = (error.str2 or '').replace('(network_update_xml)', 'network_update_xml')
        raise xml_detail(detail, domain=FROM).renewed('names_lines', error) from None
    changed = definition.copy()
    if section in _UNSUPPORTED:
        raise _unsupported(f"can't update '{_UNSUPPORTED[section]}' section of network "
                           f"'{definition.name}'")
    change = _SECTIONS.get(section)
    if change is None:
        raise _unsupported("can't update unrecognized section of network")
    change(changed, command, parent, element)
    changed.root = canonical(changed.root)
    return changed


def _unsupported(detail: str) -> LibvirtError:
    return LibvirtError(libvirt.VIR_ERR_OPERATION_UNSUPPORTED, detail, domain=FROM)


def _unknown(command: int) -> LibvirtError:
    return _unsupported(f'unrecognized network update command code {signed(command)}')


def _check_tag(definition: NetworkDefinition, element: Element, tag: str) -> None:
    if element.tag != tag:
        raise bad_xml(f'unexpected element <{element.tag}>, expecting <{tag}>, while updating '
                      f"network '{definition.name}'", domain=FROM)


def _insert(parent: Element, element: Element, command: int) -> None:
    """Add an element before or behind its own kind."""
    places = [place for place, child in enumerate(parent) if child.tag == element.tag]
    if command == ADD_FIRST:
        parent.insert(places[0] if places else len(parent), element)
    else:
        parent.insert(places[-1] + 1 if places else len(parent), element)


def _ip(definition: NetworkDefinition, parent: int) -> Element:
    found = definition.ips()
    if parent >= 0:
        if parent >= len(found):
            raise invalid(f"couldn't update dhcp host entry - no <ip> element found at index "
                          f"{parent} in network '{definition.name}'", domain=FROM)
        return found[parent]
    for ip in found:
        if ip.find('dhcp') is not None:
            return ip
    for ip in (*definition.ips(4), *definition.ips(6)):
        return ip
    raise invalid("couldn't update dhcp host entry - no <ip> element found in network "
                  f"'{definition.name}'", domain=FROM)


def _version(ip: Element) -> int:
    address = addresses.parse(ip.get('address'))
    return 4 if address is None else address.version


def _dhcp(ip: Element) -> Element:
    found = ip.find('dhcp')
    return add(ip, 'dhcp') if found is None else found


def _check_single_dhcp(definition: NetworkDefinition, ip: Element) -> None:
    version = _version(ip)
    if any(other is not ip and other.find('dhcp') is not None
           for other in definition.ips(version)):
        raise invalid(f'dhcp is supported only for a single IPv{version} address on each network',
                      domain=FROM)


def _same(one: Element, other: Element, name: str) -> bool:
    """Whether two elements have the same value of an attribute that both have."""
    mine, theirs = one.get(name), other.get(name)
    if name == 'mac':
        mine, theirs = records.mac(mine), records.mac(theirs)
    return mine is not None and mine == theirs


def _dhcp_host(definition: NetworkDefinition, command: int, parent: int,
               host: Element) -> None:
    _check_tag(definition, host, 'host')
    ip = _ip(definition, parent)
    records.dhcp_host(definition.name, host, ip, partial=command == DELETE)
    address = addresses.parse(host.get('ip'))
    if command != DELETE and address is not None and address.version != _version(ip):
        raise invalid('the address family of a host entry IP must match the address family of the '
                      "dhcp element's parent", domain=FROM)
    dhcp = _dhcp(ip)
    hosts = dhcp.findall('host')
    mac = host.get('mac', 'unknown')
    name, shown = host.get('name', '(null)'), host.get('ip', 'unknown')
    similar = [other for other in hosts
               if any(_same(host, other, each) for each in ('mac', 'ip', 'name'))]
    if command == MODIFY:
        if not similar:
            raise invalid(
                f'couldn\'t locate an existing dhcp host entry with "mac=\'{mac}\'" '
                f'"name=\'{name}\'" "ip=\'{shown}\'" in network \'{definition.name}\'',
                domain=FROM)
        dhcp[list(dhcp).index(similar[0])] = host
    elif command in _ADD:
        _check_single_dhcp(definition, ip)
        if similar:
            raise invalid(
                f"there is an existing dhcp host entry in network '{definition.name}' that matches "
                f'"<host mac=\'{mac}\' name=\'{name}\' ip=\'{shown}\'/>"', domain=FROM)
        _insert(dhcp, host, command)
    elif command == DELETE:
        for other in hosts:
            if all(host.get(each) is None or _same(host, other, each)
                   or (each == 'mac' and other.get('mac') is None)
                   for each in ('mac', 'name', 'ip')):
                dhcp.remove(other)
                return
        raise invalid("couldn't locate a matching dhcp host entry in network "
                      f"'{definition.name}'", domain=FROM)
    else:
        raise _unknown(command)


def _dhcp_range(definition: NetworkDefinition, command: int, parent: int,
                wanted: Element) -> None:
    _check_tag(definition, wanted, 'range')
    ip = _ip(definition, parent)
    if command == MODIFY:
        raise _unsupported('dhcp ranges cannot be modified, only added or deleted')
    records.dhcp_range(definition.name, wanted, ip)
    dhcp = _dhcp(ip)
    same = [other for other in dhcp.findall('range')
            if _same(wanted, other, 'start') and _same(wanted, other, 'end')]
    if command in _ADD:
        _check_single_dhcp(definition, ip)
        if same:
            raise invalid(
                f"there is an existing dhcp range entry in network '{definition.name}' that "
                f'matches "<range start=\'{wanted.get("start")}\' end=\'{wanted.get("end")}\'/>"',
                domain=FROM)
        _insert(dhcp, wanted, command)
    elif command == DELETE:
        if not same:
            raise invalid("couldn't locate a matching dhcp range entry in network "
                          f"'{definition.name}'", domain=FROM)
        dhcp.remove(same[0])
    else:
        raise _unknown(command)


def _forward_interface(definition: NetworkDefinition, command: int, parent: int,
                       interface: Element) -> None:
    _check_tag(definition, interface, 'interface')
    if command == MODIFY:
        raise _unsupported('forward interface entries cannot be modified, only added or deleted')
    device = interface.get('dev')
    if device is None:
        raise bad_xml('missing dev attribute in <interface> element', domain=FROM)
    forward = definition.root.find('forward')
    listed = [] if forward is None else forward.findall('interface')
    same = [other for other in listed if other.get('dev') == device]
    if command in _ADD:
        if same:
            raise invalid(f"there is an existing interface entry in network '{definition.name}' "
                          f'that matches "<interface dev=\'{device}\'>"', domain=FROM)
        if forward is not None:
            _insert(forward, interface, command)
    elif command == DELETE:
        if not same or forward is None:
            raise invalid("couldn't find an interface entry in network "
                          f"'{definition.name}' matching <interface dev='{device}'>", domain=FROM)
        forward.remove(same[0])
    else:
        raise _unknown(command)
    if forward is not None:
        forward.attrib.pop('dev', None)
        for first in forward.findall('interface')[:1]:
            forward.set('dev', first.get('dev', ''))


def _port_group(definition: NetworkDefinition, command: int, parent: int,
                group: Element) -> None:
    _check_tag(definition, group, 'portgroup')
    records.port_group(group)
    root, name = definition.root, group.get('name')
    groups = root.findall('portgroup')
    same = [other for other in groups if other.get('name') == name]
    defaults = [other for other in groups if other.get('default') == 'yes']
    if not same and command in (MODIFY, DELETE):
        raise invalid(f"couldn't find a portgroup entry in network '{definition.name}' matching "
                      f"<portgroup name='{name}'>", domain=FROM)
    if same and command in _ADD:
        raise invalid(f"there is an existing portgroup entry in network '{definition.name}' that "
                      f'matches "<portgroup name=\'{name}\'>"', domain=FROM)
    if command != DELETE and group.get('default') == 'yes' and defaults and defaults != same:
        raise invalid(f"a different portgroup entry in network '{definition.name}' is already set "
                      'as the default. Only one default is allowed.', domain=FROM)
    if command == MODIFY:
        root[list(root).index(same[0])] = group
    elif command in _ADD:
        _insert(root, group, command)
    elif command == DELETE:
        root.remove(same[0])
    else:
        raise _unknown(command)


def _dns(definition: NetworkDefinition) -> Element:
    found = definition.root.find('dns')
    return add(definition.root, 'dns') if found is None else found


def _record(tag: str, what: str, check: Callable[..., None],
            matches: Callable[[Element, Element, bool], bool],
            texts: tuple[str, str, str]) -> Callable[[NetworkDefinition, int, int, Element], None]:
    """Return the change of one kind of DNS record.

    :param matches: whether a record fits the wanted one, with whether it is to be added.
    :param texts: the errors for a record that exists, that is missing, and that is not unique.
    """
    def change(definition: NetworkDefinition, command: int, parent: int, wanted: Element) -> None:
        if command == MODIFY:
            raise _unsupported(f'DNS {what} records cannot be modified, only added or deleted')
        _check_tag(definition, wanted, tag)
        adding = command in _ADD
        check(definition.name, wanted, partial=not adding)
        dns = _dns(definition)
        same = [other for other in dns.findall(tag) if matches(wanted, other, adding)]
        shown = {'name': wanted.get('name'), 'network': definition.name}
        if adding:
            if same:
                raise invalid(texts[0].format(**shown), domain=FROM)
            _insert(dns, wanted, command)
        elif command == DELETE:
            if not same:
                raise invalid(texts[1].format(**shown), domain=FROM)
            if len(same) > 1:
                raise invalid(texts[2].format(**shown), domain=FROM)
            dns.remove(same[0])
        else:
            raise _unknown(command)
    return change


def _same_host(wanted: Element, other: Element, adding: bool) -> bool:
    names = {hostname.text for hostname in wanted.findall('hostname')}
    return _same(wanted, other, 'ip') or (not adding and any(
        hostname.text in names for hostname in other.findall('hostname')))


_SECTIONS: Final[dict[int, Callable[[NetworkDefinition, int, int, Element], None]]] = {
    libvirt.VIR_NETWORK_SECTION_IP_DHCP_HOST: _dhcp_host,
    libvirt.VIR_NETWORK_SECTION_IP_DHCP_RANGE: _dhcp_range,
    libvirt.VIR_NETWORK_SECTION_FORWARD_INTERFACE: _forward_interface,
    libvirt.VIR_NETWORK_SECTION_PORTGROUP: _port_group,
    libvirt.VIR_NETWORK_SECTION_DNS_HOST: _record('host', 'HOST', records.dns_host, _same_host, (
        'there is already at least one DNS HOST record with a matching field in network {network}',
        "couldn't locate a matching DNS HOST record in network {network}",
        'multiple matching DNS HOST records were found in network {network}')),
    libvirt.VIR_NETWORK_SECTION_DNS_TXT: _record(
        'txt', 'TXT', records.dns_text, lambda wanted, other, _: _same(wanted, other, 'name'), (
            "there is already a DNS TXT record with name '{name}' in network {network}",
            "couldn't locate a matching DNS TXT record in network {network}", '')),
    libvirt.VIR_NETWORK_SECTION_DNS_SRV: _record(
        'srv', 'SRV', records.dns_service, lambda wanted, other, _: all(
            wanted.get(name) in (None, other.get(name))
            for name in ('domain', 'service', 'protocol', 'target')), (
            'there is already at least one DNS SRV record matching all specified fields in '
            'network {network}', "couldn't locate a matching DNS SRV record in network {network}",
            'multiple DNS SRV records matching all specified fields were found in network '
            '{network}')),
}
