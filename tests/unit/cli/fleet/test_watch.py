"""The screen of ``watch``."""

from __future__ import annotations

import sys
from unittest import mock

import fixtures
import testtools
from rich.console import Console

from vpmem_harness.cli.fleet.watch import View, line, render, screen
from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.fleet.places import NoFleetError
from vpmem_harness.fleet.snapshot import VERSION, CallState, FaultState, FleetState, HostState

HOST = HostState(
    name='host1', uri='qemu+unix:///system', tools='/bin', release='debian12', libvirtd='running',
    compute='up', pmem_namespaces='', calls=1, faults=(FaultState(1, 'ndctl hangs', 2, 1),))
STATE = FleetState(VERSION, 'test', 1, 0.0, '/tmp/fleet', 1, (HOST,), ())  # noqa: S108
CALL = CallState('host1', 1, 0.0, 1.0, 'command', 'ndctl', 'ndctl list', 'exit status 1', None, '')


class Client:
    """A fleet that ends after some looks."""

    def __init__(self, looks):
        self.looks = looks

    def state(self):
        self.looks -= 1
        if self.looks < 0:
            raise NoFleetError('the fleet has ended')
        return STATE

    def calls_after(self, seen, limit):
        return [] if seen else [CALL]


class WatchTest(testtools.TestCase):

    def test_a_call(self):
        """A line has the host, the call and what came of it."""
        self.assertTrue(line(CALL).endswith(' host1 ndctl list: exit status 1'))

    def test_the_screen(self):
        """The screen has the tables that have rows, and the calls."""
        console = Console(width=120, height=40, record=True, file=open('/dev/null', 'w'))  # noqa: SIM115
        self.addCleanup(console.file.close)
        console.print(render(STATE, [CALL]))
        text = console.export_text()
        for part in ('fleet test: 1 host', 'debian12', 'ndctl hangs', 'ndctl list: exit status 1'):
            self.assertIn(part, text)
        self.assertNotIn('domains', text)

    def test_the_end_of_the_fleet(self):
        """The screen ends with the fleet."""
        waits = []
        self.useFixture(fixtures.MonkeyPatch('sys.stdout', open('/dev/null', 'w')))  # noqa: SIM115
        self.addCleanup(sys.stdout.close)
        self.useFixture(fixtures.MonkeyPatch('sys.stderr', open('/dev/null', 'w')))  # noqa: SIM115
        self.addCleanup(sys.stderr.close)
        screen(View(Client(3), None), lambda: waits.append(1))
        self.assertEqual(3, len(waits))

    def test_without_rich(self):
        """The error says what to install."""
        patch = mock.patch.dict(sys.modules, {'rich.live': None})
        patch.start()
        self.addCleanup(patch.stop)
        error = self.assertRaises(InvalidInputError, screen, View(Client(1), None), lambda: None)
        self.assertIn('vpmem-harness[watch]', str(error))
