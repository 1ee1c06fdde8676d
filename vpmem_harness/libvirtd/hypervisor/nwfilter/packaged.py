"""The network filters of Debian's package libvirt-daemon-config-nwfilter.

A filter begins with its name, its chain and perhaps the chain's priority. Its rules follow, each
with action, direction, priority, and perhaps a protocol with attributes, and its references.
Recording: golden/libvirt/nwfilters.json.
"""

from __future__ import annotations

import functools
import uuid
from typing import Final

from vpmem_harness.libvirtd.xml.etree import Element, add, element
from vpmem_harness.libvirtd.xml.nwfilter import definition
from vpmem_harness.libvirtd.xml.nwfilter.definition import FilterDefinition

_FILTERS: Final = """
allow-arp arp
  accept inout 500
allow-dhcp ipv4
  accept out 100 ip srcipaddr=0.0.0.0 dstipaddr=255.255.255.255 protocol=udp srcportstart=68 \
dstportstart=67
  accept in 100 ip protocol=udp srcportstart=67 dstportstart=68
allow-dhcp-server ipv4
  accept out 100 ip srcipaddr=0.0.0.0 dstipaddr=255.255.255.255 protocol=udp srcportstart=68 \
dstportstart=67
  accept in 100 ip srcipaddr=$DHCPSERVER protocol=udp srcportstart=67 dstportstart=68
allow-dhcpv6 ipv6
  accept out 100 ipv6 srcipaddr=fe80:: srcipmask=10 dstipaddr=ff02::1:2 protocol=udp \
srcportstart=546 dstportstart=547
  accept in 100 ipv6 protocol=udp srcportstart=547 dstportstart=546
allow-dhcpv6-server ipv6
  accept out 100 ipv6 srcipaddr=fe80:: srcipmask=10 dstipaddr=ff02::1:2 protocol=udp \
srcportstart=546 dstportstart=547
  accept in 100 ipv6 srcipaddr=$DHCPSERVER protocol=udp srcportstart=547 dstportstart=546
allow-incoming-ipv4 ipv4
  accept in 500
allow-incoming-ipv6 ipv6
  accept in 500
allow-ipv4 ipv4
  accept inout 500
allow-ipv6 ipv6
  accept inout 500
clean-traffic root
  filterref no-mac-spoofing
  filterref no-ip-spoofing
  accept out -650 mac protocolid=ipv4
  filterref allow-incoming-ipv4
  filterref no-arp-spoofing
  accept inout -500 mac protocolid=arp
  filterref no-other-l2-traffic
  filterref qemu-announce-self
clean-traffic-gateway root
  filterref no-mac-spoofing
  filterref no-ip-spoofing
  filterref no-arp-spoofing
  accept inout -500 mac protocolid=arp
  accept in 500 mac srcmacaddr=$GATEWAY_MAC
  accept out 500 mac dstmacaddr=$GATEWAY_MAC
  filterref no-other-l2-traffic
  filterref qemu-announce-self
no-arp-ip-spoofing arp-ip -510
  return out 400 arp arpsrcipaddr=$IP
  drop out 1000
no-arp-mac-spoofing arp-mac -520
  return out 350 arp arpsrcmacaddr=$MAC
  drop out 1000
no-arp-spoofing root
  filterref no-arp-mac-spoofing
  filterref no-arp-ip-spoofing
no-ip-multicast ipv4
  drop out 500 ip dstipaddr=224.0.0.0 dstipmask=4
no-ip-spoofing ipv4-ip -710
  return out 100 ip srcipaddr=0.0.0.0 protocol=udp
  return out 500 ip srcipaddr=$IP
  drop out 1000
no-ipv6-multicast ipv6
  drop out 500 ipv6 dstipaddr=ff00:: dstipmask=8
no-ipv6-spoofing ipv6-ip -610
  return out 100 ipv6 srcipaddr=fe80:: srcipmask=10 protocol=udp
  return out 500 ipv6 srcipaddr=$IPV6
  drop out 1000
no-mac-broadcast ipv4
  drop out 500 mac dstmacaddr=ff:ff:ff:ff:ff:ff
no-mac-spoofing mac
  return out 500 mac srcmacaddr=$MAC
  drop out 500 mac
no-other-l2-traffic root
  drop inout 1000
no-other-rarp-traffic rarp
  drop inout 1000
qemu-announce-self root
  accept out 500 mac protocolid=0x835
  filterref qemu-announce-self-rarp
  filterref no-other-rarp-traffic
qemu-announce-self-rarp rarp
  accept out 500 rarp srcmacaddr=$MAC dstmacaddr=ff:ff:ff:ff:ff:ff opcode=Request_Reverse \
arpsrcmacaddr=$MAC arpdstmacaddr=$MAC arpsrcipaddr=0.0.0.0 arpdstipaddr=0.0.0.0
  accept in 500 rarp dstmacaddr=ff:ff:ff:ff:ff:ff opcode=Request_Reverse arpsrcmacaddr=$MAC \
arpdstmacaddr=$MAC arpsrcipaddr=0.0.0.0 arpdstipaddr=0.0.0.0
"""


@functools.cache
def definitions() -> tuple[FilterDefinition, ...]:
    """Return the packaged filters; each host gives them UUIDs of its own."""
    roots: list[Element] = []
    for line in _FILTERS.strip('\n').split('\n'):
        words = line.split()
        if not line.startswith(' '):
            name, chain, *priority = words
            roots.append(element('filter', name=name, chain=chain,
                                 priority=priority[0] if priority else None))
        elif words[0] == 'filterref':
            add(roots[-1], 'filterref', filter=words[1])
        else:
            action, direction, rule_priority, *protocol = words
            rule = add(roots[-1], 'rule', action=action, direction=direction,
                       priority=rule_priority)
            if protocol:
                add(rule, protocol[0], **dict(word.split('=') for word in protocol[1:]))
    return tuple(definition.read(root, str(uuid.UUID(int=0))) for root in roots)
