"""The definition of a virtual network: parse, check, complete and format.

Source: libvirt 9.0.0, src/conf/network_conf.c (virNetworkDefParseXML, virNetworkDefFormatBuf).
"""

from __future__ import annotations

import re
import uuid as uuids
from typing import Final

import libvirt

from vpmem_harness.libvirtd.errors import (
    LibvirtError,
    bad_xml,
    internal,
    unsupported,
    xml_detail,
)
from vpmem_harness.libvirtd.xml import layout, numbers, reading, schema
from vpmem_harness.libvirtd.xml.etree import Element, add, copy, drop, every, first, unset
from vpmem_harness.libvirtd.xml.network import addresses, forward, records
from vpmem_harness.libvirtd.xml.network.records import FROM
from vpmem_harness.releases import Release

_VLAN = """
vlan trunk
  tag id nativeMode
bandwidth
  inbound average peak floor burst
  outbound average peak floor burst
"""
_LAYOUT: Final = layout.read("""
network connections ipv6 trustGuestRxFilters
  name
  uuid
  metadata [any]
  forward dev mode managed
    driver name
    nat ipv6
      address start end
      port start end
    pf dev
    interface dev connections
    address type domain bus slot function
  bridge name zone stp delay macTableManager
  mtu size
  mac address
  domain name localOnly
  dns enable forwardPlainNames [optional]
    forwarder domain addr
    txt name value
    srv service protocol domain target port priority weight
    host ip
      hostname
  &vlan
  port isolated [optional]
  ip family address netmask prefix localPtr
    tftp root
    dhcp [optional]
      range start end
        lease expiry unit
      host mac id name ip
        lease expiry unit
      bootp file server
  route family address netmask prefix gateway metric
  virtualport type
    parameters [any]
  portgroup name default trustGuestRxFilters
    &vlan
    virtualport type
      parameters [any]
""", {'vlan': _VLAN})


class NetworkDefinition:
    """A network's definition, in canonical form."""

    def __init__(self, root: Element) -> None:
        self.root = root

    def copy(self) -> NetworkDefinition:
        """Return a copy that can be changed."""
        return NetworkDefinition(copy(self.root))

    @property
    def name(self) -> str:
        """The network's name."""
        return self._text('name')

    @property
    def uuid(self) -> str:
        """The network's UUID in its canonical form."""
        return self._text('uuid')

    def _text(self, tag: str) -> str:
        found = self.root.find(tag)
        return '' if found is None else found.text or ''

    @property
    def mode(self) -> str:
        """The forward mode; ``none`` for an isolated network."""
        found = self.root.find('forward')
        return 'none' if found is None else found.get('mode', 'nat')

    @property
    def bridge(self) -> str | None:
        """The name of the bridge."""
        found = self.root.find('bridge')
        return None if found is None else found.get('name')

    def ips(self, version: int | None = None) -> list[Element]:
        """Return the ``<ip>`` elements, perhaps only those of one version."""
        found = []
        for ip in self.root.findall('ip'):
            address = addresses.parse(ip.get('address'))
            if version is None or (address is not None and address.version == version):
                found.append(ip)
        return found

    def xml(self, connections: int = 0) -> str:
        """Return the definition as XML.

        :param connections: how many interfaces of running domains use the network.
        """
        root = copy(self.root)
        if connections:
            root.set('connections', str(connections))
        # libvirt opens and closes these elements on two lines even if they are empty.
        return re.sub(r'^( *)<((ip|portgroup) [^>]*)/>$', r'\1<\2>\n\1</\3>',
                      _LAYOUT.serialize(root), flags=re.MULTILINE)


def canonical(root: Element) -> Element:
    """Return a definition's elements in libvirt's order."""
    return _LAYOUT.apply(root)


