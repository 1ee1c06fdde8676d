"""Servers, faults and hosts of a fleet that runs, as on a command line."""

from __future__ import annotations

import json
import subprocess

import fixtures

from tests.functional.fleet.base import HARNESS, PMEM, FleetTestCase


class OperationsTest(FleetTestCase):

    def setUp(self):
        super().setUp()
        self.harness('up', '--hosts', '2', '--pmem', PMEM, '--cloud', '--seed', '1')

    def server(self, name):
        return json.loads(self.harness('server', 'show', name))

    def test_the_life_of_a_server(self):
        """A server is booted, resized twice, migrated and deleted."""
        self.assertEqual('a is ACTIVE on host1 with ns_0\n', self.harness(
            'server', 'boot', 'a', '--pmem', 'SMALL', '--host', 'host1').replace('ns_1', 'ns_0'))
        self.harness('server', 'resize', 'a', '--pmem', 'LARGE')
        self.assertEqual(('VERIFY_RESIZE', 'host2'),
                         (self.server('a')['status'], self.server('a')['host']))
        self.harness('server', 'revert', 'a')
        self.assertEqual('host1', self.server('a')['host'])
        self.harness('server', 'migrate', 'a')
        self.harness('server', 'confirm', 'a')
        self.harness('server', 'migrate', 'a', '--live', '--host', 'host1')
        self.harness('server', 'stop', 'a')
        self.assertIn('SHUTOFF', self.harness('server', 'list'))
        self.harness('server', 'start', 'a')
        self.assertEqual('a is deleted\n', self.harness('server', 'delete', 'a'))
        self.assertEqual('servers: none\n', self.harness('server', 'list'))

    def test_a_server_of_a_fleet_without_any(self):
        """The error says that the fleet has none."""
        self.harness('server', 'show', 'a', status=1)
        self.assertIn('a server of the fleet, which has none', self.stderr)

    def test_an_evacuation(self):
        """A server is rebuilt while the service of its host is down."""
        self.harness('server', 'boot', 'a', '--pmem', 'SMALL', '--host', 'host1')
        self.harness('compute', 'kill', 'host1')
        self.assertEqual('down', self.state()['hosts'][0]['compute'])
        self.assertIn('host2', self.harness('server', 'evacuate', 'a'))
        self.harness('compute', 'start', 'host1')
        self.assertEqual('up', self.state()['hosts'][0]['compute'])

    def test_a_server_that_fails(self):
        """The reason is on standard error, and the status is 1."""
        self.harness('server', 'boot', '--pmem', 'HUGE', status=1)
        self.assertIn('No valid host', self.stderr)
        self.harness('server', 'boot', 'b', '--pmem', 'HUGE', '--no-wait')
        self.harness('server', 'show', 'c', status=1)
        self.assertIn('server1, b', self.stderr)
        self.harness('server', 'boot', '--host', 'host9', status=1)
        self.assertIn('host1, host2', self.stderr)

    def test_two_servers_of_one_name(self):
        """The error says where the ids are, and an id selects one of them."""
        for _ in range(2):
            self.harness('server', 'boot', 'a')
        self.harness('server', 'show', 'a', status=1)
        self.assertIn('"vpmem-harness server list --json"', self.stderr)
        first, second = json.loads(self.harness('server', 'list', '--json'))
        self.assertNotEqual(first, self.server(second['id']))

    def test_faults(self):
        """A fault strikes the calls of a boot, is listed, and is removed."""
        self.assertIn('fault 1 on host1', self.harness(
            'fault', 'host1', 'failing', 'domainCreateWithFlags', '--times', '5'))
        self.harness('fault', 'host2', 'tool-failing', 'daxio', '--status=3')
        self.harness('server', 'boot', '--pmem', 'SMALL', '--host', 'host1', status=1)
        faults = [host['faults'] for host in self.state()['hosts']]
        self.assertEqual((1, 1), (faults[0][0]['struck'], faults[1][0]['number']))
        self.assertIn('daxio fails', self.harness('fault', '--list'))
        self.harness('fault', '--remove', '1', status=1)
        self.assertIn('1 on host1, 1 on host2', self.stderr)
        self.assertEqual('faults removed: 1\n', self.harness('fault', 'host2', '--remove', '1'))
        self.assertEqual('faults removed: 1\n', self.harness('fault', '--clear'))
        self.assertEqual('faults: none\n', self.harness('fault'))

    def test_faults_that_cannot_be_used(self):
        """The errors list the kinds, the hosts and the options."""
        for words, text in ((['host1'], 'a kind of fault'), (['host1', 'odd'], 'failing'),
                            (['host9', 'daemon-down'], 'host1, host2'),
                            (['--remove', '1'], 'there is none, got 1;'),
                            (['host1', 'hanging', 'x', '--times'], 'a value')):
            self.harness('fault', *words, status=1)
            self.assertIn(text, self.stderr)
        self.assertIn('tool-slow PROGRAM', self.harness('fault', '--kinds'))

    def test_hosts_come_and_go(self):
        """A host is added with its own memory, used, and removed."""
        self.assertIn('host3: qemu+unix', self.harness('host', 'add', '--pmem', 'HUGE:1x32GiB'))
        self.assertIn('on host3', self.harness('server', 'boot', 'a', '--pmem', 'HUGE'))
        self.harness('host', 'remove', 'host3', status=1)
        self.assertIn('hosting instances', self.stderr)
        self.harness('server', 'delete', 'a')
        self.harness('host', 'remove', 'host3')
        self.assertEqual(['host1', 'host2'], [host['name'] for host in self.state()['hosts']])

    def test_calls_as_they_arrive(self):
        """Without a terminal, ``watch`` prints the calls, and ends with the fleet."""
        environment = self.shell('host1')
        self.output(environment, 'ndctl', 'list')
        watching = subprocess.Popen([*HARNESS, 'watch', 'host1'], stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE, text=True)
        with watching:
            self.addCleanup(watching.kill)
            while 'host1 ndctl list' not in watching.stdout.readline():
                pass
            self.output(environment, 'virsh', 'hostname')
            while 'connect_get_hostname' not in watching.stdout.readline():
                pass
            self.harness('down')
            self.assertEqual(0, watching.wait(timeout=60))
            self.assertIn('has ended', watching.stderr.read())


