"""Fleets whose hosts listen, and clients with a hard-coded URI."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import fixtures

from tests.functional.fleet.base import PMEM, FleetTestCase

#: A guest on a namespace that each fleet has.
GUEST = """
<domain type='qemu'>
  <name>guest</name>
  <maxMemory slots='1' unit='KiB'>8388608</maxMemory>
  <memory>65536</memory>
  <os><type arch='x86_64' machine='pc-i440fx-7.2'>hvm</type></os>
  <features><acpi/></features>
  <cpu><numa><cell id='0' cpus='0' memory='65536'/></numa></cpu>
  <devices>
    <memory model='nvdimm' access='shared'>
      <source><path>/dev/dax0.0</path><alignsize unit='KiB'>2048</alignsize><pmem/></source>
      <target><size unit='KiB'>1050624</size><node>0</node>
        <label><size unit='KiB'>2048</size></label></target>
    </memory>
  </devices>
</domain>"""


class RemoteAccessTest(FleetTestCase):

    def test_uris_of_a_fleet(self):
        """Each host has a port of its own; ``show`` and ``hosts.json`` have the URIs."""
        self.harness('up', '--hosts', '2', '--pmem', PMEM, '--listen')
        state = self.state()
        uris = [host['tcp_uri'] for host in state['hosts']]
        self.assertEqual(2, len(set(uris)))
        listed = json.loads((Path(state['directory']) / 'hosts.json').read_text())
        self.assertEqual(uris, [host['tcp_uri'] for host in listed['hosts']])
        self.assertEqual('host2\n\n', self.output(
            dict(os.environ), 'virsh', '-c', uris[1], 'hostname'))

    def test_certificates_for_a_fleet(self):
        """Hosts at addresses of their own share certificates that the user has made."""
        pki = f'{self.useFixture(fixtures.TempDir()).path}/pki'
        self.harness('certificates', pki, '--address', '127.0.0.2', '--address', '127.0.0.1')
        self.harness('up', '--hosts', '2', '--pmem', PMEM, '--listen-tls', '127.0.0.{}',
                     '--certificates', pki)
        uris = [host['tls_uri'] for host in self.state()['hosts']]
        self.assertIn('qemu+tls://127.0.0.2:', uris[1])
        self.assertEqual(
            ['host1\n\n', 'host2\n\n'],
            [self.output(dict(os.environ), 'virsh', '-c', uri, 'hostname') for uri in uris])

    def test_an_address_of_another_machine(self):
        """An address that this machine lacks is an error, and no host stays."""
        self.harness('up', '--pmem', PMEM, '--listen', '192.0.2.7', status=1)
        self.assertIn('choose another address', self.stderr)

    def test_qemu_system(self):
        """With ``--system-socket``, ``qemu:///system`` is the first host."""
        if not os.path.isdir('/run/libvirt'):
            self.skipTest('there is no /run/libvirt')
        allowed = subprocess.run(['unshare', '--map-current-user', '--mount', 'true'],
                                 stderr=subprocess.DEVNULL, check=False)
        if allowed.returncode:
            self.skipTest('this machine does not allow user namespaces')
        out = self.harness('run', '--pmem', PMEM, '--system-socket', '--', 'env', '-u',
                           'LIBVIRT_DEFAULT_URI', 'virsh', '-c', 'qemu:///system', 'hostname')
        self.assertEqual('host1\n\n', out)

    def test_migration_between_fleets(self):
        """``virsh migrate --live`` moves a guest to a host of another process, over TCP."""
        for seed, fleet in enumerate(('one', 'two')):
            self.harness('up', '--name', fleet, '--seed', str(seed), '--pmem', PMEM, '--listen')
        source, target = (self.state('--name', fleet)['hosts'][0] for fleet in ('one', 'two'))
        path = Path(self.useFixture(fixtures.TempDir()).path) / 'guest.xml'
        path.write_text(GUEST)
        virsh = ['virsh', '-q', '-c', source['uri']]
        environment = dict(os.environ)
        self.output(environment, *virsh, 'create', str(path))
        self.output(environment, *virsh, 'migrate', '--live', 'guest', target['tcp_uri'])
        self.assertEqual(([], ['guest']), tuple(
            [domain['name'] for domain in self.state('--name', fleet)['hosts'][0]['domains']]
            for fleet in ('one', 'two')))
        self.harness('down', '--all')
