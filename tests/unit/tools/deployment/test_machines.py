"""Computes of the reference deployment on one machine and on two."""

from __future__ import annotations

import configparser
import os
from pathlib import Path
from unittest import mock

import fixtures
import testtools

from tools.deployment import (
    computes,
    configuration,
    engines,
    lifecycle,
    processes,
    second_machine,
    smoke,
)
from tools.deployment.settings import Settings


class MachinesTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.directory = Path(self.useFixture(fixtures.TempDir()).path)
        self.useFixture(fixtures.MonkeyPatch(
            'tools.deployment.computes.program', lambda name: f'/bin/{name}'))
        #: The commands that were run or started.
        self.commands = []
        for name in ('run', 'start'):
            self.useFixture(fixtures.MonkeyPatch(
                f'tools.deployment.processes.{name}', getattr(self, f'note_{name}')))

    def note_run(self, _directory, words):
        self.commands.append(' '.join(map(str, words)))

    def note_start(self, _directory, _name, words, _extra=None):
        self.commands.append(' '.join(map(str, words)))

    def settings(self, **options):
        return Settings.new(2, directory=self.directory, **options)

    def test_one_machine(self):
        """Without a second machine, everything is on the loopback address."""
        settings = self.settings()
        self.assertEqual(('127.0.0.1', ['compute1', 'compute2']),
                         (settings.address, computes.names(settings)))
        self.assertNotIn('netns', ' '.join(map(str, computes.command(settings, 'compute1'))))

    def test_two_machines(self):
        """Computes of the second machine run in its network namespace."""
        settings = self.settings(second=1)
        self.assertEqual(['compute1', 'compute2', 'second1'], computes.names(settings))
        self.assertEqual([False, False, True], [
            computes.command(settings, name)[:3] == ['ip', 'netns', 'exec']
            for name in computes.names(settings)])

    def test_services_of_two_machines(self):
        """The services listen where both machines reach them."""
        settings = self.settings(second=1)
        url = configuration.neutron(settings)['nova']['auth_url']
        self.assertIn(f'//{second_machine.address(1, 254)}:', url)

    def test_hosts_of_two_machines(self):
        """The hosts of each machine listen on its addresses; their computes share a directory."""
        computes.start_hosts(self.settings(second=3))
        up = [line for line in self.commands if ' up ' in line]
        self.assertEqual(['198.51.100.{}:16509', '203.0.113.{}:16509'],
                         [line.partition('--listen ')[2] for line in up])
        self.assertEqual([False, True], [line.startswith('ip netns exec') for line in up])
        written = [line.split()[-1] for line in self.commands if ' nova-conf ' in line]
        self.assertEqual([str(self.directory / 'computes')] * 2, written)

    def test_the_namespace(self):
        """Each host has an address on the device of its machine."""
        second_machine.create(self.settings(second=1))
        self.assertEqual(
            ['ip address add 198.51.100.254/24 dev vpmem-fleet0',
             'ip address add 198.51.100.1/24 dev vpmem-fleet0',
             'ip address add 198.51.100.2/24 dev vpmem-fleet0',
             'ip -netns vpmem-fleet address add 203.0.113.1/24 dev vpmem-fleet1'],
            [line for line in self.commands if 'address add' in line])

    def test_the_end_of_the_namespace(self):
        """The namespace is removed with its deployment, and only with it."""
        for second in (0, 1):
            self.settings(second=second).save()
            second_machine.remove(self.directory)
        self.assertEqual(['ip link delete vpmem-fleet0', 'ip netns delete vpmem-fleet'],
                         self.commands)

    def test_an_ordinary_user(self):
        """Without root, --second-machine fails before anything starts."""
        self.useFixture(fixtures.MockPatchObject(engines, 'check'))
        self.useFixture(fixtures.MockPatchObject(os, 'getuid', return_value=1000))
        self.assertRaisesRegex(
            processes.DeploymentError, 'needs root', lifecycle.up, self.settings(second=1),
            self.fail)

    def test_helper_of_an_ordinary_user(self):
        """An ordinary user starts privsep-helper as root of a user namespace."""
        self.useFixture(fixtures.MockPatchObject(os, 'getuid', return_value=1000))
        settings = self.settings()
        for name in computes.names(settings):
            configuration.write_file(computes.computes(settings) / name / 'nova.conf',
                                     {'nova_sys_admin': {'helper_command': 'privsep-helper x'}})
        computes.start_hosts(settings)
        parser = configparser.ConfigParser()
        parser.read(computes.computes(settings) / 'compute2' / 'nova.conf')
        self.assertEqual('unshare --map-root-user --keep-caps privsep-helper x',
                         parser['nova_sys_admin']['helper_command'])

    def test_hosts_of_one_machine(self):
        """Each host has a loopback address, and all have the same port."""
        settings = self.settings()
        computes.start_hosts(settings)
        self.assertTrue(self.commands[0].endswith(
            f' --listen 127.0.1.{{}}:{settings.ports["libvirt"]}'))

    def test_addresses_of_many_hosts(self):
        """The hosts' own rule for numbers above 255 applies to their computes, too."""
        self.assertEqual(['127.0.1.2', '127.0.2.44'],
                         [computes.address(number) for number in (2, 300)])

    def test_too_many_hosts_for_two_machines(self):
        """Each machine's network has 253 addresses for hosts, and more are refused at once."""
        self.useFixture(fixtures.MockPatchObject(engines, 'check'))
        self.useFixture(fixtures.MockPatchObject(os, 'getuid', return_value=0))
        self.assertRaisesRegex(
            processes.DeploymentError, 'at most 253', lifecycle.up, self.settings(second=254),
            self.fail)

    def test_another_driver(self):
        """The computes use the driver that is compared."""
        settings = self.settings(driver='fake.FakeDriver')
        for name in computes.names(settings):
            configuration.write_file(
                computes.computes(settings) / name / 'nova.conf',
                {'DEFAULT': {'compute_driver': 'libvirt.LibvirtDriver'},
                 'nova_sys_admin': {'helper_command': 'privsep-helper x'}})
        computes.start_hosts(settings)
        parser = configparser.ConfigParser()
        parser.read(computes.computes(settings) / 'compute2' / 'nova.conf')
        self.assertEqual('fake.FakeDriver', parser['DEFAULT']['compute_driver'])

    def test_forked_computes(self):
        """Forked computes have one parent on each machine."""
        cloud = mock.Mock()
        cloud.computes_up.return_value = {'compute1', 'compute2', 'second1'}
        self.useFixture(fixtures.MockPatchObject(computes, 'Cloud', return_value=cloud))
        computes.start(self.settings(forked=True, second=1))
        parents = [line for line in self.commands if ' nova-computes ' in line]
        self.assertEqual(['compute1 compute2', 'second1'], [
            line.partition('/computes ')[2].partition(' --common')[0] for line in parents])

    def test_moves_between_machines(self):
        """With a second machine, the smoke test migrates to it and back, cold and live."""
        self.assertEqual(list(smoke.OPERATIONS), smoke.operations(self.settings()))
        names = smoke.operations(self.settings(second=1))
        self.assertEqual((2, 2), (names.count('cold_migrate_across'),
                                  names.count('live_migrate_across')))
