"""Tunnelled migrations, and those in which the guest continues before its memory is copied.

The events and states are those of libvirt 9.0.0 with QEMU 7.2.
"""

from __future__ import annotations

import threading

import libvirt

from tests import base
from tests.conformance.event_log import EventLog
from vpmem_harness.fixtures import HostFixture
from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.values import DomainHandle

GUEST = ("<domain type='qemu'><name>guest</name><uuid>{uuid}</uuid><memory>65536</memory><os>"
         "<type arch='x86_64' machine='pc-i440fx-7.2'>hvm</type></os></domain>")
FLAGS = libvirt.VIR_MIGRATE_LIVE | libvirt.VIR_MIGRATE_POSTCOPY


class MigrationTest(base.TestCase):
    """A guest on the first of two hosts."""

    def setUp(self):
        super().setUp()
        libvirt.registerErrorHandler(lambda context, error: None, None)
        self.addCleanup(libvirt.registerErrorHandler, None, None)
        self.one, self.two = (self.useFixture(HostFixture(name=name, pmem='SMALL:1x1GiB'))
                              for name in ('one', 'two'))
        self.one.connection.createXML(GUEST.format(
            uuid=self.one.hypervisor.randomness.derive('guest').uuid()))


class TunnelledTest(MigrationTest):

    def migrate(self, **parameters):
        self.one.connection.lookupByName('guest').migrateToURI3(
            self.two.uri, parameters, libvirt.VIR_MIGRATE_LIVE | libvirt.VIR_MIGRATE_PEER2PEER
            | libvirt.VIR_MIGRATE_TUNNELLED)

    def test_tunnelled(self):
        """A tunnelled migration moves the guest."""
        self.migrate()
        self.assertEqual([libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_RUNNING_MIGRATED],
                         self.two.connection.lookupByName('guest').state())

    def test_no_uri_for_the_memory(self):
        """A tunnelled migration has no URI of its own for the memory."""
        error = self.assertRaises(libvirt.libvirtError, self.migrate,
                                  migrate_uri='tcp://127.0.0.1')
        self.assertEqual((libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED, 'argument unsupported: migration '
                          'URI is not supported by tunnelled migration'),
                         (error.get_error_code(), error.get_error_message()))


class PostCopyTest(MigrationTest):

    def second(self):
        """A second connection to the source: libvirt's client makes one call after the other."""
        connection = libvirt.open(self.one.uri)
        self.addCleanup(connection.close)
        return connection

    def migrate(self, flags=FLAGS, *, peer_to_peer=False):
        """Begin a migration that is held; return it, and a function that returns the outcome."""
        outcome = []

        def run():
            guest = self.one.connection.lookupByName('guest')
            try:
                if peer_to_peer:
                    guest.migrateToURI3(self.two.uri, {}, flags | libvirt.VIR_MIGRATE_PEER2PEER)
                else:
                    guest.migrate3(self.two.connection, {}, flags)
                outcome.append('moved')
            except libvirt.libvirtError as error:
                outcome.append(error.get_error_message())

        self.one.host.migrations.hold()
        thread = threading.Thread(target=run)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.one.host.migrations.release)

        def end():
            thread.join()
            return outcome[0]
        return self.one.host.migrations.wait(), end

    def start_post_copy(self):
        self.second().lookupByName('guest').migrateStartPostCopy(0)

    def assertMoved(self, logs):
        """Check the events of both hosts, and where the guest runs."""
        source, destination = ([line for line in log.read(host.connection)
                                if line.startswith('LIFECYCLE')]
                               for log, host in zip(logs, (self.one, self.two), strict=True))
        self.assertEqual(['LIFECYCLE guest 3 1', 'LIFECYCLE guest 3 7', 'LIFECYCLE guest 5 3'],
                         source)
        self.assertEqual(['LIFECYCLE guest 2 1', 'LIFECYCLE guest 4 3', 'LIFECYCLE guest 4 1'],
                         destination)
        self.assertEqual([libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_RUNNING_MIGRATED],
                         self.two.connection.lookupByName('guest').state())

    def test_a_client_drives(self):
        """The guest pauses at the source and runs at the destination, with events of both."""
        logs = [self.useFixture(EventLog(host.uri)) for host in (self.one, self.two)]
        _, end = self.migrate()
        self.start_post_copy()
        self.assertEqual('moved', end())
        self.assertMoved(logs)

    def test_peer_to_peer(self):
        """A peer-to-peer migration has the same events."""
        logs = [self.useFixture(EventLog(host.uri)) for host in (self.one, self.two)]
        _, end = self.migrate(peer_to_peer=True)
        self.start_post_copy()
        self.assertEqual('moved', end())
        self.assertMoved(logs)

    def test_without_the_flag(self):
        """A migration without VIR_MIGRATE_POSTCOPY cannot switch."""
        migration, end = self.migrate(libvirt.VIR_MIGRATE_LIVE)
        error = self.assertRaises(libvirt.libvirtError, self.start_post_copy)
        migration.finish()
        self.assertEqual('moved', end())
        self.assertIn('switching to post-copy requires migration to be started with '
                      'VIR_MIGRATE_POSTCOPY flag', str(error))

    def test_nothing_migrates(self):
        """Without a migration there is nothing to switch."""
        error = self.assertRaises(libvirt.libvirtError, self.start_post_copy)
        self.assertIn('post-copy can only be started while outgoing migration is in progress',
                      str(error))

    def test_no_post_copy_by_itself(self):
        """A migration with the flag copies all memory first if nobody switches."""
        log = self.useFixture(EventLog(self.two.uri))
        migration, end = self.migrate()
        migration.finish()
        self.assertEqual('moved', end())
        self.assertEqual(['LIFECYCLE guest 2 1', 'LIFECYCLE guest 4 1'],
                         [line for line in log.read(self.two.connection)
                          if line.startswith('LIFECYCLE')])

    def test_an_abandoned_guest(self):
        """A guest in post-copy cannot be aborted, and stays paused when its client disappears."""
        client = self.one.hypervisor.connect()
        target = self.two.hypervisor.connect()
        self.addCleanup(target.close)
        domain = self.one.hypervisor.domains.by_name('guest')
        handle = DomainHandle(domain.name, domain.uuid)
        cookie, xml = client.find('domain_migrate_begin3')(handle, None, FLAGS, None, 0)
        answer, uri = target.find('domain_migrate_prepare3')(cookie, None, FLAGS, None, 0, xml)
        self.one.host.migrations.hold()
        client.find('domain_migrate_perform3')(handle, None, answer, None, uri, FLAGS, None, 0)
        client.find('domain_migrate_start_post_copy')(handle, 0)
        self.assertEqual((libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_POSTCOPY),
                         (domain.state, domain.reason))
        error = self.assertRaises(LibvirtError, client.find('domain_abort_job'), handle)
        self.assertIn('cannot abort migration in post-copy mode', str(error))
        client.close()
        self.assertEqual((libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_POSTCOPY_FAILED),
                         (domain.state, domain.reason))
