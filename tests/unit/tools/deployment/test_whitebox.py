"""Whitebox-tempest-plugin in the reference deployment: logins, services and options."""

from __future__ import annotations

import os
from pathlib import Path

import fixtures
import testtools

from tools.deployment import computes, processes, whitebox
from tools.deployment.settings import Settings


class WhiteboxTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.useFixture(fixtures.MonkeyPatch(
            'tools.deployment.whitebox.program', lambda name: f'/bin/{name}'))

    def settings(self, **options):
        return Settings.new(2, 'SMALL:4x1GiB,LARGE:2x4GiB', Path('/fleet'), **options)

    def test_expected_size(self):
        """The test of persistent memory adds size and alignment of a namespace with the label."""
        namespaces = [{'label': None, 'size': 5, 'align': 1},
                      {'label': 'BIG', 'size': 7, 'align': 2}]
        self.assertEqual(9, whitebox.expected_size(
            {'hosts': [{'regions': [{'namespaces': namespaces}]}]}, 'BIG'))

    def test_addresses(self):
        """The plugin logs in to the address of each host."""
        made = whitebox.options(self.settings(), Path('/nodes'), Path('/key'), 9)['whitebox']
        self.assertEqual(f'compute1:{computes.address(1)},compute2:{computes.address(2)}',
                         made['ctlplane_addresses'])

    def test_services(self):
        """The plugin can change the configuration of a host's compute, and restart it."""
        service = whitebox.node(self.settings(), 'compute2')['services']['nova-compute']
        self.assertEqual('/fleet/computes/compute2/nova.conf', service['config_path'])
        self.assertThat(service['stop_command'],
                        testtools.matchers.EndsWith('-m tools.deployment stop compute2'))

    def test_an_ordinary_user(self):
        """Only root can listen on the port of logins."""
        self.useFixture(fixtures.MockPatchObject(os, 'getuid', return_value=1000))
        self.assertRaisesRegex(processes.DeploymentError, 'need root',
                               whitebox.run, self.settings())

    def test_two_machines(self):
        """The hosts of a second machine have no logins."""
        self.useFixture(fixtures.MockPatchObject(os, 'getuid', return_value=0))
        self.assertRaisesRegex(processes.DeploymentError, 'without a second machine',
                               whitebox.run, self.settings(second=1))
