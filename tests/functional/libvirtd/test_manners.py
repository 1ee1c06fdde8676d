"""Permissions, secrets, limits, and the cost of idle sessions."""

from __future__ import annotations

import logging
import os
import resource
import stat
import threading

import fixtures
import libvirt

from tests import base
from tests.unit.libvirtd.test_server import RawClient
from vpmem_harness.fixtures import HostFixture
from vpmem_harness.libvirtd.wire import frames, table
from vpmem_harness.libvirtd.wire.procedures import BY_NAME

_SESSIONS = 1000
_PASSWORD = 'sesame-1'      # noqa: S105 - it is a value to search for
_SECURE = libvirt.VIR_DOMAIN_XML_SECURE

_DOMAIN = f'''
<domain type='qemu'>
  <name>guest</name>
  <memory unit='MiB'>64</memory>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <devices>
    <disk type='file'><source file='/images/root'/><target dev='vda' bus='virtio'/></disk>
    <graphics type='vnc' port='-1' passwd='{_PASSWORD}'/>
  </devices>
</domain>
'''
_SNAPSHOT = '<domainsnapshot><name>one</name></domainsnapshot>'


def _resident():
    """Return the process's resident memory in bytes."""
    with open('/proc/self/statm') as stream:
        return int(stream.read().split()[1]) * resource.getpagesize()


class MannersTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger(level=logging.INFO))
        libvirt.registerErrorHandler(lambda context, error: None, None)
        self.addCleanup(libvirt.registerErrorHandler, None, None)
        self.host = self.useFixture(HostFixture(
            pmem='SMALL:1x4GiB', files={'/images/root': 1 << 30}))

    def reader(self):
        connection = libvirt.openReadOnly(self.host.uri)
        self.addCleanup(connection.close)
        return connection

    def raw(self):
        raw = RawClient(str(self.host.host.socket_path))
        self.addCleanup(raw.socket.close)
        raw.open()
        return raw

    def assert_denied(self, call, *arguments):
        error = self.assertRaises(libvirt.libvirtError, call, *arguments)
        self.assertEqual(libvirt.VIR_ERR_OPERATION_DENIED, error.get_error_code())

    def test_only_the_user_has_access(self):
        """The socket and every directory of the host are private to the user."""
        path = self.host.host.socket_path
        self.assertEqual(0o600, stat.S_IMODE(path.stat().st_mode))
        self.assertEqual(0o700, stat.S_IMODE(path.parent.stat().st_mode))
        self.assertEqual(0o700, stat.S_IMODE(path.parent.parent.stat().st_mode))

    def test_passwords_need_secure(self):
        """Passwords are in XML only with the secure flag, which read-only clients cannot use."""
        domain = self.host.connection.defineXML(_DOMAIN)
        domain.create()
        domain.snapshotCreateXML(_SNAPSHOT, libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY)
        snapshot = domain.snapshotLookupByName('one')
        for flags in (0, libvirt.VIR_DOMAIN_XML_INACTIVE):
            self.assertNotIn(_PASSWORD, domain.XMLDesc(flags))
            self.assertIn(_PASSWORD, domain.XMLDesc(flags | _SECURE))
        self.assertNotIn(_PASSWORD, snapshot.getXMLDesc())
        self.assertIn(_PASSWORD, snapshot.getXMLDesc(libvirt.VIR_DOMAIN_SNAPSHOT_XML_SECURE))
        domain.managedSave()
        self.assertNotIn(_PASSWORD, domain.managedSaveGetXMLDesc())
        self.assertIn(_PASSWORD, domain.managedSaveGetXMLDesc(
            libvirt.VIR_DOMAIN_SAVE_IMAGE_XML_SECURE))

        seen = self.reader().lookupByName('guest')
        self.assertNotIn(_PASSWORD, seen.XMLDesc())
        self.assert_denied(seen.XMLDesc, _SECURE)
        self.assert_denied(seen.XMLDesc, libvirt.VIR_DOMAIN_XML_MIGRATABLE)
        self.assert_denied(seen.managedSaveGetXMLDesc, libvirt.VIR_DOMAIN_SAVE_IMAGE_XML_SECURE)
        self.assert_denied(seen.snapshotLookupByName('one').getXMLDesc,
                           libvirt.VIR_DOMAIN_SNAPSHOT_XML_SECURE)
        self.assertNotIn(_PASSWORD, self.log.output)

    def test_readers_are_refused_by_the_daemon(self):
        """The daemon itself refuses changes by a read-only client whose library checks nothing."""
        domain = self.host.connection.defineXML(_DOMAIN)
        raw = RawClient(str(self.host.host.socket_path))
        self.addCleanup(raw.socket.close)
        raw.ask('connect_open', 'qemu:///system', 1)
        handle = ('guest', domain.UUID(), -1)
        for name, arguments in (('domain_create', (handle,)), ('domain_undefine', (handle,)),
                                ('domain_get_xml_desc', (handle, _SECURE)),
                                ('domain_define_xml', (_DOMAIN,))):
            answer = raw.ask(name, *arguments)
            self.assertEqual(frames.ERROR, answer.status, name)
            self.assertEqual(libvirt.VIR_ERR_OPERATION_DENIED, answer.error['code'], name)
        self.assertFalse(domain.isActive())

    def test_a_frame_that_is_too_long(self):
        """A frame that is too long is logged and ends its own session only."""
        broken, working = self.raw(), self.host.connection
        broken.send((frames.MESSAGE_MAX + 5).to_bytes(4, 'big'))
        self.assertIsNone(broken.answer())
        self.assertIn('is disconnected', self.log.output)
        self.assertEqual(self.host.name, working.getHostname())

    def test_a_string_that_is_too_long(self):
        """A string beyond libvirt's limit is refused, and the session continues."""
        raw = self.raw()
        size = 4194304 + 4
        payload = size.to_bytes(4, 'big') + b'x' * size
        number = BY_NAME['domain_lookup_by_name'].number
        raw.send(frames.frame(table.REMOTE_PROGRAM, number, frames.CALL, 9, frames.OK, payload))
        self.assertEqual(frames.ERROR, raw.answer().status)
        self.assertEqual((self.host.name,), raw.ask('connect_get_hostname').results)

    def test_a_thousand_idle_sessions(self):
        """A thousand idle sessions need no threads and little memory, and do not delay a call."""
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard != resource.RLIM_INFINITY and hard < 2 * _SESSIONS + 200:
            self.skipTest('the hard limit of descriptors is too low')
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, soft)
        resource.setrlimit(resource.RLIMIT_NOFILE, (2 * _SESSIONS + 200, hard))
        self.assertEqual(self.host.name, self.host.connection.getHostname())
        threads, memory = threading.active_count(), _resident()
        sessions = [self.raw() for _ in range(_SESSIONS)]
        self.assertEqual(threads, threading.active_count())
        self.assertLess((_resident() - memory) / _SESSIONS, 32 * 1024)
        self.assertEqual(self.host.name, self.host.connection.getHostname())
        self.assertEqual((self.host.name,), sessions[500].ask('connect_get_hostname').results)
        self.assertEqual(_SESSIONS + 1, len(self.host.host.daemon.clients))
        self.assertLess(len(os.listdir('/proc/self/fd')), 2 * _SESSIONS + 200)
