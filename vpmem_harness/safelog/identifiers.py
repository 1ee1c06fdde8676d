"""Hides values with a known form: UUIDs, MAC and IP addresses, serial numbers."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache

from vpmem_harness.safelog import masking, patterns
from vpmem_harness.safelog.pseudonyms import Pseudonyms
from vpmem_harness.safelog.text import Text

_NUMBER = re.compile(r'0x[0-9a-fA-F]+|[1-9]\d*')


class Identifiers:
    """Replaces identifiers with pseudonyms."""

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self._pseudonyms = pseudonyms

    def redact(self, text: Text) -> None:
        """Replace the identifiers of a text with pseudonyms."""
        lower = text.lower
        has_id = '"id' in lower or "'id" in lower
        has_serial = ('serial' in lower or 'iset' in lower or 'dimm' in lower or 'wwn' in lower
                      or 'wwpn' in lower)
        plain = text.text
        if '/dev/disk/by-' in lower:
            plain = patterns.DISK_LINK.sub(self._disk_link, plain)
        plain = patterns.UUID.sub(self._uuid, plain)
        if '...' in plain:
            plain = patterns.CUT_UUID.sub(self._cut_uuid, plain)
        dashes = plain.count('-')
        if dashes >= 3:
            plain = self._redact_dimms(plain)
        if has_id or has_serial:
            text.set(plain)
            self._redact_keyed(text, has_serial)
            plain = text.text
        colons = plain.count(':')
        if ((colons >= 5 and patterns.MAC_PARTS[0].search(plain))
                or (dashes >= 5 and patterns.MAC_PARTS[1].search(plain))):
            plain = patterns.MAC.sub(self._mac, plain)
        if plain.count('.') >= 3 and patterns.IPV4_PART.search(plain):
            plain = patterns.IPV4.sub(self._ip, plain)
        if '::' in plain or (colons >= 7 and patterns.IPV6_PART.search(plain)):
            plain = patterns.IPV6.sub(self._ip, plain)
        text.set(plain)

    def _redact_keyed(self, text: Text, has_serial: bool) -> None:
        if '-' in text.lower:
            text.replace(patterns.KEYED_DIMM, self._serial)
        if has_serial:
            text.replace(patterns.KEYED_SERIAL, self._keyed_serial)
            if '<' in text.lower:
                text.replace(patterns.KEYED_SERIAL_ELEMENT, self._serial)

    def _uuid(self, found: re.Match[str]) -> str:
        digits = found[0].replace('-', '').replace('_', '').lower()
        if digits in patterns.HARMLESS_UUIDS:
            return found[0]
        return self._pseudonyms.of('uuid', digits)

    def _disk_link(self, found: re.Match[str]) -> str:
        directory = found[0][:-len(found['value'])]
        if patterns.UUID.fullmatch(found['value']):
            return found[0]                 # it is hidden as a UUID
        return directory + self._pseudonyms.of('serial', found['value'])

    def _cut_uuid(self, found: re.Match[str]) -> str:
        # It is the beginning or the end of many UUIDs, so it has no UUID's pseudonym.
        return self._pseudonyms.of('id', found[0].lower())

    def _mac(self, found: re.Match[str]) -> str:
        digits = found[0].replace('-', '').replace(':', '').lower()
        if digits in patterns.HARMLESS_MACS:
            return found[0]
        return self._pseudonyms.of('mac', digits)

    def _ip(self, found: re.Match[str]) -> str:
        address = _address(found[0])
        before = found.string[max(0, found.start() - 16):found.start()]
        if address is None or patterns.VERSION_BEFORE.search(before):
            return found[0]
        return self._pseudonyms.of('ip', address)

    def _redact_dimms(self, text: str) -> str:
        parts: list[str] = []
        done = 0
        for found in patterns.DIMM.finditer(text):
            start, end = found.start() - 4, found.end()
            parts += text[done:start], self._pseudonyms.of('serial', text[start:end].lower())
            done = end
        return ''.join((*parts, text[done:])) if parts else text

    def _serial(self, value: str, found: re.Match[str]) -> str:
        # ndctl prints an iset_id as a number or, for people, in hexadecimal digits.
        number = _NUMBER.fullmatch(value)
        return self._pseudonyms.of('serial', hex(int(value, 0)) if number else value)

    def _keyed_serial(self, value: str, found: re.Match[str]) -> str:
        quoted = found['quote']
        if (value.lower() in patterns.HARMLESS or masking.FORMAT.fullmatch(value)
                or (not quoted and masking.introduces_prose(found))):
            return value
        name = self._serial(value, found)
        if found['keyquote'] and not quoted:
            # A number in JSON becomes a string, so that it stays JSON.
            return f'{found["keyquote"]}{name}{found["keyquote"]}'
        return name


@lru_cache(maxsize=1024)
def _address(text: str) -> str | None:
    """Return the address in canonical form, or None if it is not one or is the same everywhere."""
    bare = text.partition('%')[0]
    if ':' in bare and sum(map(bool, bare.split(':'))) < 2:
        return None
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return None
    if address.is_loopback or address.is_unspecified or str(address).startswith('255.255.'):
        return None
    return str(address)
