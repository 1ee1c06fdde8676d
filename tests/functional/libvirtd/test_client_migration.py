"""Migrations that a client drives over its connections to both hosts."""

from __future__ import annotations

import shutil
import subprocess
import threading
from pathlib import Path

import fixtures
import libvirt
import testtools

from tests import base
from vpmem_harness.fixtures import HostFixture
from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.hypervisor.domain import migration_cookie
from vpmem_harness.libvirtd.values import DomainHandle

FLAGS = libvirt.VIR_MIGRATE_LIVE | libvirt.VIR_MIGRATE_PERSIST_DEST \
    | libvirt.VIR_MIGRATE_UNDEFINE_SOURCE


def guest(host):
    """A domain on /dev/dax0.0."""
    return f"""
<domain type='qemu'>
  <name>guest</name>
  <uuid>{host.hypervisor.randomness.derive('guest').uuid()}</uuid>
  <maxMemory slots='1' unit='KiB'>2097152</maxMemory>
  <memory>65536</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc-i440fx-7.2'>hvm</type></os>
  <features><acpi/></features>
  <cpu><numa><cell id='0' cpus='0' memory='65536'/></numa></cpu>
  <devices>
    <memory model='nvdimm' access='shared'>
      <source>
        <path>/dev/dax0.0</path>
        <alignsize unit='KiB'>2048</alignsize><pmem/>
      </source>
      <target><size unit='KiB'>1030144</size><node>0</node>
        <label><size unit='KiB'>2048</size></label></target>
    </memory>
  </devices>
</domain>"""


