"""The attributes of a rule's protocols, with the types of their values.

Source: libvirt 9.0.0, src/conf/nwfilter_conf.c (virAttr).
"""

from __future__ import annotations

from typing import Final

#: Fragments of attributes that protocols share, each as ``name:type``.
_SHARED: Final = {
    'MAC': 'srcmacaddr:mac srcmacmask:macmask dstmacaddr:mac dstmacmask:macmask',
    'PORTS': 'srcportstart:uint16 srcportend:uint16 dstportstart:uint16 dstportend:uint16',
    # The type of dstipto is that of IPv4 in rules of IPv6 too.
    'IP4': 'srcmacaddr:mac srcipaddr:ip4 srcipmask:ip4mask dstipaddr:ip4 dstipmask:ip4mask '
           'srcipfrom:ip4 srcipto:ip4 dstipfrom:ip4 dstipto:ip4 MATCHES',
    'IP6': 'srcmacaddr:mac srcipaddr:ip6 srcipmask:ip6mask dstipaddr:ip6 dstipmask:ip6mask '
           'srcipfrom:ip6 srcipto:ip6 dstipfrom:ip6 dstipto:ip4 MATCHES',
    'MATCHES': 'dscp:dscp connlimit-above:decimal16 state:state ipset:ipset '
               'ipsetflags:ipsetflags',
    'ARP': 'MAC hwtype:uint16 protocoltype:uint16 opcode:arpopcode arpsrcmacaddr:mac '
           'arpdstmacaddr:mac arpsrcipaddr:ip4 arpsrcipmask:ip4mask arpdstipaddr:ip4 '
           'arpdstipmask:ip4mask gratuitous:boolean comment:comment',
    'ICMP': 'type:uint8 code:uint8 comment:comment',
}

_PROTOCOLS: Final = {
    'arp': 'ARP', 'rarp': 'ARP',
    'mac': 'MAC protocolid:etherprotocol comment:comment',
    'vlan': 'MAC vlanid:vlanid encap-protocol:encapprotocol comment:comment',
    'stp': 'srcmacaddr:mac srcmacmask:macmask type:uint8 flags:uint8 root-priority:uint16 '
           'root-priority-hi:uint16 root-address:mac root-address-mask:macmask root-cost:uint32 '
           'root-cost-hi:uint32 sender-priority:uint16 sender-priority-hi:uint16 '
           'sender-address:mac sender-address-mask:macmask port:uint16 port-hi:uint16 age:uint16 '
           'age-hi:uint16 max-age:uint16 max-age-hi:uint16 hello-time:uint16 '
           'hello-time-hi:uint16 forward-delay:uint16 forward-delay-hi:uint16 comment:comment',
    'ip': 'MAC srcipaddr:ip4 srcipmask:ip4mask dstipaddr:ip4 dstipmask:ip4mask '
          'protocol:ipprotocol PORTS dscp:dscp comment:comment',
    'ipv6': 'MAC srcipaddr:ip6 srcipmask:ip6mask dstipaddr:ip6 dstipmask:ip6mask '
            'protocol:ipprotocol PORTS type:uint8 typeend:uint8 code:uint8 codeend:uint8 '
            'comment:comment',
    'tcp': 'IP4 PORTS option:uint8 flags:tcpflags comment:comment',
    'udp': 'IP4 PORTS comment:comment', 'udplite': 'IP4 comment:comment',
    'esp': 'IP4 comment:comment', 'ah': 'IP4 comment:comment',
    'sctp': 'IP4 PORTS comment:comment', 'icmp': 'IP4 ICMP', 'all': 'IP4 comment:comment',
    'igmp': 'IP4 comment:comment',
    'tcp-ipv6': 'IP6 PORTS option:uint8 comment:comment',
    'udp-ipv6': 'IP6 PORTS comment:comment', 'udplite-ipv6': 'IP6 comment:comment',
    'esp-ipv6': 'IP6 comment:comment', 'ah-ipv6': 'IP6 comment:comment',
    'sctp-ipv6': 'IP6 PORTS comment:comment', 'icmpv6': 'IP6 ICMP',
    'all-ipv6': 'IP6 comment:comment',
}


def _expanded(words: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for word in words.split():
        if word in _SHARED:
            found += _expanded(_SHARED[word])
        else:
            name, _, kind = word.partition(':')
            found.append((name, kind))
    return found


#: Protocol to its attributes in libvirt's order, each with the type of its value.
ATTRIBUTES: Final = {protocol: dict(_expanded(words)) for protocol, words in _PROTOCOLS.items()}

#: Attributes that are negated exactly if another one is, by the protocols that have this rule.
#: Source: nwfilter_conf.c (virNWFilterRuleDefFixup).
_MAC_MASKS: Final = {'srcmacmask': 'srcmacaddr', 'dstmacmask': 'dstmacaddr'}
_IP_MASKS: Final = {'srcipmask': 'srcipaddr', 'dstipmask': 'dstipaddr'}
_RANGES: Final = {**_IP_MASKS, 'srcipto': 'srcipfrom', 'dstipto': 'dstipfrom'}
_PORTS: Final = {**_RANGES, 'srcportend': 'srcportstart', 'dstportstart': 'srcportstart',
                 'dstportend': 'srcportstart'}
NEGATED_WITH: Final[dict[str, dict[str, str]]] = {
    'mac': _MAC_MASKS, 'vlan': _MAC_MASKS, 'arp': {}, 'rarp': {},
    'stp': {'srcmacmask': 'srcmacaddr', 'root-address-mask': 'root-address',
            'sender-address-mask': 'sender-address',
            **{f'{name}-hi': name for name in (
                'root-priority', 'root-cost', 'sender-priority', 'port', 'age', 'max-age',
                'hello-time', 'forward-delay')}},
    'ip': _IP_MASKS,
    'ipv6': {**_IP_MASKS, 'typeend': 'type', 'code': 'type', 'codeend': 'type'},
    **{f'{protocol}{suffix}': _PORTS for protocol in ('tcp', 'udp', 'sctp')
       for suffix in ('', '-ipv6')},
    **{f'{protocol}{suffix}': _RANGES for protocol in ('udplite', 'esp', 'ah', 'all')
       for suffix in ('', '-ipv6')},
    'icmp': {**_RANGES, 'code': 'type'}, 'icmpv6': {**_RANGES, 'code': 'type'},
    'igmp': _RANGES,
}

#: Protocols whose IP sets and their flags are dropped if both are given, or only the flags.
DROPS_IP_SETS: Final = frozenset(NEGATED_WITH) - {
    'mac', 'vlan', 'arp', 'rarp', 'stp', 'ip', 'ipv6', 'all', 'all-ipv6', 'igmp'}
