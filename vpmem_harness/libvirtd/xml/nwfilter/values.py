"""Values of the attributes of a rule, in libvirt's form.

Each function returns the canonical text of a value, or None if libvirt refuses it.
Source: libvirt 9.0.0, src/conf/nwfilter_conf.c (virNWFilterRuleDetailsParse).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from vpmem_harness.libvirtd.xml.network import addresses, records

Value = Callable[[str], str | None]

_DECIMAL: Final = re.compile(r'\s*[-+]?[0-9]+')
_HEX: Final = re.compile(r'\s*[-+]?(0[xX])?[0-9a-fA-F]+')
_IPSET: Final = re.compile(r'[A-Za-z0-9.:_\-+ ]*')
#: The longest names of IP sets and comments.
_IPSET_MAX, _COMMENT_MAX = 31, 256

_ETHER_TYPES: Final = {'arp': 0x806, 'rarp': 0x8035, 'ipv4': 0x800, 'ipv6': 0x86dd,
                       'vlan': 0x8100}
_OPCODES: Final = {name: number for number, name in enumerate((
    'Request', 'Reply', 'Request_Reverse', 'Reply_Reverse', 'DRARP_Request', 'DRARP_Reply',
    'DRARP_Error', 'InARP_Request', 'ARP_NAK'), 1)}
_IP_PROTOCOLS: Final = {'tcp': 6, 'udp': 17, 'udplite': 136, 'esp': 50, 'ah': 51, 'icmp': 1,
                        'igmp': 2, 'sctp': 132, 'icmpv6': 58}
_STATES: Final = {name: 1 << bit for bit, name in enumerate(
    ('NEW', 'ESTABLISHED', 'RELATED', 'INVALID', 'NONE'))}
_TCP_FLAGS: Final = {'FIN': 1, 'SYN': 2, 'RST': 4, 'PSH': 8, 'ACK': 16, 'URG': 32, 'ALL': 0x3f,
                     'NONE': 0}


def _integer(text: str, base: int) -> int | None:
    """Parse a number as ``strtoul`` does; a negative one wraps around."""
    if not (_DECIMAL if base == 10 else _HEX).fullmatch(text):
        return None
    number = int(text, base)
    if not -1 << 32 < number < 1 << 32:
        return None
    return number & 0xffffffff


def _number(text: str, most: int) -> tuple[int, bool] | None:
    """Parse a decimal number, or else a hexadecimal one; return whether it is hexadecimal."""
    for base in (10, 16):
        number = _integer(text, base)
        if number is not None and number <= most:
            return number, base == 16
    return None


def _shown(number: int, *, hexadecimal: bool) -> str:
    return f'0x{number:x}' if hexadecimal else str(number)


def _unsigned(most: int) -> Value:
    def value(text: str) -> str | None:
        found = _number(text, most)
        return None if found is None else _shown(found[0], hexadecimal=found[1])
    return value


def _decimal16(text: str) -> str | None:
    number = _integer(text, 10)
    return None if number is None or number > 0xffff else str(number)


def _limited(most: int, width: int) -> Value:
    """Return the type of a number of a width that must not exceed ``most``."""
    def value(text: str) -> str | None:
        found = _number(text, width)
        return None if found is None or found[0] > most else _shown(
            found[0], hexadecimal=found[1])
    return value


def _named(names: Mapping[str, int], most: int, least: int = 0, *,
           decimal: bool = False) -> Value:
    """Return the type of a number with names.

    :param decimal: whether a number without a name is always decimal.
    """
    by_number = {number: name for name, number in names.items()}
    by_name = {name.lower(): name for name in names}

    def value(text: str) -> str | None:
        found = _number(text, most)
        if found is None:
            return by_name.get(text.lower())
        number, hexadecimal = found
        if number < least:
            return None
        return by_number.get(number) or _shown(number, hexadecimal=hexadecimal and not decimal)
    return value


def _mac_mask(text: str) -> str | None:
    found = records.mac(text)
    if found is None:
        return None
    bits = f"{int(found.replace(':', ''), 16):048b}"
    return None if '01' in bits else found


def _ip(version: int) -> Value:
    def value(text: str) -> str | None:
        found = addresses.parse(text)
        return None if found is None or found.version != version else str(found)
    return value


def _ip_mask(version: int, most: int) -> Value:
    def value(text: str) -> str | None:
        number = _integer(text, 10)
        if number is not None:
            return str(number) if number <= most else None
        found = addresses.parse(text)
        if found is None or found.version != version:
            return None
        bits = f'{int(found):0{most}b}'
        return None if '01' in bits else str(bits.count('1'))
    return value


def _items(text: str, names: Mapping[str, int]) -> int | None:
    """Parse names that commas or blanks separate; return their numbers, combined."""
    flags, rest = 0, text.lstrip(', \t\n\r\v\f')
    while rest:
        name = next((name for name in names if rest.upper().startswith(name)), None)
        if name is None:
            return None
        flags |= names[name]
        rest = rest[len(name):].lstrip(', \t\n\r\v\f')
    return flags


def _listed(flags: int, names: Mapping[str, int]) -> str:
    return ','.join(name for name, bit in names.items() if bit & flags)


def _state(text: str) -> str | None:
    flags = _items(text, _STATES)
    if flags is None:
        return None
    return 'NONE' if flags & _STATES['NONE'] else _listed(flags, _STATES)


def _tcp_flags(text: str) -> str | None:
    mask, slash, wanted = text.partition('/')
    found = [_items(part, _TCP_FLAGS) for part in (mask, wanted)]
    if not slash or None in found:
        return None
    single = {name: bit for name, bit in _TCP_FLAGS.items() if bit.bit_count() == 1}
    return '/'.join({0: 'NONE', 0x3f: 'ALL'}.get(flags) or _listed(flags, single)
                    for flags in found if flags is not None)


def _ipset(text: str) -> str | None:
    return text if len(text.encode()) <= _IPSET_MAX and _IPSET.fullmatch(text) else None


def _ipset_flags(text: str) -> str | None:
    return text.lower() if re.fullmatch(r'(src|dst)(,(src|dst)){0,5}', text.lower()) else None


def _boolean(text: str) -> str:
    return 'true' if text in ('true', '1', 'yes') else 'false'


def _comment(text: str) -> str:
    return text.encode()[:_COMMENT_MAX].decode(errors='ignore')


#: The types of values that :data:`attributes.ATTRIBUTES` names.
TYPES: Final[dict[str, Value]] = {
    'uint8': _unsigned(0xff), 'uint16': _unsigned(0xffff), 'uint32': _unsigned(0xffffffff),
    'decimal16': _decimal16, 'dscp': _limited(63, 0xff), 'vlanid': _limited(4095, 0xffff),
    'mac': records.mac, 'macmask': _mac_mask, 'ip4': _ip(4), 'ip6': _ip(6),
    'ip4mask': _ip_mask(4, 32), 'ip6mask': _ip_mask(6, 128),
    'etherprotocol': _named(_ETHER_TYPES, 0xffff, 0x600),
    'encapprotocol': _named(_ETHER_TYPES, 0xffff, 0x3c),
    'arpopcode': _named(_OPCODES, 0xffff, decimal=True),
    'ipprotocol': _named(_IP_PROTOCOLS, 0xff), 'state': _state, 'tcpflags': _tcp_flags,
    'ipset': _ipset, 'ipsetflags': _ipset_flags, 'boolean': _boolean, 'comment': _comment}

#: The names of protocols that have ports, and numbers that do without a name.
WITH_PORTS: Final = frozenset(('tcp', 'udp', '33', '0x21', 'sctp'))