def parse(text: str, new_uuid: str, release: Release, *,
          validate: bool = False) -> NetworkDefinition:
    """Parse a network's definition.

    :param new_uuid: the UUID for a definition without one.
    :param release: the release of the host, whose rules apply.
    :param validate: whether to check the definition with libvirt's schema.
    :raises LibvirtError: it is not well-formed, or something in it is missing or wrong.
    """
    given = reading.parse(text, root='network', document='network_definition', domain=FROM)
    if validate:
        schema.check(text, 'network.rng')
    root = canonical(given)
    name = (root.findtext('name') or '')
    if not name:
        raise LibvirtError(libvirt.VIR_ERR_NO_NAME, domain=FROM)
    if '/' in name:
        raise xml_detail('invalid char in name: /', domain=libvirt.VIR_FROM_XML)
    _read_uuid(root, new_uuid)
    unset(root, 'connections')
    if root.get('ipv6') not in (None, 'yes', 'no'):
        raise bad_xml(f"Invalid ipv6 setting '{root.get('ipv6')}' in network '{name}'",
                      domain=FROM)
    if root.get('ipv6') == 'no':
        unset(root, 'ipv6')
    records.check_yes_no(root, 'trustGuestRxFilters')
    for tag, attribute in (('domain', 'localOnly'), ('port', 'isolated')):
        for found in root.findall(tag):
            records.check_yes_no(found, attribute)
    for found in root.findall('domain'):
        if found.get('name') is None:
            root.remove(found)
    records.bandwidth(root)
    records.vlan(root)
    had_stp = _read_bridge(root, name)
    _read_dns(root, name)
    for group in root.findall('portgroup'):
        records.port_group(group)
    for ip in root.findall('ip'):
        _read_ip(ip, name)
    for route in root.findall('route'):
        _read_route(route, root, name)
    forward.read(root, name)
    definition = NetworkDefinition(root)
    forward.check_mode(root, name, definition.mode, release, had_stp=had_stp)
    return NetworkDefinition(canonical(root))


def _read_uuid(root: Element, new_uuid: str) -> None:
    found = root.find('uuid')
    if found is None:
        found = add(root, 'uuid')
    try:
        found.text = str(uuids.UUID((found.text or new_uuid).strip()))
    except ValueError:
        raise internal('malformed uuid element', domain=FROM) from None


def _read_bridge(root: Element, name: str) -> bool:
    """Check the bridge, its MAC address and its MTU; return whether it says more than a name."""
    bridge = root.find('bridge')
    delay = '0'
    if bridge is not None:
        given = bridge.get('delay')
        number = numbers.whole(given) if given is not None else 0
        if number is None:
            raise bad_xml(f"Invalid delay value in network '{name}'", domain=FROM)
        delay = str(number)
        manager = bridge.get('macTableManager')
        if manager not in (None, 'kernel', 'libvirt'):
            raise bad_xml(f"Invalid macTableManager setting '{manager}' in network '{name}'",
                          domain=FROM)
    for found in root.findall('mac'):
        text = found.get('address')
        if text is None:
            root.remove(found)
            continue
        address = records.mac(text)
        if address is None:
            raise bad_xml(f"Invalid bridge mac address '{text}' in network '{name}'", domain=FROM)
        if records.is_multicast(address):
            raise bad_xml(f"Invalid multicast bridge mac address '{text}' in network '{name}'",
                          domain=FROM)
        found.set('address', address)
    for found in root.findall('mtu'):
        size = numbers.whole(found.get('size'))
        if found.get('size') is not None and (size is None or size >= 1 << 32):
            raise bad_xml(f"Invalid mtu size '{found.get('size')}' in network '{name}'",
                          domain=FROM)
        if not size:
            root.remove(found)
    if bridge is None:
        return False
    said = bridge.get('stp') is not None or delay != '0' or bridge.get('zone') is not None
    bridge.set('delay', delay)
    bridge.set('stp', 'off' if bridge.get('stp') == 'off' else 'on')
    return said


def _read_dns(root: Element, name: str) -> None:
    dns = root.find('dns')
    if dns is None:
        return
    records.check_yes_no(dns, 'enable', 'forwardPlainNames')
    for forwarder in dns.findall('forwarder'):
        text = forwarder.get('addr')
        if text is not None:
            parsed = addresses.parse(text)
            if parsed is None:
                raise bad_xml(f"Invalid forwarder IP address '{text}' in network '{name}'",
                              domain=FROM)
            forwarder.set('addr', str(parsed))
        elif forwarder.get('domain') is None:
            raise bad_xml('Invalid forwarder element, must contain at least one of addr or domain',
                          domain=FROM)
    for host in dns.findall('host'):
        records.dns_host(name, host)
    for service in dns.findall('srv'):
        records.dns_service(name, service)
    for text_record in dns.findall('txt'):
        records.dns_text(name, text_record)
    if dns.get('enable') == 'no' and len(dns):
        raise bad_xml(f"Extra data in disabled network '{name}'", domain=FROM)


