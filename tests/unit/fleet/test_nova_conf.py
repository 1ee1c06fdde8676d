"""Configuration files for nova-computes."""

from __future__ import annotations

import configparser
import os
import subprocess
from pathlib import Path

import fixtures
import testtools

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.fleet import nova_conf
from vpmem_harness.fleet.snapshot import HostState
from vpmem_harness.serving.tcp_listener import Endpoint


def host(name, pmem='SMALL:ns_0', address=None, port=16509):
    return HostState(
        name=name, uri=f'qemu+unix:///system?socket=/run/{name}/libvirt-sock',
        tools=f'/run/{name}/bin', release='debian12', libvirtd='running', compute=None,
        pmem_namespaces=pmem, calls=0, address=address,
        tcp_uri=None if address is None else f'qemu+tcp://{Endpoint(address, port)}/system')


class NovaConfTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.directory = Path(self.useFixture(fixtures.TempDir()).path) / 'conf'

    def read(self, name):
        parser = configparser.ConfigParser(interpolation=None)
        parser.read(self.directory / name / 'nova.conf')
        return parser

    def test_each_host_has_a_file(self):
        """The options that differ are those of the host, and the instances are shared."""
        nova_conf.write([host('a'), host('b')], self.directory)
        one, two = self.read('a'), self.read('b')
        self.assertEqual(('a', 'b'), (one['DEFAULT']['host'], two['DEFAULT']['host']))
        self.assertEqual(one['DEFAULT']['instances_path'], two['DEFAULT']['instances_path'])
        self.assertNotEqual(one['DEFAULT']['state_path'], two['DEFAULT']['state_path'])
        self.assertEqual(('SMALL:ns_0', host('b').uri),
                         (two['libvirt']['pmem_namespaces'], two['libvirt']['connection_uri']))

    def test_a_helper_without_sudo(self):
        """privsep starts its helper directly, with the file of the host."""
        nova_conf.write([host('a')], self.directory)
        self.assertEqual(f'privsep-helper --config-file {self.directory}/a/nova.conf',
                         self.read('a')['nova_sys_admin']['helper_command'])

    def test_snapshots_of_running_guests(self):
        """Nova copies the disk itself: the guest could not."""
        nova_conf.write([host('a')], self.directory)
        self.assertEqual('true', self.read('a')['workarounds']['disable_libvirt_livesnapshot'])

    def test_timeouts(self):
        """The manager ends before the service does."""
        nova_conf.write([host('a')], self.directory)
        options = self.read('a')['DEFAULT']
        self.assertLess(int(options['manager_shutdown_timeout']),
                        int(options['graceful_shutdown_timeout']))

    def test_a_host_without_labels(self):
        """Without labels there is no empty option, which Nova would refuse."""
        nova_conf.write([host('a', pmem='')], self.directory)
        self.assertNotIn('pmem_namespaces', self.read('a')['libvirt'])

    def test_the_environment(self):
        """The host's tools come first on PATH, then the stand-ins, then the rest."""
        nova_conf.write([host('a')], self.directory)
        lines = (self.directory / 'a' / 'env').read_text().splitlines()
        self.assertEqual(
            f'PATH=/run/a/bin:/run/a/nowhere:{self.directory}/bin:{os.environ["PATH"]}', lines[0])
        self.assertIn(f'LIBVIRT_DEFAULT_URI={host("a").uri}', lines)

    def test_stand_ins(self):
        """The stand-ins can be executed."""
        nova_conf.write([host('a')], self.directory)
        self.assertEqual(sorted(nova_conf.STAND_INS), sorted(os.listdir(self.directory / 'bin')))
        out = subprocess.run([self.directory / 'bin' / 'ssh', 'b', 'echo', 'here'], check=True,
                             stdout=subprocess.PIPE, text=True).stdout
        self.assertEqual('here\n', out)

    def test_sudo(self):
        """sudo runs a command with the tools of the host, and sets variables."""
        nova_conf.write([host('a')], self.directory)
        words = ['sudo', '-n', '-u', 'nova', 'name=value', 'sh', '-c', 'echo "$PATH $name"']
        path = f'{self.directory}/bin:{os.environ["PATH"]}'
        out = subprocess.run([self.directory / 'bin' / words[0], *words[1:]], check=True,
                             stdout=subprocess.PIPE, text=True, env={'PATH': path}).stdout
        self.assertEqual(f'{path} value\n', out)

    def test_again(self):
        """Files are replaced when the fleet has changed."""
        nova_conf.write([host('a')], self.directory)
        nova_conf.write([host('a', pmem='LARGE:ns_1')], self.directory)
        self.assertEqual('LARGE:ns_1', self.read('a')['libvirt']['pmem_namespaces'])

    def test_a_directory_that_cannot_be_written(self):
        """The error names the directory."""
        error = self.assertRaises(
            InvalidInputError, nova_conf.write, [], Path('/proc/none'))
        self.assertIn('/proc/none', str(error))

    def test_an_address(self):
        """A host with an address tells other computes to connect to its libvirt there."""
        nova_conf.write([host('a', address='127.0.0.2'), host('b', address='127.0.0.3', port=7)],
                        self.directory)
        one, two = self.read('a'), self.read('b')
        self.assertEqual(('127.0.0.2', '127.0.0.2', None), (
            one['DEFAULT']['my_ip'], one['libvirt']['live_migration_inbound_addr'],
            one['libvirt'].get('live_migration_uri')))
        self.assertEqual('qemu+tcp://%s:7/system', two['libvirt']['live_migration_uri'])

    def services(self, hosts, **options):
        nova_conf.write(hosts, self.directory)
        (file,) = nova_conf.write_services(hosts, self.directory, **options)
        return file

    def test_supervisor(self):
        """supervisor starts a nova-compute for each host, with its environment and files."""
        file = self.services([host('a'), host('b')], manager='supervisor', common=Path('/c.conf'))
        parser = configparser.RawConfigParser()
        parser.read(file)
        self.assertEqual(['program:nova-compute-a', 'program:nova-compute-b'], parser.sections())
        program = parser['program:nova-compute-b']
        self.assertEqual('nova-compute --config-file /c.conf --config-file '
                         f'{self.directory}/b/nova.conf', program['command'])
        self.assertIn('PATH="/run/b/bin:/run/b/nowhere:', program['environment'])

    def test_systemd(self):
        """A target wants an instance of the template unit for each host."""
        file = self.services([host('a'), host('b')], manager='systemd')
        self.assertIn('Wants=nova-compute@a.service nova-compute@b.service', file.read_text())
        self.assertIn(f'EnvironmentFile={self.directory}/%i/env',
                      (self.directory / 'nova-compute@.service').read_text())

    def test_sshd(self):
        """sshd gives a login at a host's address the environment of this host."""
        file = self.services([host('a', address='127.0.0.2'), host('b', address='::1')],
                             ssh_port=2222)
        text = file.read_text()
        self.assertIn('ListenAddress 127.0.0.2:2222\nListenAddress [::1]:2222\n', text)
        self.assertIn('Match LocalAddress 127.0.0.2\n    SetEnv "PATH=/run/a/bin:', text)

    def test_sshd_needs_an_address_for_each_host(self):
        """Hosts without an address, or with the same one, are an error that says what to do."""
        for addresses in ((None, None), ('127.0.0.2', '127.0.0.2')):
            hosts = [host(name, address=each) for name, each in zip('ab', addresses, strict=True)]
            error = self.assertRaises(InvalidInputError, self.services, hosts, ssh_port=2222)
            self.assertIn("--listen '127.0.0.{}:16509'", str(error))
