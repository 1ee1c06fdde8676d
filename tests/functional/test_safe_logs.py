"""Canaries of every kind in a test's input reach neither its log nor its details."""

from __future__ import annotations

import io
import logging
import subprocess
import textwrap

import fixtures
import libvirt
import testtools
from testtools import content

from tests import base
from vpmem_harness import safelog
from vpmem_harness.fixtures import CloudFixture, HostFixture, LogLeakCheck, SafeLoggingFixture
from vpmem_harness.fixtures.seeds import TestSeed

LOG = logging.getLogger('code.under.test')

DOMAIN = """
<domain type='qemu'>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <metadata>
    <nova:instance xmlns:nova='http://openstack.org/xmlns/libvirt/nova/1.1'>
      <nova:owner>
        <nova:user uuid='{user}'>{user_name}</nova:user>
        <nova:project uuid='{project}'>{project_name}</nova:project>
      </nova:owner>
      <nova:image uuid='{uuid}'>
        <nova:properties>
          <nova:property name='os_command_line'>ro password={image}</nova:property>
          <nova:property name='os_admin_user'>{user_name}@{mac}</nova:property>
        </nova:properties>
      </nova:image>
    </nova:instance>
  </metadata>
  <memory unit='MiB'>64</memory>
  <os><type arch='x86_64'>hvm</type></os>
  <devices>
    <interface type='network'><mac address='{mac}'/><source network='default'/></interface>
    <graphics type='vnc' passwd='{vnc}' listen='192.0.2.7'/>
  </devices>
</domain>
"""


class CanaryTest(base.VPMEMTestCase):

    def setUp(self) -> None:
        super().setUp()
        self.useFixture(fixtures.EnvironmentVariable('VPMEM_HARNESS_UNSAFE_LOGS'))
        self.canaries = {
            name: f'Cn{self.randomness.bytes(5).hex()}' for name in (
                'user_name', 'project_name', 'vnc', 'environment', 'uri', 'token', 'key', 'path',
                'image')}
        self.canaries['vnc'] = self.canaries['vnc'][:8]     # a password of VNC is not longer
        self.canaries |= {name: self.randomness.uuid() for name in ('uuid', 'user', 'project')}
        self.canaries['mac'] = self.randomness.mac()
        self.useFixture(
            fixtures.EnvironmentVariable('OS_PASSWORD', self.canaries['environment']))

    def check(self) -> LogLeakCheck:
        """Return a leak check that knows the canaries and also checks this test's details."""
        check = self.useFixture(LogLeakCheck(self))
        for name, value in self.canaries.items():
            check.watch(value, f'the canary {name}')
        return check

    def test_domains(self):
        """Names, XML, metadata and errors of domains are redacted at debug level on both sides."""
        host = HostFixture(pmem='A:1x1GiB')
        self.check()
        self.useFixture(host)
        xml = DOMAIN.format(name='canary', **self.canaries)
        LOG.debug('defining %s', xml)
        domain = host.connection.defineXML(xml)
        LOG.debug('defined %s', domain.XMLDesc(libvirt.VIR_DOMAIN_XML_SECURE))
        for wrong in (self.canaries['uuid'][::-1], self.canaries['token']):
            try:
                host.connection.lookupByName(wrong if '-' in wrong else f'token={wrong}')
            except libvirt.libvirtError as error:
                LOG.warning('no such domain', exc_info=error)
                self.addDetail('error', content.text_content(str(error)))
        domain.undefine()

    def test_the_log_of_a_compute_service(self):
        """Configuration, URIs, headers, commands, outputs and the environment are redacted."""
        check = self.check()
        canaries = self.canaries
        LOG.info('environment %s', safelog.redact(str({'OS_PASSWORD': canaries['environment']})))
        LOG.info('environment %s', canaries['environment'])
        LOG.info('connection = mysql+pymysql://nova:%s@192.0.2.9/nova', canaries['uri'])
        LOG.info('headers %r', {'X-Auth-Token': canaries['token'], 'Accept': 'application/json'})
        LOG.info('config %s', f'[libvirt]\nrbd_secret_uuid = {canaries["uuid"]}\n'
                              f'[vnc]\npassword = {canaries["vnc"]}')
        LOG.info('files in /home/%s/instances', canaries['path'])
        LOG.info('-----BEGIN %s-----\n%s\n-----END %s-----', 'X KEY', canaries['key'], 'X KEY')
        shown = subprocess.run(['echo', f'--os-password {canaries["environment"]}'],
                               stdout=subprocess.PIPE, check=True, text=True).stdout
        self.addDetail('output of a command', content.text_content(shown))
        check.look_at('standard error', safelog.redact(f'token: {canaries["token"]}'))

    def test_a_cloud(self):
        """The log of a server's lifetime in a cloud contains no canary."""
        self.check()
        cloud = self.useFixture(CloudFixture(hosts=2, pmem='SMALL:2x1GiB'))
        server = cloud.boot(pmem='SMALL')
        LOG.debug('server %s', server)
        refused = cloud.boot(pmem='SMALL,SMALL,SMALL', expect='ERROR')
        LOG.debug('refused %s', refused.fault)
        server.delete()

    def test_a_leak_is_found(self):
        """A canary that passes redaction fails the test."""
        stream = io.StringIO()
        check = LogLeakCheck()
        check.setUp()
        check.watch(self.canaries['key'])
        check.look_at('the console', stream.getvalue)
        stream.write(textwrap.indent(self.canaries['key'], '  '))
        self.assertRaises(AssertionError, check.cleanUp)


