"""A daemon serves its clients whatever another client does, and releases everything at its end."""

from __future__ import annotations

import gc
import logging
import os
import random
import resource
import socket
import threading

import fixtures

from tests import base
from tests.unit.libvirtd import fake
from tests.unit.libvirtd.wire import client
from vpmem_harness import exceptions
from vpmem_harness.libvirtd import server
from vpmem_harness.libvirtd.dispatch import DropConnection
from vpmem_harness.libvirtd.values import DomainHandle
from vpmem_harness.libvirtd.wire import frames, table
from vpmem_harness.serving import eventloop, listener

_SECONDS = 20
_DOMAIN = DomainHandle('domain-1', bytes(15) + b'\1', 1)


class RawClient:
    """A client that sends any bytes."""

    def __init__(self, path: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(_SECONDS)
        self.socket.connect(path)
        self._splitter = frames.Splitter()
        self._came: list[bytes] = []

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self) -> client.Answer | None:
        """Return the next frame, or None after the end."""
        while not self._came:
            try:
                data = self.socket.recv(1 << 20)
            except ConnectionResetError:
                return None
            if not data:
                return None
            self._came += self._splitter.feed(data)
        (answer,) = client.answers(self._came.pop(0))
        return answer

    def ask(self, name: str, *arguments: object) -> client.Answer | None:
        self.send(client.call(name, *arguments))
        return self.answer()

    def open(self) -> None:
        assert self.ask('connect_open', 'qemu:///system', 0).status == frames.OK


class ServerTest(base.TestCase):

    keepalive_interval = 5.0
    keepalive_count = 1

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger(level=logging.INFO))
        directory = self.useFixture(fixtures.TempDir()).path
        self.hypervisor = fake.Hypervisor()
        self.daemon = server.Daemon(
            self.hypervisor, os.path.join(directory, 's'),
            readonly_path=os.path.join(directory, 'ro'),
            keepalive_interval=self.keepalive_interval, keepalive_count=self.keepalive_count)
        self.daemon.start()
        self.addCleanup(self.daemon.stop)

    def client(self, path=None):
        raw = RawClient(path or self.daemon.path)
        self.addCleanup(raw.socket.close)
        return raw

    def opened(self):
        raw = self.client()
        raw.open()
        return raw


class LifeTest(ServerTest):

    def test_uri(self):
        """libvirt can parse the daemon's URI."""
        self.assertEqual(f'qemu+unix:///system?socket={self.daemon.path}', self.daemon.uri)

    def test_stop_ends_everything(self):
        """Stopping disconnects all clients, even in a call; stopping twice is harmless."""
        waiting, idle, unopened = self.opened(), self.opened(), self.client()
        waiting.send(client.call('domain_resume', _DOMAIN))
        idle.ask('connect_get_hostname')
        self.daemon.stop()
        self.daemon.stop()
        self.assertEqual([None] * 3, [raw.answer() for raw in (waiting, idle, unopened)])
        self.assertTrue(all(c.closed.is_set() for c in self.hypervisor.connections))
        self.assertEqual([], os.listdir(os.path.dirname(self.daemon.path)))
        self.hypervisor.later.resolve()

    def test_stop_returns_what_it_took(self):
        """No thread and no file descriptor remains after a start and a stop with clients."""
        self.daemon.stop()
        gc.collect()    # what another test has left in a cycle is not counted
        before = (os.listdir('/proc/self/fd'), threading.active_count())
        for _ in range(3):
            self.daemon.start()
            raw = RawClient(self.daemon.path)
            raw.open()
            self.daemon.stop()
            raw.socket.close()
        self.assertEqual(before, (os.listdir('/proc/self/fd'), threading.active_count()))

    def test_a_killed_daemon(self):
        """A killed daemon leaves its sockets, refuses connections, and can be started again."""
        raw = self.opened()
        self.daemon.kill()
        self.assertIsNone(raw.answer())
        self.assertTrue(os.path.exists(self.daemon.path))
        self.assertRaises(ConnectionRefusedError, self.client)
        self.daemon.start()
        self.opened()

    def test_two_daemons_on_one_path(self):
        """A daemon does not take over the path of a running one."""
        other = server.Daemon(fake.Hypervisor(), self.daemon.path)
        self.assertRaises(OSError, other.start)
        self.assertFalse(other.running)
        self.opened()

    def test_dropping_clients(self):
        """All clients can be disconnected while the daemon keeps serving."""
        raw = self.opened()
        self.daemon.drop_clients()
        self.assertIsNone(raw.answer())
        self.opened()

    def test_a_client_that_goes(self):
        """The connection is closed when the client hangs up."""
        raw = self.opened()
        raw.socket.close()
        self.assertTrue(self.hypervisor.connections[0].closed.wait(_SECONDS))

    def test_a_client_that_goes_within_a_frame(self):
        """A client that disconnects within a frame is logged."""
        raw = self.opened()
        raw.send(client.call('connect_get_hostname')[:20])
        raw.socket.close()
        self.assertTrue(self.hypervisor.connections[0].closed.wait(_SECONDS))
        self.assertIn('disconnected within a frame', self.log.output)

    def test_a_client_that_goes_while_it_waits(self):
        """A client that hangs up with the maximum of calls in progress is noticed."""
        raw = self.opened()
        raw.send(client.call('domain_resume', _DOMAIN) * 8)
        self.opened().ask('connect_get_hostname')
        raw.socket.close()
        self.assertTrue(self.hypervisor.connections[0].closed.wait(_SECONDS))

    def test_a_call_that_waits(self):
        """A waiting call does not delay other calls of the same client.

        libvirt's own client may not send the second call of two threads on one connection while the
        first one waits.
        """
        raw = self.opened()
        raw.send(client.call('domain_resume', _DOMAIN, serial=7))
        self.assertEqual((fake.HOSTNAME,), raw.ask('connect_get_hostname').results)
        self.hypervisor.later.resolve()
        self.assertEqual(7, raw.answer().serial)

    def test_intercept(self):
        """The daemon's intercept is called with every call."""
        raw = self.opened()

        def intercept(call, execute):
            raise DropConnection

        self.daemon.intercept = intercept
        self.assertIsNone(raw.ask('connect_get_hostname'))
        self.daemon.intercept = None
        self.assertEqual(frames.OK, self.opened().ask('connect_get_hostname').status)


