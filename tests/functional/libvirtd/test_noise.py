"""A misbehaving client does not disturb other clients, and leaves nothing behind."""

from __future__ import annotations

import collections
import logging
import os
import threading

from tests import base
from tests.functional.libvirtd.noise import Noise
from tests.functional.libvirtd.noisy_clients import (
    WORDS,
    connect,
    drain,
    noisy_session,
    silent_session,
)
from vpmem_harness.fixtures import HostFixture, SafeLoggingFixture
from vpmem_harness.fixtures.seeds import TestSeed

DOMAIN = """<domain type='qemu'><name>kept</name><memory unit='MiB'>64</memory>
<os><type arch='x86_64'>hvm</type></os></domain>"""

FRAMES = 3000
SESSIONS = 100


class NoiseTest(base.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(SafeLoggingFixture(logging.WARNING))
        self.randomness = self.useFixture(TestSeed()).randomness
        host = self.useFixture(HostFixture(pmem='A:2x1GiB'))
        self.daemon = host.host.daemon
        self.path = str(host.host.socket_path)
        self.kept = host.connection.defineXML(DOMAIN)
        # A domain keeps its connection open even after close().
        self.addCleanup(delattr, self, 'kept')
        self.kept.create()
        self.working()
        self.before = self.descriptors()

    def working(self) -> None:
        """Check that another client still works."""
        self.assertTrue(self.kept.isActive())
        self.assertIn('kept', self.kept.XMLDesc())

    def descriptors(self) -> int:
        return len(os.listdir('/proc/self/fd'))

    def assertNothingLeft(self) -> None:
        """Check that only the working client is connected, and that the daemon has not failed."""
        for _ in range(1000):
            if len(self.daemon.clients) == 1:
                break
            threading.Event().wait(0.01)    # the daemon closes connections asynchronously
        self.assertEqual(1, len(self.daemon.clients))
        self.assertEqual(self.before, self.descriptors())
        self.assertNotIn(' ERROR ', self.log.output)

    def test_malformed_frames(self) -> None:
        """Malformed frames of every kind do not disturb another client."""
        noise = Noise(self.randomness.derive('frames'))
        kinds: collections.Counter[str] = collections.Counter()
        sent = 0
        while sent < FRAMES:
            sent += noisy_session(self.path, noise, self.randomness, kinds)
            self.working()
        self.assertGreater(len(kinds), 15)
        self.assertNothingLeft()

    def test_frames_of_megabytes(self) -> None:
        """Malformed frames of maximum size do not disturb another client."""
        noise = Noise(self.randomness.derive('frames'))
        for _ in range(5):
            with connect(self.path) as sock:
                sock.sendall(noise.oversize().data)
                drain(sock)
            self.working()
        self.assertNothingLeft()

    def test_sessions_that_stall_or_die(self) -> None:
        """Sessions that fall silent or die do not disturb another client."""
        kinds: collections.Counter[str] = collections.Counter()
        staying = []
        for _ in range(SESSIONS):
            sock = silent_session(self.path, self.randomness, kinds)
            if sock is not None:
                self.addCleanup(sock.close)
                staying.append(sock)
            self.working()
        self.assertEqual(kinds.keys(), WORDS.keys())
        for sock in staying:
            sock.close()
        self.assertNothingLeft()
