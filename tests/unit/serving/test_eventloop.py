"""The event loop: calls, timers, listeners, sharing, forks."""

from __future__ import annotations

import logging
import os
import socket
import tempfile
import threading

import fixtures

from tests import base
from vpmem_harness.exceptions import LimitError
from vpmem_harness.serving import eventloop
from vpmem_harness.serving.listener import Peer, peer

_SECONDS = 10


class LoopTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger(level=logging.DEBUG))
        self.loop = eventloop.EventLoop()
        self.loop.start()
        self.addCleanup(self.loop.stop)


class CallTest(LoopTest):

    def test_calls_keep_their_order(self):
        """Calls from another thread run in the loop's thread, in the order of the calls."""
        seen, done = [], threading.Event()
        for number in range(100):
            self.loop.call_soon(lambda number=number: seen.append(
                (number, self.loop.in_thread)))
        self.loop.call_soon(done.set)
        self.assertTrue(done.wait(_SECONDS))
        self.assertEqual([(number, True) for number in range(100)], seen)

    def test_waiting_for_a_call(self):
        """run_and_wait returns when the call has returned, and raises what it raised."""
        seen = []
        self.loop.run_and_wait(lambda: seen.append(self.loop.in_thread))
        self.assertEqual([True], seen)
        self.assertRaises(KeyError, self.loop.run_and_wait, {}.popitem)

    def test_the_loop_outlives_its_calls(self):
        """An exception in a call is logged, and the next call runs."""
        self.loop.call_soon({}.popitem)
        self.loop.run_and_wait(lambda: None)
        self.assertIn('KeyError', self.log.output)

    def test_timers_fire_in_their_order(self):
        """Timers fire in the order of their times, not of their creation."""
        seen, done = [], threading.Event()
        self.loop.call_later(0.02, lambda: (seen.append('late'), done.set()))
        self.loop.call_later(0.01, lambda: seen.append('early'))
        self.assertTrue(done.wait(_SECONDS))
        self.assertEqual(['early', 'late'], seen)

    def test_a_timer_can_be_cancelled(self):
        """A timer that was cancelled does not fire."""
        seen, done = [], threading.Event()
        self.loop.call_later(0.01, lambda: seen.append('never')).cancel()
        self.loop.call_later(0.02, done.set)
        self.assertTrue(done.wait(_SECONDS))
        self.assertEqual([], seen)

    def test_it_cannot_end_itself(self):
        """Stopping the loop from its own thread raises RuntimeError."""
        self.assertRaises(RuntimeError, self.loop.run_and_wait, self.loop.stop)


class ListenTest(LoopTest):

    def setUp(self):
        super().setUp()
        self.path = os.path.join(self.useFixture(fixtures.TempDir()).path, 's')

    def test_clients_are_handed_over(self):
        """A client's socket is passed on in the loop's thread, in non-blocking mode."""
        came = []
        arrived = threading.Event()

        def accept(client):
            came.append((client.getblocking(), self.loop.in_thread))
            client.close()
            arrived.set()

        listener = self.loop.listen(self.path, accept)
        self.addCleanup(listener.close)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(self.path)
            self.assertTrue(arrived.wait(_SECONDS))
        self.assertEqual([(False, True)], came)

    def test_a_client_of_another_user(self):
        """A client of another user is disconnected, with a line in the log."""
        self.useFixture(fixtures.MonkeyPatch(
            'vpmem_harness.serving.listener.peer', lambda sock: Peer(1, os.getuid() + 1, 1)))
        came = []
        listener = self.loop.listen(self.path, came.append)
        self.addCleanup(listener.close)
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(_SECONDS)
            client.connect(self.path)
            self.assertEqual(b'', client.recv(1))
        self.assertEqual([], came)
        self.assertIn('another user', self.log.output)

    def test_the_peer_is_known(self):
        """peer returns the process id, user and group of the other end."""
        one, other = socket.socketpair()
        with one, other:
            self.assertEqual((os.getpid(), os.getuid(), os.getgid()), peer(one))

    def test_the_socket_is_private(self):
        """Only the user may connect, whatever the umask is."""
        self.addCleanup(os.umask, os.umask(0))
        self.addCleanup(self.loop.listen(self.path, lambda client: None).close)
        self.assertEqual(0o600, os.stat(self.path).st_mode & 0o777)

    def test_closing_removes_the_socket(self):
        """close removes the path, and a second close does nothing."""
        listener = self.loop.listen(self.path, lambda client: None)
        listener.close()
        listener.close()
        self.assertFalse(os.path.exists(self.path))

    def test_a_client_that_cannot_be_served(self):
        """A client that cannot be served is logged and disconnected."""
        listener = self.loop.listen(self.path, lambda client: {}.popitem())
        self.addCleanup(listener.close)
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(_SECONDS)
            client.connect(self.path)
            self.assertEqual(b'', client.recv(1))
        self.assertIn('Cannot serve a client', self.log.output)

    def test_a_path_that_is_too_long(self):
        """A path of more than 107 bytes is refused with advice."""
        path = '/nowhere/' + 'x' * 99
        error = self.assertRaises(LimitError, self.loop.listen, path, lambda client: None)
        self.assertIn('shorter directory', str(error))


class SharedTest(base.TestCase):

    def test_the_last_user_ends_the_thread(self):
        """Users share one loop; no thread and no descriptor remains after the last one."""
        with eventloop.shared() as first, eventloop.shared() as second:
            self.assertIs(first, second)
            thread = first._thread
            self.assertTrue(thread.is_alive())
        self.assertFalse(thread.is_alive())
        before = os.listdir('/proc/self/fd')
        for _ in range(3):
            with eventloop.shared() as loop:
                loop.call_soon(lambda: None)
        self.assertEqual(before, os.listdir('/proc/self/fd'))

    def test_calls_after_the_end(self):
        """A call to a stopped loop is dropped, and touches no descriptor."""
        with eventloop.shared() as loop:
            pass
        loop.call_soon(lambda: None)


class ForkTest(base.TestCase):

    def in_child(self, function):
        """Runs the function in the child of a fork; returns what it returns, as text."""
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:      # pragma: no cover
            try:
                os.write(writing, str(function()).encode())
            except BaseException as error:
                os.write(writing, repr(error).encode())
            finally:
                os._exit(0)
        os.close(writing)
        with open(reading) as stream:
            result = stream.read()
        os.waitpid(child, 0)
        return result

    def test_the_loop_stays_in_the_parent(self):
        """A child cannot use the parent's loop, but can start its own."""
        path = os.path.join(tempfile.mkdtemp(), 's')
        self.addCleanup(os.rmdir, os.path.dirname(path))
        with eventloop.shared() as loop:
            listener = loop.listen(path, lambda client: client.close())

            def child():
                try:
                    loop.call_soon(lambda: None)
                except RuntimeError:
                    pass
                else:
                    return 'the loop can be used'
                with eventloop.shared() as own:
                    own.run_and_wait(lambda: None)
                listener.close()
                return listener._acceptor._socket.fileno(), own is loop, os.path.exists(path)

            self.assertEqual('(-1, False, True)', self.in_child(child))
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(_SECONDS)
                client.connect(path)
                self.assertEqual(b'', client.recv(1))
            listener.close()
