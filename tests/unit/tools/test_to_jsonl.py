"""Conversion of a recording session to JSON lines."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

import fixtures
import testtools

ROOT = pathlib.Path(__file__).parents[3]
RECORDING = ROOT / 'tools' / 'recording'
GOLDEN = ROOT / 'tests' / 'golden' / 'ndctl'

#: The session of each recording, where the names differ.
SESSIONS = {'session-a': 'namespaces', 'session-errors': 'errors', 'session-labels': 'labels',
            'session-regions': 'regions'}


class ToJsonlTest(testtools.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.out = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.put('versions', 'kernel=6.1\nndctl=76.1\n')
        self.put('regions', '1 nmem1\n0 nmem0\n')
        self.put('sequence', '')

    def put(self, name: str, text: str) -> None:
        path = self.out / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def lines(self, session: str) -> list[dict[str, object]]:
        script = RECORDING / 'sessions' / f'{session}.sh'
        done = subprocess.run([sys.executable, RECORDING / 'to_jsonl.py', script, self.out],
                              stdout=subprocess.PIPE, text=True, check=True)
        return list(map(json.loads, done.stdout.splitlines()))

    def test_the_machines_of_the_recordings(self) -> None:
        """Each session has the DIMMs of its recording in the tree."""
        for recording, session in SESSIONS.items():
            with (GOLDEN / f'{recording}.jsonl').open() as file:
                recorded = json.loads(file.readline())
            made = self.lines(session)[0]
            self.assertEqual((recorded['dimms'], recorded['note']),
                             (made['dimms'], made['note']))

    def test_commands_in_their_order(self) -> None:
        """Commands that are not compared and reboots keep their place between the others."""
        for part, text in (('cmd', 'ndctl list\n'), ('rc', '0\n'), ('out', '[\n'), ('err', '')):
            self.put(f'01/list.{part}', text)
        self.put('sequence', 'setup ndctl init-labels all\nstep 01/list\nreboot\n')
        self.assertEqual(
            [{'setup': 'ndctl init-labels all'},
             {'step': '01/list', 'cmd': 'ndctl list', 'rc': 0, 'out': '[\n', 'err': ''},
             {'reboot': True}], self.lines('errors')[1:])

    def test_regions_are_in_the_order_of_their_numbers(self) -> None:
        """Regions are in the order of their numbers, even if the slots are not."""
        self.assertNotIn('region_order', self.lines('errors')[0])
        self.put('regions', '10 nmem0\n2 nmem3\n')
        self.assertEqual([3, 0], self.lines('errors')[0]['region_order'])
