"""``up``, ``env``, ``show``, ``reboot`` and ``down``: a fleet that outlives the command."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import tempfile
from pathlib import Path

import fixtures

from tests.functional.fleet.base import HARNESS, PMEM, FleetTestCase
from vpmem_harness.pmem.inventory.recorded import sample_listing


class UpTest(FleetTestCase):

    def end(self, number):
        """Send a signal to the process of the fleet, and wait for its end."""
        descriptor = os.pidfd_open(self.state()['pid'])
        self.addCleanup(os.close, descriptor)
        signal.pidfd_send_signal(descriptor, number)
        self.assertTrue(select.select([descriptor], [], [], 60)[0])

    def test_a_fleet_from_start_to_end(self):
        """The hosts stay until ``down``, which leaves nothing behind."""
        out = self.harness('up', '--hosts', '2', '--pmem', PMEM)
        self.assertIn("fleet 'default' runs: 2 hosts", out)
        self.assertIn('host2: qemu+unix://', out)
        self.assertEqual(['host1', 'host2'], [host['name'] for host in self.state()['hosts']])
        self.harness('down')
        self.assertEqual([], os.listdir(tempfile.gettempdir()))

    def test_a_copy_of_standard_input(self):
        """``up`` and ``host add`` read a listing from their standard input."""
        self.harness('up', '--listing', '-', text=sample_listing())
        self.harness('host', 'add', '--listing', '-', text=sample_listing())
        for host in ('host1', 'host2'):
            listed = self.output(self.shell(host), 'ndctl', 'list', '-X')
            self.assertEqual(json.loads(sample_listing())[0]['uuid'], json.loads(listed)[0]['uuid'])

    def test_hardware_on_standard_input(self):
        """``up`` and ``host add`` read hardware from their standard input."""
        hardware = 'cells: [{memory: 1GiB, cores: 3}]'
        self.harness('up', '--pmem', PMEM, '--hardware', '-', text=hardware)
        self.harness('host', 'add', '--pmem', PMEM, '--hardware', '-', text=hardware)
        for host in ('host1', 'host2'):
            self.assertRegex(self.output(self.shell(host), 'virsh', 'nodeinfo'), r'CPU\(s\): +3\n')

    def test_a_host_in_the_shell(self):
        """``env`` puts a host's programs on PATH and names its libvirt."""
        self.harness('up', '--hosts', '2', '--pmem', PMEM)
        environment = self.shell('host2')
        self.assertEqual('host2\n\n', self.output(environment, 'virsh', 'hostname'))
        listed = json.loads(self.output(environment, 'ndctl', 'list', '-X'))
        self.assertIn(listed[0]['dev'], [namespace['dev'] for region in
                                         self.state('host2')['hosts'][0]['regions']
                                         for namespace in region['namespaces']])

    def test_another_host_in_the_same_shell(self):
        """The programs of the previous host leave PATH."""
        self.harness('up', '--hosts', '2', '--pmem', PMEM)
        first = self.shell('host1')
        second = self.harness('env', 'host2', environment=first)
        self.assertNotIn('/host1/', second)
        unset = self.harness('env', '--unset', environment=first)
        self.assertEqual(os.environ['PATH'], self.output(
            first, 'sh', '-c', f'{unset}\necho "$PATH"').rstrip('\n'))

    def test_a_second_fleet_of_the_name(self):
        """The error says how to end the first one, or to choose another name."""
        self.harness('up', '--pmem', PMEM)
        self.harness('up', '--pmem', PMEM, status=1)
        self.assertIn('vpmem-harness down --name default', self.stderr)

    def test_two_fleets(self):
        """Fleets of different names run side by side."""
        self.harness('up', '--name', 'one', '--pmem', PMEM)
        self.harness('up', '--name', 'two', '--name', 'rack-{}', '--first', '3', '--pmem', PMEM)
        self.harness('show', status=1)
        self.assertIn('one, two', self.stderr)
        self.assertEqual('rack-3', self.state('--name', 'two')['hosts'][0]['name'])
        self.harness('down', '--name', 'one')
        self.assertEqual('two', self.state()['name'])

    def test_down_says_which_fleet_has_ended(self):
        """``down`` without a name ends the only fleet, whatever its name, and prints the name."""
        self.harness('up', '--name', 'one', '--pmem', PMEM)
        self.assertEqual("fleet 'one' has ended\n", self.harness('down'))

    def test_no_fleet(self):
        """Each command says that no fleet runs."""
        for command in ('show', 'env', 'down', 'reboot'):
            self.harness(command, status=1)
            self.assertIn('no fleet runs', self.stderr)

    def test_an_unknown_fleet(self):
        """The error names the fleets that run."""
        self.harness('up', '--name', 'one', '--pmem', PMEM)
        self.harness('show', '--name', 'other', status=1)
        self.assertIn("no fleet 'other' runs, only one: ", self.stderr)

    def test_an_unknown_host(self):
        """Each command lists the hosts."""
        self.harness('up', '--pmem', PMEM)
        for command in (['show', 'host7'], ['env', 'host7'], ['reboot', 'host7']):
            self.harness(*command, status=1)
            self.assertIn("expected one of host1, got 'host7'", self.stderr)

    def test_a_description_that_cannot_be_used(self):
        """The error is that of the description, and nothing is left."""
        self.harness('up', '--pmem', 'SMALL', status=1)
        self.assertIn('LABEL:COUNTxSIZE', self.stderr)
        self.harness('up', '--dimm', '16MiB', '--pmem', PMEM, status=1)
        self.assertEqual([], os.listdir(tempfile.gettempdir()))

    def test_hosts_that_differ(self):
        """``--host`` adds a host of its own kind."""
        self.harness('up', '--hosts', '1', '--pmem', PMEM, '--host', 'name=raw dimm=32GiB')
        hosts = self.state()['hosts']
        self.assertEqual([('host1', 3), ('raw', 0)], [
            (host['name'], sum(one['label'] is not None for region in host['regions']
                               for one in region['namespaces']))
            for host in hosts])

    def test_a_fleet_file(self):
        """A YAML file describes the hosts and names the fleet."""
        path = Path(self.useFixture(fixtures.TempDir()).path) / 'fleet.yaml'
        path.write_text(f'name: rack2\nhosts:\n- {{name: "r-{{}}", count: 2, pmem: "{PMEM}"}}\n')
        self.harness('up', '--fleet-file', str(path))
        state = self.state('--name', 'rack2')
        self.assertEqual(['r-1', 'r-2'], [host['name'] for host in state['hosts']])
        self.harness('up', '--fleet-file', str(path), status=1)
        self.assertIn("a fleet 'rack2' runs already", self.stderr)

    def test_hosts_in_a_directory(self):
        """With ``--dir`` the hosts are there, and gone after a kill and the next command."""
        above = Path(self.useFixture(fixtures.TempDir()).path)
        self.harness('up', '--pmem', PMEM, '--dir', str(above / 'a' / 'b'))
        self.assertTrue((above / 'a' / 'b' / 'host1' / 'libvirt-sock').exists())
        self.end(signal.SIGKILL)
        self.harness('show', status=1)
        self.assertEqual([], os.listdir(above))

    def test_a_killed_fleet(self):
        """The next command removes what a killed fleet has left."""
        self.harness('up', '--pmem', PMEM)
        self.end(signal.SIGKILL)
        self.harness('show', status=1)
        self.assertIn('no fleet runs', self.stderr)
        self.assertEqual([], os.listdir(tempfile.gettempdir()))

    def test_a_signal_ends_a_fleet(self):
        """SIGTERM ends the process of a fleet as ``down`` does."""
        self.harness('up', '--pmem', PMEM)
        self.end(signal.SIGTERM)
        self.assertEqual([], os.listdir(tempfile.gettempdir()))

    def test_upgrade(self):
        """A reboot with a release upgrades the host."""
        self.harness('up', '--pmem', PMEM, '--release', 'debian12')
        for version in ('76.1', '81'):
            environment = self.shell('host1')
            self.assertEqual(f'{version}\n', subprocess.check_output(
                ['ndctl', '--version'], env=environment, text=True))
            self.harness('reboot', '--release', 'debian13', environment=environment)

    def test_reboot(self):
        """A reboot numbers the namespaces anew, and others keep running."""
        self.harness('up', '--pmem', 'A:3x1GiB', '--dimm', '32GiB')
        environment = self.shell('host1')
        subprocess.run(['ndctl', 'destroy-namespace', '-f', 'namespace0.0'], env=environment,
                       check=True, capture_output=True)
        self.assertEqual('', self.harness('reboot', environment=environment))
        self.assertEqual('host1 has restarted\n', self.stderr)
        self.assertEqual(['namespace0.0', 'namespace0.1'], sorted(
            one['dev'] for region in self.state()['hosts'][0]['regions']
            for one in region['namespaces']))

    def test_in_the_foreground(self):
        """``--foreground`` stays until ``down``, and ends with status 0."""
        process = subprocess.Popen([*HARNESS, 'up', '--foreground', '--pmem', PMEM],
                                   stdout=subprocess.PIPE, text=True)
        with process:
            self.addCleanup(process.kill)
            self.assertIn('1 host', process.stdout.readline())
            self.harness('down')
            self.assertEqual(0, process.wait(timeout=60))
        self.assertEqual([], os.listdir(tempfile.gettempdir()))


