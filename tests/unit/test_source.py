"""The source contains no identifiers of machines, persons or keys.

Recordings are excepted: they show the output of a real machine.
"""

from __future__ import annotations

import ipaddress
import pathlib
import re
import subprocess
from collections.abc import Iterator

import testtools
from testtools import content

ROOT = pathlib.Path(__file__).parents[2]
RECORDINGS = ('tests/golden/', 'vpmem_harness/pmem/inventory/samples/')

UUID = re.compile(r'\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b')
#: UUIDs that a format defines, the same everywhere.
FORMAT_UUIDS = {'00000000-0000-0000-0000-000000000000'}

MAC = re.compile(r'(?<![\w:])(?:[0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}(?![\w:])')
FORMAT_MACS = {'00:00:00:00:00:00', 'ff:ff:ff:ff:ff:ff'}

IPV4 = re.compile(r'(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]|-\d)')
IPV6 = re.compile(r'(?<![\w:])(?:[0-9a-fA-F]{1,4}::?){2,7}[0-9a-fA-F]{1,4}(?![\w:])')
#: Ranges for documentation (RFC 5737, 3849, 6676), ranges for this machine, any or all, and
#: the range of libvirt's default network, which is the same on every host.
HARMLESS_NETWORKS = [ipaddress.ip_network(network) for network in (
    '192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24', '2001:db8::/32', '127.0.0.0/8', '::1',
    '233.252.0.0/24', '0.0.0.0', '255.255.255.0/24',  # noqa: S104 - text to search for
    # Addresses that protocols define: groups, and the prefix of link-local addresses.
    '224.0.0.0', 'ff00::', 'ff02::1:2', 'fe80::',
    '192.168.122.0/24')]

SECRET = re.compile(
    r'-----BEGIN [A-Z ]*PRIVATE KEY-----\s*\n[A-Za-z0-9+/=]{16}'
    r'|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b'
    r'|\bgh[opsu]_[A-Za-z0-9]{36}\b'
    r'|\bxox[abp]-[0-9A-Za-z-]{20,}'
    r'|\beyJ[A-Za-z0-9_-]{16,}\.eyJ[A-Za-z0-9_-]{16,}\.')


def is_address_of_somebody(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not any(address in network for network in HARMLESS_NETWORKS)


def findings(text: str) -> Iterator[str]:
    """Yield each identifier in the text as one line."""
    yield from (match for match in UUID.findall(text) if match not in FORMAT_UUIDS)
    yield from (match for match in MAC.findall(text) if match.lower() not in FORMAT_MACS)
    for pattern in (IPV4, IPV6):
        yield from filter(is_address_of_somebody, pattern.findall(text))
    # The secret itself is not printed.
    yield from (f'something like {match[:4]}...' for match in SECRET.findall(text))


def listed() -> list[str]:
    """Return the files under version control or about to be.

    :raises OSError: if git is missing, or if this is not a checkout of the user's.
    """
    listing = subprocess.run(
        ['git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard'],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    if listing.returncode or not (ROOT / '.git').exists():
        raise OSError('no checkout')
    return [name for name in listing.stdout.decode().split('\0') if name]


class SourceTest(testtools.TestCase):

    def test_nothing_identifying_in_the_tree(self):
        """No file except recordings contains a UUID, MAC or IP address or a secret."""
        try:
            names = listed()
        except OSError:
            self.skipTest('without git and a checkout the files of the project are not known')
        found = []
        for name in names:
            if not name.startswith(RECORDINGS) and (ROOT / name).is_file():
                text = (ROOT / name).read_bytes().decode('utf-8', 'replace')
                found += [f'{name}:{text[:text.find(finding)].count(chr(10)) + 1}: {finding}'
                          for finding in findings(text)]
        self.addDetail('findings', content.text_content('\n'.join(found)))
        self.assertEqual([], found[:20])


class FindingsTest(testtools.TestCase):

    def assertFound(self, *parts: str) -> None:
        """Check that the joined parts are found; separate parts, as in this file, are not."""
        self.assertEqual(1, len(list(findings(f'x = {"".join(parts)!r}'))), parts)

    def test_uuid_is_found(self):
        """A UUID is found in upper and lower case."""
        self.assertFound('6F1C2A3b', '-0000-4000-8000-00000000000A')

    def test_mac_is_found(self):
        """A MAC address is found, including QEMU's."""
        self.assertFound('52:54:00', ':12:34:56')

    def test_addresses_are_found(self):
        """Public addresses are found."""
        self.assertFound('10.0', '.0.1')
        self.assertFound('fe80::', '1:2:3:4')

    def test_keys_are_found(self):
        """Keys in the formats of large providers are found, and private keys."""
        self.assertFound('AKIA', 16 * 'X')
        self.assertFound('ghp_', 36 * 'x')
        self.assertEqual(1, len(list(findings('-----BEGIN RSA ' 'PRIVATE KEY-----\n' + 16 * 'A'))))

    def test_similar_text_is_not_found(self):
        """Documentation ranges, versions, times, slices and PCI addresses are not found."""
        text = ('192.0.2.7 2001:db8::1:2 127.0.0.1 1.2.3 9.0.0-4+deb12u2 12:34:56 [::2] '
                '0000:00:1f.2 6.1.0-56-amd64 00000000-0000-0000-0000-000000000000')
        self.assertEqual([], list(findings(text)))
