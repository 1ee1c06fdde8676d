"""Parts of a network: DHCP hosts and ranges, DNS records, port groups.

Each function checks an element as libvirt parses it, and sets addresses in libvirt's form.
Source: libvirt 9.0.0, src/conf/network_conf.c.
"""

from __future__ import annotations

import re
from typing import Final

import libvirt

from vpmem_harness.libvirtd.errors import (
    LibvirtError,
    bad_attribute,
    bad_xml,
    unsupported,
    xml_detail,
)
from vpmem_harness.libvirtd.xml import numbers
from vpmem_harness.libvirtd.xml.etree import Element, drop, unset
from vpmem_harness.libvirtd.xml.network import addresses

FROM: Final = libvirt.VIR_FROM_NETWORK
_MAC: Final = re.compile(r'[0-9A-Fa-f]{1,2}(:[0-9A-Fa-f]{1,2}){5}')
_UNITS: Final = {'seconds': 120, 'minutes': 2, 'hours': 0}


def mac(text: str | None) -> str | None:
    """Return a MAC address in its canonical form, None if it is none."""
    if text is None or not _MAC.fullmatch(text):
        return None
    return ':'.join(f'{int(byte, 16):02x}' for byte in text.split(':'))


def is_multicast(address: str) -> bool:
    """Whether a MAC address is one of a group."""
    return bool(int(address[:2], 16) & 1)


def check_yes_no(element: Element, *names: str) -> None:
    """Refuse an attribute that is neither ``yes`` nor ``no``."""
    for name in names:
        value = element.get(name)
        if value is not None and value not in ('yes', 'no'):
            raise bad_attribute(element.tag, name, value)


def dhcp_range(name: str, element: Element, ip: Element) -> None:
    """Check a ``<range>`` of the ``<ip>`` element of the network ``name``."""
    ends = []
    for end in ('start', 'end'):
        text = element.get(end)
        if text is None:
            raise bad_xml(f"Missing '{end}' attribute in dhcp range for network '{name}'",
                          domain=FROM)
        ends.append(addresses.required(text))
        element.set(end, str(ends[-1]))
    addresses.check_range(ends[0], ends[1], ip)
    _lease(element)


def _lease(element: Element) -> None:
    lease = element.find('lease')
    expiry = None if lease is None else lease.get('expiry')
    if lease is None or expiry is None:
        drop(element, 'lease')
        return
    number = numbers.whole(expiry)
    if number is None:
        raise bad_attribute('lease', 'expiry', expiry, expected='integer value')
    unit = lease.get('unit', 'minutes')
    if unit not in _UNITS:
        raise bad_attribute('lease', 'unit', unit)
    if 0 < number < _UNITS[unit]:
        raise unsupported('The minimum lease time should be greater than 2 minutes', domain=FROM)
    unset(lease, 'unit')
    lease.set('expiry', str(number))
    if number:
        lease.set('unit', unit)