class ClientMigrationTest(base.TestCase):

    def setUp(self):
        super().setUp()
        libvirt.registerErrorHandler(lambda context, error: None, None)
        self.addCleanup(libvirt.registerErrorHandler, None, None)
        self.one, self.two = (
            self.useFixture(HostFixture(name=name, pmem='SMALL:2x1GiB', first_region=0))
            for name in ('one', 'two'))
        self.domain = self.one.connection.defineXML(guest(self.one))
        self.addCleanup(delattr, self, 'domain')    # it keeps the connection open
        self.domain.create()

    def virsh(self, *words, status=0):
        if not shutil.which('virsh'):
            self.skipTest('virsh is not installed')
        done = subprocess.run(['virsh', '-c', self.one.uri, *words], capture_output=True,
                              text=True, check=False, timeout=60)
        self.addDetail('virsh', testtools.content.text_content(done.stdout + done.stderr))
        self.assertEqual(status, done.returncode)
        return done.stdout + done.stderr

    def names(self, host):
        return [(each.name(), each.isActive(), each.state()[0])
                for each in host.connection.listAllDomains()]

    def test_two_hosts_have_the_same_devices(self):
        """With ``first_region``, each host has a /dev/dax0.0 of its own."""
        for host in (self.one, self.two):
            self.assertIn('dax0.0', [each.chardev for each in host.namespaces])

    def test_virsh_migrate(self):
        """``virsh migrate --live`` moves a guest with persistent memory."""
        self.virsh('migrate', '--live', '--persistent', '--undefinesource', 'guest', self.two.uri)
        self.assertEqual([], self.names(self.one))
        self.assertEqual([('guest', 1, libvirt.VIR_DOMAIN_RUNNING)], self.names(self.two))
        arrived = self.two.connection.lookupByName('guest')
        self.assertIn('/dev/dax0.0', arrived.XMLDesc())
        self.assertIn('/dev/dax0.0', arrived.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
        self.assertTrue(self.two.hypervisor.domains.by_name('guest').open_paths)

    def test_another_device(self):
        """``--xml`` names the namespace at the destination, and ``--dname`` the domain."""
        other = next(each.chardev for each in self.two.namespaces if each.chardev != 'dax0.0')
        path = Path(self.useFixture(fixtures.TempDir()).path) / 'guest.xml'
        path.write_text(self.domain.XMLDesc(libvirt.VIR_DOMAIN_XML_MIGRATABLE).replace(
            'dax0.0', other))
        self.virsh('migrate', '--live', '--xml', str(path), '--dname', 'other', 'guest',
                   self.two.uri)
        arrived = self.two.connection.lookupByName('other')
        self.assertIn(f'/dev/{other}', arrived.XMLDesc())
        self.assertFalse(arrived.isPersistent())
        self.assertEqual([('guest', 0, libvirt.VIR_DOMAIN_SHUTOFF)], self.names(self.one))

    def test_the_same_host(self):
        """A host refuses a guest that comes from itself, and the guest runs on."""
        out = self.virsh('migrate', '--live', 'guest', self.one.uri, status=1)
        self.assertIn('internal error: Attempt to migrate guest to the same host '
                      f'{self.one.hypervisor.uuid}', out)
        self.assertEqual([('guest', 1, libvirt.VIR_DOMAIN_RUNNING)], self.names(self.one))

    def test_a_destination_that_refuses(self):
        """Without its device at the destination, the guest runs on at the source."""
        xml = self.domain.XMLDesc(libvirt.VIR_DOMAIN_XML_MIGRATABLE).replace('dax0.0', 'dax9.0')
        self.assertRaises(libvirt.libvirtError, self.domain.migrate3, self.two.connection,
                          {'destination_xml': xml}, FLAGS)
        self.assertEqual([], self.names(self.two))
        self.assertEqual([('guest', 1, libvirt.VIR_DOMAIN_RUNNING)], self.names(self.one))
        self.assertEqual(libvirt.VIR_DOMAIN_JOB_NONE, self.domain.jobInfo()[0])

    def migrate_in_thread(self):
        errors = []

        def run():
            try:
                self.domain.migrate3(self.two.connection, {}, FLAGS)
            except libvirt.libvirtError as error:
                errors.append(error)
        thread = threading.Thread(target=run)
        self.one.migrations.hold()
        thread.start()
        self.addCleanup(thread.join)
        return thread, errors

    def test_an_aborted_job(self):
        """``virDomainAbortJob`` ends the migration; the guest runs on at the source."""
        thread, errors = self.migrate_in_thread()
        held = self.one.migrations.wait()
        self.assertEqual('two', held.destination)
        # The connection of the thread may hold a second call back until the first is answered.
        other = libvirt.open(self.one.uri)
        self.addCleanup(other.close)
        other.lookupByName('guest').abortJob()
        thread.join()
        self.assertEqual([libvirt.VIR_ERR_OPERATION_ABORTED],
                         [each.get_error_code() for each in errors])
        self.assertEqual([], self.names(self.two))
        self.assertEqual([('guest', 1, libvirt.VIR_DOMAIN_RUNNING)], self.names(self.one))

    def test_a_guest_that_is_lost_at_the_destination(self):
        """If the destination's guest dies, the guest continues at the source."""
        thread, errors = self.migrate_in_thread()
        held = self.one.migrations.wait()
        self.two.connection.lookupByName('guest').destroy()
        held.finish()
        thread.join()
        self.assertEqual(1, len(errors))
        self.assertEqual([('guest', 1, libvirt.VIR_DOMAIN_RUNNING)], self.names(self.one))

    def test_a_client_that_disappears(self):
        """Its guest runs on at the source; what it has prepared at the destination is gone."""
        thread, errors = self.migrate_in_thread()
        self.one.migrations.wait()
        self.one.host.daemon.drop_clients()
        self.two.host.daemon.drop_clients()
        thread.join()
        self.assertEqual(1, len(errors))
        self.assertEqual([], self.names(self.two))
        self.assertEqual([('guest', 1, libvirt.VIR_DOMAIN_RUNNING)], self.names(self.one))

    def test_the_configuration_alone(self):
        """``--offline`` moves a domain that is off."""
        self.domain.destroy()
        self.virsh('migrate', '--offline', '--persistent', '--undefinesource', 'guest',
                   self.two.uri)
        self.assertEqual([], self.names(self.one))
        self.assertEqual([('guest', 0, libvirt.VIR_DOMAIN_SHUTOFF)], self.names(self.two))

    def test_a_cookie_of_another_domain(self):
        """A destination checks that the cookie is about the domain in the XML."""
        call = self.two.hypervisor.connect().find('domain_migrate_prepare3')
        begin = self.one.hypervisor.connect()
        self.addCleanup(begin.close)
        domain = self.one.hypervisor.domains.by_name('guest')
        handle = DomainHandle(domain.name, domain.uuid)
        cookie, xml = begin.find('domain_migrate_begin3')(handle, None, FLAGS, None, 0)
        for wrong, text in ((cookie[:-1], 'not NULL terminated'),
                            (cookie.replace(b'<name>guest', b'<name>other'), 'unexpected name')):
            error = self.assertRaises(LibvirtError, call, wrong, None, FLAGS, None, 0, xml)
            self.assertIn(text, str(error))

    def test_a_real_destination(self):
        """A host that is not simulated waits for memory, which the source cannot send."""
        begin = self.one.hypervisor.connect()
        self.addCleanup(begin.close)
        domain = self.one.hypervisor.domains.by_name('guest')
        handle = DomainHandle(domain.name, domain.uuid)
        begin.find('domain_migrate_begin3')(handle, None, FLAGS, None, 0)
        cookie = migration_cookie.make(self.two.hypervisor, 'guest', domain.uuid_text)
        error = self.assertRaises(
            LibvirtError, begin.find('domain_migrate_perform3'), handle, None,
            cookie.replace(b'<simulated/>', b''), None, 'tcp:two:49152', FLAGS, None, 0)
        self.assertEqual('operation failed: migration out job: no QEMU runs here that could send '
                         'memory to tcp:two:49152', error.message)
