"""libvirt-python and virsh work with a simulated daemon."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import threading
import time

import fixtures
import libvirt

from tests import base
from tests.unit.libvirtd import fake
from vpmem_harness.libvirtd.server import Daemon

_SECONDS = 30


class ClientTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.useFixture(fixtures.FakeLogger())
        directory = self.useFixture(fixtures.TempDir()).path
        self.hypervisor = fake.Hypervisor()
        self.daemon = Daemon(self.hypervisor, os.path.join(directory, 'libvirt-sock'))
        self.daemon.start()
        self.addCleanup(self.daemon.stop)
        libvirt.registerErrorHandler(lambda context, error: None, None)
        self.addCleanup(libvirt.registerErrorHandler, None, None)


class PythonTest(ClientTest):

    def setUp(self):
        super().setUp()
        self.connection = libvirt.open(self.daemon.uri)
        self.addCleanup(self.connection.close)

    def test_plain_values(self):
        """Strings, numbers and structs are returned to the client."""
        self.assertEqual(
            (fake.HOSTNAME, 'QEMU', 9000000, ['x86_64', 4096, 4, 2000, 1, 1, 4, 1],
             {'total': 4 << 20, 'free': 1 << 20}),
            (self.connection.getHostname(), self.connection.getType(),
             self.connection.getLibVersion(), self.connection.getInfo(),
             self.connection.getMemoryStats(0)))

    def test_domains(self):
        """Domains are listed and looked up, with names, UUIDs and IDs."""
        one, two = self.connection.listAllDomains()
        self.assertEqual(['domain-1', 'domain-2'], [one.name(), two.name()])
        again = self.connection.lookupByName('domain-2')
        self.assertEqual((two.UUID(), 2), (again.UUID(), again.ID()))
        self.assertIn('domain-2', again.XMLDesc())

    def test_typed_parameters(self):
        """Typed parameters keep their types in both directions."""
        domain = self.connection.lookupByName('domain-1')
        self.assertEqual({'numa_nodeset': '0-1', 'numa_mode': 2}, domain.numaParameters())
        domain.setNumaParameters({'numa_nodeset': '0', 'numa_mode': 1})
        ((_, parameters, _),) = self.hypervisor.seen
        self.assertEqual({'numa_nodeset': '0', 'numa_mode': 1},
                         {parameter.name: parameter.value for parameter in parameters})

    def test_errors(self):
        """A client gets the code and the text of an error."""
        error = self.assertRaises(libvirt.libvirtError, self.connection.lookupByName, 'none')
        self.assertEqual(libvirt.VIR_ERR_NO_DOMAIN, error.get_error_code())
        error = self.assertRaises(libvirt.libvirtError, self.connection.defineXML, '<domain/>')
        self.assertEqual((libvirt.VIR_ERR_NO_SUPPORT, 'virDomainDefineXML'),
                         (error.get_error_code(), error.get_str2()))

    def test_a_daemon_that_stops(self):
        """A call in progress fails when the daemon stops."""
        domain = self.connection.lookupByName('domain-1')
        failures = []

        def resume():
            try:
                domain.resume()
            except libvirt.libvirtError as error:
                failures.append(error)

        held = threading.Event()

        def intercept(call, execute):
            held.set()
            return execute()

        self.daemon.intercept = intercept
        thread = threading.Thread(target=resume)
        thread.start()
        self.assertTrue(held.wait(_SECONDS))
        self.daemon.stop()
        thread.join(_SECONDS)
        self.assertEqual(1, len(failures))

    def test_readers(self):
        """The daemon refuses changes over a read-only connection."""
        reader = libvirt.openReadOnly(self.daemon.uri)
        self.addCleanup(reader.close)
        self.assertEqual(fake.HOSTNAME, reader.getHostname())
        self.assertTrue(self.hypervisor.connections[-1].readonly)
        error = self.assertRaises(libvirt.libvirtError, reader.lookupByName('domain-1').XMLDesc,
                                  libvirt.VIR_DOMAIN_XML_SECURE)
        self.assertEqual(libvirt.VIR_ERR_OPERATION_DENIED, error.get_error_code())

    def test_a_closed_connection(self):
        """Closing a client's connection closes the hypervisor's connection."""
        other = libvirt.open(self.daemon.uri)
        other.close()
        self.assertTrue(self.hypervisor.connections[-1].closed.wait(_SECONDS))


class VirshTest(ClientTest):

    def setUp(self):
        super().setUp()
        if shutil.which('virsh') is None:
            self.skipTest('virsh is not installed')

    def virsh(self, *command, **options):
        return subprocess.Popen(
            ['virsh', '--quiet', '--connect', self.daemon.uri, *command], text=True,
            env={**os.environ, 'LC_ALL': 'C'}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def output(self, *command):
        return self.virsh(*command).communicate(timeout=_SECONDS)[0].strip()

    def test_reading(self):
        """virsh prints what the daemon returns."""
        self.assertEqual(fake.HOSTNAME, self.output('hostname'))
        self.assertEqual('<domain><name>domain-2</name></domain>',
                         self.output('dumpxml', 'domain-2'))

    def test_errors(self):
        """virsh prints the daemon's error."""
        self.assertIn('this function is not supported by the connection driver: virDomainReset',
                      self.output('reset', 'domain-1'))

    def test_the_monitor(self):
        """The QEMU program answers over the same connection."""
        self.assertEqual('INFO', self.output('qemu-monitor-command', '--hmp', 'domain-1', 'info'))

    def test_events(self):
        """virsh waits for an event and prints it, with keepalive enabled."""
        registered = threading.Event()

        def intercept(call, execute):
            result = execute()
            if call.procedure.name == 'connect_domain_event_callback_register_any':
                registered.set()
            return result

        self.daemon.intercept = intercept
        process = self.virsh('event', '--event', 'lifecycle')
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.assertTrue(registered.wait(_SECONDS))
        connection = self.hypervisor.connections[-1]
        deadline = time.monotonic() + _SECONDS
        output = None
        while output is None and time.monotonic() < deadline:
            # libvirt's client loses an event that arrives in one read with the registration's reply
            connection.domain_suspend(connection.domain_lookup_by_name('domain-1'))
            with contextlib.suppress(subprocess.TimeoutExpired):
                output = process.communicate(timeout=0.1)[0]
        self.assertIn("event 'lifecycle' for domain 'domain-1': Suspended", output)