class AccessTest(ServerTest):

    def test_modes(self):
        """Only the user can connect to the socket."""
        for path in (self.daemon.path, self.daemon.readonly_path):
            self.assertEqual(0o600, os.stat(path).st_mode & 0o777)

    def test_another_user(self):
        """A client of another user is disconnected, and logged."""
        self.useFixture(fixtures.MonkeyPatch(
            'vpmem_harness.serving.listener.peer',
            lambda sock: listener.Peer(os.getpid(), os.getuid() + 1, os.getgid())))
        self.assertIsNone(self.client().answer())
        self.assertIn('another user', self.log.output)

    def test_the_socket_for_readers(self):
        """Connections over the read-only socket are read-only, whatever the client asks for."""
        raw = self.client(self.daemon.readonly_path)
        raw.open()
        self.assertEqual(frames.ERROR, raw.ask('domain_suspend', _DOMAIN).status)
        self.assertTrue(self.hypervisor.connections[0].readonly)


class ManyTest(ServerTest):

    def test_a_storm_of_noise(self):
        """Clients that send garbage are disconnected, and another client is not disturbed."""
        noise = random.Random(7)    # noqa: S311 - noise, no secret
        worker = self.opened()
        for number in range(200):
            raw = RawClient(self.daemon.path)
            with raw.socket:
                if number % 3:
                    raw.open()
                piece = (client.call('domain_get_xml_desc', _DOMAIN, 0)[:noise.randrange(40)]
                         + noise.randbytes(noise.randrange(80)))
                raw.send(piece)
                raw.socket.shutdown(socket.SHUT_WR)
                while raw.answer() is not None:
                    pass
            self.assertEqual((fake.HOSTNAME,), worker.ask('connect_get_hostname').results)
        self.assertIn('is disconnected: a frame of', self.log.output)
        self.assertNotIn('Traceback', self.log.output)

    def test_one_that_has_much_to_ask(self):
        """A call of another client is answered before all of those of a client with many."""
        greedy, modest = self.opened(), self.opened()
        for noise in (client.call('connect_get_type'),
                      frames.frame(table.REMOTE_PROGRAM, 9999, frames.CALL, 1, frames.OK)):
            asked = []
            self.daemon.intercept = lambda call, execute, asked=asked: (
                asked.append(call.procedure.name), execute())[1]
            held = threading.Event()
            self.daemon.loop.call_soon(lambda held=held: held.wait(_SECONDS))
            greedy.send(noise * 100)
            modest.send(client.call('connect_get_hostname'))
            held.set()
            modest.answer()
            self.assertLess(asked.index('connect_get_hostname'), 50)
            for _ in range(100):
                greedy.answer()

    def test_a_frame_in_small_pieces(self):
        """A call can arrive byte by byte."""
        raw = self.opened()
        for byte in client.call('connect_get_hostname'):
            raw.send(bytes([byte]))
        self.assertEqual((fake.HOSTNAME,), raw.answer().results)

    def test_a_long_call(self):
        """A call of 4 MiB is accepted."""
        raw = self.opened()
        self.assertEqual(frames.ERROR, raw.ask('domain_lookup_by_name', 'x' * (4 << 20)).status)
        self.assertEqual((fake.HOSTNAME,), raw.ask('connect_get_hostname').results)

    def test_a_client_that_does_not_read(self):
        """Replies wait for a client that does not read, and other clients are served."""
        raw, calls = self.opened(), 400
        domain = _DOMAIN._replace(name='x' * 10000)
        sender = threading.Thread(
            target=lambda: raw.send(client.call('domain_get_xml_desc', domain, 0) * calls))
        sender.start()
        self.addCleanup(sender.join)
        self.assertEqual((fake.HOSTNAME,), self.opened().ask('connect_get_hostname').results)
        for _ in range(calls):
            self.assertGreater(len(raw.answer().payload), 10000)

    def test_many_clients(self):
        """Two hundred clients are served at the same time."""
        clients = [self.opened() for _ in range(200)]
        for raw in clients:
            raw.send(client.call('connect_get_hostname'))
        self.assertEqual([(fake.HOSTNAME,)] * 200, [raw.answer().results for raw in clients])

    def test_more_clients_than_there_may_be(self):
        """A client beyond the limit waits, as with libvirtd, until another one disconnects."""
        self.daemon.clients_max = 2
        first, second = self.opened(), self.opened()
        third = self.client()
        third.send(client.call('connect_open', 'qemu:///system', 0))
        self.assertEqual((fake.HOSTNAME,), first.ask('connect_get_hostname').results)
        third.socket.settimeout(0.05)     # seconds, in which nothing comes
        self.assertRaises(TimeoutError, third.answer)
        third.socket.settimeout(_SECONDS)
        second.socket.close()
        self.assertEqual(frames.OK, third.answer().status)

    def test_events_from_another_thread(self):
        """Events emitted in any thread are sent in their order."""
        raw = self.opened()
        emit = self.hypervisor.connections[0].emit
        for number in range(100):
            emit('domain_event_callback_lifecycle', number, (_DOMAIN, 3, 0))
        self.assertEqual(list(range(100)), [raw.answer().fields[0] for _ in range(100)])


