"""Every call of libvirt-python gets an answer, and the session continues."""

from __future__ import annotations

import inspect
import itertools
import logging
import os
import threading

import fixtures
import libvirt
import testtools

from tests import base
from vpmem_harness.libvirtd.hypervisor.hypervisor import Hypervisor
from vpmem_harness.libvirtd.server import Daemon
from vpmem_harness.libvirtd.values import StorageVolHandle
from vpmem_harness.randomness import Randomness

_SECONDS = 30

_DOMAIN = '''
<domain type='qemu'>
  <name>{name}</name>
  <memory unit='MiB'>512</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
</domain>
'''

_CEPH_USER = ("<secret ephemeral='no' private='no'><usage type='ceph'><name>{name}</name></usage>"
           '</secret>')

#: Methods that do not call the daemon, or that end or outlive the test's own connection.
_LOCAL = frozenset((
    'close', 'connect', 'c_pointer', 'ref', 'domain', 'network', 'newStream', 'setKeepAlive',
    'registerCloseCallback', 'unregisterCloseCallback', 'createXMLWithFiles', 'createWithFiles',
    'FDAssociate'))

#: Values for parameters that the bindings do not annotate.
_BY_NAME = {'params': {'cpu_shares': 512}, 'pages': [4], 'allocPages.pages': {4: 1},
            'cpumap': (True,)}


_POOL = '<pool type="dir"><name>{0}</name><target><path>/pools/{0}</path></target></pool>'


class SurfaceTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.numbers = itertools.count()
        self.log = self.useFixture(fixtures.FakeLogger(level=logging.WARNING))
        path = os.path.join(self.useFixture(fixtures.TempDir()).path, 's')
        self.daemon = Daemon(Hypervisor('surface', randomness=Randomness(7)), path)
        self.daemon.start()
        self.addCleanup(self.daemon.stop)
        libvirt.registerErrorHandler(lambda context, error: None, None)
        self.addCleanup(libvirt.registerErrorHandler, None, None)
        self.connection = libvirt.open(self.daemon.uri)
        self.addCleanup(self.connection.close)
        self.made = 0

    def fresh_domain(self):
        self.made += 1
        domain = self.connection.defineXML(_DOMAIN.format(name=f'domain-{self.made}'))
        domain.create()
        return domain

    def fresh_secret(self):
        self.made += 1
        return self.connection.secretDefineXML(_CEPH_USER.format(name=f'secret-{self.made}'))

    def fresh_network(self):
        """Define and start a network."""
        name = f'network-{next(self.numbers)}'
        network = self.connection.networkDefineXML(f'<network><name>{name}</name></network>')
        network.create()
        return network

    def fresh_pool(self):
        """Define, build and start a storage pool."""
        pool = self.connection.storagePoolDefineXML(_POOL.format(f'pool-{next(self.numbers)}'))
        pool.build()
        pool.create()
        return pool

    def fresh_volume(self):
        """Create a volume."""
        return self.fresh_pool().createXML(
            '<volume><name>v</name><capacity>65536</capacity></volume>')

    def volume(self):
        """Return a volume that does not exist."""
        def intercept(call, execute):
            if call.procedure.name == 'storage_vol_lookup_by_key':
                return StorageVolHandle('default', 'gone', '/gone')
            return execute()

        self.daemon.intercept = intercept
        self.addCleanup(setattr, self.daemon, 'intercept', None)
        return self.connection.storageVolLookupByKey('/gone')

    def argument(self, method, parameter):
        """Return a plausible argument for a parameter."""
        kind = str(parameter.annotation).strip('"\'')
        if parameter.name in ('xml', 'xmlDesc', 'domxml'):
            return _DOMAIN.format(name='another')
        for key in (f'{method.__name__}.{parameter.name}', parameter.name):
            if key in _BY_NAME:
                return _BY_NAME[key]
        for part, value in (('virConnect', lambda: self.connection),
                            ('virDomain', self.fresh_domain), ('int', lambda: 1),
                            ('str', lambda: 'vda'), ('float', lambda: 1.0),
                            ('bytes', lambda: b'x'), ('Dict', dict), ('List', list),
                            ('Tuple', tuple), ('Callable', lambda: print)):
            if part in kind:
                return value()
        return None

    def call(self, thing, name):
        """Call a method in a separate thread; return 'hangs', its result or its exception."""
        method = getattr(thing, name)
        parameters = [p for p in inspect.signature(method).parameters.values()
                      if p.default is p.empty]
        outcome = ['hangs']

        def run():
            try:
                outcome[0] = repr(method(*(self.argument(method, p) for p in parameters)))
            except libvirt.libvirtError as error:
                outcome[0] = 'refused' if error.get_error_domain() not in (
                    libvirt.VIR_FROM_RPC, libvirt.VIR_FROM_REMOTE) else str(error)
            except Exception as error:      # whatever the bindings raise for the arguments
                outcome[0] = f'refused by the client: {error}'

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        thread.join(_SECONDS)
        return outcome[0]

    def check(self, kind, make):
        """Call every method of a class once, each on a new object."""
        for name, _ in inspect.getmembers(kind, inspect.isfunction):
            if name.startswith('_') or name in _LOCAL:
                continue
            outcome = self.call(make(), name)
            self.expectThat(outcome, testtools.matchers.Not(testtools.matchers.MatchesRegex(
                'hangs|.*(client socket is closed|decode message|end of file)')),
                f'{kind.__name__}.{name}')
            self.assertTrue(self.connection.isAlive(), f'{kind.__name__}.{name}')
        self.assertEqual('surface', self.connection.getHostname())
        self.assertNotIn('cannot be encoded', self.log.output)
        self.assertNotIn('Traceback', self.log.output)

    def test_connections(self):
        """Every method of virConnect returns or raises."""
        self.check(libvirt.virConnect, lambda: self.connection)

    def test_domains(self):
        """Every method of virDomain returns or raises."""
        self.check(libvirt.virDomain, self.fresh_domain)

    def test_networks(self):
        """Every method of virNetwork returns or raises."""
        self.check(libvirt.virNetwork, self.fresh_network)

    def test_storage_pools(self):
        """Every method of virStoragePool returns or raises."""
        self.check(libvirt.virStoragePool, self.fresh_pool)

    def test_storage_volumes(self):
        """Every method of virStorageVol returns or raises."""
        self.check(libvirt.virStorageVol, self.fresh_volume)
        self.check(libvirt.virStorageVol, self.volume)

    def test_node_devices(self):
        """Every method of virNodeDevice returns or raises."""
        devices = self.connection.listAllDevices()
        self.assertNotEqual([], devices)
        self.check(libvirt.virNodeDevice, lambda: devices[0])

    def test_secrets(self):
        """Every method of virSecret returns or raises."""
        self.check(libvirt.virSecret, self.fresh_secret)
