"""Audit log of a test, enabled by the option audit_log."""

from __future__ import annotations

import json
import subprocess

import fixtures
import libvirt

from tests import base
from vpmem_harness.fixtures import HostFixture
from vpmem_harness.fixtures.seeds import TestSeed

DOMAIN = """<domain type='qemu'><name>one</name><uuid>{uuid}</uuid><memory unit='MiB'>64</memory>
<os><type arch='x86_64'>hvm</type></os></domain>"""


class AuditLogTest(base.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.useFixture(fixtures.EnvironmentVariable('VPMEM_HARNESS_UNSAFE_LOGS'))
        self.path = self.useFixture(fixtures.TempDir()).join('audit.jsonl')
        self.useFixture(fixtures.EnvironmentVariable('VPMEM_HARNESS_AUDIT_LOG', self.path))

    def entries(self) -> list[dict[str, object]]:
        with open(self.path) as stream:
            return [json.loads(line) for line in stream]

    def deeds(self) -> list[tuple[object, ...]]:
        return [(entry['what'], entry['host'], entry['outcome']) for entry in self.entries()]

    def test_changes_by_clients(self):
        """A domain's definition, start and end are recorded with outcomes; reading is not."""
        host = self.useFixture(HostFixture(pmem='A:1x1GiB'))
        host.connection.getHostname()
        uuid = self.useFixture(TestSeed()).randomness.uuid()
        domain = host.connection.defineXML(DOMAIN.format(uuid=uuid))
        domain.create()
        self.assertRaises(libvirt.libvirtError, domain.create)
        domain.destroy()
        started, refused = ('virDomainCreate', host.name, 'ok'), self.entries()[2]
        self.assertEqual(['virDomainDefineXML', 'virDomainCreate', 'virDomainCreate',
                          'virDomainDestroy'], [deed[0] for deed in self.deeds()])
        self.assertEqual(started, self.deeds()[1])
        self.assertIn('already running', refused['outcome'])

    def test_tools_and_reboot(self):
        """Commands are recorded with their outcomes, and so is a reboot of the machine."""
        host = self.useFixture(HostFixture(pmem='A:1x1GiB'))
        host.run('ndctl', 'destroy-namespace', 'namespace7.7')
        host.run('ndctl', 'disable-region', 'all')
        host.reboot()
        failed, disabled, _ = self.entries()
        self.assertNotEqual('ok', failed['outcome'])
        self.assertEqual(['disable-region', 'all'], disabled['arguments'])
        self.assertEqual(('reboot', host.name, 'ok'), self.deeds()[2])

    def test_listings_from_a_shell(self):
        """Each listing is recorded once, cached or not; the harness adds none of its own."""
        host = self.useFixture(HostFixture(pmem='A:1x1GiB'))
        subprocess.run(['sh', '-c', 'for i in 1 2 3 4; do ndctl list -X; done; ndctl list -N'],
                       env=host.env, check=True, stdout=subprocess.DEVNULL)
        host.calls.last     # noqa: B018 - reading it collects pending calls
        self.assertEqual(4 * [['list', '-X']] + [['list', '-N']],
                         [entry['arguments'] for entry in self.entries()])

    def test_one_order_for_all_hosts(self):
        """The entries of two hosts share one sequence of numbers."""
        first = self.useFixture(HostFixture(pmem='A:1x1GiB'))
        second = self.useFixture(HostFixture(pmem='A:1x1GiB'))
        for host in (first, second, first):
            host.reboot()
        self.assertEqual([(1, first.name), (2, second.name), (3, first.name)],
                         [(entry['seq'], entry['host']) for entry in self.entries()])

    def test_uuid_is_a_pseudonym(self):
        """No identifier is in clear text, neither in XML nor in object names."""
        host = self.useFixture(HostFixture(pmem='A:1x1GiB'))
        uuid = self.useFixture(TestSeed()).randomness.uuid()
        host.connection.defineXML(DOMAIN.format(uuid=uuid)).undefine()
        with open(self.path) as stream:
            written = stream.read()
        self.assertNotIn(uuid, written)
        self.assertNotIn(uuid.replace('-', ''), written)
        self.assertEqual(2, written.count('<uuid:'))