class KeepAliveTest(ServerTest):

    keepalive_interval = 0.02

    def test_a_silent_client_is_cut_off(self):
        """A client that does not answer keepalive messages is disconnected."""
        raw = self.client()
        raw.ask('connect_supports_feature', 10)
        self.assertEqual(frames.MESSAGE, raw.answer().kind)
        self.assertIsNone(raw.answer())
        self.assertIn('keepalive', self.log.output)


class AnsweredKeepAliveTest(ServerTest):

    keepalive_interval = 0.02
    keepalive_count = 500       # so that a slow machine does not end it

    def test_a_client_that_answers_stays(self):
        """A client that answers keepalive messages stays connected."""
        raw = self.client()
        raw.ask('connect_supports_feature', 10)
        for _ in range(5):
            self.assertEqual(1, raw.answer().number)
            raw.send(client.keepalive(2))


class ThousandTest(base.TestCase):

    def test_a_thousand_daemons(self):
        """A thousand daemons need one descriptor each and one thread together."""
        directory = self.useFixture(fixtures.TempDir()).path
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, limits)
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, limits[1]))
        gc.collect()    # what other tests have left to the collector is not ours
        before = (len(os.listdir('/proc/self/fd')), threading.active_count())
        loop = eventloop.acquire()
        daemons = [server.Daemon(fake.Hypervisor(), f'{directory}/{number}', loop=loop)
                   for number in range(1000)]
        try:
            for daemon in daemons:
                daemon.start()
            raw = RawClient(daemons[-1].path)
            raw.open()
            raw.socket.close()
            # The event loop's thread, and its watchdog for a client of this process.
            self.assertEqual(before[1] + 2, threading.active_count())
            self.assertLess(len(os.listdir('/proc/self/fd')) - before[0], 1010)
        finally:
            for daemon in daemons:
                daemon.stop()
            eventloop.release(loop)
        self.assertEqual(before, (len(os.listdir('/proc/self/fd')), threading.active_count()))

    def test_no_more_descriptors(self):
        """The error of an exhausted descriptor limit says what to do."""
        free = os.dup(2)        # the lowest number that is free
        os.close(free)
        self.useFixture(fixtures.MonkeyPatch(
            'resource.getrlimit', lambda which: (free + 8, free + 8)))
        error = self.assertRaises(exceptions.LimitError, listener.make_room)
        self.assertIn('ulimit -Hn', str(error))
