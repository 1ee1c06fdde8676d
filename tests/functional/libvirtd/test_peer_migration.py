"""Peer-to-peer migrations: the source connects to the daemon that the URI names."""

from __future__ import annotations

import socket
import threading
import urllib.parse

import libvirt

from tests import base
from tests.functional.libvirtd.test_client_migration import guest
from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.fixtures import HostFixture

FLAGS = libvirt.VIR_MIGRATE_LIVE | libvirt.VIR_MIGRATE_PEER2PEER \
    | libvirt.VIR_MIGRATE_PERSIST_DEST | libvirt.VIR_MIGRATE_UNDEFINE_SOURCE


class PeerMigrationTest(base.TestCase):

    def setUp(self):
        super().setUp()
        libvirt.registerErrorHandler(lambda context, error: None, None)
        self.addCleanup(libvirt.registerErrorHandler, None, None)

    def hosts(self, **options):
        """Start two hosts that do not know each other's names; the first one has a guest."""
        self.one, self.two = (
            self.useFixture(HostFixture(name=name, pmem='SMALL:2x1GiB', first_region=0, **options))
            for name in ('one', 'two'))
        self.one.connection.defineXML(guest(self.one)).create()

    def migrate(self, uri, flags=FLAGS, **parameters):
        self.one.connection.lookupByName('guest').migrateToURI3(uri, parameters, flags)

    def refusal(self, uri, **parameters):
        """Return the error of a migration, after which the guest runs at the source alone."""
        error = self.assertRaises(libvirt.libvirtError, self.migrate, uri, **parameters)
        self.assertEqual([('guest', libvirt.VIR_DOMAIN_RUNNING)], self.domains(self.one))
        self.assertEqual(libvirt.VIR_DOMAIN_JOB_NONE,
                         self.one.connection.lookupByName('guest').jobInfo()[0])
        if self.two.host.daemon.running:
            self.assertEqual([], self.domains(self.two))
        return str(error)

    @staticmethod
    def domains(host):
        return [(each.name(), each.state()[0]) for each in host.connection.listAllDomains()]

    def assert_moved(self):
        self.assertEqual([], self.domains(self.one))
        self.assertEqual([('guest', libvirt.VIR_DOMAIN_RUNNING)], self.domains(self.two))
        self.assertEqual(['/dev/dax0.0'], list(
            self.two.hypervisor.domains.by_name('guest').open_paths))

    def test_a_socket(self):
        """The socket in a URI leads to a host, whether or not it was introduced."""
        self.hosts()
        self.migrate(self.two.uri)
        self.assert_moved()

    def test_an_address(self):
        """The address and the port of a host lead to it over TCP."""
        self.hosts(listen='127.0.0.1')
        self.migrate(self.two.tcp_uri)
        self.assert_moved()

    def test_tls(self):
        """A host with certificates is reached over TLS."""
        self.hosts(listen_tls='127.0.0.1')
        self.migrate(self.two.tls_uri)
        self.assert_moved()

    def test_a_certificate_of_another_authority(self):
        """The source refuses a destination whose certificate it cannot verify."""
        self.hosts(listen_tls='127.0.0.1')
        port = urllib.parse.urlsplit(self.two.tls_uri).port
        path = urllib.parse.urlsplit(self.one.tls_uri).query
        self.assertIn("authentication failed: Failed to verify peer's certificate",
                      self.refusal(f'qemu+tls://127.0.0.1:{port}/system?{path}'))

    def test_no_certificates(self):
        """Without certificates at the source, the error names the file that is missing."""
        self.hosts()
        self.assertIn("Cannot read CA certificate '/nonexistent/cacert.pem': No such file",
                      self.refusal('qemu+tls://127.0.0.1:1/system?pkipath=/nonexistent'))

    def test_a_name(self):
        """The name of a host that was introduced leads to it, with any transport."""
        self.hosts()
        self.one.host.introduce(self.two.host)
        self.migrate('qemu+ssh://nova@two/system')
        self.assert_moved()

    def test_a_name_with_a_port(self):
        """A host of the name in the URI is the destination only if it listens on the port."""
        self.hosts(listen='127.0.0.1')
        self.one.host.introduce(self.two.host)
        port = urllib.parse.urlsplit(self.two.tcp_uri).port
        self.assertIn(f"unable to connect to server at 'two:{port - 1}': Connection refused",
                      self.refusal(f'qemu+tcp://two:{port - 1}/system'))
        self.migrate(f'qemu+tcp://two:{port}/system')
        self.assert_moved()

    def test_a_name_that_the_resolver_knows(self):
        """Without private names, a name leads to what the resolver says."""
        self.hosts(listen='127.0.0.1')
        self.one.host.peers.private_names = False
        neighbours = self.one.host.peers.neighbours
        neighbours['127.1'] = neighbours['one']
        port = urllib.parse.urlsplit(self.two.tcp_uri).port
        self.migrate(f'qemu+tcp://127.1:{port}/system')
        self.assert_moved()

    def test_the_same_host(self):
        """A host refuses a guest that comes from itself."""
        self.hosts()
        self.assertIn('internal error: Attempt to migrate guest to the same host '
                      f'{self.one.hypervisor.uuid}', self.refusal(self.one.uri))

    def test_nobody_listens(self):
        """A port where nobody listens refuses the connection."""
        self.hosts()
        with socket.create_server(('127.0.0.1', 0)) as taken:
            port = taken.getsockname()[1]
        self.assertEqual(f"unable to connect to server at '127.0.0.1:{port}': Connection refused",
                         self.refusal(f'qemu+tcp://127.0.0.1:{port}/system'))

    def test_a_socket_that_does_not_exist(self):
        """A socket that nobody has is an error."""
        self.hosts()
        self.assertIn("Failed to connect socket to '/nonexistent/sock': No such file or directory",
                      self.refusal('qemu+unix:///system?socket=/nonexistent/sock'))

    def test_a_destination_that_refuses(self):
        """The error of the destination reaches the client unchanged."""
        self.hosts()
        xml = self.one.connection.lookupByName('guest').XMLDesc(
            libvirt.VIR_DOMAIN_XML_MIGRATABLE).replace('dax0.0', 'dax9.0')
        self.assertIn('/dev/dax9.0', self.refusal(self.two.uri, destination_xml=xml))

    def test_another_device_and_another_name(self):
        """``destination_xml`` and ``destination_name`` count at the destination."""
        self.hosts()
        other = next(each.chardev for each in self.two.namespaces if each.chardev != 'dax0.0')
        xml = self.one.connection.lookupByName('guest').XMLDesc(
            libvirt.VIR_DOMAIN_XML_MIGRATABLE).replace('dax0.0', other)
        self.migrate(self.two.uri, destination_xml=xml, destination_name='other')
        arrived = self.two.connection.lookupByName('other')
        self.assertIn(f'/dev/{other}', arrived.XMLDesc())
        self.assertTrue(arrived.isPersistent())

    def test_the_configuration_alone(self):
        """An offline migration moves the definition of a domain that is off."""
        self.hosts()
        self.one.connection.lookupByName('guest').destroy()
        self.migrate(self.two.uri, FLAGS & ~libvirt.VIR_MIGRATE_LIVE | libvirt.VIR_MIGRATE_OFFLINE)
        self.assertEqual([], self.domains(self.one))
        self.assertEqual([('guest', libvirt.VIR_DOMAIN_SHUTOFF)], self.domains(self.two))

    def test_a_paused_guest(self):
        """A guest that is paused at the source stays paused at the destination."""
        self.hosts()
        self.one.connection.lookupByName('guest').suspend()
        self.migrate(self.two.uri)
        self.assertEqual([('guest', libvirt.VIR_DOMAIN_PAUSED)], self.domains(self.two))

    def in_thread(self):
        """Start a migration in a thread; return a function that waits and returns its errors.

        It has a connection of its own: libvirt's client may hold a second call back until the
        first is answered.
        """
        errors = []

        def run():
            connection = libvirt.open(self.one.uri)
            try:
                connection.lookupByName('guest').migrateToURI3(self.two.uri, {}, FLAGS)
            except libvirt.libvirtError as error:
                errors.append(str(error))
            finally:
                connection.close()
        thread = threading.Thread(target=run)
        thread.start()
        self.addCleanup(thread.join)

        def wait():
            thread.join()
            return errors
        return wait

    def test_other_clients_are_served_meanwhile(self):
        """While the destination prepares, both hosts answer their clients."""
        self.hosts()
        with self.two.faults.hanging('domainMigratePrepare3Params') as hang:
            wait = self.in_thread()
            hang.wait_until_reached()
            self.assertEqual('one', self.one.connection.getHostname())
            self.assertEqual('two', self.two.connection.getHostname())
        self.assertEqual([], wait())
        self.assert_moved()

    def test_an_aborted_job(self):
        """``virDomainAbortJob`` ends the migration, even while the destination prepares."""
        self.hosts()
        with self.two.faults.hanging('domainMigratePrepare3Params') as hang:
            wait = self.in_thread()
            hang.wait_until_reached()
            self.one.connection.lookupByName('guest').abortJob()
        self.assertEqual(['operation aborted: migration out: canceled by client'], wait())
        self.assertEqual([('guest', libvirt.VIR_DOMAIN_RUNNING)], self.domains(self.one))
        self.assertEqual([], self.domains(self.two))

    def test_a_destination_that_dies_while_memory_is_copied(self):
        """The guest continues at the source when the connection to the destination breaks."""
        self.hosts()
        self.one.migrations.hold()
        wait = self.in_thread()
        self.one.migrations.wait()
        self.two.faults.kill_daemon()
        self.assertEqual(['operation failed: Lost connection to destination host'], wait())
        self.assertEqual([('guest', libvirt.VIR_DOMAIN_RUNNING)], self.domains(self.one))
        self.two.faults.start_daemon()
        self.assertEqual([], self.domains(self.two))

    def test_a_source_that_dies_while_memory_is_copied(self):
        """What the destination has prepared goes with the connection of the source."""
        self.hosts()
        self.one.migrations.hold()
        wait = self.in_thread()
        self.one.migrations.wait()
        self.one.faults.kill_daemon()
        self.assertEqual(1, len(wait()))
        self.one.faults.start_daemon()
        self.assertEqual([('guest', libvirt.VIR_DOMAIN_RUNNING)], self.domains(self.one))
        self.assertEqual([], self.domains(self.two))

    def test_a_reply_that_is_lost(self):
        """If the reply of the finish is lost, the guest runs on both hosts, as with libvirt."""
        self.hosts()
        with self.two.faults.dropping('domainMigrateFinish3Params', when='after'):
            error = self.assertRaises(libvirt.libvirtError, self.migrate, self.two.uri)
        self.assertIn('End of file while reading data: Input/output error', str(error))
        for host in (self.one, self.two):
            self.assertEqual([('guest', libvirt.VIR_DOMAIN_RUNNING)], self.domains(host))

    def test_faults_of_the_connection(self):
        """Each fault by name has the error that libvirt has, and the guest stays."""
        self.hosts()
        faults = self.one.faults
        for fault, text in (
                (lambda: faults.migration_refused(times=1),
                 f"Failed to connect socket to '{self.two.host.socket_path}': Connection refused"),
                (lambda: faults.migration_cut('prepare', times=1),
                 'End of file while reading data: Input/output error'),
                (lambda: faults.migration_cut('prepare', when='after', times=1),
                 'End of file while reading data: Input/output error'),
                (lambda: faults.migration_cut(times=1),
                 'operation failed: Lost connection to destination host'),
                (lambda: faults.migration_cut('finish', times=1),
                 'End of file while reading data: Input/output error')):
            with fault() as begun:
                self.assertIn(text, self.refusal(self.two.uri))
                self.assertEqual(1, begun.struck)
        with faults.migration_slow(0.01, 'prepare') as slow:
            self.migrate(self.two.uri)
            self.assertEqual(1, slow.struck)
        self.assert_moved()

    def test_an_unknown_step(self):
        """A fault of an unknown step is refused."""
        self.hosts()
        self.assertRaises(InvalidInputError, self.one.faults.migration_cut, 'perform')

    def test_the_calls_of_the_source(self):
        """The destination records what the source has called."""
        self.hosts()
        self.migrate(self.two.uri)
        self.assertEqual(
            ['connect_open', 'connect_supports_feature', 'connect_register_close_callback',
             'domain_migrate_prepare3_params', 'domain_migrate_finish3_params',
             'connect_unregister_close_callback', 'connect_close'],
            list(dict.fromkeys(call.name for call in self.two.calls)))