class RunTest(FleetTestCase):

    def run_script(self, script, *options):
        return self.harness('run', *options, '--', 'sh', '-c', script)

    def test_the_start_says_how_to_reach_each_host(self):
        """The URIs of the hosts are on standard error, unless they are not wanted."""
        self.run_script('true', '--hosts', '2', '--pmem', PMEM)
        self.assertIn('host2: qemu+unix://', self.stderr)
        self.run_script('true', '--pmem', PMEM, '--quiet')
        self.assertEqual('', self.stderr)

    def test_the_commands_for_fleets_within_run(self):
        """``env``, ``show`` and ``reboot`` are about the hosts of the run."""
        harness = ' '.join(HARNESS)
        out = self.run_script(
            f'eval "$({harness} env host2)"; virsh hostname; {harness} reboot; '
            f'{harness} show host2 | grep -o "1 host,"; {harness} down 2>&1 || true',
            '--hosts', '2', '--pmem', PMEM)
        self.assertEqual(['host2', '', '1 host,'], out.splitlines()[:3])
        self.assertIn('ends with its command', out)

    def test_names_of_hosts(self):
        """A pattern and a first number name the hosts."""
        self.assertEqual('rack2-7\n\n', self.run_script(
            'virsh hostname', '--name', 'rack2-{}', '--first', '7', '--hosts', '2'))
        self.assertEqual('alone\n\n', self.run_script('virsh hostname', '--name', 'alone'))
