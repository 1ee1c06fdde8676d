"""The demo shows the main features correctly."""

from __future__ import annotations

import testtools

from tests import base
from tests.unit.cli.test_app import run


class DemoTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.status, self.out, _ = run('demo', '--seed', '4')
        self.addDetail('output', testtools.content.text_content(self.out))

    def section(self, title):
        """Return the output under a title with this beginning."""
        return next(part for part in self.out.split('\n== ') if part.startswith(title))

    def test_it_succeeds(self):
        """The exit status of the demo is 0."""
        self.assertEqual(0, self.status)

    def test_the_first_host_is_the_recorded_one(self):
        """The first host has the namespaces of the recording."""
        self.assertIn('4GiB:ns_first|ns_4|ns_1|ns_0', self.section('Two simulated hosts'))

    def test_the_seed_of_the_other_host_is_printed(self):
        """The printed seed reproduces the generated host."""
        self.assertIn('--seed 4', self.section('Two simulated hosts'))

    def test_the_last_server_shows_its_fault(self):
        """The fault of the failed server is printed."""
        self.assertIn('one-too-many is in ERROR: No valid host was found.',
                      self.section('Servers are booted'))

    def test_the_next_server_gets_a_freed_namespace(self):
        """The next server gets the namespace of the deleted one."""
        section = self.section('server4 is deleted')
        name = section.split(' was wiped')[0].split()[-1]
        line = next(line for line in section.splitlines() if line.startswith('next-one'))
        self.assertIn(f' {name} ', line)

    def test_a_revert_restores_the_server(self):
        """A reverted server is on its old host and its old namespace."""
        booted, resized, reverted = (
            next(line.split()[1:] for line in self.section(title).splitlines()[1:]
                 if line.startswith('server1 '))
            for title in ('Servers are booted', 'server1 is resized', 'The resize is reverted'))
        self.assertEqual(['VERIFY_RESIZE', 'host2'], resized[:2])
        self.assertEqual(booted, reverted)

    def test_virsh_commands(self):
        """There is a virsh command for each host."""
        self.assertEqual(2, self.section('The hosts are real').count('virsh -c '))
