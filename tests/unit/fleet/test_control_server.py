"""The control socket of a fleet."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path

import fixtures

from tests import base
from vpmem_harness.exceptions import HarnessError, InvalidInputError
from vpmem_harness.fleet.client import FleetClient
from vpmem_harness.fleet.control_server import ControlServer
from vpmem_harness.fleet.places import SOCKET, Location, NoFleetError
from vpmem_harness.fleet.protocol import FleetError


class ControlServerTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.directory = Path(self.useFixture(fixtures.TempDir()).path)

    def serve(self, **methods):
        server = ControlServer(self.directory / SOCKET, methods)
        self.addCleanup(server.stop)
        server.start()
        return server

    def client(self):
        return self.useFixture(Closing(FleetClient(Location('one', self.directory)))).client

    def send(self, data):
        """Send bytes and return the answer."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.directory / SOCKET))
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            return json.loads(connection.makefile('rb').readline())

    def test_a_result(self):
        """A method gets its arguments by name, and its result is returned."""
        self.serve(double=lambda number: 2 * number)
        self.assertEqual(6, self.client().call('double', number=3))

    def test_the_socket_is_private(self):
        """Only the user can connect."""
        self.serve()
        self.assertEqual(0o600, (self.directory / SOCKET).stat().st_mode & 0o777)

    def test_an_invalid_input_keeps_its_parts(self):
        """The client raises the error of the fleet."""
        def refuse():
            raise InvalidInputError('host', expected='a', got='b', remedy='c')
        self.serve(refuse=refuse)
        error = self.assertRaises(InvalidInputError, self.client().call, 'refuse')
        self.assertEqual(('host', 'a', 'b', 'c'),
                         (error.what, error.expected, error.got, error.remedy))

    def test_other_errors(self):
        """Every error is an answer, and the conversation goes on."""
        def fail():
            raise HarnessError('no')
        self.serve(fail=fail, one=lambda: 1)
        client = self.client()
        self.assertEqual('no', str(self.assertRaises(FleetError, client.call, 'fail')))
        self.assertRaises(FleetError, client.call, 'one', unknown=1)
        self.assertEqual(1, client.call('one'))

    def test_an_unknown_method(self):
        """The error lists the methods."""
        self.serve(one=lambda: 1)
        error = self.assertRaises(InvalidInputError, self.client().call, 'two')
        self.assertIn('one', error.expected)

    def test_what_is_no_message(self):
        """The answer says what is wrong."""
        self.serve()
        for data in (b'x\n', b'[]\n', b'{"method": 1'):
            self.assertIn('message', self.send(data)['error']['message'])

    def test_several_clients(self):
        """A slow request does not hold up the other clients."""
        going_on = threading.Event()
        self.addCleanup(going_on.set)
        self.serve(wait=lambda: going_on.wait(60), go_on=going_on.set)
        results = []
        slow = self.client()
        waiting = threading.Thread(target=lambda: results.append(slow.call('wait')))
        waiting.start()
        self.addCleanup(waiting.join)
        self.client().call('go_on')
        waiting.join()
        self.assertEqual([True], results)

    def test_the_end_of_the_server(self):
        """The socket is removed, and clients get an error."""
        server = self.serve(one=lambda: 1)
        client = self.client()
        client.call('one')
        server.stop()
        self.assertRaises(NoFleetError, client.call, 'one')
        self.assertFalse((self.directory / SOCKET).exists())
        self.assertRaises(NoFleetError, FleetClient, Location('one', self.directory))

    def test_another_user(self):
        """Clients of another user are refused, and so is a socket of another user."""
        self.serve(one=lambda: 1)
        # As if this process and the other end had different users.
        self.useFixture(fixtures.MonkeyPatch(
            'vpmem_harness.fleet.control_server.is_own', lambda sock: False))
        self.assertRaises(NoFleetError, self.client().call, 'one')
        self.useFixture(fixtures.MonkeyPatch(
            'vpmem_harness.fleet.client.is_own', lambda sock: False))
        error = self.assertRaises(NoFleetError, FleetClient, Location('one', self.directory))
        self.assertIn('another user', str(error))


class Closing(fixtures.Fixture):

    def __init__(self, client):
        super().__init__()
        self.client = client

    def _setUp(self):
        self.addCleanup(self.client.close)
