"""IP addresses, prefixes and ranges as libvirt parses and formats them.

Source: libvirt 9.0.0, src/util/virsocketaddr.c.
"""

from __future__ import annotations

import functools
import ipaddress

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, internal
from vpmem_harness.libvirtd.xml.etree import Element

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NONE = libvirt.VIR_FROM_NONE


@functools.lru_cache(256)
def parse(text: str | None) -> Address | None:
    """Parse a numeric address; None if it is none."""
    if not text:
        return None
    try:
        return ipaddress.ip_address(text.partition('%')[0])
    except ValueError:
        return None


def required(text: str) -> Address:
    """Parse a numeric address.

    :raises LibvirtError: VIR_ERR_SYSTEM_ERROR, it is none.
    """
    address = parse(text)
    if address is None:
        raise LibvirtError(libvirt.VIR_ERR_SYSTEM_ERROR,
                           f"Cannot parse socket address '{text}': Name or service not known",
                           domain=_NONE)
    return address


def prefix(ip: Element) -> int:
    """Return the length of an ``<ip>`` element's prefix: given, of its netmask, or natural."""
    given = int(ip.get('prefix') or '0')
    if given:
        return given
    netmask = parse(ip.get('netmask'))
    if netmask is not None:
        return f'{int(netmask):032b}'.rstrip('0').count('1')
    address = parse(ip.get('address'))
    if address is None or not int(address):
        return 0
    if address.version == 6:
        return 64
    first = int(address) >> 24
    return 8 if first < 0x80 else 16 if first < 0xc0 else 24


def network(ip: Element) -> Network | None:
    """Return the network of an ``<ip>`` element."""
    address = parse(ip.get('address'))
    if address is None:
        return None
    return ipaddress.ip_network((address, min(prefix(ip), address.max_prefixlen)), strict=False)


def check_range(start: Address, end: Address, ip: Element | None = None) -> None:
    """Refuse a range that is reversed, too large, or not within the network of ``ip``."""
    shown = f'{start} - {end}'
    if start.version != end.version:
        raise internal(f'mismatch of address family in range {shown}', domain=_NONE)
    found = None if ip is None else network(ip)
    if ip is not None and found is not None:
        own, length = parse(ip.get('address')), prefix(ip)
        if start.version != found.version:
            raise internal(f'mismatch of address family in range {shown} for network {own}',
                           domain=_NONE)
        if start not in found or end not in found:
            raise internal(f'range {shown} is not entirely within network {own}/{length}',
                           domain=_NONE)
        if start.version == 4 and start == found.network_address:
            raise internal(f'start of range {shown} in network {own}/{length} is the network '
                           'address', domain=_NONE)
        if start.version == 4 and end == found.broadcast_address:
            raise internal(f'end of range {shown} in network {own}/{length} is the broadcast '
                           'address', domain=_NONE)
    if int(start) >> 16 != int(end) >> 16:
        raise internal(f'range {shown} is too large (> 65535)', domain=_NONE)
    if int(end) < int(start):
        raise internal(f'range {shown} is reversed ' if start.version == 4
                       else f'range {shown} start larger than end', domain=_NONE)