def dhcp_host(name: str, element: Element, ip: Element, *, partial: bool = False) -> None:
    """Check a DHCP ``<host>`` of the ``<ip>`` element of the network ``name``.

    :param partial: whether one attribute is enough, to look for a host.
    """
    own = addresses.parse(ip.get('address'))
    ipv6 = own is not None and own.version == 6
    given = element.get('mac')
    if given is not None:
        if ipv6:
            raise bad_xml(f"Invalid to specify MAC address '{given}' in network '{name}' IPv6 "
                          'static host definition', domain=FROM)
        canonical = mac(given)
        if canonical is None:
            raise bad_xml(f"Cannot parse MAC address '{given}' in network '{name}'", domain=FROM)
        if is_multicast(canonical):
            raise bad_xml(f"expected unicast mac address, found multicast '{given}' in network "
                          f"'{name}'", domain=FROM)
    identifier = element.get('id')
    if identifier:
        bad = re.search('[^0-9a-fA-F:]', identifier)
        if bad is not None:
            raise bad_xml(f"Invalid character '{bad[0]}' in id '{identifier}' of network "
                          f"'{name}'", domain=FROM)
    host = element.get('name')
    if host is not None and not re.match('[A-Za-z0-9]', host):
        raise bad_xml(f"Cannot use host name '{host}' in network '{name}'", domain=FROM)
    address = element.get('ip')
    if address is not None:
        parsed = addresses.parse(address)
        if parsed is None:
            raise bad_xml(f"Invalid IP address in static host definition for network '{name}'",
                          domain=FROM)
        element.set('ip', str(parsed))
    if partial:
        if given is None and host is None and address is None:
            raise bad_xml('At least one of name, mac, or ip attribute must be specified for static '
                          f"host definition in network '{name}' ", domain=FROM)
    else:
        if ipv6 and identifier is None and host is None:
            raise bad_xml(f"Static host definition in IPv6 network '{name}' must have id or name "
                          'attribute', domain=FROM)
        if not ipv6 and given is None and host is None:
            raise bad_xml(f"Static host definition in IPv4 network '{name}' must have mac or name "
                          'attribute', domain=FROM)
        if address is None:
            raise bad_xml(f"Missing IP address in static host definition for network '{name}'",
                          domain=FROM)
    _lease(element)


def dns_host(name: str, element: Element, *, partial: bool = False) -> None:
    """Check a DNS ``<host>`` of the network ``name``."""
    address = element.get('ip')
    for hostname in element.findall('hostname'):
        if not hostname.text:
            element.remove(hostname)
    parsed = None if address is None else addresses.parse(address)
    if parsed is None and (address is not None or not partial):
        problem = 'Missing' if address is None else 'Invalid'
        refused = xml_detail(f"{problem} IP address in network '{name}' DNS HOST record",
                             domain=FROM)
        if not element.findall('hostname') and not partial:
            refused = refused.renewed('opens_networks', xml_detail(
                f"Missing hostname in network '{name}' DNS HOST record", domain=FROM))
        raise refused
    if parsed is not None:
        element.set('ip', str(parsed))
    if not element.findall('hostname'):
        if not partial:
            raise xml_detail(f"Missing hostname in network '{name}' DNS HOST record", domain=FROM)
        if address is None:
            raise xml_detail(f"Missing ip and hostname in network '{name}' DNS HOST record",
                             domain=FROM)


def dns_service(name: str, element: Element, *, partial: bool = False) -> None:
    """Check a DNS ``<srv>`` of the network ``name``."""
    service, protocol = element.get('service'), element.get('protocol')
    if service is None and not partial:
        raise xml_detail('missing required service attribute in DNS SRV record of network '
                         f"'{name}'", domain=FROM)
    if service is not None and len(service) > _SERVICE_MAX:
        raise xml_detail(f"service attribute '{service}' in network '{name}' is too long, limit is "
                         f'{_SERVICE_MAX} bytes', domain=FROM)
    if service is not None and not re.fullmatch(r'[A-Za-z0-9_\-+/*]*', service):
        raise xml_detail(f"invalid character in service attribute '{service}' in DNS SRV record of "
                         f"network '{name}'", domain=FROM)
    if protocol is None and not partial:
        raise xml_detail(f"missing required protocol attribute in DNS SRV record '{service}' of "
                         f"network '{name}'", domain=FROM)
    if protocol is not None and not re.fullmatch(r'[A-Za-z0-9\-+/]*', protocol):
        raise xml_detail(f"invalid character in protocol attribute '{protocol}' in DNS SRV record "
                         f"of network '{name}'", domain=FROM)
    for attribute, low, prefix in (('port', 1, 'invalid'), ('priority', 0, 'Invalid'),
                                   ('weight', 0, 'invalid')):
        text = element.get(attribute)
        if not text:
            continue
        number = numbers.whole(text)
        if number is not None and element.get('target') is None:
            raise xml_detail(f'DNS SRV {attribute} attribute not permitted without target for '
                             f"service '{service}' in network '{name}'", domain=FROM)
        if number is None or not low <= number <= 65535:
            raise xml_detail(f"{prefix} DNS SRV {attribute} attribute for service '{service}' in "
                             f"network '{name}'", domain=FROM)
        unset(element, attribute)
        if number:
            element.set(attribute, str(number))


