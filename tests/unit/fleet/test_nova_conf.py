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


def host(name, pmem='SMALL:ns_0'):
    return HostState(
        name=name, uri=f'qemu+unix:///system?socket=/run/{name}/libvirt-sock',
        tools=f'/run/{name}/bin', release='debian12', libvirtd='running', compute=None,
        pmem_namespaces=pmem, calls=0)


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
