"""The sockets of libvirt's split daemons."""

from __future__ import annotations

import os
import shutil
import subprocess

import libvirt

from tests import base
from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.fixtures import HostFixture

#: Runs a command where a directory is /run/libvirt.
_IN_RUN = ('mount -t tmpfs none /run && mkdir /run/libvirt && mount --bind "$1" /run/libvirt && '
           'shift && exec "$@"')


class SplitDaemonsTest(base.TestCase):

    def setUp(self):
        super().setUp()
        libvirt.registerErrorHandler(lambda context, error: None, None)
        self.addCleanup(libvirt.registerErrorHandler, None, None)
        self.host = self.useFixture(HostFixture(split_daemons=True, release='debian13'))

    def open(self, uri):
        connection = libvirt.open(uri)
        self.addCleanup(connection.close)
        return connection

    def test_each_driver_has_its_daemon(self):
        """A connection of a driver has its procedures, and no others."""
        network = self.open(self.host.uri_of('network'))
        self.assertEqual(['default'], [each.name() for each in network.listAllNetworks()])
        self.assertEqual('network', network.getType())
        for call in (network.listAllDomains, network.listAllStoragePools, network.getHostname):
            error = self.assertRaises(libvirt.libvirtError, call)
            self.assertEqual(libvirt.VIR_ERR_NO_SUPPORT, error.get_error_code())
        storage = self.open(self.host.uri_of('storage'))
        self.assertIn('default', [each.name() for each in storage.listAllStoragePools()])
        self.assertEqual('QEMU', self.open(self.host.uri_of('qemu')).getType())

    def test_a_daemon_has_one_driver(self):
        """virtqemud refuses the URI of another driver."""
        uri = self.host.uri_of('qemu').replace('qemu+', 'network+', 1)
        error = self.assertRaises(libvirt.libvirtError, libvirt.open, uri)
        self.assertEqual(libvirt.VIR_ERR_NO_CONNECT, error.get_error_code())

    def test_libvirtd_serves_every_driver(self):
        """The socket of libvirtd accepts the URIs of all drivers."""
        for driver in ('network', 'storage', 'nodedev', 'secret', 'nwfilter', 'interface'):
            connection = self.open(self.host.uri.replace('qemu+', f'{driver}+', 1))
            self.assertEqual(driver, connection.getType())

    def test_direct_mode(self):
        """An upstream client finds the daemons without a path: ``mode=direct``."""
        if not shutil.which('virsh'):
            self.skipTest('virsh is not installed')
        directory = self.host.host.layout.split
        environment, place, before = dict(os.environ), 'session', []
        if os.geteuid() == 0:
            # Root's clients look in /run, whatever the environment says.
            place, before = 'system', ['unshare', '--mount', '--propagation', 'private', 'sh',
                                       '-c', _IN_RUN, 'sh', str(directory)]
            if subprocess.run([*before, 'true'], stderr=subprocess.DEVNULL).returncode:
                self.skipTest('root cannot mount here')
        else:
            environment['XDG_RUNTIME_DIR'] = str(directory.parent)
        for driver, command, word in (('qemu', 'hostname', self.host.name),
                                      ('network', 'net-list', 'default'),
                                      ('storage', 'pool-list', 'default'),
                                      ('nodedev', 'nodedev-list', 'computer')):
            uri = f'{driver}+unix:///{place}?mode=direct'
            output = subprocess.check_output([*before, 'virsh', '-c', uri, command],
                                             env=environment, text=True)
            self.assertIn(word, output)

    def test_readers(self):
        """Each daemon has a socket for readers."""
        uri = self.host.uri_of('network').replace('-sock', '-sock-ro')
        connection = self.open(uri)
        error = self.assertRaises(libvirt.libvirtError, connection.networkLookupByName(
            'default').destroy)
        self.assertEqual(libvirt.VIR_ERR_OPERATION_DENIED, error.get_error_code())

    def test_hosts_have_them_on_request(self):
        """Without split daemons there is no such URI."""
        error = self.assertRaises(
            InvalidInputError, self.useFixture(HostFixture()).uri_of, 'network')
        self.assertIn('split_daemons=True', str(error))
