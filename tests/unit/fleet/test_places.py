"""The directories of fleets, and the fleets that run."""

from __future__ import annotations

import os
from pathlib import Path

import fixtures

from tests import base
from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.fleet.control_server import ControlServer
from vpmem_harness.fleet.places import (
    VARIABLE,
    Location,
    NoFleetError,
    locate,
    make_places,
    running,
)


class PlacesTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.parent = self.useFixture(fixtures.TempDir()).path

    def make(self, name, wanted=None):
        """Make the directories of a fleet, with a control socket."""
        context = make_places(name, wanted, self.parent)
        places = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        server = ControlServer(places.socket, {})
        self.addCleanup(server.stop)
        server.start()
        return places

    def locate(self, name=None, **environ):
        return locate(name, self.parent, environ)

    def test_the_directory_is_private(self):
        """Only the user can enter the directory."""
        self.assertEqual(0o700, self.make('one').control.stat().st_mode & 0o777)

    def test_nothing_stays(self):
        """Directories that were made are removed."""
        wanted = Path(self.parent) / 'a' / 'b'
        with make_places('one', str(wanted), self.parent) as places:
            self.assertEqual(wanted, places.hosts)
        self.assertEqual([], os.listdir(self.parent))

    def test_an_invalid_directory_is_refused(self):
        """The error names the option."""
        file = Path(self.parent) / 'file'
        file.touch()
        error = self.assertRaises(
            InvalidInputError, make_places('one', str(file), self.parent).__enter__)
        self.assertEqual('--dir', error.what)

    def test_a_name_that_is_taken(self):
        """Two fleets cannot have one name."""
        self.make('one')
        error = self.assertRaises(NoFleetError, make_places('one', None, self.parent).__enter__)
        self.assertIn('runs already', str(error))

    def test_a_name_that_is_free_again(self):
        """The name of a fleet that has ended can be used."""
        for _ in range(2):
            with make_places('one', None, self.parent):
                pass

    def test_the_only_fleet(self):
        """Without a name, the only fleet is meant."""
        places = self.make('one')
        self.assertEqual(Location('one', places.control), self.locate())

    def test_several_fleets(self):
        """With several fleets, one has to be named, unless one has the default name."""
        self.make('one')
        self.make('two')
        error = self.assertRaises(NoFleetError, self.locate)
        self.assertIn('one, two', str(error))
        self.make('default')
        self.assertEqual('default', self.locate().name)

    def test_a_named_fleet(self):
        """A name selects a fleet, and an unknown one is an error with the others' names."""
        self.make('one')
        self.make('two')
        self.assertEqual('two', self.locate('two').name)
        self.assertIn('one, two', str(self.assertRaises(NoFleetError, self.locate, 'three')))

    def test_the_fleet_of_the_shell(self):
        """The variable names a fleet or its directory; an option takes precedence."""
        one, two = self.make('one'), self.make('two')
        self.assertEqual('one', self.locate(**{VARIABLE: 'one'}).name)
        self.assertEqual(one.control, self.locate(**{VARIABLE: str(one.control)}).directory)
        self.assertEqual(two.control, self.locate('two', **{VARIABLE: 'one'}).directory)

    def test_a_fleet_that_was_started_again(self):
        """A shell of a fleet that has ended uses the one that has its name now."""
        with make_places('one', None, self.parent) as places:
            ended = str(places.control)
        again = self.make('one')
        self.assertEqual(again.control, self.locate(**{VARIABLE: ended}).directory)

    def test_a_fleet_without_a_name(self):
        """The fleet of a command is found by its directory only."""
        places = self.make(None)
        self.assertEqual([], running(self.parent))
        self.assertEqual(Location(None, places.control),
                         self.locate(**{VARIABLE: str(places.control)}))

    def test_no_fleet(self):
        """The errors say how to start one."""
        for environ in ({}, {VARIABLE: '/nonexistent'}, {VARIABLE: 'one'}):
            error = self.assertRaises(NoFleetError, self.locate, **environ)
            self.assertIn('vpmem-harness up', str(error))

    def test_a_fleet_of_another_user(self):
        """The error names the owner."""
        self.make('one')
        (owner,) = {os.stat(self.make('one2').control).st_uid}
        self.useFixture(fixtures.MonkeyPatch('os.getuid', lambda: owner + 1))
        error = self.assertRaises(NoFleetError, self.locate, 'one')
        self.assertIn('belongs to', str(error))

    def test_hosts_elsewhere_are_removed_after_a_kill(self):
        """The noted files of a killed fleet are removed, and existing ones are not noted."""
        wanted = Path(self.parent) / 'hosts'
        (wanted / 'kept').mkdir(parents=True)
        wanted.chmod(0o700)
        places = self.make('one', str(wanted))
        places.note(['kept', 'host1'])
        (wanted / 'host1').mkdir()
        # The name of a process that has never been.
        left = places.control.with_name('fleet-zzzzzz.1-0.one')
        left.mkdir()
        (left / '.elsewhere').write_bytes((places.control / '.elsewhere').read_bytes())
        self.assertEqual(['one'], [fleet.name for fleet in running(self.parent)])
        self.assertEqual((['kept'], False), (os.listdir(wanted), left.exists()))