class FailingTest(base.TestCase):

    def test_details_of_a_failed_test(self):
        """The traceback of a failed test contains no UUID and no host name of others."""
        uuid = self.useFixture(TestSeed()).randomness.uuid()

        class Failing(base.VPMEMTestCase):
            def test(self) -> None:
                self.log.protect('secret-host', 'host')
                host = self.useFixture(HostFixture(name='lab-host', pmem='A:1x1GiB'))
                logging.getLogger('nova').debug('on %s, not on secret-host', host.name)
                self.assertEqual(f'{host.name} secret-host {uuid}', host.uri)

        result = testtools.TestResult()
        Failing('test').run(result)
        [(_, details)] = result.failures + result.errors
        self.assertIn('Traceback', details)
        self.assertIn('lab-host', details)
        for value in ('secret-host', uuid):
            self.assertNotIn(value, details)


class SimulatedHostTest(base.TestCase):
    """The name of a simulated host is not secret: log, details and audit log show it."""

    def test_name_chosen_by_a_test(self):
        """A name with a domain, whose form would be redacted, is shown."""
        safe = self.useFixture(SafeLoggingFixture(unsafe=False))
        name = 'compute-3.lab.example.org'
        host = self.useFixture(HostFixture(name=name, pmem='A:1x1GiB'))
        logging.getLogger('nova').info('on %s, host=%s', host.name, host.name)
        audit = safelog.AuditLog()
        audit.record('a test', 'looks', host=host.name, message=f'host: {host.name}')
        self.assertIn(f'on {name}, host={name}', safe.output)
        self.assertEqual((name, f'host: {name}'),
                         (audit.entries[0]['host'], audit.entries[0]['message']))
        self.assertIn(f'{name}:', host.getDetails()['host-calls'].as_text())

    def test_default_name(self):
        """Names such as host1 are shown without registration, even in a second process."""
        audit = safelog.AuditLog()
        audit.record('a test', 'looks', host='host7')
        self.assertEqual('host7', audit.entries[0]['host'])

    def test_pseudonyms_are_the_same_everywhere(self):
        """Another host's name has the same pseudonym in the log, the details and the audit log."""
        safe = self.useFixture(SafeLoggingFixture(unsafe=False))
        safe.protect('secret-host', 'host')
        logging.getLogger('nova').info('on %s', 'secret-host')
        audit = safelog.AuditLog()
        audit.record('a test', 'looks', host='secret-host')
        self.assertEqual('<host:1>', audit.entries[0]['host'])
        self.assertIn('on <host:1>', safe.output)