def _read_ip(ip: Element, name: str) -> None:
    text, mask = ip.get('address'), ip.get('netmask')
    if not text:
        raise bad_xml(f"Missing required address attribute in network '{name}'", domain=FROM)
    address, netmask = addresses.parse(text), addresses.parse(mask)
    if address is None:
        raise bad_xml(f"Invalid address '{text}' in network '{name}'", domain=FROM)
    if mask and netmask is None:
        raise bad_xml(f"Invalid netmask '{mask}' in network '{name}'", domain=FROM)
    prefix = numbers.whole(ip.get('prefix', '0'))
    if prefix is None:
        raise bad_xml(f"Invalid value for attribute 'prefix' in element 'ip': '{ip.get('prefix')}'."
                      ' Expected integer value', domain=libvirt.VIR_FROM_XML)
    records.check_yes_no(ip, 'localPtr')
    family = ip.get('family')
    if family in (None, 'ipv4'):
        if address.version != 4:
            raise unsupported(f"{family or 'no'} family specified for non-IPv4 address '{text}' in "
                              f"network '{name}'", domain=FROM)
        if netmask is not None and netmask.version != 4:
            raise unsupported(f"Invalid netmask '{mask}' for address '{text}' in network '{name}' "
                              '(both must be IPv4)', domain=FROM)
        if netmask is not None and prefix:
            raise unsupported(f"Network '{name}' IP address cannot have both a prefix and a "
                              'netmask', domain=FROM)
        if prefix > 32:
            raise unsupported(f"Invalid IPv4 prefix '{prefix}' in network '{name}'", domain=FROM)
    elif family == 'ipv6':
        if address.version != 6:
            raise unsupported(f"Family 'ipv6' specified for non-IPv6 address '{text}' in network "
                              f"'{name}'", domain=FROM)
        if mask:
            raise unsupported(f"netmask not allowed for IPv6 address '{text}' in network '{name}'",
                              domain=FROM)
        if prefix > 128:
            raise unsupported(f"Invalid IPv6 prefix '{prefix}' in network '{name}'", domain=FROM)
    else:
        raise bad_xml(f"Unrecognized family '{family}' in network '{name}'", domain=FROM)
    ip.set('address', str(address))
    unset(ip, 'netmask', 'prefix')
    if netmask is not None:
        ip.set('netmask', str(netmask))
    if prefix:
        ip.set('prefix', str(prefix))
    for found in every(ip, 'dhcp/range'):
        records.dhcp_range(name, found, ip)
    for found in every(ip, 'dhcp/host'):
        records.dhcp_host(name, found, ip)
    for found in every(ip, 'dhcp/bootp'):
        if found.get('server') is not None:
            found.set('server', str(addresses.required(found.get('server', ''))))
    if not every(ip, 'dhcp/range') and not every(ip, 'dhcp/host'):
        drop(ip, 'dhcp')
    if ip.find('tftp') is not None and address.version != 4:
        raise unsupported(f"Unsupported <tftp> element in an IPv6 element in network '{name}'",
                          domain=FROM)


def _read_route(route: Element, root: Element, name: str) -> None:
    """Check a route; its gateway must be in one of the network's ranges.

    Source: libvirt 9.0.0, src/conf/networkcommon_conf.c.
    """
    address, gateway = addresses.parse(route.get('address')), addresses.parse(route.get('gateway'))
    if not route.get('address'):
        raise bad_xml(f'{name}: Missing required address attribute in route definition',
                      domain=FROM)
    if address is None:
        raise bad_xml(f"{name}: Bad network address '{route.get('address')}' in route definition",
                      domain=FROM)
    if not route.get('gateway'):
        raise bad_xml(f'{name}: Missing required gateway attribute in route definition',
                      domain=FROM)
    if gateway is None:
        raise bad_xml(f"{name}: Bad gateway address '{route.get('gateway')}' in route definition",
                      domain=FROM)
    for ip in root.findall('ip'):
        network = addresses.network(ip)
        if network is not None and network.version == gateway.version and gateway in network:
            return
    raise unsupported(f"unreachable static route gateway '{gateway}' specified for network "
                      f"'{name}'", domain=FROM)


def set_bridge(definition: NetworkDefinition, name: str, mac: str) -> None:
    """Name the bridge, and give it a MAC address unless it has one."""
    root = definition.root
    bridge = root.find('bridge')
    if bridge is None:
        bridge = add(root, 'bridge', stp='on', delay=0)
    bridge.set('name', name)
    if root.find('mac') is None:
        add(root, 'mac', address=mac)
    definition.root = canonical(root)


def started(definition: NetworkDefinition) -> NetworkDefinition:
    """Return the definition of a network that starts: NAT uses the usual ports."""
    live = definition.copy()
    if live.mode == 'nat' and first(live.root, 'forward/nat/port') is None:
        for found in live.root.findall('forward'):
            nat = found.find('nat')
            if nat is None:
                nat = add(found, 'nat')
            add(nat, 'port', start=1024, end=65535)
    live.root = canonical(live.root)
    return live
