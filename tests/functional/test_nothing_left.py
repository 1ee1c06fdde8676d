"""Hosts and clouds leave nothing behind, even after errors."""

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
        # The tests look for the hosts of commands in the temporary directory.
        self.useFixture(fixtures.EnvironmentVariable('VPMEM_HARNESS_RUNTIME_DIR'))
        # Create process-wide resources first, such as libvirt's library and caches.
        with HostFixture(pmem='A:1x1GiB') as host:
            host.connection.getHostname()
        self.useFixture(NothingLeftFixture(base.GRACE, base.LASTING))

    def test_a_cloud(self):
        """A cloud leaves nothing after a boot, a resize, a failure and a delete on two hosts."""
        with CloudFixture(hosts=2, pmem='SMALL:2x1GiB,LARGE:1x2GiB') as cloud:
            server = cloud.boot(pmem='SMALL')
            server.resize(pmem='LARGE').confirm_resize()
            cloud.boot(pmem='LARGE,LARGE', expect='ERROR')
            server.delete()

    def test_a_cloud_with_servers(self):
        """A cloud with running servers and a resize in progress leaves nothing."""
        with CloudFixture(hosts=2, pmem='SMALL:2x1GiB,LARGE:1x2GiB') as cloud:
            cloud.boot(pmem='SMALL')
            cloud.boot(pmem='SMALL').resize(pmem='LARGE')

    def test_clients_and_tools(self):
        """A client with an event callback and a tool's process leave nothing."""
        with HostFixture(pmem='A:1x1GiB') as host:
            connection = libvirt.open(host.uri)
            connection.defineXML(DOMAIN.format(uuid=self.useFixture(TestSeed()).randomness.uuid())).create()
            subprocess.run(['ndctl', 'list'], env=host.env, check=True, stdout=subprocess.DEVNULL)
            connection.close()

    def test_a_client_that_stays_connected(self):
        """A connection left open does not keep the host's resources."""
        with HostFixture(pmem='A:1x1GiB') as host:
            connection = libvirt.open(host.uri)
        self.assertRaises(libvirt.libvirtError, connection.getHostname)
        connection.close()

    def test_a_client_with_a_hanging_call(self):
        """The call ends, with an error if the host has gone."""
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

    def test_a_hanging_command(self):
        """ndctl ends together with its host."""
        with HostFixture(pmem='A:1x1GiB') as host:
            fault = host.faults.tool_hanging('ndctl')
            process = subprocess.Popen(['ndctl', 'list'], env=host.env,
                                       stdout=subprocess.DEVNULL)
            fault.wait_until_reached()
            self.assertIsNone(process.poll())
        process.wait(timeout=60)

    def test_an_interrupted_command(self):
        """SIGINT, SIGTERM and SIGHUP during a command remove its hosts and clouds."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.chaos() as process:
                self.wait_for_a_host(process)
                process.send_signal(number)
                self.assertEqual(128 + number, process.wait(timeout=60))
            self.assertEqual([], os.listdir(tempfile.gettempdir()))

    def test_a_command_interrupted_twice(self):
        """A second signal does not stop the cleanup."""
        with self.chaos() as process:
            self.wait_for_a_host(process)
            process.send_signal(signal.SIGTERM)
            process.send_signal(signal.SIGINT)
            # The kernel may deliver two simultaneous signals in either order.
            self.assertIn(process.wait(timeout=60), (143, 130))
        self.assertEqual([], os.listdir(tempfile.gettempdir()))

    def test_a_signal_pending_at_startup(self):
        """A signal that is pending when the command starts ends it cleanly."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # The signal is blocked until the command's first line, when it is handled.
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

    def test_an_interrupted_background_job(self):
        """SIGINT ends the job although the shell has started it with the signal ignored."""
        with self.chaos('sh', '-c', 'trap "" INT; exec "$@"', 'sh') as process:
            self.wait_for_a_host(process)
            process.send_signal(signal.SIGINT)
            self.assertEqual(130, process.wait(timeout=60))
        self.assertEqual([], os.listdir(tempfile.gettempdir()))

    def chaos(self, *before):
        """Start a long run of chaos."""
        process = subprocess.Popen(
            [*before, sys.executable, '-m', 'vpmem_harness.cli', 'chaos', '--steps', '100000'],
            stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.kill)
        return process

    def wait_for_a_host(self, process):
        """Wait until a process has a host."""
        self.assertIn('seed', process.stderr.readline())
        while not [*Path(tempfile.gettempdir()).glob('*/*/libvirt-sock')]:
            self.assertIsNone(process.poll())
            threading.Event().wait(0.01)

    def test_a_failing_set_up(self):
        """The first host is removed when the second one fails to start."""
        taken = fixtures.MonkeyPatch(
            'vpmem_harness.host.machine.Host.start', lambda host: host.nowhere)
        with HostFixture(pmem='A:1x1GiB'), taken:
            self.assertRaises(fixtures.MultipleExceptions, CloudFixture(hosts=2).setUp)

    def test_a_terminated_command(self):
        """SIGTERM to ``run`` leaves neither hosts nor the command."""
        process = subprocess.Popen(
            [sys.executable, '-m', 'vpmem_harness.cli', 'run', '--pmem', 'A:1x1GiB', '--', 'sh',
             '-c', 'echo $$; exec sleep 600'], stdout=subprocess.PIPE, text=True)
        with process:
            command = int(process.stdout.readline())
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)
        self.assertFalse(os.path.exists(f'/proc/{command}'))
