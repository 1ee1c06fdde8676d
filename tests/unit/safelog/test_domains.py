"""Recognition of host names with a domain among other names with dots."""

from __future__ import annotations

import time

import testtools

from vpmem_harness.safelog import domains

HOSTS = (
    'compute-17.rack3.corp.example.com', 'example.com', 'db.example.org', 'vm.novalocal',
    'node7.rack3.local', 'build-7.example.dev', 'my-company.de', 'node7.prod.cloud', 'a-b.c.pl',
    'compute-17.rack3.dc1', '3com.example.net', 'COMPUTE-17.EXAMPLE.COM', 'xn--bcher-kva.example')
OTHERS = (
    'nova.compute.manager', 'oslo_messaging.rpc', 'self.host.name', 'CONF.host', 'nova.conf',
    'libvirt.so.0', 'host1.log', 'nova-compute.log', '34.0.0', 'nova-34.0.0.dev12', 'self.net',
    'threading.local', 'org.qemu.guest_agent.0', 'com.redhat.spice', 'keystoneauth1.identity.v3',
    'urllib3.util.retry', 'nova.test', 'nova.virt.libvirt.host', 'a.b.c', 'libvirt.org',
    'docs.openstack.org', 'instance-00000001.xml', 'x-y.service', 'policy.yaml.sample', 'e.g',
    'asyncio.events.local', 'pc-q35-7.2', 'os.name', 'a-b.so', 'LOG.info', 'setup.cfg')


class DomainsTest(testtools.TestCase):

    def found(self, text: str) -> list[str]:
        return [text[start:end] for start, end in domains.places(text)]

    def test_hosts(self):
        """Each is found alone, in a sentence, before a port and in a path."""
        for host in HOSTS:
            for text in ('{}', 'to {}.', '({}:80)', 'x={},', '/var/log/{}/x', '{}.log'):
                with self.subTest(text.format(host)):
                    self.assertEqual([host], self.found(text.format(host)))

    def test_others(self):
        """Modules, attributes, files, versions, reversed names and public sites are none."""
        for name in OTHERS:
            for text in ('{}', 'in {}.', '({}:80)', 'x={},'):
                with self.subTest(text.format(name)):
                    self.assertEqual([], self.found(text.format(name)))

    def test_calls(self):
        """What is called is code."""
        self.assertEqual([], self.found('x = my-x.example.com()'))

    def test_machines_of_public_projects(self):
        """A name with a number or a dash is no site."""
        self.assertEqual(['node-7.ci.openstack.org', 'mirror01.opendev.org'],
                         self.found('node-7.ci.openstack.org mirror01.opendev.org'))

    def test_no_text_takes_long(self):
        """The time is in proportion to the length."""
        for piece in ('a.', '.a-', 'a-.com', '.com', 'x' * 300 + '.com', '-.'):
            text = piece * (20_000 // len(piece))
            begun = time.process_time()
            domains.places(text)
            with self.subTest(piece):
                self.assertLess(time.process_time() - begun, 1.0)
