"""Configuration files of the reference deployment."""

from __future__ import annotations

import configparser
import dataclasses
from pathlib import Path

import fixtures
import testtools

from tools.deployment import configuration
from tools.deployment.settings import Settings


class ConfigurationTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.settings = Settings(
            Path(self.useFixture(fixtures.TempDir()).path), computes=2, pmem='SMALL:2x1GiB',
            ports={name: 1024 + number for number, name in enumerate(
                ('keystone', 'placement', 'glance', 'neutron', 'nova', 'rabbitmq'))},
            password='the password',  # noqa: S106 - not a real one
            socket='/run/mysql.socket',
            transport_url='rabbit://openstack:the-password@127.0.0.1:1029/')

    def read(self, name):
        parser = configparser.ConfigParser(interpolation=None)
        parser.read(configuration.path(self.settings, name))
        return parser

    def test_each_service_has_a_file(self):
        """Each service has a file, which its program finds by the usual name."""
        configuration.write(self.settings)
        self.assertEqual(
            {'keystone.conf', 'placement.conf', 'glance-api.conf', 'neutron.conf', 'nova.conf',
             'nova-compute.conf'},
            {file.name for file in self.settings.etc.glob('*/*.conf')})

    def test_files_are_private(self):
        """Only the user can read the files, which contain passwords."""
        configuration.write(self.settings)
        self.assertEqual(
            {0o600}, {file.stat().st_mode & 0o777 for file in self.settings.etc.glob('*/*.conf')})

    def test_databases_are_separate(self):
        """Each service has a database of its own, on MariaDB's socket."""
        configuration.write(self.settings)
        connections = [self.read(name)[group]['connection'] for name, group in (
            ('keystone', 'database'), ('placement', 'placement_database'),
            ('glance', 'database'), ('neutron', 'database'), ('nova', 'api_database'),
            ('nova', 'database'))]
        self.assertEqual(len(connections), len(set(connections)))
        for connection in connections:
            self.assertIn('unix_socket=/run/mysql.socket', connection)

    def test_computes_have_no_database(self):
        """The file of the computes names no database, which Nova does not allow them."""
        configuration.write(self.settings)
        self.assertEqual(
            [], [name for name in self.read('nova-compute') if 'database' in name])

    def test_many_computes_may_report_late(self):
        """The more computes there are, the later one counts as down."""
        self.assertEqual(['60', '200'], [
            configuration.nova(dataclasses.replace(self.settings, computes=computes))[
                'DEFAULT']['service_down_time'] for computes in (2, 200)])

    def test_services_check_tokens_with_keystone(self):
        """Every service except Keystone logs in as its own user at Keystone's port."""
        configuration.write(self.settings)
        for name in ('placement', 'glance', 'neutron', 'nova'):
            options = self.read(name)['keystone_authtoken']
            self.assertEqual((name, 'http://127.0.0.1:1024/v3'),
                             (options['username'], options['auth_url']))

    def test_ports_are_bound_by_the_harness(self):
        """Neutron binds ports with the harness's driver, and Nova does not wait for an agent."""
        configuration.write(self.settings)
        self.assertEqual('vpmem_harness', self.read('neutron')['ml2']['mechanism_drivers'])
        self.assertEqual(
            'false', self.read('nova-compute')['compute']['live_migration_wait_for_vif_plug'])
