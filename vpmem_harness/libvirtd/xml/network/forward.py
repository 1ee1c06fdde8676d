"""How a virtual network forwards: its mode, and what the mode allows.

Source: libvirt 9.0.0, src/conf/network_conf.c (virNetworkForwardDefParseXML).
"""

from __future__ import annotations

from typing import Final

from vpmem_harness.libvirtd.errors import bad_xml, unsupported, xml_detail
from vpmem_harness.libvirtd.xml import numbers
from vpmem_harness.libvirtd.xml.etree import Element, add, every, unset
from vpmem_harness.libvirtd.xml.network import addresses, records
from vpmem_harness.libvirtd.xml.network.records import FROM
from vpmem_harness.releases import Release

MODES: Final = ('none', 'nat', 'route', 'open', 'bridge', 'private', 'vepa', 'passthrough',
                'hostdev')
#: The modes in which libvirt makes the bridge.
VIRTUAL: Final = ('none', 'nat', 'route', 'open')


def read(root: Element, name: str) -> None:
    """Check the ``<forward>`` of the network ``name``."""
    forward = root.find('forward')
    if forward is None:
        return
    mode = forward.get('mode') or 'nat'
    if mode not in MODES:
        raise unsupported(f"unknown forwarding type '{mode}'", domain=FROM)
    if mode == 'none':
        root.remove(forward)
        return
    forward.set('mode', mode)
    managed = forward.get('managed', '').lower() == 'yes'
    unset(forward, 'managed')
    if mode == 'hostdev':
        forward.set('managed', 'yes' if managed else 'no')
    for driver in forward.findall('driver'):
        if driver.get('name') not in (None, 'kvm', 'vfio'):
            raise unsupported(f"Unknown forward <driver name='{driver.get('name')}'/> in network "
                              f'{name}', domain=FROM)
    nats, pfs = forward.findall('nat'), forward.findall('pf')
    if len(nats) > 1:
        raise bad_xml(f'Only one <nat> element is allowed in <forward> of network {name}',
                      domain=FROM)
    for nat in nats:
        _read_nat(nat, mode, name)
        if not len(nat) and nat.get('ipv6') is None:
            forward.remove(nat)
    device = forward.get('dev')
    if device and (forward.findall('address') or pfs):
        raise bad_xml("the <forward> 'dev' attribute cannot be used when <address> or <pf> "
                      f'sub-elements are present in network {name}', domain=FROM)
    listed = [found.get('dev') for found in forward.findall('interface')]
    if None in listed:
        raise bad_xml('Missing required dev attribute in <forward> <interface> element of network '
                      f'{name}', domain=FROM)
    if device and listed and listed[0] != device:
        raise bad_xml(f"<forward dev='{device}'> must match first <interface dev='{listed[0]}'/> "
                      f'in network {name}', domain=FROM)
    for number, each in enumerate(listed):
        if each in listed[:number]:
            raise bad_xml(f"interface '{each}' can only be listed once in network {name}",
                          domain=FROM)
    if device and not listed:
        add(forward, 'interface', dev=device)
    elif listed and not device:
        forward.set('dev', str(listed[0]))
    if len(pfs) > 1:
        raise bad_xml(f'Only one <pf> element is allowed in <forward> of network {name}',
                      domain=FROM)
    for found in pfs:
        if found.get('dev') is None:
            raise bad_xml(f"Missing required dev attribute in <pf> element of network '{name}'",
                          domain=FROM)


def _read_nat(nat: Element, mode: str, name: str) -> None:
    where = f'in <nat> in <forward> in network {name}'
    if mode != 'nat':
        raise bad_xml("The <nat> element can only be used when <forward> 'mode' is 'nat' in "
                      f'network {name}', domain=FROM)
    records.check_yes_no(nat, 'ipv6')
    for tag in ('address', 'port'):
        if len(nat.findall(tag)) > 1:
            raise bad_xml(f'Only one <{tag}> element is allowed {where}', domain=FROM)
    for address in nat.findall('address'):
        ends = []
        for end in ('start', 'end'):
            text = address.get(end)
            if text is None:
                raise bad_xml(f"missing '{end}' attribute in <address> element {where}",
                              domain=FROM)
            parsed = addresses.parse(text)
            if parsed is None or parsed.version != 4:
                raise bad_xml(f"Bad ipv4 {end} address '{text}' in <nat> in <forward> in network "
                              f"'{name}'", domain=FROM)
            ends.append(parsed)
        addresses.check_range(ends[0], ends[1])
    for port in nat.findall('port'):
        low = numbers.whole(port.get('start'))
        high = numbers.whole(port.get('end'))
        if low is None or low > 65535:
            raise xml_detail(f"Missing or invalid 'start' attribute in <port> {where}",
                             domain=FROM)
        if high is None or not low <= high <= 65535:
            raise xml_detail(f"Missing or invalid 'end' attribute in <port> {where}", domain=FROM)


def check_mode(root: Element, name: str, mode: str, release: Release, *,
               had_stp: bool) -> None:
    """Refuse what the forward mode does not allow.

    :param had_stp: whether the definition says more of the bridge than its name.
    """
    interfaces = every(root, 'forward/interface') + every(root, 'forward/address')
    bridge = root.find('bridge')
    if mode in ('nat', 'route', 'open'):
        if not root.findall('ip') and not (mode == 'open' and release.opens_networks):
            raise bad_xml(f'{mode} forwarding requested, but no IP address provided for network '
                          f"'{name}'", domain=FROM)
        if len(interfaces) > 1:
            raise bad_xml(f"multiple forwarding interfaces specified for network '{name}', only "
                          'one is supported', domain=FROM)
        if mode == 'open' and interfaces:
            raise bad_xml(f"forward dev not allowed for network '{name}' with forward "
                          f"mode='{mode}'", domain=FROM)
    if mode in VIRTUAL:
        return
    if mode != 'bridge' and bridge is not None:
        for attribute, what in (('name', 'name'), ('zone', 'zone'),
                                ('macTableManager', 'macTableManager setting')):
            if bridge.get(attribute) is not None:
                raise bad_xml(f"bridge {what} not allowed in {mode} mode (network '{name}')",
                              domain=FROM)
    if had_stp:
        modes = 'route, nat, and isolated'
        if release.opens_networks:
            modes = f'open, {modes}'
        raise bad_xml(f'bridge delay/stp/zone options only allowed in {modes} mode, not in {mode} '
                      f"(network '{name}')", domain=FROM)
    if bridge is not None and bridge.get('name') and (interfaces or every(root, 'forward/pf')):
        raise bad_xml(f"A network with forward mode='{mode}' can specify a bridge name or a "
                      f"forward dev, but not both (network '{name}')", domain=FROM)
    if root.find('mtu') is not None:
        raise bad_xml('mtu size only allowed in open, route, nat, and isolated mode, not in '
                      f"{mode} (network '{name}')", domain=FROM)
    if bridge is not None:
        unset(bridge, 'stp', 'delay')
        if not bridge.attrib:
            root.remove(bridge)
