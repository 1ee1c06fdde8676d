"""Hosts and clouds leave nothing behind, also when something goes wrong."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import fixtures
import libvirt

from tests import base
from vpmem_harness.fixtures import CloudFixture, HostFixture, NothingLeftFixture
from vpmem_harness.fixtures.seeds import TestSeed

DOMAIN = """<domain type='qemu'><name>one</name><uuid>{uuid}</uuid><memory unit='MiB'>64</memory>
<os><type arch='x86_64'>hvm</type></os></domain>"""


class NothingLeftTest(base.TestCase):

    def setUp(self) -> None:
        super().setUp()
        # What is made once for the whole process (libvirt's library, caches) is made before.
        with HostFixture(pmem='A:1x1GiB') as host:
            host.connection.getHostname()
        self.useFixture(NothingLeftFixture(base.GRACE, base.LASTING))

    def test_a_cloud(self):
        """Boot, resize, fail and delete on two hosts."""
        with CloudFixture(hosts=2, pmem='SMALL:2x1GiB,LARGE:1x2GiB') as cloud:
            server = cloud.boot(pmem='SMALL')
            server.resize(pmem='LARGE').confirm_resize()
            cloud.boot(pmem='LARGE,LARGE', expect='ERROR')
            server.delete()

    def test_a_cloud_that_is_left_as_it_is(self):
        """Servers that run when their test ends, and one that is being resized."""
        with CloudFixture(hosts=2, pmem='SMALL:2x1GiB,LARGE:1x2GiB') as cloud:
            cloud.boot(pmem='SMALL')
            cloud.boot(pmem='SMALL').resize(pmem='LARGE')

    def test_clients_and_tools(self):
        """A client of its own with an event callback, and a tool as a process."""
        with HostFixture(pmem='A:1x1GiB') as host:
            connection = libvirt.open(host.uri)
            connection.defineXML(DOMAIN.format(uuid=self.useFixture(TestSeed()).randomness.uuid())).create()
            subprocess.run(['ndctl', 'list'], env=host.env, check=True, stdout=subprocess.DEVNULL)
            connection.close()

    def test_a_client_that_still_holds_on(self):
        """A connection that its test has forgotten does not keep the host's own things alive."""
        with HostFixture(pmem='A:1x1GiB') as host:
            connection = libvirt.open(host.uri)
        self.assertRaises(libvirt.libvirtError, connection.getHostname)
        connection.close()

    def test_a_client_that_hangs_on_a_call(self):
        """The call comes to an end, at the latest in an error when the host has gone."""
        def call():
            with contextlib.suppress(libvirt.libvirtError):
                connection.getHostname()

        with HostFixture(pmem='A:1x1GiB') as host:
            connection = libvirt.open(host.uri)
            fault = host.faults.hanging('connectGetHostname')
            client = threading.Thread(target=call)
            client.start()
            fault.wait_until_reached()
        client.join(60)
        connection.close()
        self.assertFalse(client.is_alive())

    def test_a_command_that_hangs_on_its_host(self):
        """ndctl ends when its host does."""
        with HostFixture(pmem='A:1x1GiB') as host:
            fault = host.faults.tool_hanging('ndctl')
            process = subprocess.Popen(['ndctl', 'list'], env=host.env,
                                       stdout=subprocess.DEVNULL)
            fault.wait_until_reached()
            self.assertIsNone(process.poll())
        process.wait(timeout=60)

    def test_commands_that_are_interrupted(self):
        """Ctrl-C, SIGTERM or a terminal that closes, in the middle: hosts and clouds go."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.chaos() as process:
                self.wait_for_a_host(process)
                process.send_signal(number)
                self.assertEqual(128 + number, process.wait(timeout=60))
            self.assertEqual([], os.listdir(tempfile.gettempdir()))

    def test_a_command_that_is_interrupted_twice(self):
        """The second signal does not stop the clean-up."""
        with self.chaos() as process:
            self.wait_for_a_host(process)
            process.send_signal(signal.SIGTERM)
            process.send_signal(signal.SIGINT)
            # The kernel may deliver two that come at once in either order.
            self.assertIn(process.wait(timeout=60), (143, 130))
        self.assertEqual([], os.listdir(tempfile.gettempdir()))

    def test_commands_that_are_interrupted_at_once(self):
        """A signal that waits for the command when it begins ends it in order."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # Blocked until the first line of the command, which is as early as it can be handled.
            blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [number])
            try:
                process = self.chaos()
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
            with process:
                process.send_signal(number)
                self.assertEqual((128 + number, ''),
                                 (process.wait(timeout=60), process.stderr.read()))
            self.assertEqual([], os.listdir(tempfile.gettempdir()))

    def test_a_background_job_that_is_interrupted(self):
        """SIGINT ends it, though the shell has started it with that signal ignored."""
        with self.chaos('sh', '-c', 'trap "" INT; exec "$@"', 'sh') as process:
            self.wait_for_a_host(process)
            process.send_signal(signal.SIGINT)
            self.assertEqual(130, process.wait(timeout=60))
        self.assertEqual([], os.listdir(tempfile.gettempdir()))

    def chaos(self, *before):
        """A run of chaos that takes long."""
        process = subprocess.Popen(
            [*before, sys.executable, '-m', 'vpmem_harness.cli', 'chaos', '--steps', '100000'],
            stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.kill)
        return process

    def wait_for_a_host(self, process):
        """Returns when a process has a host."""
        self.assertIn('seed', process.stderr.readline())
        while not [*Path(tempfile.gettempdir()).glob('*/*/libvirt-sock')]:
            self.assertIsNone(process.poll())
            threading.Event().wait(0.01)

    def test_set_up_that_fails_half_way(self):
        """The host that was up already goes again when the second one cannot come up."""
        taken = fixtures.MonkeyPatch(
            'vpmem_harness.host.machine.Host.start', lambda host: host.nowhere)
        with HostFixture(pmem='A:1x1GiB'), taken:
            self.assertRaises(fixtures.MultipleExceptions, CloudFixture(hosts=2).setUp)

    def test_command_that_is_killed(self):
        """SIGTERM to run leaves neither hosts nor the command."""
        process = subprocess.Popen(
            [sys.executable, '-m', 'vpmem_harness.cli', 'run', '--pmem', 'A:1x1GiB', '--', 'sh',
             '-c', 'echo $$; exec sleep 600'], stdout=subprocess.PIPE, text=True)
        with process:
            command = int(process.stdout.readline())
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)
        self.assertFalse(os.path.exists(f'/proc/{command}'))