#: The longest name of a service. Source: DNS_RECORD_LENGTH_SRV of libvirt.
_SERVICE_MAX: Final = 498


def dns_text(name: str, element: Element, *, partial: bool = False) -> None:
    """Check a DNS ``<txt>`` of the network ``name``."""
    record = element.get('name')
    if record is None:
        raise xml_detail(f'missing required name attribute in DNS TXT record of network {name}',
                         domain=FROM)
    if re.search('[ ,]', record):
        raise xml_detail(f"prohibited character in DNS TXT record name '{record}' of network "
                         f'{name}', domain=FROM)
    if element.get('value') is None and not partial:
        raise xml_detail('missing required value attribute in DNS TXT record named '
                         f"'{record}' of network {name}", domain=FROM)


def port_group(element: Element) -> None:
    """Check a ``<portgroup>``."""
    if not element.get('name'):
        raise bad_xml('Missing required name attribute in portgroup', domain=FROM)
    check_yes_no(element, 'trustGuestRxFilters')
    default = element.get('default', '').lower() == 'yes'
    unset(element, 'default')
    if default:
        element.set('default', 'yes')
    bandwidth(element)
    vlan(element)


def bandwidth(parent: Element) -> None:
    """Check the ``<bandwidth>`` of a network or port group.

    Source: libvirt 9.0.0, src/conf/netdev_bandwidth_conf.c.
    """
    for found in parent.findall('bandwidth'):
        for direction in ('inbound', 'outbound'):
            if len(found.findall(direction)) > 1:
                raise bad_xml(f'Only one child <{direction}> element allowed',
                              domain=libvirt.VIR_FROM_NONE)
            for rate in found.findall(direction):
                if rate.get('average') is None and rate.get('floor') is None:
                    raise bad_xml('Missing mandatory average or floor attributes',
                                  domain=libvirt.VIR_FROM_NONE)
                if rate.get('floor') is not None:
                    raise LibvirtError(
                        libvirt.VIR_ERR_CONFIG_UNSUPPORTED,
                        'floor attribute is not supported for this config' if direction == 'inbound'
                        else "'floor' attribute allowed only in <inbound> element",
                        domain=libvirt.VIR_FROM_NONE)
                for attribute in ('average', 'peak', 'burst'):
                    text = rate.get(attribute)
                    if text is not None and numbers.whole(text) is None:
                        raise LibvirtError(
                            libvirt.VIR_ERR_CONFIG_UNSUPPORTED,
                            f"could not convert bandwidth {attribute} value '{text}'",
                            domain=libvirt.VIR_FROM_NONE)
        if not len(found):
            parent.remove(found)


def vlan(parent: Element) -> None:
    """Check the ``<vlan>`` of a network or port group.

    Source: libvirt 9.0.0, src/conf/netdev_vlan_conf.c.
    """
    for found in parent.findall('vlan'):
        tags = found.findall('tag')
        if not tags:
            raise bad_xml('missing tag id - each <vlan> must have at least one <tag id=\'n\'/> '
                          'subelement', domain=libvirt.VIR_FROM_NONE)
        for tag in tags:
            number = numbers.whole(tag.get('id'))
            if number is None:
                raise bad_xml('missing or invalid vlan tag id attribute',
                              domain=libvirt.VIR_FROM_NONE)
            if number > 4095:
                raise bad_xml(f'vlan tag id {number} too large (maximum 4095)',
                              domain=libvirt.VIR_FROM_NONE)