class SaveTest(FleetTestCase):

    def test_a_fleet_goes_on(self):
        """A loaded fleet has the servers and the contents of the saved one."""
        file = f'{self.useFixture(fixtures.TempDir()).path}/fleet.json'
        self.harness('up', '--pmem', PMEM, '--cloud', '--name', 'one')
        self.harness('server', 'boot', 'a', '--pmem', 'SMALL')
        before = self.state()
        self.harness('save', file)
        self.harness('down')
        self.harness('load', file, '--name', 'two')
        after = self.state('--name', 'two')
        self.assertEqual((before['servers'], before['seed']), (after['servers'], after['seed']))
        self.assertEqual(before['hosts'][0]['regions'], after['hosts'][0]['regions'])
        domain = after['servers'][0]['instance_name']
        self.assertIn('/dev/dax', self.output(self.shell(), 'virsh', 'dumpxml', domain))

    def test_what_is_no_saved_fleet(self):
        """The error names the file."""
        self.harness('load', '/dev/null', status=1)
        self.assertIn('/dev/null', self.stderr)


class WithoutCloudTest(FleetTestCase):

    def test_no_compute_service(self):
        """The errors say how to start a fleet with one."""
        self.harness('up', '--pmem', PMEM)
        for words in (['server', 'boot'], ['server', 'list'], ['compute', 'stop', 'host1']):
            self.harness(*words, status=1)
            self.assertIn("fleet 'default'", self.stderr)
            self.assertIn('--cloud', self.stderr)
