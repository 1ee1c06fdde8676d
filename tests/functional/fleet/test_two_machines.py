"""Fleets on two machines: network namespaces with a cable between them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import fixtures

from tests import base
from tests.functional.fleet.base import HARNESS, PMEM
from tests.functional.fleet.test_remote_access import GUEST


def _missing():
    """Return why the tests cannot run here, or None."""
    if os.geteuid() != 0:
        return 'network namespaces need root'
    for program in ('ip', 'nsenter', 'unshare', 'virsh'):
        if shutil.which(program) is None:
            return f'{program} is not installed'
    allowed = subprocess.run(['unshare', '--net', '--mount', 'true'], stderr=subprocess.DEVNULL,
                             check=False)
    return 'this machine does not allow network namespaces' if allowed.returncode else None


class Machine(fixtures.Fixture):
    """A network namespace and a mount namespace with its own /etc/hosts."""

    def __init__(self, name, hosts):
        super().__init__()
        self.name = name
        self._hosts = hosts

    def _setUp(self):
        self._holder = subprocess.Popen(
            ['unshare', '--net', '--mount', '--propagation', 'private', 'sh', '-c',
             'mount --bind "$0" /etc/hosts && echo ready && exec cat', self._hosts],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(self._end)
        if self._holder.stdout.readline() != 'ready\n':
            raise RuntimeError('the namespaces were not made')
        self.pid = self._holder.pid
        self.addCleanup(self.run, *HARNESS, 'down', '--name', self.name, check=False)

    def _end(self):
        self._holder.communicate()

    def run(self, *words, check=True):
        """Run a command on the machine; return its output."""
        done = subprocess.run(
            ['nsenter', '--target', str(self.pid), '--net', '--mount', *words],
            capture_output=True, text=True, check=False, timeout=120,
            env={**os.environ, 'LC_ALL': 'C'})
        if check and done.returncode:
            raise AssertionError(f'{words}: {done.stderr or done.stdout}')
        return done.stdout if check else done.stdout + done.stderr


class TwoMachinesTest(base.TestCase):

    def setUp(self):
        super().setUp()
        reason = _missing()
        if reason is not None:
            self.skipTest(reason)
        directory = Path(self.useFixture(fixtures.TempDir()).path)
        names = directory / 'hosts'
        names.write_text('127.0.0.1 localhost\n192.0.2.2 compute1\n')
        self.guest = directory / 'guest.xml'
        self.guest.write_text(GUEST)
        self.one, self.two = (
            self.useFixture(Machine(name, str(names))) for name in ('rack1', 'rack2'))
        self.connect()
        for machine, address in ((self.one, '192.0.2.1'), (self.two, '192.0.2.2')):
            # Both fleets have a compute1, and its devices have the same numbers.
            machine.run(*HARNESS, 'up', '--name', machine.name, '--name', 'compute{}', '--seed',
                        address[-1], '--pmem', PMEM, '--first-region', '0',
                        '--listen', f'{address}:16509')
            state = json.loads(machine.run(*HARNESS, 'show', '--json', '--name', machine.name))
            machine.uri = state['hosts'][0]['uri']
        self.virsh(self.one, 'define', str(self.guest))
        self.virsh(self.one, 'start', 'guest')

    def connect(self):
        """Lay a cable between the machines."""
        link = f'vpmem{os.getpid() % 10000}-'
        subprocess.run(
            ['ip', 'link', 'add', f'{link}a', 'netns', str(self.one.pid), 'type', 'veth', 'peer',
             'name', f'{link}b', 'netns', str(self.two.pid)], check=True)
        for machine, end, address in ((self.one, 'a', '192.0.2.1'), (self.two, 'b', '192.0.2.2')):
            machine.run('ip', 'address', 'add', f'{address}/24', 'dev', f'{link}{end}')
            machine.run('ip', 'link', 'set', f'{link}{end}', 'up')
            machine.run('ip', 'link', 'set', 'lo', 'up')

    def virsh(self, machine, *words, check=True):
        """Run virsh on a machine, with the host of its fleet."""
        return machine.run('virsh', '-q', '-c', machine.uri, *words, check=check)

    def domains(self, machine):
        """Return the names and states of a machine's domains."""
        lines = self.virsh(machine, 'list', '--all').splitlines()
        return [tuple(line.split(maxsplit=2)[1:]) for line in lines if line]

    def assert_runs(self, machine):
        """The guest runs on a machine with its persistent memory."""
        self.assertEqual([('guest', 'running')], self.domains(machine))
        self.assertIn('<path>/dev/dax0.0</path>', self.virsh(machine, 'dumpxml', 'guest'))

    def test_live_migration_by_name(self):
        """The resolver decides: a host of the same name on the own machine is not meant."""
        self.virsh(self.one, 'migrate', '--live', '--p2p', '--persistent', '--undefinesource',
                   'guest', 'qemu+tcp://compute1/system')
        self.assertEqual([], self.domains(self.one))
        self.assert_runs(self.two)
        self.virsh(self.two, 'migrate', '--live', '--p2p', 'guest', 'qemu+tcp://192.0.2.1/system')
        self.assert_runs(self.one)
        self.assertEqual([('guest', 'shut off')], self.domains(self.two))

    def test_live_migration_by_the_client(self):
        """Without ``--p2p``, virsh connects to both machines."""
        self.virsh(self.one, 'migrate', '--live', 'guest', 'qemu+tcp://192.0.2.2/system')
        self.assert_runs(self.two)

    def test_cold_migration(self):
        """A guest that is off moves as well, and starts at the destination on its namespace."""
        self.virsh(self.one, 'destroy', 'guest')
        self.virsh(self.one, 'migrate', '--offline', '--p2p', '--persistent', '--undefinesource',
                   'guest', 'qemu+tcp://compute1/system')
        self.assertEqual([], self.domains(self.one))
        self.virsh(self.two, 'start', 'guest')
        self.assert_runs(self.two)

    def test_refusals(self):
        """A machine that cannot be reached is an error, and the guest stays."""
        for uri, text in (
                ('qemu+tcp://192.0.2.2:1/system',
                 "unable to connect to server at '192.0.2.2:1': Connection refused"),
                ('qemu+tcp://198.51.100.2/system',
                 "unable to connect to server at '198.51.100.2:16509': Network is unreachable"),
                ('qemu+tcp://compute9/system',
                 "Unable to resolve address 'compute9' service '16509': "),
                ('qemu+tcp://192.0.2.1/system', 'Attempt to migrate guest to the same host')):
            self.assertIn(text, self.virsh(
                self.one, 'migrate', '--live', '--p2p', 'guest', uri, check=False))
        self.assert_runs(self.one)
